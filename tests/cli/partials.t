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

# A contract for a label.
$ printf '{"n":1}' | tape-record c.tape --label setup; printf '[rule shape]\nlabel = ^md$\nrequire = point\n' > c.tape/tape.conf; printf 'point { x: float, y: float }' > c.tape/tape.partials
$ printf '{"x":1.5,"y":2.5}\n{"x":1.5}\n{"x":1.5}\n' | tape-record c.tape --label md
! tape-record: contract: a scope under md breaks require = point (tape.conf:3:11): y: is missing, expected float; it is recorded
$ tape-find c.tape md --count
3
$ tape-find c.tape md not is=point --count
2
$ tape-info c.tape --json | grep broken | sed 's/"session":"[^"]*"/S/; s/.*"broken":2.*/total/'
total
{"kind":"broken",S,"rule":"shape","setting":"require = point","path":"md","scopes":2,"why":"y: is missing, expected float"}
$ tape-info c.tape | grep -A1 'broken' | sed 's/  [0-9TZ.-]*-[0-9a-f]*  /  S  /; s/[0-9.]* kB/SIZE/'
  broken     2 break what is required of them
  segments   SIZE
--
broken contracts
  S           2  md  (rule shape: require = point): y: is missing, expected float
$ tape-info c.tape --config md | grep require
  require       point           tape.conf:3:11  [rule shape]  label = ^md$
