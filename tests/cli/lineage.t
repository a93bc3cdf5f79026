# Who read and wrote which file, and where a scope comes from: raw and compacted.
$ echo one >raw.dat; echo '{"stage":1}' | tape-record run.tape --name make --label make --output raw.dat
$ echo two >fit.dat; echo '{"stage":2}' | tape-record run.tape --name fit --label fit --label run:1 --input raw.dat --output fit.dat
$ cp fit.dat renamed.dat; echo three >outside.dat; echo '{"stage":3}' | tape-record run.tape --name plot --label plot --input renamed.dat --input outside.dat
# What counts is the content, whatever the name; the hash will do as well.
$ tape-find run.tape --who raw.dat
SESSION:2 TIME wrote raw.dat in make of make
SESSION:1 TIME read raw.dat in fit/run:1 of fit
$ tape-find run.tape --who renamed.dat
SESSION:3 TIME wrote fit.dat in fit/run:1 of fit
SESSION:1 TIME read renamed.dat in plot of plot
$ h=$(tape-find run.tape _files path=raw.dat role=output --keys hash -o csv | tail -1 | cut -d, -f4)
> tape-find run.tape --who $h --count
> mv raw.dat moved; echo other >raw.dat; tape-find run.tape --who raw.dat; tape-find run.tape --who moved --count; mv moved raw.dat
2
2
$ tape-find run.tape --who raw.dat -o jsonl -n 1 | sed 's/"host.*//; s/"resolved":"[^"]*"/"resolved":PATH/'
{"pos":"SESSION:2","time":"TIME","role":"output","path":"raw.dat","resolved":PATH,"hash":"06567c16a1de182538d12e73f626d650","size":4,"labels":"make","name":"make",
# Records of files are the library's own: queries that do not name them do not find them.
$ tape-find run.tape --count; tape-find run.tape _files --count; tape-find run.tape --all --count
3
5
8
# Ancestry, over the sessions before.
$ p=$(tape-find run.tape stage=3 --keys _pos -o csv | tail -1)
> tape-find run.tape --lineage $p | sed 's/ of [^ ]* on .*//' | grep -v -e build-id -e '  git ' -e outside | sed 's/[0-9a-f]\{12\} /HASH /'
SESSION:3 plot
  session plot
  read renamed.dat HASH written by SESSION:3
    SESSION:3 fit/run:1/_files
      session fit
      read raw.dat HASH written by SESSION:2
        SESSION:2 make/_files
          session make
$ p=$(tape-find run.tape stage=3 --keys _pos -o csv | tail -1)
> tape-find run.tape --lineage $p >raw.txt; tape-find run.tape --lineage $p -o jsonl >raw.jsonl; tape-find run.tape --who raw.dat >raw.who
> grep -c '"kind":"scope"' raw.jsonl; grep -c '"kind":"file"' raw.jsonl; grep -c '"build_id":"[0-9a-f]*"' raw.jsonl; grep -c '"from":null' raw.jsonl
> tape-compact -q run.tape && tape-find run.tape --lineage $p | cmp - raw.txt && tape-find run.tape --lineage $p -o jsonl | cmp - raw.jsonl && tape-find run.tape --who raw.dat | cmp - raw.who && tape-check -q run.tape && echo same
3
3
3
1
same
# What was written after it was read is no ancestor; what is written again is named last.
$ echo one >again.dat; echo '{"stage":4}' | tape-record run.tape --name late --label late --input fit.dat --output again.dat
> p=$(tape-find run.tape stage=2 --keys _pos -o csv | tail -1); tape-find run.tape --lineage $p | grep -c late
> echo '{"stage":5}' | tape-record run.tape --label five --input again.dat
> p=$(tape-find run.tape stage=5 --keys _pos -o csv | tail -1); tape-find run.tape --lineage $p | grep -e ' late$' -e 'and 1 before' -e '  session late' | sed 's/ of .*//; s/ written.*and/ and/'
0
  read again.dat 06567c16a1de and 1 before
      session late
# A program that writes what it has read, for ever: each place once.
$ for i in 1 2 3; do echo "{\"turn\":$i}" | tape-record c.tape --label turn --input fit.dat --output fit.dat; done
> p=$(tape-find c.tape turn=3 --keys _pos -o csv | tail -1); tape-find c.tape --lineage $p | grep -c 'read fit.dat'
3
# What is no file.
$ mkdir d; mkfifo f; for x in none d f; do echo '{"a":1}' | tape-record x.tape --input $x; done
! tape-record: input of the program, none: cannot read the file: No such file or directory; it is not recorded
! tape-record: input of the program, d: it is no regular file (a directory, a FIFO, a device), so that it has no content to name it by; it is not recorded
! tape-record: input of the program, f: it is no regular file (a directory, a FIFO, a device), so that it has no content to name it by; it is not recorded
? 2
$ tape-find run.tape --who none
! tape-find: none: cannot read the file: No such file or directory
? 2
$ tape-find run.tape --who /dev/null
! tape-find: /dev/null: it is no regular file (a directory, a FIFO, a device), so that it has no content to name it by
? 2
$ echo stranger >s; tape-find run.tape --who s
? 1
$ tape-find run.tape --lineage nonsense
! tape-find: --lineage needs a position (SESSION:SEQ) or @NAME, not 'nonsense'
!            'tape-find -h' shows how it is used
? 2
$ tape-find run.tape --lineage 20200101T000000.000000Z-00000000:1
? 1
$ tape-find run.tape --who s x=1
! tape-find: --who takes no query, not 'x=1'
!            'tape-find -h' shows how it is used
? 2
$ tape-find run.tape --who s --lineage 1
! tape-find: --who and --lineage exclude each other
!            'tape-find -h' shows how it is used
? 2
