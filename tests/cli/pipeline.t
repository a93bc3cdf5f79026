# examples/programs/pipeline.c: three stages that hand over by the tape.
$ pipeline run.tape make
$ pipeline run.tape smooth
$ pipeline run.tape report
# Each is a session with a name.
$ tape-info run.tape | grep -cE '^ +(make|smooth|report) on '
3
$ $TESTS/ask.sh run.tape _run=smooth --count
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
$ $TESTS/ask.sh run.tape peak id=3 when=7.8..8.2 --count
1
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
# Smoothing once more adds to the tape, and the new session is not the old one.
$ pipeline run.tape smooth && rm -r run.packed
$ $TESTS/ask.sh run.tape _run=smooth signal --count
8
$ $TESTS/ask.sh run.tape _session=last signal --count
4
