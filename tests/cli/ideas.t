# Examples of docs/recording.md, examples/ideas: each with what is on its tape.
$ scope scope.tape
$ $TESTS/ask.sh scope.tape --keys '_path,*' -o jsonl
{"path":"begin","vars":{"T":300.0,"model":"ising","params":[1.0,2.0,0.5]}}
{"path":"step","vars":{"grid":[[0.0,0.0,0.0,0.0,0.0,0.0],[0.0,0.0,0.0,0.0,0.0,0.0],[0.0,0.0,0.0,0.0,0.0,0.0],[0.0,0.0,0.0,0.0,0.0,0.0]],"last":0.5,"step":0}}
{"path":"step","vars":{"grid":[[0.0,0.0,0.0,0.0,0.0,0.0],[1.0,0.0,0.0,0.0,0.0,0.0],[0.0,0.0,0.0,0.0,0.0,0.0],[0.0,0.0,0.0,0.0,0.0,0.0]],"last":0.5,"step":1}}
{"path":"step","vars":{"grid":[[0.0,0.0,0.0,0.0,0.0,0.0],[1.0,0.0,0.0,0.0,0.0,0.0],[2.0,0.0,0.0,0.0,0.0,0.0],[0.0,0.0,0.0,0.0,0.0,0.0]],"last":0.5,"step":2}}
{"path":"end","vars":{"inner":[[0.0,0.0,0.0,0.0],[0.0,0.0,0.0,0.0]],"x":[1.0,4.0]}}
# Labels.
$ labels labels.tape
$ $TESTS/ask.sh labels.tape --keys _path,step,run -o csv
_path,step,run
sweep/run:0/relax/step,0,
sweep/run:0/relax/step,1,
sweep/run:0/done,,0
sweep/run:1/relax/step,0,
sweep/run:1/relax/step,1,
sweep/run:1/relax/step,2,
sweep/run:1/done,,1
$ $TESTS/ask.sh labels.tape run:1 relax --count
3
# Sticky variables.
$ sticky sticky.tape
$ $TESTS/ask.sh sticky.tape iter D=0.2 --keys _path,it,seed,D -o csv
_path,it,seed,D
iter,0,7,0.2
iter,1,7,0.2
$ $TESTS/ask.sh sticky.tape end --keys '_path,*' -o jsonl
{"path":"end","vars":{"seed":7}}
# A context in other threads.
$ threads threads.tape
$ $TESTS/ask.sh threads.tape result --keys _path,size,square -o csv | sort
_path,size,square
pool/task:0/result,4,0
pool/task:1/result,4,1
pool/task:2/result,4,4
pool/task:3/result,4,9
$ $TESTS/ask.sh threads.tape _path=alone --count
4
# Variables added from several places.
$ added added.tape
$ $TESTS/ask.sh added.tape --keys '_path,*' -o jsonl
{"path":"step","vars":{"iterations":5,"residual":0.0009765625,"step":0,"x":4.0}}
{"path":"step","vars":{"iterations":5,"residual":0.0009765625,"step":1,"x":2.0}}
{"path":"step","vars":{"iterations":5,"residual":0.0009765625,"step":2,"x":1.0}}
{"path":"end","vars":{"x":1.0}}
# Commits by hand.
$ printf '[tape]\ncommit = manual\n' >manual.conf; commits commits.tape manual.conf
$ $TESTS/ask.sh commits.tape --keys _path,step -o csv
_path,step
step:0/first half,0
step:0/second half,0
step:1/first half,1
step:1/second half,1
step:3/first half,3
step:3/second half,3
# Rules.
$ rules rules.tape $TESTS/../../examples/ideas/rules.conf
$ $TESTS/ask.sh rules.tape iter --count
10
$ $TESTS/ask.sh rules.tape drift --keys '_path,*' -o jsonl | head -1
{"path":"drift","vars":{"drift":0.9999118601072672,"it":33}}
$ $TESTS/ask.sh rules.tape drift drift=..0.999 --count
0
? 1
$ tape-info rules.tape | sed -n '/^left out/,$p'
left out by rules
  SESSION       1,000  late  (rule tape_set(^late$): record = off)
  SESSION         987  drift  (rule alarm: when = drift=0.999..)
  SESSION         990  iter  (rule iterations: every = 100)
# Who said so? The file, the call of the last run, the environment.
$ cp $TESTS/../../examples/ideas/rules.conf rules.tape/tape.conf
$ TAPE_REQUIRE='{it: int}' tape-info --config rules.tape late | grep -v ' default' | tail -2
  record        off             tape_set in SESSION  label = ^late$
  require       {it: int}       TAPE_REQUIRE in the environment
$ tape-compact -q rules.tape
$ tape-info --config rules.tape late --json | grep '"key":"record"'
{"kind":"setting","of":"label","key":"record","value":"off","origin":"tape_set in SESSION","label":"^late$"}
$ tape-info --config rules.tape drift | grep 'rule alarm'
  when          drift=0.999..   tape.conf:9:8  [rule alarm]  label = ^drift$
  exclude       ^scratch$       tape.conf:10:11  [rule alarm]  label = ^drift$  (also variables named in TAPE)
# Hooks.
$ hooks hooks.tape
3 iterations
$ $TESTS/ask.sh hooks.tape --keys '_path,*' -o jsonl
{"path":"simulate/iter","vars":{"it":0,"x":3.0,"x2":9.0}}
{"path":"simulate/iter","vars":{"it":1,"x":9.0,"x2":81.0}}
{"path":"simulate/iter","vars":{"it":2,"x":27.0,"x2":729.0}}
# Tare.
$ tare tare.tape
$ $TESTS/ask.sh tare.tape --all --keys '_path,*' -o jsonl
{"path":"run/before","vars":{"phase":0,"seed":7,"strain":"K-12"}}
{"path":"run/_tare","vars":{"phase":0,"seed":7,"strain":"K-12"}}
{"path":"run/iter","vars":{"it":0}}
{"path":"run/iter","vars":{"it":1}}
{"path":"run/iter","vars":{"it":2,"phase":1}}
{"path":"run/iter","vars":{"it":3,"phase":1}}
{"path":"run/after","vars":{"phase":0,"seed":7,"strain":"K-12"}}
# Bookmarks.
$ bookmarks bookmarks.tape
$ tape-find bookmarks.tape --bookmarks
SESSION:1 TIME @begin#1
SESSION:7 TIME @steady#1
SESSION:13 TIME @end#1
SESSION:15 TIME @begin#2
SESSION:21 TIME @steady#2
SESSION:27 TIME @end#2
$ $TESTS/ask.sh bookmarks.tape @begin..@end --count
20
$ $TESTS/ask.sh bookmarks.tape @steady#2.. --keys _path,run,it -o csv
_path,run,it
iter,1,5
iter,1,6
iter,1,7
iter,1,8
iter,1,9
between,1,
$ $TESTS/ask.sh bookmarks.tape @begin+2 --keys _path,run,it -o csv
_path,run,it
iter,0,0
iter,0,1
iter,1,0
iter,1,1
$ $TESTS/ask.sh bookmarks.tape _mark=steady --count
10
# Enums: by number and by name.
$ enums enums.tape
$ $TESTS/ask.sh enums.tape hour state=DIVIDING --count
3
$ $TESTS/ask.sh enums.tape hour state=2 was=GROWING --keys state,hour,cells -o csv
_pos,_time,_labels,state,hour,cells
SESSION:19,TIME,hour,2,18,2
SESSION:37,TIME,hour,2,36,4
SESSION:47,TIME,hour,2,46,8
$ $TESTS/ask.sh enums.tape hour state~^D --keys state,hour
SESSION:19 TIME hour state=DIVIDING hour=18
SESSION:37 TIME hour state=DIVIDING hour=36
SESSION:47 TIME hour state=DIVIDING hour=46
# Hashes alone: when does the automaton return to a state?
$ hashed hashed.tape
$ h=$(tape-find hashed.tape state step=188 -o jsonl | grep -o '"blob":"[0-9a-f]*' | cut -d'"' -f4)
> $TESTS/ask.sh hashed.tape state _blob=$h --keys _path,step -o csv
_path,step
state,61
state,188
# Partials, contracts, binding.
$ partials partials.tape 2>said; grep -c "breaks require" said
step 1: alpha 2, ising
1
$ $TESTS/ask.sh partials.tape '{p { alpha: float, grid { nx: int } }}' --keys _path,step,p.alpha,p.model,p.grid.nx -o csv
_path,step,p.alpha,p.model,p.grid.nx
step,0,1.0,ising,4
step,1,2.0,ising,4
step,2,4.0,ising,4
$ tape-info partials.tape --emit-partial step | grep -v '^#'
step {
	p.alpha?: float,
	p.grid.nx?: int,
	p.grid.ny?: int,
	p.model?: str,
	p.solver?: int,
	p.tol?: float,
	step: any,
}
$ tape-info partials.tape --json | grep -o '"broken":[0-9]*'
"broken":1
# Redundant scopes.
$ redundant redundant.tape
$ $TESTS/ask.sh redundant.tape nest i=3 --keys '_path,*' -o jsonl
{"path":"nest","vars":{"a":1.0,"b":2.0,"i":3}}
{"path":"nest","vars":{"a":1.0,"b":2.0,"c":3.0,"i":3}}
$ tape-info redundant.tape --json | grep -o '"links":[0-9]*,"projections":[0-9]*' | head -1
"links":9,"projections":10
