# tape-compact: what it says.
$ awk 'BEGIN { for (i = 0; i < 3000; i++) print "{\"i\":" i ",\"x\":" i / 8 ",\"phase\":\"" (i % 2 ? "warm" : "cold") "\"}" }' >in.jsonl
$ tape-record t.tape --label md --name first in.jsonl; tape-record t.tape --label md --name second in.jsonl
$ tape-find t.tape i=2999 --keys i,x,phase; tape-find t.tape -o jsonl | cksum >raw
SESSION:3000 TIME md i=2999 phase=warm x=374.875
SESSION:3000 TIME md i=2999 phase=warm x=374.875
$ tape-compact t.tape --dry-run 2>&1 | sed 's/ on .* would/ on HOST would/; s/([0-9.]* [kM]*B)/(SIZE)/'
tape-compact: SESSION: 1 segment of first on HOST would be compacted and removed (SIZE)
tape-compact: SESSION: 1 segment of second on HOST would be compacted and removed (SIZE)
tape-compact: nothing was done (--dry-run)
$ ls t.tape
TAPE
blobs
sessions
$ tape-compact t.tape 2>&1 | sed 's/[0-9.]* [kM]*B/SIZE/g; s/[0-9.]* s /N s /; s/1-[0-9a-f]\{8\}/1-HASH/'
tape-compact: 6000 scopes of 2 sessions: SIZE raw are SIZE now, 3000 contents; N s (generation 1-HASH)
$ tape-find t.tape i=2999 --keys i,x,phase; tape-find t.tape -o jsonl | cksum | cmp - raw && echo the same bytes
SESSION:3000 TIME md i=2999 phase=warm x=374.875
SESSION:3000 TIME md i=2999 phase=warm x=374.875
the same bytes
$ ls t.tape; ls t.tape/live
TAPE
blobs
compact.lock
gen
live
sessions
1
$ tape-compact t.tape
! tape-compact: there is nothing to compact
$ tape-compact t.tape --dry-run
! tape-compact: there is nothing to compact
$ tape-compact t.tape -q

# More is recorded, and merged.
$ tape-record t.tape --label md --name third in.jsonl; tape-compact -q t.tape; ls t.tape/gen | wc -l; ls t.tape/live
2
2
$ tape-compact t.tape --full --dry-run 2>&1 | sed 's/([0-9.]* [kM]*B)/(SIZE)/; s/-[0-9a-f]\{8\}/-HASH/'
tape-compact: gen/1-HASH: would be merged and removed (SIZE)
tape-compact: gen/2-HASH: would be merged and removed (SIZE)
tape-compact: nothing was done (--dry-run)
$ tape-compact -q --full t.tape; ls t.tape/gen | wc -l; ls t.tape/live
1
3
$ tape-find t.tape i=2999 --count
3

# Progress.
$ tape-record p.tape in.jsonl; tape-compact p.tape --progress=json 2>&1 | grep '^{' | sed 's/[0-9.]\+/N/g; s/:"[a-z]*"/:"STAGE"/' | sort -u
{"stage":"STAGE","done":N,"total":N,"bytes_in":N,"bytes_out":N,"seconds":N}
$ tape-record p.tape in.jsonl; tape-compact p.tape --progress=never -v 2>&1 | grep -c '^{'
0
? 1
$ tape-record p.tape in.jsonl; tape-compact p.tape --progress=always 2>&1 | tr '\r' '\n' | grep -c 'scopes, '
1

# A session that is recorded.
$ cat >live.sh <<'END'
> mkfifo in acks
> tape-record l.tape --ack --commit 1 -q in >acks &
> exec 4<acks 3>in
> echo '{"i":1}' >&3
> read pos <&4
> tape-compact l.tape
> echo "exit $?"
> tape-compact l.tape --assume-dead 1999
> echo "exit $?"
> tape-find l.tape --count
> exec 3>&-
> wait $!
> tape-compact l.tape 2>&1 | grep -c generation
> END
$ sh live.sh
exit 0
exit 2
1
1
! tape-compact: SESSION: may still be recorded: 0 of its 1 segments are over
! tape-compact: there is nothing to compact
! tape-compact: l.tape: '1999' names 0 sessions, but one has to be assumed dead; tape-info lists them

# Another compactor holds the lock.
$ tape-record b.tape in.jsonl; python3 - <<'END'
> import fcntl, struct, subprocess
> with open("b.tape/compact.lock", "w") as lock:
>     lock.write("host node7 boot 1 pid 4711 start 5\n")
>     lock.flush()
>     fcntl.fcntl(lock, 37, struct.pack("hhqqixxxx", fcntl.F_WRLCK, 0, 0, 0, 0))  # F_OFD_SETLK
>     print("exit", subprocess.run(["tape-compact", "b.tape"]).returncode)
>     print("exit", subprocess.run(["tape-compact", "b.tape", "-q", "--dry-run"]).returncode)
> END
exit 4
exit 0
! tape-compact: b.tape/compact.lock: process 4711 on node7 compacts this tape; wait for it

# Ctrl-C: the tape answers as before, and nothing is left over. Its first line of progress
# finds the pipe full, so it is still at work when the signal comes.
$ cat >stop.sh <<'END'
> cp -r b.tape s.tape; rm -f s.tape/compact.lock
> tape-find s.tape -o jsonl | cksum >before
> mkfifo talk; exec 5<>talk
> head -c 65000 /dev/zero | tr '\\0' '\\n' >&5
> env --default-signal=$1 tape-compact s.tape --progress=json 2>talk 5>&- & tool=$!
> until test -e s.tape/compact.lock; do :; done
> kill -$1 $tool
> cat talk >said 5>&- & reader=$!
> wait $tool 2>/dev/null
> echo "exit $?"
> exec 5>&-; wait $reader
> grep -a stopped said
> tape-find s.tape -o jsonl | cksum | cmp - before && echo as before
> find s.tape/gen s.tape/live -mindepth 1
> tape-compact -q s.tape
> tape-find s.tape -o jsonl | cksum | cmp - before && echo as before
> rm -r s.tape talk
> END
$ sh stop.sh INT
exit 130
tape-compact: stopped; the tape answers as before, and the next run starts anew
as before
as before
$ sh stop.sh TERM
exit 143
tape-compact: stopped; the tape answers as before, and the next run starts anew
as before
as before

# Wrong use.
$ tape-compact in.jsonl
! tape-compact: in.jsonl is a file, not a tape
!               a tape is a directory that holds a file named TAPE
? 5
$ tape-compact nowhere.tape
! tape-compact: nowhere.tape: there is no such tape
!               a tape is a directory; 'tape-record nowhere.tape' or tape_open() makes one
? 5
$ mkdir empty; tape-compact empty
! tape-compact: empty is a directory, but no tape: it has no file TAPE
!               name the directory that a recorder wrote to
? 5
$ tape-compact t.tape t.tape
! tape-compact: one tape at a time, not 't.tape' too
!               'tape-compact -h' shows how it is used
? 2
$ tape-compact t.tape --level 20
! tape-compact: --level is from 1 to 19
!               'tape-compact -h' shows how it is used
? 2
$ tape-compact t.tape -j 65
! tape-compact: -j is from 1 to 64
!               'tape-compact -h' shows how it is used
? 2
$ tape-compact t.tape --memory lots
! tape-compact: --memory: expected a size such as 512M, not 'lots'
!               'tape-compact -h' shows how it is used
? 2
$ tape-compact t.tape --memory 64K -q
$ tape-compact t.tape --assume-dead=
! tape-compact: t.tape: '' names 3 sessions, but one has to be assumed dead; tape-info lists them
? 2
$ tape-compact t.tape --keepraw
! tape-compact: there is no option --keepraw; did you mean --keep-raw?
!               'tape-compact -h' shows how it is used
? 2
$ tape-compact t.tape --progress=no
! tape-compact: --progress takes auto, always, never or json, not 'no'
!               'tape-compact -h' shows how it is used
? 2

# A full disk: the tape answers as before, and compacts when there is room.
$ @tmpfs
$ cat >full.sh <<'END'
> mkdir small && mount -t tmpfs -o size=1m none small
> awk 'BEGIN { srand(1); for (i = 0; i < 6000; i++) print "{\"i\":" i ",\"x\":" rand() ",\"y\":" rand() "}"; }' | tape-record small/t.tape
> awk 'BEGIN { srand(2); for (i = 0; i < 2000; i++) print "{\"i\":" i ",\"x\":" rand() ",\"y\":" rand() ",\"z\":" rand() "}"; }' | tape-record small/t.tape
> tape-find small/t.tape -o jsonl | cksum >before
> head -c 1000000 /dev/zero >small/full 2>/dev/null
> tape-compact small/t.tape 2>said; echo "exit $?"
> grep -c 'No space left on device' said
> tape-find small/t.tape -o jsonl | cksum | cmp - before && echo as before
> ls small/t.tape/gen
> rm small/full; mount -o remount,size=64m small
> tape-compact -q small/t.tape; echo "exit $?"
> tape-find small/t.tape -o jsonl | cksum | cmp - before && echo as before
> END
$ unshare -m sh full.sh
exit 2
1
as before
exit 0
as before

# A tape that may not be written to.
$ tape-record r.tape in.jsonl; chmod -R a-w r.tape
$ @user
$ tape-compact r.tape
! tape-compact: r.tape/compact.lock: cannot open the lock of the tape: Permission denied
? 2
$ tape-find r.tape --count; tape-check r.tape -q; chmod -R u+w r.tape
3000
