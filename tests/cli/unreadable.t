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
0
! tape-find: warning: r.tape/sessions/SESSION/000000.log: cannot open the segment, nothing of it is shown: Permission denied; make it readable (chmod), or ask its owner to
? 3

# What may not be read is told; the rest is answered.
$ chmod 644 r.tape/sessions/*/000000.log; yes one | head -c 70000 >one; yes two | head -c 70000 >two
$ printf '{"b":{"@blob":"%s"},"i":%s}\n' one 1 one 2 two 3 | tape-record r.tape --blob-dir . --label more
$ first=$(ls -d r.tape/sessions/* | head -1); chmod 000 $first/000000.log; tape-find r.tape --count
3
! tape-find: warning: r.tape/sessions/SESSION/000000.log: cannot open the segment, nothing of it is shown: Permission denied; make it readable (chmod), or ask its owner to
? 3
$ tape-info r.tape --json | grep -c '"kind":"session"'
2
! tape-info: warning: r.tape/sessions/SESSION/000000.log: cannot open the segment, nothing of it is shown: Permission denied; make it readable (chmod), or ask its owner to
$ tape-find r.tape a=1
! tape-find: warning: r.tape/sessions/SESSION/000000.log: cannot open the segment, nothing of it is shown: Permission denied; make it readable (chmod), or ask its owner to
? 3
$ first=$(ls -d r.tape/sessions/* | head -1); chmod 644 $first/*; chmod 000 $first; tape-find r.tape --keys i
SESSION:1 TIME more i=1
SESSION:2 TIME more i=2
SESSION:3 TIME more i=3
! tape-find: warning: r.tape/sessions/SESSION: cannot list the session, nothing of it is shown: Permission denied; make it readable (chmod), or ask its owner to
? 3
$ tape-info r.tape | sed -n 2p
  scopes     3 in 2 sessions
! tape-info: warning: r.tape/sessions/SESSION: cannot list the session, nothing of it is shown: Permission denied; make it readable (chmod), or ask its owner to
$ chmod 755 r.tape/sessions/*; blob=$(grep -rl one r.tape/blobs | head -1); chmod 000 "$blob"
$ tape-find r.tape more --keys i
SESSION:1 TIME more i=1
SESSION:2 TIME more i=2
SESSION:3 TIME more i=3
$ tape-find r.tape more --cat=b | cmp - two && echo the other one
the other one
! tape-find: warning: r.tape/blobs/80/df517dafde8f7eb2d77567d8091272: cannot read a blob: Permission denied; make it readable (chmod), or ask its owner to
! tape-find: r.tape/blobs/80/df517dafde8f7eb2d77567d8091272: cannot open the blob: Permission denied
$ tape-find r.tape i=1 --cat=b -0
! tape-find: warning: r.tape/blobs/80/df517dafde8f7eb2d77567d8091272: cannot read a blob: Permission denied; make it readable (chmod), or ask its owner to
? 3
