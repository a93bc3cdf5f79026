# tape-mark, tape-find --bookmarks, tape-info: places with names.
$ printf '{"i":1}\n{"i":2}\n{"i":3}\n{"i":4}\n{"i":5}\n' | tape-record run.tape --label md --name first
$ tape-mark run.tape last:2 begin
! tape-mark: SESSION:2 is a bookmark now: 'begin'
$ tape-mark run.tape first:4 "the end"
! tape-mark: SESSION:4 is a bookmark now: 'the end'
$ tape-mark -q run.tape first:5 begin
$ tape-find run.tape --bookmarks
SESSION:2 TIME @begin#1 => from SESSION:1
SESSION:4 TIME @"the end" => from SESSION:1
SESSION:5 TIME @begin#2 => from SESSION:1
$ tape-find run.tape --bookmarks -o jsonl -n 1
{"pos":"SESSION:2","time":"TIME","name":"begin","number":1,"own":"SESSION:1","path":""}
$ tape-find run.tape --bookmarks --last --keys i
SESSION:5 TIME @begin#2 => from SESSION:1
$ tape-find run.tape --bookmarks --count
3
$ tape-find run.tape --keys i @begin
SESSION:2 TIME md i=2
SESSION:5 TIME md i=5
$ tape-find run.tape --keys i @begin#2
SESSION:5 TIME md i=5
$ tape-find run.tape --keys i '@begin..@"the end"'
SESSION:2 TIME md i=2
SESSION:3 TIME md i=3
SESSION:4 TIME md i=4
$ tape-find run.tape --keys i ..@begin#1
SESSION:1 TIME md i=1
SESSION:2 TIME md i=2
$ tape-find run.tape --keys i @begin#1+2
SESSION:3 TIME md i=3
SESSION:4 TIME md i=4
$ tape-find run.tape --keys i _mark=begin
SESSION:2 TIME md i=2
SESSION:3 TIME md i=3
SESSION:5 TIME md i=5
$ tape-find run.tape --keys _seq,_mark
1 -
2 begin
3 begin
4 the end
5 begin
$ tape-find run.tape --keys _mark,i -o jsonl -n 2
{"mark":null,"vars":{"i":1}}
{"mark":"begin","vars":{"i":2}}
$ tape-find run.tape --keys _mark,i -o csv --last
_mark,i
begin,5
$ tape-find run.tape _bookmark --count
3
$ tape-info run.tape | sed -n '/^bookmarks/,$p'
bookmarks
  SESSION:2  @begin#1
  SESSION:4  @"the end"
  SESSION:5  @begin#2
$ tape-info run.tape | grep '  bookmarks'
  bookmarks  3
$ tape-info run.tape --json | grep '"kind":"bookmark"' | head -n 1
{"kind":"bookmark","pos":"SESSION:2","time":"TIME","name":"begin","number":1,"own":"SESSION:1","path":""}

# The same from packs.
$ tape-compact -q run.tape
$ tape-find run.tape --bookmarks
SESSION:2 TIME @begin#1 => from SESSION:1
SESSION:4 TIME @"the end" => from SESSION:1
SESSION:5 TIME @begin#2 => from SESSION:1
$ tape-find run.tape --keys i '@begin..@"the end"'
SESSION:2 TIME md i=2
SESSION:3 TIME md i=3
SESSION:4 TIME md i=4
$ tape-find run.tape --keys i _mark=begin
SESSION:2 TIME md i=2
SESSION:3 TIME md i=3
SESSION:5 TIME md i=5

# Wrong use.
$ tape-mark run.tape last:7 x
! tape-mark: run.tape: there is no scope at last:7
!            tape-find run.tape --keys _pos ... prints positions
? 2
$ tape-mark run.tape 2:1 x
! tape-mark: 2:1 is both SESSION:1 and SESSION:1
!            write more of the session's id
? 2
$ tape-mark run.tape first x
! tape-mark: 'first' is no position SESSION:SEQ
!            'tape-mark -h' shows how it is used
? 2
$ tape-mark run.tape first:1..first:2 x
! tape-mark: 'first:1..first:2' is no position SESSION:SEQ
!            'tape-mark -h' shows how it is used
? 2
$ tape-mark run.tape first:1 ''
! tape-mark: a name has 1 to 255 bytes
!            'tape-mark -h' shows how it is used
? 2
$ tape-mark run.tape first:1
! tape-mark: a position and a name are needed
!            'tape-mark -h' shows how it is used
? 2
$ tape-mark nowhere.tape first:1 x
! tape-mark: nowhere.tape: there is no such tape
!            a tape is a directory; 'tape-record nowhere.tape' or tape_open() makes one
? 5
$ tape-find run.tape --bookmarks md
! tape-find: --bookmarks takes no query, not 'md'
!            'tape-find -h' shows how it is used
? 2
$ tape-find run.tape --bookmarks -o csv
! tape-find: --bookmarks prints lines or jsonl
!            'tape-find -h' shows how it is used
? 2
$ tape-find run.tape @begin..end
! tape-find: @begin..end
!                    ^ expected a blank or another bookmark, as in @begin..@end
? 2
$ tape-find run.tape @nosuch
? 1

$ echo '{"i":1}' | tape-record none.tape
$ tape-find none.tape --bookmarks
? 1
