# examples/programs/grid.c: redundant scopes, and work that is on the tape already.
# One stage: what is committed in between is not compared with what comes later.
$ TAPE_COMMIT=manual TAPE_DEDUP=subset grid run.tape 5
25 made, 0 were there
$ TAPE_DEDUP=off grid off.tape 5
25 made, 0 were there
# It reads the same, raw and compacted.
$ for t in run off; do $TESTS/ask.sh $t.tape --keys _path,_hash,_file,_line,a,x0,n,x -o csv | cksum; done | uniq | wc -l
1
$ $TESTS/ask.sh run.tape step a=3.52 x0=0.1 --count
41
# What was not written again: a scope for each pair, whose values the steps have.
$ tape-info run.tape --json | sed -n 1p | grep -o '"projections":[0-9]*,"bookmarks"'
"projections":25,"bookmarks"
$ tape-info run.tape --json | grep '"kind":"label"'
{"kind":"label","path":"grid/step","scopes":1025,"links":0,"projections":25,"bytes_saved":400}
{"kind":"label","path":"grid/done","scopes":25,"links":0}
# Another session does what is missing: from segments, and from a generation.
$ grid run.tape 6
11 made, 25 were there
$ tape-compact -q run.tape; grid run.tape 7
13 made, 36 were there
$ grid run.tape 7; tape-find run.tape done --count
0 made, 49 were there
49
