# examples/programs/pipeline.c and table.sh: stages that hand over by the tape.
$ all() { for s in "make $1" smooth report; do pipeline run.tape $s; done; $TESTS/../../examples/programs/table.sh run.tape peaks.csv; }; all
make: 4 computed, 0 recalled
smooth: 4 computed, 0 recalled
report: 4 computed, 0 recalled
table: written
# The second time nothing is computed, and nothing recorded.
$ n=$(tape-find run.tape --all --count); for s in make smooth report; do pipeline run.tape $s; done; $TESTS/../../examples/programs/table.sh run.tape peaks.csv
> test $n = $(tape-find run.tape --all --count) && echo as before
make: nothing has changed
smooth: nothing has changed
report: nothing has changed
table: nothing has changed
as before
# Each is a session with a name.
$ tape-info run.tape | grep -cE '^ +(make|smooth|report) on .* from '
3
$ $TESTS/ask.sh run.tape _run=smooth signal --count
4
# Where are the peaks? They were made at 2, 4, 6 and 8 seconds.
$ $TESTS/ask.sh run.tape peak when=1.8..2.2 peak=0.8..1 --keys _path,id -o csv
_path,id
report/peak,0
$ $TESTS/ask.sh run.tape peak peak=0.8..1 --keys _path,id -o csv
_path,id
report/peak,0
report/peak,1
report/peak,2
report/peak,3
$ $TESTS/ask.sh run.tape peak id=3 when=7.8..8.2 --count; wc -l <peaks.csv
1
5
# From a peak back to the signal that it was found in, and to the one that was smoothed.
$ f=$(tape-find run.tape peak id=2 --keys _path,from -o csv | tail -1 | cut -d, -f2)
> $TESTS/ask.sh run.tape _pos=$f --keys _path,id -o csv
> f=$(tape-find run.tape _pos=$f --keys _path,from -o csv | tail -1 | cut -d, -f2)
> $TESTS/ask.sh run.tape _pos=$f --keys _path,id,dt -o csv
_path,id
smooth/signal,2
_path,id,dt
make/signal,2,0.01
# What was handed over: arrays in volts, one value for each point.
$ $TESTS/ask.sh run.tape signal '{y: f8[1000]}' y.len=1000 --count
8
# On the compacted tape nothing is computed either; with another parameter all is, and back again it is recalled.
$ rm -r run.tape; mv run.packed run.tape; for s in make smooth report; do pipeline run.tape $s; done; $TESTS/../../examples/programs/table.sh run.tape peaks.csv
make: nothing has changed
smooth: nothing has changed
report: nothing has changed
table: nothing has changed
$ cp peaks.csv first.csv; for s in 'make 0.3' smooth report; do pipeline run.tape $s; done; $TESTS/../../examples/programs/table.sh run.tape peaks.csv; cmp -s peaks.csv first.csv
make: 4 computed, 0 recalled
smooth: 4 computed, 0 recalled
report: 4 computed, 0 recalled
table: written
? 1
$ for s in make smooth report; do pipeline run.tape $s; done; $TESTS/../../examples/programs/table.sh run.tape peaks.csv; cmp peaks.csv first.csv
make: 0 computed, 4 recalled
smooth: 0 computed, 4 recalled
report: 0 computed, 4 recalled
table: written
# Who wrote that table?
$ tape-find run.tape --who first.csv | cut -d' ' -f3-
wrote peaks.csv in table of table
wrote peaks.csv in table of table
# Without the one before there is nothing to do.
$ pipeline none.tape smooth
! pipeline: make has recorded no signals
? 1
