# examples/programs/restart.c: killed again and again, its tape answers as if it had run in one go.
$ restart whole.tape 50
# Killed before its first checkpoint but the one it begins with.
$ (restart run.tape 50 7; true) 2> log
$ (restart run.tape 50 27; true) 2> log
# Killed before there was a newer checkpoint, twice; then behind one.
$ for die in 24 29 33; do (restart run.tape 50 $die; true) 2> log; done
$ restart run.tape 50
$ for q in step checkpoint 'step step=20..33' 'checkpoint step=..30'; do for t in whole run; do $TESTS/ask.sh $t.tape $q --keys _path,_hash,step,spread -o csv > $t.$(echo $q | tr ' .=' '___'); rm -rf $t.packed; done; done
$ for q in step checkpoint step_step_20__33 checkpoint_step___30; do cmp whole.$q run.$q && wc -l < run.$q; done
51
7
15
5
$ $TESTS/ask.sh run.tape step --count
50
$ tape-find run.tape step --count --superseded
80
$ tape-find run.tape step=25 --superseded --count
3
$ tape-info run.tape | grep superseded
  superseded 30 by sessions that went on from before them
$ tape-info run.tape --json | grep -c '"kind":"session".*"superseded":'
5
# Where a session went on from is said, and is part of what its scopes come from.
$ tape-info -v run.tape 2>log | grep -c '^      goes on from [^ ]*:[0-9]*$'
7
$ tape-find run.tape --last --keys _pos -o csv | tail -1 > last
> tape-find run.tape --lineage $(cat last) | grep -v build-id | sed 's/ of .*restart/ restart/'
SESSION:22 checkpoint
  session restart run.tape 50
  goes on from SESSION:11
    SESSION:11 checkpoint
      session restart run.tape 50 33
      goes on from SESSION:22
        SESSION:22 checkpoint
          session restart run.tape 50 27
          goes on from SESSION:1
            SESSION:1 checkpoint
              session restart run.tape 50 7
      goes on from SESSION:0
        SESSION:0 (none)
          session restart run.tape 50 29
          goes on from SESSION:22, see above
          goes on from SESSION:0
            SESSION:0 (none)
              session restart run.tape 50 24
              goes on from SESSION:22, see above
$ tape-find run.tape --lineage $(cat last) > raw.lineage; tape-find run.tape --lineage $(cat last) -o jsonl > raw.jsonl; tape-info --json run.tape | grep -o '"continues":[^]]*]' > raw.continues
> grep -c '"kind":"continues"' raw.jsonl
7
# What is superseded is kept, compacted too.
$ tape-compact -q run.tape --full && tape-check -q run.tape && tape-find run.tape step --count --superseded
80
$ tape-find run.tape step --count
50
$ tape-find run.tape --lineage $(cat last) | cmp - raw.lineage && tape-find run.tape --lineage $(cat last) -o jsonl | cmp - raw.jsonl && tape-info --json run.tape | grep -o '"continues":[^]]*]' | cmp - raw.continues && echo same
same
