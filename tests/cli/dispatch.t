# The dispatcher.
$ tape | sed -n 1,1p
Tools (tape NAME runs tape-NAME):
$ tape | grep -c -E '^  (cache|check|compact|find|info|locals|mark|record) +[a-z]+ [a-z]'
8
$ tape fnd
! tape: there is no tool tape-fnd; did you mean 'find'?
!       'tape' lists what there is
? 2
$ tape ../evil
! tape: there is no tool tape-../evil
!       'tape' lists what there is
? 2
$ tape --frist
! tape: there is no option --frist
!       'tape -h' shows how it is used
? 2
$ tape --color=never find x
! tape: options of the tool come after its name: tape find ...
!       'tape -h' shows how it is used
? 2
$ printf '{"a":1}\n' | tape record t.tape --label L
$ tape find t.tape L --keys a
SESSION:1 TIME L a=1
$ tape find --count t.tape
1
$ tape info nowhere.tape
! tape-info: nowhere.tape: there is no such tape
!            a tape is a directory; 'tape-record nowhere.tape' or tape_open() makes one
? 5
