# SIGINT and SIGTERM: what was read is committed and acknowledged, the session is
# closed, and the program ends by the signal.
$ mkfifo in acks
$ cat >stop.sh <<'END'
> # Twelve lines go into the pipe in one write, so whoever acknowledged the tenth has read all.
> env --default-signal=INT tape-record t.tape --ack --commit 10 --label "$1" in >acks &
> exec 4<acks 3>in
> awk 'BEGIN { for (i = 1; i <= 12; i++) printf "{\"i\":%d}\n", i; printf "{\"i\":13"; }' >all
> cat all >&3
> for n in 1 2 3 4 5 6 7 8 9 10; do read pos <&4; done
> kill -$1 $!
> cat <&4
> wait $!
> echo "exit $?"
> tape-find t.tape "$1" --count
> tape-info t.tape --json | grep -o '"state":"[a-z]*"'
> END
$ sh stop.sh TERM 2>messages; grep stopped messages
SESSION:11
SESSION:12
exit 143
12
"state":"closed"
tape-record: stopped by a signal; 12 scopes are recorded
$ rm -r t.tape; sh stop.sh INT 2>messages; grep stopped messages
SESSION:11
SESSION:12
exit 130
12
"state":"closed"
tape-record: stopped by a signal; 12 scopes are recorded
$ rm -r t.tape; sh stop.sh HUP 2>messages; grep stopped messages
SESSION:11
SESSION:12
exit 129
12
"state":"closed"
tape-record: stopped by a signal; 12 scopes are recorded

# A signal that is ignored, as of a program in the background, stays so.
$ cat >ignored.sh <<'END'
> trap '' INT
> tape-record i.tape --ack in >acks &
> exec 4<acks 3>in
> echo '{"i":1}' >&3
> read pos <&4 && echo "$pos"
> kill -INT $!
> echo '{"i":2}' >&3
> read pos <&4 && echo "$pos"
> exec 3>&-
> wait $!
> END
$ sh ignored.sh
SESSION:1
SESSION:2

# Nothing has come yet.
$ cat >early.sh <<'END'
> tape-record n.tape in &
> exec 3>in
> until tape-info n.tape >tape; do :; done
> kill $!
> wait $!
> echo "exit $?"
> END
$ sh early.sh 2>messages; grep stopped messages
exit 143
tape-record: stopped by a signal; 0 scopes are recorded
$ tape-info n.tape --json | grep -o '"state":"[a-z]*"'
"state":"closed"
