# A file system of 1 MiB: recording fails with a message, what was committed
# stays readable, and recording goes on when there is space again.
$ @tmpfs
$ cat >full.sh <<'END'
> mkdir small && mount -t tmpfs -o size=1m none small
> awk 'BEGIN { for (i = 0; i < 60000; i++) print "{\"i\":" i ",\"x\":" i / 7 "}"; }' >in.jsonl
> tape-record small/t.tape --ack in.jsonl >acks 2>messages
> echo "exit $?"
> grep -c 'cannot write to session .*: No space left on device' messages
> grep -c 'stopped after line [0-9]* of in.jsonl; what follows was not read' messages
> test "$(wc -l <acks)" -gt 1000 && echo many were acknowledged
> test "$(tape-find small/t.tape --count)" -eq "$(wc -l <acks)" && echo and all are there
> mount -o remount,size=64m small
> head -100 in.jsonl | tape-record small/t.tape --label again
> tape-find small/t.tape again --count
> END
$ unshare -m sh full.sh
exit 2
1
1
many were acknowledged
and all are there
100
