# For a person at a terminal: header, cutting, hints; no bytes.
$ printf '{"T":%s,"phase":"warm up","step":1,"energy":-1234.5678,"name":"something rather long"}\n' 300 301 >in.jsonl
$ printf '{"field":[1,2,3,4,5,6,7],"ctl":"\\u001b[2J\\u009b2J","few":[1,2]}\n' >>in.jsonl
$ tape-record t.tape --label md in.jsonl
$ cat >tty <<'END'
> COLUMNS=60 script -qec "$*" /dev/null </dev/null >seen
> code=$?
> tr -d '\r' <seen
> exit $code
> END
$ TERM=dumb sh tty tape-find t.tape
session SESSION  DATE
       1 CLOCK md T=300 energy=-1234.5678 +3
       2 CLOCK md T=301 energy=-1234.5678 +3
       3 CLOCK md ctl="\u001b[2J\u009b2J" +2
$ TERM=dumb sh tty tape-find t.tape energy=..0 -n 1
session SESSION  DATE
       1 CLOCK md energy=-1234.5678 T=300 +3
$ TERM=xterm NO_COLOR= sh tty tape-find t.tape T=300 --keys T | tr '\033' '^'
^[1msession SESSION  DATE^[0m
       1 CLOCK ^[32mmd^[0m ^[1;36mT^[0m=300
$ TERM=dumb sh tty tape-find t.tape --keys _pos -n 1
SESSION:1
$ TERM=dumb sh tty tape-find t.tape MD T=1
tape-find: no label 'MD' on this tape; did you mean 'md'?
? 1
$ TERM=dumb sh tty tape-find t.tape phse=warm
tape-find: no variable 'phse' on this tape; did you mean 'phase'?
? 1
$ TERM=dumb sh tty tape-find t.tape T step=1
tape-find: no label 'T', but a variable: _has=T, or T=VALUE
? 1
$ TERM=dumb sh tty tape-find t.tape entirely
tape-find: no label 'entirely' on this tape; tape-info lists them
? 1
# nothing has these values: which there are, and what was missed by rounding
$ TERM=dumb sh tty tape-find t.tape T=500
tape-find: T is from 300 to 301 on this tape
? 1
$ TERM=dumb sh tty tape-find t.tape T=300.5
tape-find: T is from 300 to 301 on this tape
tape-find: the nearest to 300.5 is 300; T=300.5+-0.5 finds it
? 1
$ TERM=dumb sh tty tape-find t.tape "'T > 400'"
tape-find: T is from 300 to 301 on this tape
? 1
$ TERM=dumb sh tty tape-find t.tape T=300 step=2..
tape-find: T=300 is there, but not together with the rest of the query
tape-find: step is always 1 on this tape
? 1
$ TERM=dumb sh tty tape-find t.tape energy=-1234.567
tape-find: energy is always -1234.5678 on this tape
tape-find: the nearest to -1234.567 is -1234.5678; energy=-1234.567+-0.0009 finds it
? 1
$ TERM=dumb sh tty tape-find t.tape energy=-1234.567+-0.0009 --keys energy
session SESSION  DATE
       1 CLOCK md energy=-1234.5678
       2 CLOCK md energy=-1234.5678
$ TERM=dumb sh tty tape-find t.tape phase=warm_up
tape-find: phase has no value 'warm_up'; did you mean 'warm up'?
? 1
$ TERM=dumb sh tty tape-find t.tape T=301 phase=cold
tape-find: T=301 is there, but not together with the rest of the query
tape-find: phase has only the value warm up
? 1
$ printf '{"x":%s}\n' 0.30000000000000004 9007199254740993 >odd.jsonl; printf 'x\nnan\n-inf\n' >odd.csv
$ tape-record odd.tape odd.jsonl; tape-record odd.tape odd.csv; tape-record odd.tape --label a --label b odd.csv
$ TERM=dumb sh tty tape-find odd.tape x=0.3
tape-find: x is from 0.30000000000000004 to 9007199254740993 on this tape
tape-find: the nearest to 0.3 is 0.30000000000000004; x=0.3+-6e-17 finds it
? 1
$ TERM=dumb sh tty tape-find odd.tape x=0.3+-6e-17 --count
1
$ TERM=dumb sh tty tape-find odd.tape a/b
tape-find: no label 'a/b', but a label path: _path=a/b
? 1
$ TERM=dumb sh tty tape-find t.tape field.len=7 --cat
tape-find: the bytes of a value may upset a terminal
           redirect them (> FILE), or insist with -F
? 2
$ TERM=dumb sh tty tape-find t.tape T=300 --cat=phase -F
warm up
$ TERM=dumb sh tty tape-find t.tape -q entirely
? 1
