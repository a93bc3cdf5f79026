# examples/programs/ring.c: four ranks of MPI on one tape.
$ ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 mpirun --oversubscribe --allow-run-as-root -n 4 ring run.tape
$ tape-info run.tape | grep -c 'rank [0-3] job'
4
$ $TESTS/ask.sh run.tape block --count
260
# Nothing gets lost: mass as one rank has summed it.
$ $TESTS/ask.sh run.tape total --count
65
$ $TESTS/ask.sh run.tape total total=36 --count
65
$ $TESTS/ask.sh run.tape total not _rank=0 --count
0
? 1
# Where is the pulse after 20 steps, and after a whole round?
$ $TESTS/ask.sh run.tape block step=20 mass=1.. --keys _path,rank,first,mass,u -o jsonl
{"path":"ring/block","vars":{"first":16,"mass":36.0,"rank":1,"u":[0.0,0.0,0.0,0.0,1.0,2.0,3.0,4.0,5.0,6.0,7.0,8.0,0.0,0.0,0.0,0.0]}}
$ $TESTS/ask.sh run.tape block step=64 mass=1.. --keys _path,rank,mass -o jsonl
{"path":"ring/block","vars":{"mass":36.0,"rank":0}}
# By the rank that the library has found, by the program's own.
$ $TESTS/ask.sh run.tape _rank=2 block mass=36 --keys _path,step -o csv
_path,step
ring/block,32
ring/block,33
ring/block,34
ring/block,35
ring/block,36
ring/block,37
ring/block,38
ring/block,39
ring/block,40
$ $TESTS/ask.sh run.tape rank=2 block mass=36 --count
9
