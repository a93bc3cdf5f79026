# Ten questions to the tape of examples/modeller.c: hooks, rules, a sweep.
$ modeller run.tape
24 runs
# 1. With which parameters did it begin? What begins with _ is left out.
$ $TESTS/ask.sh run.tape init_block params --keys '_path,medium,S_feed,dt,"_seed_of_nothing"' -o jsonl
{"path":"init_block/params","vars":{"S_feed":10.0,"dt":0.1,"medium":"M9"}}
# 2. Which model was used where?
$ $TESTS/ask.sh run.tape prepared /^mono/ --first --keys _path,model,hooks -o csv
_path,model,hooks
mono-chemostat.0/prepared,wild type,0
$ $TESTS/ask.sh run.tape prepared model=adapted --count
12
$ $TESTS/ask.sh run.tape prepared model=adapted not /^co-chemostat/ --count
0
? 1
$ $TESTS/ask.sh run.tape leave hooks=0 --count
24
# 3. Are there names with an underscore?
$ $TESTS/ask.sh run.tape '"_rate"=..' --count
0
? 1
$ $TESTS/ask.sh run.tape iter --first --keys '_path,*' -o jsonl | grep -o '"[A-Za-z0-9_]*":' | tr '\n' ' '
"path": "vars": "D": "S": "X": "X0": "it": 
# 4. What does a stored series hold?
$ $TESTS/ask.sh run.tape store.ts --first --keys '_path,*' -o jsonl | grep -o '"[A-Za-z0-9_]*":' | tr '\n' ' '
"path": "vars": "ts": "yield": 
$ $TESTS/ask.sh run.tape store.ts X=.. --count
0
? 1
# 5. How many series are there, and how many iterations with one in ten?
$ $TESTS/ask.sh run.tape store.ts --count
24
$ $TESTS/ask.sh run.tape iter --count
480
# 6. In which runs were strains alone washed out?
$ $TESTS/ask.sh run.tape store.ts /^mono/ yield=..0.01 --keys _path -o csv
_path
mono-chemostat.9/store.ts
mono-chemostat.10/store.ts
mono-chemostat.11/store.ts
# 7. And together?
$ $TESTS/ask.sh run.tape store.ts /^co/ yield=..0.01 --count
0
? 1
# 8. One run, by its dilution rate.
$ $TESTS/ask.sh run.tape iter D=0.21+-1% /^mono/ it=150.. --keys _path,it -o csv
_path,it
mono-chemostat.4/iter,150
mono-chemostat.4/iter,160
mono-chemostat.4/iter,170
mono-chemostat.4/iter,180
mono-chemostat.4/iter,190
# 9. What came behind the bookmark?
$ $TESTS/ask.sh run.tape @co-cultures.. store.ts --count
12
# 10. What was left out, and what did the end say?
$ tape-info run.tape --json | grep '"thinned":' | grep -o '"thinned":[0-9]*'
"thinned":4320
$ $TESTS/ask.sh run.tape summary -o jsonl --keys runs,_path
{"path":"summary","vars":{"runs":24}}
# A crash leaves whole tens of series.
$ mkdir crash.tape && printf "[tape]\ncommit = manual\n" > crash.tape/tape.conf
$ modeller crash.tape 15
? 3
$ tape-find crash.tape store.ts --count
10
