# A tape that is being recorded, and one whose recorder was killed.
$ mkfifo in acks
$ cat >live.sh <<'END'
> state() { tape-info t.tape --json | grep -o '"state":"[a-z]*"'; }
> tape-record t.tape --ack --label L in >acks &
> exec 4<acks 3>in
> echo '{"i":1}' >&3
> read pos <&4
> echo "acknowledged $pos"
> tape-find t.tape L --keys i
> state
> echo '{"i":2}' >&3
> read pos <&4
> tape-find t.tape L --keys i
> test "$1" = kill && kill -9 $!
> exec 3>&-
> wait $! 2>/dev/null
> echo "exit $?"
> exec 4<&-
> state
> tape-find t.tape L --keys i
> END
$ sh live.sh end
acknowledged SESSION:1
SESSION:1 TIME L i=1
"state":"live"
SESSION:1 TIME L i=1
SESSION:2 TIME L i=2
exit 0
"state":"closed"
SESSION:1 TIME L i=1
SESSION:2 TIME L i=2
$ rm -r t.tape; sh live.sh kill 2>/dev/null
acknowledged SESSION:1
SESSION:1 TIME L i=1
"state":"live"
SESSION:1 TIME L i=1
SESSION:2 TIME L i=2
exit 137
"state":"killed"
SESSION:1 TIME L i=1
SESSION:2 TIME L i=2
$ tape-info t.tape -v 2>&1 | grep -c 'note: .*offset [0-9]*: the session ended without being closed'
1
$ tape-find t.tape -v --count
2
! tape-find: note: t.tape/sessions/SESSION/000000.log at offset *: the session ended without being closed (killed?); it is complete up to its last commit (glob)
$ echo '{"i":3}' | tape-record t.tape --label L && tape-find t.tape L --keys i
SESSION:1 TIME L i=1
SESSION:2 TIME L i=2
SESSION:1 TIME L i=3
