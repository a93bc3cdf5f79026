# Unreadable, and read-only: a message with the cause, exit 2.
$ printf '{"a":1}\n' >one.jsonl; tape-record r.tape one.jsonl
$ @user
$ chmod 000 one.jsonl; tape-record r.tape one.jsonl; e=$?; chmod 644 one.jsonl; exit $e
! tape-record: one.jsonl: Permission denied
? 2
$ mkdir ro; chmod 555 ro; tape-record ro/new.tape one.jsonl
! tape-record: ro/new.tape: cannot make the directory ro/new.tape: Permission denied
? 2
$ chmod 000 r.tape; tape-find r.tape x; e=$?; chmod 755 r.tape; exit $e
! tape-find: r.tape: cannot open r.tape: Permission denied
? 2
$ chmod -R a-w r.tape; tape-find r.tape --count
1
$ tape-record r.tape one.jsonl; e=$?; chmod -R u+w r.tape; exit $e
! tape-record: r.tape/sessions: cannot make a session: Permission denied
? 2
$ chmod 000 r.tape/sessions/*/000000.log; tape-find r.tape --count
! tape-find: r.tape/sessions/SESSION/000000.log: cannot open the segment: Permission denied
? 2
