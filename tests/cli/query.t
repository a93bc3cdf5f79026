# Queries that are none: two lines, a caret under the column.
$ printf '{"T":1,"E":2.5}\n' | tape-record t.tape --label md
$ tape-find t.tape md T=
! tape-find: md T=
!                 ^ expected a value
? 2
$ tape-find t.tape '(md'
! tape-find: (md
!               ^ expected ")" for the one opened at column 1
? 2
$ tape-find t.tape 'md)'
! tape-find: md)
!              ^ expected no ")" here: none is open
? 2
$ tape-find t.tape '/[/'
! tape-find: /[/
!              ^ expected a regular expression: missing terminating ] for character class
? 2
$ tape-find t.tape é E=1..x..3
? 1
$ tape-find t.tape T==1
! tape-find: T==1
!              ^ expected a value after a single "=" (text that begins with "=" goes in quotes)
? 2
$ tape-find t.tape _nosuch=1
! tape-find: _nosuch=1
!            ^ expected a field: there is no "_nosuch", did you mean _lost? (a variable of that name goes in quotes)
? 2
$ tape-find t.tape not
! tape-find: not
!               ^ expected a term: a label, /regex/ or a test such as T=300..400
? 2
$ tape-find t.tape 'T="open'
! tape-find: T="open
!              ^ expected a closing quote
? 2
$ tape-find t.tape aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 'T='
! tape-find: ...aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa T=
!                                                                           ^ expected a value
? 2

# T>300 without quotes: the shell makes a file of that name
$ tape-find t.tape md T>300
! tape-find: the shell took '>' and made a file named '300'
!            a range needs no quotes: T=300.. (or quote it: 'T>300')
? 2
$ cat 300; rm 300
$ tape-find t.tape md T>=0
! tape-find: the shell took '>' and made a file named '=0'
!            a range needs no quotes: T=0.. (or quote it: 'T>=0')
? 2
$ tape-find t.tape md >out; cat out | wc -l
1
$ tape-find t.tape 'T>0' --count
1
