# CSV: RFC 4180.
$ cat >in.csv <<'END'
> step,T,name,ok,when
> 1,300,hot,true,2026-11-22T10:11:12Z
> 2,310.5,"a, ""b""",false,
> 3,,"",TRUE,1234
> -9223372036854775808,nan,"two
> lines",-inf,
> 18446744073709551615,+1e3, 7,.5,
> END
$ tape-record t.tape --label tab --time-key when in.csv
$ tape-find t.tape --keys '*' --json | sed 's/"time.*"vars"/"vars"/'
{"pos":"SESSION:1","vars":{"T":300,"name":"hot","ok":true,"step":1}}
{"pos":"SESSION:2","vars":{"T":310.5,"name":"a, \"b\"","ok":false,"step":2}}
{"pos":"SESSION:3","vars":{"T":null,"name":"","ok":true,"step":3}}
{"pos":"SESSION:4","vars":{"T":"NaN","name":"two\nlines","ok":"-Infinity","step":-9223372036854775808}}
{"pos":"SESSION:5","vars":{"T":1000.0,"name":" 7","ok":0.5,"step":18446744073709551615}}
$ tape-find t.tape step=3 --keys _time
TIME
$ tape-find t.tape step=1 --keys _time
TIME
$ tape-find t.tape -o csv --keys step,T,name,ok
_pos,_time,_labels,step,T,name,ok
SESSION:1,TIME,tab,1,300,hot,true
SESSION:2,TIME,tab,2,310.5,"a, ""b""",false
SESSION:3,TIME,tab,3,,"",true
SESSION:4,TIME,tab,-9223372036854775808,NaN,"two
lines",-Infinity
SESSION:5,TIME,tab,18446744073709551615,1000.0, 7,0.5

# bad rows
$ printf 'a,b\n1,2\n1\n1,2,3\n"x\n' | tape-record b.tape --format csv
! tape-record: stdin:3:2: 1 cell, but the header has 2
! tape-record: stdin:4:5: more cells than the header's 2
! tape-record: stdin:5:1: a quote is not closed
! tape-record: 3 lines were skipped, 1 became scopes
? 3
$ tape-find b.tape --keys a,b
SESSION:1 TIME - a=1 b=2
$ printf 'a,b\n1,"x"y\n3,4\n' | tape-record c.tape --format csv
! tape-record: stdin:2:6: expected a comma after the quote
! tape-record: 1 line was skipped, 1 became scopes
? 3
$ printf 'a,a\n1,2\n' | tape-record d.tape --format csv
! tape-record: stdin:1:3: 'a' is given twice
! tape-record: stopped; what came before that line is recorded
? 2
$ printf 'a,b,c,d,e,f,g,h,i,j,k,l,m,b,a\n' | tape-record d.tape --format csv
! tape-record: stdin:1:27: 'b' is given twice
! tape-record: stopped; what came before that line is recorded
? 2
$ printf 'a,b,c\n00000000000000000000018446744073709551615,-00000000000000000000000,+.5\n' | tape-record z.tape --format csv
$ tape-find z.tape
SESSION:1 TIME - a=18446744073709551615 b=0 c=0.5
$ printf 'a,,c\n1,2,3\n' | tape-record d.tape --format csv
! tape-record: stdin:1:3: the name of a column has 1 to 255 bytes
! tape-record: stopped; what came before that line is recorded
? 2
$ printf 'a\r\n1\r\n\r\n2' | tape-record e.tape --format csv
$ tape-find e.tape --keys a
SESSION:1 TIME - a=1
SESSION:2 TIME - a=2
$ printf 'l,x\na/b,1\n,2\n' | tape-record f.tape --format csv --label-key l --label top
$ tape-find f.tape --json --keys _labels,x
{"labels":["top","a","b"],"vars":{"x":1}}
{"labels":["top"],"vars":{"x":2}}
$ printf '' | tape-record g.tape --format csv; tape-find g.tape --count
0
? 1
$ printf 'l,t\na,soon\n' | tape-record g.tape --format csv --time-key t
! tape-record: stdin:2:3: a time is an integer (ns) or RFC 3339 text
! tape-record: 1 line was skipped, 0 became scopes
? 3
