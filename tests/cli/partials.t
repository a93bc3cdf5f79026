# Partials in queries, and in files.
$ printf '{"T":1.5,"n":3}\n{"T":2,"n":4,"note":"x"}\n{"p.a":1,"p.b":2,"x":[1,2,3]}\n' | tape-record t.tape --label md
$ tape-find t.tape '{T: float}' --keys T,n -o csv
_pos,_time,_labels,T,n
SESSION:1,TIME,md,1.5,3
$ tape-find t.tape '{T: number, note?: str}' --count
2
$ tape-find t.tape 'md {p {a: int}} or {note: str}' --count
2
$ tape-find t.tape '{x: int[3]}' --count
1
$ tape-find t.tape '{x: int[4]}' --count
0
? 1
$ tape-find t.tape is=point
! tape-find: is=point
!               ^ expected a partial: there is no partial "point": none is known (a variable "is" goes in quotes)
? 2
$ printf '# two\npair { p { a: int, b: int } }\nmd { T: number }\n' > t.tape/tape.partials
$ tape-find t.tape is=pair --count
1
$ tape-find t.tape not is=md --count
1
$ printf 'md { note: str }' > more
$ tape-find t.tape is=md --count --partials more
1
$ tape-find t.tape is=pair --count --partials more
1
$ tape-find t.tape is=nosuch --partials more
! tape-find: is=nosuch
!               ^ expected a partial: there is no partial "nosuch": known are pair md (a variable "is" goes in quotes)
? 2
$ printf 'md {\n  T: numbr }' > t.tape/tape.partials
$ tape-find t.tape is=md
! tape-find: tape.partials: line 2, column 6: expected a type: any bool int float number complex str bytes text array i64 u64 f64 f32 c16 c8, or an array such as float[] or f8[3,*]
? 2
$ tape-find t.tape T=1.5 --count
1
$ tape-find t.tape is=md --partials nosuch
! tape-find: tape.partials: line 2, column 6: expected a type: any bool int float number complex str bytes text array i64 u64 f64 f32 c16 c8, or an array such as float[] or f8[3,*]
? 2
$ rm t.tape/tape.partials
$ tape-find t.tape is=md --partials nosuch
! tape-find: nosuch: cannot read it: No such file or directory
? 2
$ tape-find t.tape '{T float}'
! tape-find: {T float}
!               ^ expected ":" and a type, or "{"
? 2
