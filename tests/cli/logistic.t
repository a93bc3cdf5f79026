# examples/programs/logistic.c: a sweep by OpenMP.
$ OMP_NUM_THREADS=1 logistic one.tape
$ OMP_NUM_THREADS=4 logistic run.tape
# However many threads: the same scopes.
$ for t in one run; do tape-find $t.tape --keys _hash -o csv | sort | cksum; done | uniq | wc -l
1
$ $TESTS/ask.sh run.tape result --count
51
$ $TESTS/ask.sh run.tape _path=logistic/run:*/converge --count
510
# Each run has its labels, its r, and what was sticky outside.
$ $TESTS/ask.sh run.tape run:50 converge step=10000 --keys _path,r,steps -o csv
_path,r,steps
logistic/run:50/converge,4.0,10000
# At r = 4 the exponent is ln 2; with period four there is none.
$ $TESTS/ask.sh run.tape result r=3.999.. exponent=0.6931+-1e-2 --keys _path,chaotic -o csv
_path,chaotic
logistic/run:50/result,1
$ $TESTS/ask.sh run.tape result r=3.5 exponent=..0 --keys _path -o csv
_path
logistic/run:0/result
# The windows of order within the chaos.
$ $TESTS/ask.sh run.tape result chaotic=0 r=3.6.. --keys _path -o csv | sort -t: -k2n
_path
logistic/run:13/result
logistic/run:24/result
logistic/run:33/result
logistic/run:34/result
$ $TESTS/ask.sh run.tape summary most=0.6..0.7 --count
1
# Another number of threads, another order: r alone tells the runs apart.
$ tape-find run.tape result --keys _path,r -o csv | cut -d, -f2 | sort -u | wc -l
52
