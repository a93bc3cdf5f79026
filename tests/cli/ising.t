# examples/programs/ising.c: a Monte Carlo with thinning, hooks and tare.
$ ising run.tape
$ ising again.tape
# The same seed, the same scopes.
$ for t in run again; do tape-find $t.tape --keys _hash -o csv | cksum; done | uniq | wc -l
1
# One sweep in ten, and the others were counted.
$ $TESTS/ask.sh run.tape sweep --count
300
$ $TESTS/ask.sh run.tape T:1.5 n=..30 --keys _path,n -o csv
_path,n
ising/T:1.5/sweep,0
ising/T:1.5/sweep,10
ising/T:1.5/sweep,20
ising/T:1.5/sweep,30
$ tape-info run.tape --json | grep -o '"thinned":[0-9]*'
"thinned":2700
# Ordered below the critical temperature, not above: what a hook has worked out.
$ $TESTS/ask.sh run.tape sweep T=1.5 @equilibrated.. m=0.95.. --count
50
$ $TESTS/ask.sh run.tape sweep T=3.5 n=500.. m=..0.3 --count
50
$ $TESTS/ask.sh run.tape sweep T=1.5 e=-2..-1.8 --count
100
# What a hook drops is not there; what was tared is, once.
$ $TESTS/ask.sh run.tape _has=flipped --count
0
? 1
$ $TESTS/ask.sh run.tape sweep _has=seed --count
0
? 1
$ $TESTS/ask.sh run.tape _tare --keys _path,L,method,seed -o jsonl
{"path":"ising/_tare","vars":{"L":32,"method":"metropolis","seed":20011}}
# Three lattices of spins up and down.
$ $TESTS/ask.sh run.tape lattice '{spin: i1[32,32]}' spin.min=-1 spin.max=1 --keys _path -o csv
_path
ising/T:1.5/lattice
ising/T:2.269/lattice
ising/T:3.5/lattice
$ tape-find run.tape --bookmarks | wc -l
3
