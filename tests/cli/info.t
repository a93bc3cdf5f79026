# tape-info, for people and for programs.
$ printf '{"T":300,"p":{"a":1}}\n{"T":300,"p":{"a":1}}\n{"T":"hot"}\n' | tape-record t.tape --label md --name first
$ tape-info t.tape --json | sed -n 1p | sed 's/_bytes":[0-9]*/_bytes":N/g'
{"kind":"tape","path":"t.tape","id":"TAPEID","sessions":1,"scopes":3,"links":1,"projections":0,"bookmarks":0,"segment_bytes":N,"blobs":0,"blob_bytes":N,"blob_references":0,"reference_bytes":N,"link_bytes_saved":16,"generations":0,"raw_bytes":N,"damage":0}
$ tape-info t.tape --json | grep '"kind":"label"'
{"kind":"label","path":"md","scopes":3,"links":1,"bytes_saved":16}
$ tape-info t.tape --json | grep '"kind":"variable"'
{"kind":"variable","name":"T","type":"i64","scopes":2}
{"kind":"variable","name":"T","type":"str","scopes":1}
{"kind":"variable","name":"p.a","type":"i64","scopes":2}
$ tape-info t.tape --json | grep -c '"kind":"session".*"state":"closed","name":"first"'
1
$ tape-info t.tape --utc | sed -n 1,3p
t.tape
  scopes     3 in 1 session
  links      1 repeat an earlier scope (16 B not written again)
$ tape-info t.tape | grep . | sed -n '/^label/,$p'
label paths           scopes        links        saved
  md                       3            1         16 B
variables             scopes   type    unit
  T                        2   i64
  T                        1   str
  p.a                      2   i64

# Numbered paths are one row, unless they are few.
$ for run in 0 1 2 3 12; do printf '{"x":1}\n{"x":2}\n' | tape-record n.tape --label sweep --label run:$run --label rank3; done
$ for few in 7 8; do echo '{"a long name of a variable":1}' | tape-record n.tape --label few$few; done; echo '{}' | tape-record n.tape
$ tape-info n.tape | grep . | sed -n '/^label/,$p'
label paths            scopes        links        saved
  sweep/run:*/rank3        10            0          0 B   5 paths
  (none)                    1            0          0 B
  few7                      1            0          0 B
  few8                      1            0          0 B
variables                      scopes   type    unit
  a long name of a variable         2   i64
  x                                10   i64
$ tape-info n.tape -v | grep . | sed -n '/^label/,/(none)/p'
label paths             scopes        links        saved
  sweep/run:0/rank3          2            0          0 B
  sweep/run:1/rank3          2            0          0 B
  sweep/run:12/rank3         2            0          0 B
  sweep/run:2/rank3          2            0          0 B
  sweep/run:3/rank3          2            0          0 B
  (none)                     1            0          0 B
$ tape-info n.tape --json | grep -c '"kind":"label"'
8

# What compacting made of it.
$ awk 'BEGIN { for (i = 0; i < 2000; i++) print "{\"i\":" i % 500 ",\"text\":\"" sprintf("%100d", i % 5) "\"}" }' >in.jsonl
$ tape-record c.tape in.jsonl; tape-compact -q c.tape; tape-record c.tape in.jsonl
$ tape-info c.tape | sed -n '2,/index/p' | sed 's/[0-9.]\+ k\?B/SIZE/g'
  scopes     4,000 in 2 sessions
  links      2,952 repeat an earlier scope (SIZE not written again)
  segments   SIZE
  packed     SIZE in 1 generation; raw are SIZE of segments
    scopes   SIZE of segments, SIZE with repeats once, SIZE as columns, SIZE compressed; 2,000 scopes, 500 contents
    blobs    SIZE, each once; SIZE compressed
    index    SIZE
$ tape-info c.tape --json | sed -n 1p | sed 's/_bytes":[0-9]*/_bytes":N/g'
{"kind":"tape","path":"c.tape","id":"TAPEID","sessions":2,"scopes":4000,"links":2952,"projections":0,"bookmarks":0,"segment_bytes":N,"blobs":0,"blob_bytes":N,"blob_references":0,"reference_bytes":N,"link_bytes_saved":389664,"generations":1,"raw_bytes":N,"packed_scopes":2000,"packed_contents":500,"replaced_bytes":N,"scope_value_bytes":N,"scope_column_bytes":N,"scope_pack_bytes":N,"packed_blobs":5,"packed_blob_bytes":N,"blob_pack_bytes":N,"index_bytes":N,"damage":0}

# Parts of other scopes.
$ printf '{"i":1,"D":0.1}\n{"i":1,"D":0.1,"k":2}\n{"i":1,"D":0.1}\n{"k":2}\n' | TAPE_DEDUP=subset tape-record p.tape --label step
$ tape-info p.tape --json | grep -o '"link_bytes.*_saved":[0-9]*'; tape-info p.tape --json | grep '"kind":"label"'
"link_bytes_saved":16,"projection_bytes_saved":16
{"kind":"label","path":"step","scopes":4,"links":1,"projections":1,"bytes_saved":32}
$ tape-compact -q p.tape; tape-info p.tape | grep . | sed -n '2,4p;/^label/,/step/p'
  scopes     4 in 1 session
  links      1 repeat an earlier scope (16 B not written again)
  subsets    1 repeat a part of another scope (16 B not written again)
label paths           scopes        links      subsets        saved
  step                     4            1            1         32 B

$ tape-info -q t.tape
$ tape-info t.tape >/dev/full
! tape-info: standard output: No space left on device
? 2
$ tape-info
! tape-info: no tape: none was named, TAPE_DIR is not set, and no directory above is one
!            name it first: tape-info run.tape ...
? 5

# Rules: what they leave out is said, and where settings come from.
$ mkdir rules.tape; printf '[tape]\nsync = none\n[rule hot]\nlabel = ^iter$\nevery = 4\nwhen = x=1..\nexclude = ^_\n' > rules.tape/tape.conf
$ seq 0 11 | sed 's/.*/{"x":&,"_y":0}/' | tape-record rules.tape --label iter
$ tape-find rules.tape x=4,8 --count
2
$ tape-find rules.tape --count
2
$ tape-info rules.tape --utc | grep -A2 'left out' | grep -v segments | grep . | sed 's/  2[^ ]*Z-[^ ]*/  SESSION/'
  left out   10 by rules
--
left out by rules
  SESSION           1  iter  (rule hot: when = x=1..)
  SESSION           9  iter  (rule hot: every = 4)
$ tape-info rules.tape --json | grep '"kind":"thinned"' | sed 's/"session":"[^"]*",//'
{"kind":"thinned","rule":"hot","setting":"when = x=1..","path":"iter","scopes":1}
{"kind":"thinned","rule":"hot","setting":"every = 4","path":"iter","scopes":9}
$ TAPE_DEDUP=off tape-info --config rules.tape run/iter | grep -v default | grep .
of the session
  sync          none            tape.conf:2:8
of scopes under run/iter
  every         4               tape.conf:5:9  [rule hot]  label = ^iter$
  when          x=1..           tape.conf:6:8  [rule hot]  label = ^iter$
  dedup         off             TAPE_DEDUP in the environment
  exclude       ^_              tape.conf:7:11  [rule hot]  label = ^iter$  (also variables named in TAPE)
$ tape-info --config rules.tape | grep -c tape.conf
1
$ tape-info --config rules.tape run/iter --json | grep '"every"'
{"kind":"setting","of":"label","key":"every","value":"4","origin":"tape.conf:5:9","rule":"hot","label":"^iter$"}
$ mkdir wrong; printf '[rule a]\nlabel = x\nevery = often\n' > wrong/tape.conf
$ tape-info --config wrong x 2>/dev/null | grep every
  every         1               default
$ tape-info -q --config wrong x > /dev/null
! tape-info: wrong/tape.conf: line 3, column 9: every = often: expected a number of scopes, 1 for all; the run goes on without this file
? 2
$ tape-compact -q rules.tape
$ tape-info rules.tape --json | grep '"kind":"thinned"' | sed 's/"session":"[^"]*",//'
{"kind":"thinned","rule":"hot","setting":"when = x=1..","path":"iter","scopes":1}
{"kind":"thinned","rule":"hot","setting":"every = 4","path":"iter","scopes":9}
