# examples/programs/heat.c: checkpoints, a crash, and a restart that is exact.
$ heat whole.tape 200
$ heat run.tape 200 130
? 3
# What is on the tape of a run that ended without a word: all up to its last checkpoint.
$ $TESTS/ask.sh run.tape checkpoint --keys _path,step,time,u -o jsonl | sed 's/"blob":"[0-9a-f]*"/"blob":HASH/'
{"path":"heat/checkpoint","vars":{"step":0,"time":0.0,"u":{"blob":HASH,"size":17952,"dtype":"f8","shape":[66,34]}}}
{"path":"heat/checkpoint","vars":{"step":50,"time":9.999999999999996,"u":{"blob":HASH,"size":17952,"dtype":"f8","shape":[66,34]}}}
{"path":"heat/checkpoint","vars":{"step":100,"time":19.99999999999996,"u":{"blob":HASH,"size":17952,"dtype":"f8","shape":[66,34]}}}
$ heat more.tape 100 && heat more.tape 200
# Where did each session begin?
$ heat run.tape 200
$ rm -r run.packed
$ $TESTS/ask.sh run.tape begin --keys _path,from -o csv
_path,from
heat/begin,0
heat/begin,100
# The end is the same, whether in one go, in two or after a crash: labels, values, field.
$ for t in whole run more; do tape-find $t.tape final --keys _hash -o csv | tail -1; done | uniq | wc -l
1
$ $TESTS/ask.sh run.tape final -o jsonl --keys _path,step,u | sed 's/"blob":"[0-9a-f]*"/"blob":HASH/'
{"path":"heat/final","vars":{"step":200,"u":{"blob":HASH,"size":16384,"dtype":"f8","shape":[64,32]}}}
# One step in ten is kept, counted anew in each session.
$ $TESTS/ask.sh run.tape step step=100.. --keys _path,step -o csv | head -4
_path,step
heat/step,101
heat/step,111
heat/step,121
$ $TESTS/ask.sh whole.tape step --count
20
$ tape-info whole.tape --json | grep -o '"thinned":[0-9]*'
"thinned":180
# Did it become quieter, and what came behind the mark?
$ $TESTS/ask.sh whole.tape step change=..0.2 --first --keys _path,step -o csv
_path,step
heat/step,121
$ $TESTS/ask.sh whole.tape @end.. --keys _path -o csv
_path
heat/final
# The newest checkpoint, and by its time.
$ $TESTS/ask.sh run.tape checkpoint time=39.9.. --keys _path,step -o csv
_path,step
heat/checkpoint,200
