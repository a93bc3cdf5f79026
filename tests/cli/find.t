# Formats, keys and bounds of tape-find, on a tape that tape-record made.
$ cat >in.jsonl <<'END'
> {"step":1,"T":300,"x":0.5,"name":"warm up","v":[1,2,3]}
> {"step":2,"T":310.5,"x":0.25,"name":"hot","v":[1.5,2]}
> {"step":3,"T":310.5,"ok":true,"none":null,"big":18446744073709551615}
> {"step":4,"T":300,"x":1e-300,"name":"a,b \"q\""}
> END
$ tape-record run.tape --label md <in.jsonl
$ tape-record run.tape --label cool --label deep in.jsonl

# line
$ tape-find run.tape md
SESSION:1 TIME md T=300 name="warm up" step=1 v=[1,2,3] x=0.5
SESSION:2 TIME md T=310.5 name=hot step=2 v=[1.5,2.0] x=0.25
SESSION:3 TIME md T=310.5 big=18446744073709551615 none=null ok=true step=3
SESSION:4 TIME md T=300 name="a,b \"q\"" step=4 x=1e-300
$ tape-find run.tape md x=0.2..0.3
SESSION:2 TIME md x=0.25 T=310.5 name=hot step=2 v=[1.5,2.0]
$ tape-find run.tape md T=300 --keys x,name
SESSION:1 TIME md name="warm up" x=0.5
SESSION:4 TIME md name="a,b \"q\"" x=1e-300
$ tape-find run.tape md --keys _pos
SESSION:1
SESSION:2
SESSION:3
SESSION:4
$ tape-find run.tape cool --keys _seq,T,_path -n 2
1 T=300 cool/deep
2 T=310.5 cool/deep
$ tape-find run.tape step=3 --keys '_labels,"ok",n*'
md ok=true none=null
cool/deep ok=true none=null
$ tape-find run.tape md --keys _seq -0 | tr '\0' ';'
1;2;3;4;

# jsonl
$ tape-find run.tape md -o jsonl
{"pos":"SESSION:1","time":"TIME","labels":["md"],"file":"","line":0,"func":"","hash":"4509294f127ea9c87587a1d2f078d460","vars":{"T":300,"name":"warm up","step":1,"v":[1,2,3],"x":0.5}}
{"pos":"SESSION:2","time":"TIME","labels":["md"],"file":"","line":0,"func":"","hash":"70303955f129ccecc81ae6f83564a9e2","vars":{"T":310.5,"name":"hot","step":2,"v":[1.5,2.0],"x":0.25}}
{"pos":"SESSION:3","time":"TIME","labels":["md"],"file":"","line":0,"func":"","hash":"ee9a0cddafc8b9f44279e18009c65e27","vars":{"T":310.5,"big":18446744073709551615,"none":null,"ok":true,"step":3}}
{"pos":"SESSION:4","time":"TIME","labels":["md"],"file":"","line":0,"func":"","hash":"7b35a6b834af2223ec014e4bfb3c40c4","vars":{"T":300,"name":"a,b \"q\"","step":4,"x":1e-300}}
$ tape-find run.tape deep step=1 --json
{"pos":"SESSION:1","time":"TIME","labels":["cool","deep"],"file":"in.jsonl","line":0,"func":"","hash":"dbdfd66b1ad0f341a6a511bed5711966","vars":{"T":300,"name":"warm up","step":1,"v":[1,2,3],"x":0.5}}
$ tape-find run.tape step=1 --keys x --json
{"pos":"SESSION:1","time":"TIME","labels":["md"],"file":"","line":0,"func":"","hash":"4509294f127ea9c87587a1d2f078d460","vars":{"x":0.5}}
{"pos":"SESSION:1","time":"TIME","labels":["cool","deep"],"file":"in.jsonl","line":0,"func":"","hash":"dbdfd66b1ad0f341a6a511bed5711966","vars":{"x":0.5}}
$ tape-find run.tape step=1 --keys _seq,_path,_pos,x --json
{"pos":"SESSION:1","seq":1,"path":"md","vars":{"x":0.5}}
{"pos":"SESSION:1","seq":1,"path":"cool/deep","vars":{"x":0.5}}
$ tape-find run.tape step=1 --keys x,_link --json
{"vars":{"x":0.5}}
{"vars":{"x":0.5}}

# csv
$ tape-find run.tape md -o csv
_pos,_time,_labels,T,big,name,none,ok,step,v,x
SESSION:1,TIME,md,300,,warm up,,,1,"[1,2,3]",0.5
SESSION:2,TIME,md,310.5,,hot,,,2,"[1.5,2.0]",0.25
SESSION:3,TIME,md,310.5,18446744073709551615,,,true,3,,
SESSION:4,TIME,md,300,,"a,b ""q""",,,4,,1e-300
$ tape-find run.tape md -o csv --keys step,x,_seq
step,x,_seq
1,0.5,1
2,0.25,2
3,,3
4,1e-300,4
$ tape-find run.tape md -o csv --keys _seq,n*
_seq,name,none
1,warm up,
2,hot,
3,,
4,"a,b ""q""",
$ tape-find run.tape nothing -o csv
_pos,_time,_labels
? 1

# bounds
$ tape-find run.tape --count
8
$ tape-find run.tape md --count
4
$ tape-find run.tape nothing --count
0
? 1
$ tape-find run.tape --count -n 3
3
$ tape-find run.tape --first --keys _seq,_path
1 md
$ tape-find run.tape --last --keys _seq,_path
4 cool/deep
$ tape-find run.tape md --last -n 2 --keys _seq,_path
3 md
4 md
$ tape-find run.tape md --last -n 99 --keys _seq
1
2
3
4
$ tape-find run.tape md --reverse --keys _seq
4
3
2
1
$ tape-find run.tape md --reverse --first --keys _seq
4
$ tape-find run.tape md --reverse --last --keys _seq
1
$ tape-find run.tape md -n 0
? 1
$ tape-find run.tape -q md
$ tape-find run.tape -q nothing
? 1

# bytes
$ tape-find run.tape md step=2 --cat=v | od -A n -t f8
                      1.5                        2
$ tape-find run.tape md step=1 --cat=v | od -A n -t d8
                    1                    2
                    3
$ tape-find run.tape md step=1 --cat=name
warm up
$ tape-find run.tape md step=1 -o cat --keys _seq
1
$ tape-find run.tape md step=4 --cat
a,b "q"
$ tape-find run.tape md step=1 --cat
! tape-find: SESSION:1: which variable? --cat=VARIABLE says it
!            there are: name, v
? 2
$ tape-find run.tape md step=1 --cat=T
! tape-find: SESSION:1 has no variable 'T' with bytes
!            there are: name, v
? 2
$ tape-find run.tape md name~. --cat=name -0 | tr '\0' ';'
warm up;hot;a,b "q";

# links
$ printf '{"a":1,"b":2}\n{"a":1,"b":2}\n{"a":2,"b":2}\n' | tape-record run.tape --label twice
$ tape-find run.tape twice
SESSION:1 TIME twice a=1 b=2
SESSION:2 TIME twice a=1 b=2 => SESSION:1
SESSION:3 TIME twice a=2 b=2
$ tape-find run.tape twice --json
{"pos":"SESSION:1","time":"TIME","labels":["twice"],"file":"","line":0,"func":"","hash":"7df4832d30bd7a1ee6b5288637da6d7b","vars":{"a":1,"b":2}}
{"pos":"SESSION:2","time":"TIME","labels":["twice"],"file":"","line":0,"func":"","hash":"7df4832d30bd7a1ee6b5288637da6d7b","vars":{"a":1,"b":2},"link":"SESSION:1"}
{"pos":"SESSION:3","time":"TIME","labels":["twice"],"file":"","line":0,"func":"","hash":"c7f1d7f45546babd1b5c8e27f0589f58","vars":{"a":2,"b":2}}
$ tape-find run.tape twice _has=_link --keys _link
SESSION:1

# a closed pipe ends it without a word
$ awk 'BEGIN { for (i = 0; i < 5000; i++) print "{\"i\":" i "}"; }' | tape-record long.tape
$ (tape-find long.tape; echo $? >&2) | head -1
SESSION:1 TIME - i=0
! 141

# csv, of a tape on which threads run ahead of the limit: columns are those of what is printed
$ { yes '{"a":1}' | head -n 150000; yes '{"b":1}' | head -n 100000; } | tape-record columns.tape -q -
$ tape-find columns.tape -o csv -n 140000 -j 4 | head -n 1
_pos,_time,_labels,a
$ tape-find columns.tape -o csv -j 4 | head -n 1
_pos,_time,_labels,a,b
