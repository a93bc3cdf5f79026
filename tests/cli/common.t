# examples/programs/common.c: common blocks of Fortran.
$ common run.tape
# Text of fixed width, blanks cut; scalars of a block.
$ $TESTS/ask.sh run.tape input -o jsonl --keys _path,title,sigma,rho,dt
{"path":"lorenz/input","vars":{"dt":0.01,"rho":28.0,"sigma":10.0,"title":"LORENZ 63"}}
# Arrays of a block as C sees them; sticky rho; ten outputs and one again.
$ $TESTS/ask.sh run.tape output --count
11
$ $TESTS/ask.sh run.tape output rho=28 '{x: f8[3], hist: f8[4,3], nstep: int}' --count
11
$ $TESTS/ask.sh run.tape output t=4.99..5.01 --keys _path,nstep -o csv
_path,nstep
lorenz/output,500
# Within the attractor.
$ $TESTS/ask.sh run.tape output x.min=-30..30 x.max=0..60 --count
11
# From step 900 again: the same scope, recorded as a link to the first.
$ $TESTS/ask.sh run.tape output nstep=1000 --count
2
$ $TESTS/ask.sh run.tape output nstep=1000 _link=11 --keys _path,nstep -o csv
_path,nstep
lorenz/output,1000
$ $TESTS/ask.sh run.tape output --keys _hash -o csv | sort | uniq | wc -l
11
