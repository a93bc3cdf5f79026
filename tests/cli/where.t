# Which tape a command means.
$ tape-find
! tape-find: no tape: none was named, TAPE_DIR is not set, and no directory above is one
!            name it first: tape-find run.tape ...
? 5
$ tape-find x=1
! tape-find: no tape: none was named, TAPE_DIR is not set, and no directory above is one
!            name it first: tape-find run.tape ...
? 5
$ tape-info nowhere.tape
! tape-info: nowhere.tape: there is no such tape
!            a tape is a directory; 'tape-record nowhere.tape' or tape_open() makes one
? 5
$ tape-info nowhere
! tape-info: nowhere: there is no tape of that name
!            a tape is a directory that holds a file named TAPE
? 5
$ tape-find nowhere.tape x
! tape-find: nowhere.tape: there is no such tape
!            a tape is a directory; 'tape-record nowhere.tape' or tape_open() makes one
? 5
$ tape-find ./nowhere x
! tape-find: ./nowhere: there is no such tape
!            a tape is a directory; 'tape-record ./nowhere' or tape_open() makes one
? 5
$ tape-find /no/where x
! tape-find: /no/where: there is no such tape
!            a tape is a directory; 'tape-record /no/where' or tape_open() makes one
? 5
$ mkdir plain; touch plain/file; tape-find plain x
! tape-find: plain is a directory, but no tape: it has no file TAPE
!            name the directory that a recorder wrote to
? 5
$ tape-find plain/ x
! tape-find: plain/ is a directory, but no tape: it has no file TAPE
!            name the directory that a recorder wrote to
? 5
$ echo '{}' >data.jsonl; tape-find data.jsonl x
! tape-find: data.jsonl is a file, not a tape
!            a tape is a directory that holds a file named TAPE
? 5
$ tape-info data.jsonl
! tape-info: data.jsonl is a file, not a tape
!            a tape is a directory that holds a file named TAPE
? 5
$ printf '{"a":1}\n' | tape-record one.tape --label L
$ mkdir relax; TAPE_DIR=one.tape tape-find relax
? 1
$ TAPE_DIR=one.tape tape-find L --keys a
SESSION:1 TIME L a=1
# Where a tape alone can be named, what is named is meant.
$ TAPE_DIR=one.tape tape-info nowhere
! tape-info: nowhere: there is no tape of that name
!            a tape is a directory that holds a file named TAPE
? 5
$ TAPE_DIR=one.tape tape-info relax
! tape-info: relax is a directory, but no tape: it has no file TAPE
!            name the directory that a recorder wrote to
? 5
$ TAPE_DIR=one.tape tape-check data.jsonl
! tape-check: data.jsonl is a file, not a tape
!             a tape is a directory that holds a file named TAPE
? 5
$ TAPE_DIR=nowhere.tape tape-find L
! tape-find: nowhere.tape: there is no such tape
!            a tape is a directory; 'tape-record nowhere.tape' or tape_open() makes one
? 5
$ cd one.tape/sessions && tape-find L --keys a
SESSION:1 TIME L a=1
$ cd one.tape && printf '{"a":2}\n' | tape-record --label M && tape-find --count
2
$ printf '{"a":3}\n' >more.jsonl; TAPE_DIR=one.tape tape-record more.jsonl && tape-find one.tape --count
3
$ TAPE_DIR=two.tape tape-record more.jsonl && tape-find two.tape --count
1
$ TAPE_DIR= tape-record <more.jsonl
! tape-record: no tape: none was named, TAPE_DIR is not set, and no directory above is one
!              name it first: tape-record run.tape ...
? 5
$ tape-record plain <more.jsonl
! tape-record: plain is a directory, but no tape, and not empty
!              name another; the tape is made if it is not there
? 5
$ tape-record missing.jsonl
! tape-record: missing.jsonl: there is no such file
!              a tape of that name is made by 'tape-record missing.jsonl/'
? 2
$ tape-record more.jsonl
! tape-record: more.jsonl is a file, not a tape
!              a tape is a directory that holds a file named TAPE
? 5
$ mkdir ready; printf '[tape]\ndedup = subset\n' >ready/tape.conf; printf 'p { a: int }\n' >ready/tape.partials
$ tape-record ready more.jsonl && tape-find ready 'is=p' --count
1
$ mkdir named; printf 'p { a: int }\n' >named/tape.partials; tape-record named more.jsonl && tape-find named 'is=p' --count
1
$ mkdir empty; tape-record empty more.jsonl && tape-find empty --count
1
# Tools that take a tape and nothing else say so of a word that is none.
$ tape-compact nowhere
! tape-compact: nowhere: there is no tape of that name
!               a tape is a directory that holds a file named TAPE
? 5
$ tape-check nowhere
! tape-check: nowhere: there is no tape of that name
!             a tape is a directory that holds a file named TAPE
? 5
$ tape-compact one.tape more
! tape-compact: one tape at a time, not 'more' too
!               'tape-compact -h' shows how it is used
? 2
# Keys and names that are not there.
$ tape-cache drop one.tape abcd
! tape-cache: there is no such result, so none is withdrawn
? 1
$ tape-cache why one.tape yield
! tape-cache: no result has the name or the label path 'yield'
? 1
$ tape-cache why one.tape abc 1234
! tape-cache: 'abc' is no key: at least four hex digits
!             'tape-cache -h' shows how it is used
? 2
