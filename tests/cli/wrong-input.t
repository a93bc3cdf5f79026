# Anything that is not a tape, not a query, not JSON, unreadable, read-only,
# full: a message, the right exit code, nothing damaged.

# not a tape
$ mkdir fake; echo 'not a tape' >fake/TAPE; tape-find fake x
! tape-find: fake/TAPE: fake is not a tape: its file TAPE does not hold "tape 1 <id>"
? 5
$ tape-info fake
! tape-info: fake/TAPE: fake is not a tape: its file TAPE does not hold "tape 1 <id>"
? 5
$ echo '{"a":1}' | tape-record fake
! tape-record: fake/TAPE: fake is not a tape: its file TAPE does not hold "tape 1 <id>"
? 5
$ printf 'tape 99 00000000000000000000000000000000\n' >fake/TAPE; tape-find fake x
! tape-find: fake/TAPE: fake has format version 99, this program reads up to 1: use a later one
? 2
$ head -c 100000 /dev/urandom >fake/TAPE; tape-find fake x >out 2>&1; echo $?; wc -l <out
5
1
$ mkdir -p dir/TAPE; tape-find dir x
! tape-find: dir is a directory, but no tape: it has no file TAPE
!            name the directory that a recorder wrote to
? 5

# not JSON: bytes that are nothing
$ head -c 20000 /dev/zero | tape-record z.tape
! tape-record: stdin:1:1: not JSON: invalid char in json text
! tape-record: 1 line was skipped, 0 became scopes
? 3
$ tape-record z.tape . 2>&1
tape-record: .: Is a directory
? 2
$ printf '{"a":1}\n' | tape-record z.tape --blob-dir z.tape/TAPE
! tape-record: --blob-dir z.tape/TAPE: Not a directory
? 2

# damage: reported with file and offset, the rest is there
$ for i in 1 2 3 4 5 6; do echo '{"i":'$i'}'; done >six.jsonl
$ tape-record d.tape --commit 2 six.jsonl
$ cp d.tape/sessions/*/000000.log good.log
$ log=$(ls d.tape/sessions/*/000000.log); printf X | dd of=$log bs=1 seek=$(($(wc -c <$log) - 250)) conv=notrunc 2>/dev/null
$ tape-find d.tape --count
4
! tape-find: warning: d.tape/sessions/SESSION/000000.log at offset *: damaged: no valid frame in 112 bytes, their scopes are missing; the rest is shown (glob)
? 3
$ tape-find -q d.tape i=6
? 3
$ tape-find d.tape i=9
! tape-find: warning: d.tape/sessions/SESSION/000000.log at offset *: damaged: no valid frame in 112 bytes, their scopes are missing; the rest is shown (glob)
? 3
$ cp good.log $(ls d.tape/sessions/*/000000.log); tape-find d.tape --count
6

# a full standard output
$ tape-find d.tape >/dev/full
! tape-find: standard output: No space left on device
? 2
$ tape-find d.tape >&-
! tape-find: standard output: Bad file descriptor
? 2
$ tape-record d.tape --ack six.jsonl >/dev/full
! tape-record: standard output: No space left on device
? 2

# Settings that cannot be read, closed descriptors, compressed and foreign input.
$ printf '{"a":1}\n' >one.jsonl; tape-record conf.tape --config nosuch.conf one.jsonl
! tape-record: nosuch.conf: cannot read it: No such file or directory
? 2
$ echo 'x = = 3' >bad.conf; tape-record conf.tape --config bad.conf one.jsonl
! tape-record: bad.conf: line 1, column 1: a setting before the first section: write [tape] above it
? 2
$ tape-record closed.tape one.jsonl <&- >&- && tape-record closed.tape one.jsonl 2>&- && tape-find closed.tape --count
2
$ tape-record closed.tape <&-
! tape-record: -: Bad file descriptor
? 2
$ tape-record closed.tape nosuch.jsonl 2>&-
? 2
$ tape-record closed.tape --ack one.jsonl >&-
! tape-record: standard output: Bad file descriptor
? 2
$ tape-find closed.tape --count; tape-find closed.tape -q a=1 >&-
3
$ tape-find closed.tape >&-
! tape-find: standard output: Bad file descriptor
? 2
$ printf '\037\213\010 and so on\n' >one.gz; tape-record z.tape one.gz
! tape-record: one.gz:1:1: not JSON: invalid char in json text
!              it is compressed: zcat one.gz | tape-record ...
! tape-record: 1 line was skipped, 0 became scopes
? 3
$ printf 'x;y\n1;2\n' | tape-record --format csv semi.tape
! tape-record: note: one column: cells are separated by commas, not by ';'
$ printf 'x,y\n1\n' | tape-record --format csv semi.tape
! tape-record: stdin:2:2: 1 cell, but the header has 2
! tape-record: 1 line was skipped, 0 became scopes
? 3
$ printf '{"a":%s}\n' NaN -Infinity Infinity nul | tape-record nan.tape
! tape-record: stdin:1:6: JSON has no NaN and no Infinity: write null instead
! tape-record: stdin:2:6: not JSON: malformed number, a digit is required after the minus sign
! tape-record: stdin:3:6: JSON has no NaN and no Infinity: write null instead
! tape-record: stdin:4:8: not JSON: invalid string in json text
! tape-record: 4 lines were skipped, 0 became scopes
? 3
