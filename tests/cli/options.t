# Options are the same in every tool.
$ tape-find --coutn
! tape-find: there is no option --coutn; did you mean --count?
!            'tape-find -h' shows how it is used
? 2
$ tape-find --zzzz
! tape-find: there is no option --zzzz
!            'tape-find -h' shows how it is used
? 2
$ tape-find -x
! tape-find: there is no option -x (in '-x')
!            'tape-find -h' shows how it is used
? 2
$ tape-find -n
! tape-find: -n needs an argument: -n N
!            'tape-find -h' shows how it is used
? 2
$ tape-find -n many
! tape-find: -n takes a whole number, not 'many'
!            'tape-find -h' shows how it is used
? 2
$ tape-find -n -1
! tape-find: -n takes a whole number, not '-1'
!            'tape-find -h' shows how it is used
? 2
$ tape-find --count=3
! tape-find: --count takes no argument
!            'tape-find -h' shows how it is used
? 2
$ tape-find --keys
! tape-find: --keys needs an argument: --keys=A,B
!            'tape-find -h' shows how it is used
? 2
$ tape-find -o jsonlines
! tape-find: -o takes line, jsonl, csv or cat, not 'jsonlines'
!            'tape-find -h' shows how it is used
? 2
$ tape-find --color=blue
! tape-find: --color takes auto, always or never, not 'blue'
!            'tape-find -h' shows how it is used
? 2
$ tape-find --keys _poss x
! tape-find: --keys: there is no record field _poss; did you mean _pos?
!            'tape-find -h' shows how it is used
? 2
$ tape-find --keys ,
! tape-find: --keys: a name is missing before ','
!            'tape-find -h' shows how it is used
? 2
$ tape-find --first --last x
! tape-find: --first and --last exclude each other
!            'tape-find -h' shows how it is used
? 2
$ tape-info a.tape b.tape
! tape-info: a.tape: there is no such tape
!            a tape is a directory; 'tape-record a.tape' or tape_open() makes one
? 5
$ tape-record --comit 3
! tape-record: there is no option --comit; did you mean --commit?
!              'tape-record -h' shows how it is used
? 2
$ tape-record --format xml
! tape-record: --format takes jsonl or csv, not 'xml'
!              'tape-record -h' shows how it is used
? 2
$ tape-record a.tape b.jsonl c
! tape-record: one tape and one input, not 'c' too
!              'tape-record -h' shows how it is used
? 2
$ tape-find --version | sed -n 1,2p
tape-find 0.1.0 (commit COMMIT)
formats: reads tape 1; writes none
$ tape-record --version | sed -n 2p
formats: reads JSON lines, CSV; writes tape 1
$ printf '{"a":1}\n' | tape-record t.tape
$ tape-find -qvn1 t.tape
$ tape-find t.tape -n1 --keys=a
SESSION:1 TIME - a=1
$ tape-find t.tape --keys a -- a=1
SESSION:1 TIME - a=1
$ tape-find t.tape a=-1..1 --keys a
SESSION:1 TIME - a=1
$ NO_COLOR=1 tape-find t.tape --color=always | grep -c "$(printf '\033')"
1
$ tape-find t.tape | grep -c "$(printf '\033')"
0
? 1
$ CLICOLOR_FORCE=1 tape-find t.tape | grep -c "$(printf '\033')"
1
$ CLICOLOR_FORCE=1 tape-find t.tape --color=never | grep -c "$(printf '\033')"
0
? 1
