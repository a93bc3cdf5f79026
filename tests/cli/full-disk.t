# A file system of 1 MiB: recording fails with a message, what was committed
# stays readable, and recording goes on when there is space again.
$ @root
$ mkdir small; mount -t tmpfs -o size=1m tape-test small || echo no tmpfs
$ awk 'BEGIN { for (i = 0; i < 60000; i++) print "{\"i\":" i ",\"x\":" i / 7 "}"; }' >in.jsonl
$ tape-record small/t.tape --ack in.jsonl >acks
! tape-record: cannot write to session SESSION: No space left on device; 2048 scopes are lost, what was committed before is safe, and recording goes on when it can
! tape-record: 2048 scopes were lost
? 2
$ test "$(wc -l <acks)" -gt 1000 && echo many were acknowledged
many were acknowledged
$ test "$(tape-find small/t.tape --count)" -eq "$(wc -l <acks)" && echo and all are there
and all are there
$ rm -r small/t.tape; head -100 in.jsonl | tape-record small/t.tape && tape-find small/t.tape --count
100
$ umount small
