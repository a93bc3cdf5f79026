# examples/programs/walkers.cc: C++.
$ walkers run.tape
$ $TESTS/ask.sh run.tape end --count
40
# Who was lost says so by an exception, whose text is a std::string; the label had ended.
$ $TESTS/ask.sh run.tape end ended=1 why~^left --count >lost.count
$ $TESTS/ask.sh run.tape left --count | diff - lost.count
$ $TESTS/ask.sh run.tape _path=walkers/walker:*/end ended=0 why='""' --count >inside.count
$ $TESTS/ask.sh run.tape path --count | diff - inside.count
$ echo $(($(cat lost.count) + $(cat inside.count)))
40
$ tape-find run.tape summary --keys _path,lost -o csv | tail -1 | cut -d, -f2 | diff - lost.count
# A std::vector is an array, a std::complex a complex number, members have a prefix.
$ $TESTS/ask.sh run.tape path '{path: f8[2000], options { seed: int, steps: int, limit: float }}' --count | diff - inside.count
$ $TESTS/ask.sh run.tape end '{at: complex}' options.limit=60 --count
40
$ $TESTS/ask.sh run.tape left at.re=-70..70 at.im=-70..70 --count | diff - lost.count
