# What the manifest keeps of a session: its program, its source, how it ended.
$ echo '{"a":1}' | OMP_NUM_THREADS=3 RUN_ID=x7 RUN_SECRET= OTHER=no TAPE_ENV='OMP_*,RUN_ID' tape-record t.tape
$ tape-info t.tape --json | grep '"kind":"session"' >s; for k in program build_id compiler cpus libraries closed; do grep -c "\"$k\":" s; done
1
1
1
1
1
1
$ grep -o '"env":[^]]*]' s | tr , '\n' | tr -d '[]"' | sed 's/^env://' | sort
OMP_NUM_THREADS=3
RUN_ID=x7
$ printf '[tape]\nenv = RUN_*\n' >t.tape/tape.conf; echo '{"a":2}' | RUN_ID=x8 OMP_NUM_THREADS=1 tape-record t.tape
> tape-info t.tape --json | grep '"kind":"session"' | tail -1 | grep -o '"env":[^]]*]'
"env":["RUN_ID=x8"]
$ tape-info t.tape --config | grep -w env | tr -s ' '
 env RUN_* tape.conf:2:7
$ echo '{}' | TAPE_ENV='A=b' tape-record u.tape
! tape-record: TAPE_ENV in the environment: env = A=b: expected names of environment variables, as OMP_NUM_THREADS,SLURM_*, at most 255 bytes
? 2
# The build-id is that of the program.
$ b=$(grep -o '"build_id":"[0-9a-f]*"' s | cut -d'"' -f4); readelf -n $(command -v tape-record) 2>/dev/null | grep -c "Build ID: $b"
1
# Compacted: the same.
$ tape-info t.tape --json | grep '"kind":"session"' | grep -o '"git_commit.*"library"\|"program.*"library"' >before; tape-compact -q t.tape; tape-info t.tape --json | grep '"kind":"session"' | grep -o '"git_commit.*"library"\|"program.*"library"' | cmp - before && wc -l <before
2
# The changes of a working tree, once for sessions that have the same.
$ mkdir w; cd w; git init -q .; git config user.email a@b; git config user.name n; echo x=1 >model.py; git add .; git commit -qm 1; cd ..
$ (cd w; echo '{}' | tape-record ../g.tape); ls g.tape | grep -c diffs; tape-info g.tape --json | grep -o '"git_dirty":[a-z]*'
0
"git_dirty":false
$ echo x=2 >>w/model.py; for i in 1 2; do (cd w; echo '{}' | tape-record ../g.tape); done
> tape-info g.tape --json | grep -c '"git_dirty":true,"git_diff":"[0-9a-f]\{32\}","git_diff_bytes":[0-9]*,"program"'; ls g.tape/diffs | wc -l
> cat g.tape/diffs/* | grep '^[+-][^+-]'
> (cd w; git checkout -q model.py; cat ../g.tape/diffs/* | git apply; cat model.py)
2
1
+x=2
x=1
x=2
$ tape-compact -q g.tape && tape-check -q g.tape && tape-info g.tape -v | grep -c 'changes  g.tape/diffs/'
2
$ head -c 3000000 /dev/urandom | base64 >>w/model.py; (cd w; echo '{}' | tape-record ../g.tape); tape-info g.tape --json | grep -o '"git_diff_bytes":1048576,"git_diff_cut":true'
"git_diff_bytes":1048576,"git_diff_cut":true
# A diff is named by what is in it, and checked against that.
$ tape-check -q g.tape --full; f=$(ls g.tape/diffs/* | head -1); echo more >>$f; tape-check -q g.tape && tape-check g.tape --full --json | grep -c '"file":"diffs/[0-9a-f]*".*"lost":"diff [0-9a-f]*"'; tape-check -q g.tape --full
1
? 3
# Without git nothing is known, and nothing is wrong.
$ mkdir bin; ln -s $(command -v tape-record) bin; (cd w; echo '{}' | PATH=$PWD/../bin tape-record ../h.tape); tape-info h.tape --json | grep -c git_
0
? 1
