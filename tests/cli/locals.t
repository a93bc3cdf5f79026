# The tape of examples/queue.c, compiled with optimisation and a list of tape-locals.
$ queue run.tape
$ tape-find run.tape customer --first --keys '_path,*' -o jsonl
{"path":"slack/customer","vars":{"event":0,"free_at":1.068230326520279,"full":false,"load":0.8,"name":"slack","now":1.068230326520279,"number":1,"queue.length":1,"queue.total.lost":0,"queue.total.served":0,"queue.total.waited":0.0,"queue.waiting.arrived":[1.068230326520279,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0],"queue.waiting.number":[1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0],"seed":10481999410520546993}}
$ tape-find run.tape gone --first --keys '_path,*' -o jsonl
{"path":"slack/gone","vars":{"gone.arrived":1.068230326520279,"gone.number":1,"mood":"content","now":1.068230326520279,"place":0,"queue":{"absent":"not-selected"},"waited":0.0}}
$ tape-info run.tape | grep -c warning
0
? 1
# Names of values and their numbers, before and after compaction.
$ tape-find run.tape event=GIVING_UP --count
22
$ tape-find run.tape event=2 --count
22
$ tape-find run.tape event=DEPARTURE tight --count
226
$ tape-find run.tape event~^D tight --count
226
$ tape-find run.tape tight event=GIVING_UP --first --keys event,number -o csv
_pos,_time,_labels,event,number
SESSION:841,TIME,tight/customer,2,124
$ tape-find run.tape _lost=queue --count
592
$ tape-find run.tape mood=bored --count
118
$ tape-compact -q run.tape
$ tape-find run.tape event=GIVING_UP --count
22
$ tape-find run.tape event=2 --count
22
$ tape-find run.tape event=DEPARTURE tight --count
226
$ tape-find run.tape event~^D tight --count
226
$ tape-find run.tape tight event=GIVING_UP --first --keys event,number -o csv
_pos,_time,_labels,event,number
SESSION:841,TIME,tight/customer,2,124
$ tape-find run.tape _lost=queue --count
592
$ tape-find run.tape mood=bored --count
118
