# JSON lines.
$ cat >types.jsonl <<'END'
> {"i":-9223372036854775808,"u":18446744073709551615,"z":-0,"f":1.0,"e":1e3,"t":true,"n":null,"s":"é\u0001\ud83d\ude00"}
> {"p":{"a":1,"q":{"z":"y"}},"empty":{}}
> {"ai":[1,-2],"au":[1,18446744073709551615],"af":[1,2.5],"none":[],"nd":[[1,2],[3,4],[5,6]]}
> {"ragged":[[1],[2,3]],"mixed":[1,"a"],"bools":[true],"holes":[[],[]],"objects":[{"a": 1}]}
>
> END
$ tape-record t.tape --label L types.jsonl
$ tape-find t.tape L --keys '*,_labels' --json
{"labels":["L"],"vars":{"e":1000.0,"f":1.0,"i":-9223372036854775808,"n":null,"s":"é\u0001😀","t":true,"u":18446744073709551615,"z":0}}
{"labels":["L"],"vars":{"p.a":1,"p.q.z":"y"}}
{"labels":["L"],"vars":{"af":[1.0,2.5],"ai":[1,-2],"au":[1,18446744073709551615],"nd":[[1,2],[3,4],[5,6]],"none":[]}}
{"labels":["L"],"vars":{"bools":"[true]","holes":"[[],[]]","mixed":"[1,\"a\"]","objects":"[{\"a\": 1}]","ragged":"[[1],[2,3]]"}}
$ tape-find t.tape nd.len=6 --count
1

# beyond 64 bits: a note, once
$ printf '{"a":18446744073709551616}\n{"a":-9223372036854775809}\n' | tape-record t.tape --label big
! tape-record: note: line 1: integers beyond 64 bits, or beyond 2^53 among floating-point numbers, became doubles
$ tape-find t.tape big --keys a
SESSION:1 TIME big a=1.8446744073709552e+19
SESSION:2 TIME big a=-9.223372036854776e+18
$ printf '{"a":18446744073709551616}\n' | tape-record -q t.tape

# labels and times
$ cat >keys.jsonl <<'END'
> {"where":"a/b","t":"2026-11-22T10:11:12.123456789Z","x":1}
> {"where":["p/q","r"],"t":1234,"x":2}
> {"where":null,"t":null,"x":3}
> {"where":"","t":"2026-11-22T10:11:12+01:30","x":4}
> {"x":5,"m":{"where":"no"}}
> {"where":7}
> {"where":["a",1]}
> {"where":{"a":1}}
> {"t":"yesterday"}
> {"t":1.5}
> {"t":[1]}
> {"t":99999999999999999999}
> {"t":"2026-02-30T00:00:00Z"}
> {"t":"2300-01-01T00:00:00Z"}
> END
$ tape-record k.tape --label top --label-key where --time-key t keys.jsonl
! tape-record: keys.jsonl:6:10: labels are a string or an array of strings
! tape-record: keys.jsonl:7:15: a label must be a string
! tape-record: keys.jsonl:8:10: 'where' cannot be an object
! tape-record: keys.jsonl:9:6: a time is an integer (ns) or RFC 3339 text: 2026-11-22T10:11:12.5Z
! tape-record: keys.jsonl:10:6: a time is an integer (ns) or RFC 3339 text
! tape-record: keys.jsonl:11:6: a time is an integer (ns) or RFC 3339 text
! tape-record: keys.jsonl:12:6: the time is outside of the years 1678 to 2262
! tape-record: keys.jsonl:13:6: a time is an integer (ns) or RFC 3339 text: 2026-11-22T10:11:12.5Z
! tape-record: keys.jsonl:14:6: a time is an integer (ns) or RFC 3339 text: 2026-11-22T10:11:12.5Z
! tape-record: 9 lines were skipped, 5 became scopes
? 3
$ tape-find k.tape x=..2 --json
{"pos":"SESSION:1","time":"TIME","labels":["top","a","b"],"file":"keys.jsonl","line":0,"func":"","hash":"89041eba102e977f61faedb97300cb08","vars":{"x":1}}
{"pos":"SESSION:2","time":"TIME","labels":["top","p/q","r"],"file":"keys.jsonl","line":0,"func":"","hash":"ba6709b49ef250e7f5a2597139dde409","vars":{"x":2}}
$ tape-find k.tape x=3.. --keys _labels,x,m.where --json
{"labels":["top"],"vars":{"x":3}}
{"labels":["top"],"vars":{"x":4}}
{"labels":["top"],"vars":{"m.where":"no","x":5}}
$ tape-find k.tape x=4 --keys _time
TIME
$ printf '{"m":{"where":"deep/er"},"x":1}\n' | tape-record m.tape --label-key m.where
$ tape-find m.tape --json --keys _labels,x
{"labels":["deep","er"],"vars":{"x":1}}

# bad lines: reported, skipped, counted; what is good is there
$ cat >bad.jsonl <<'END'
> {"ok":1}
> {"a":1,"a":2}
> {"a":1
> [1,2]
>  17
> "text"
> {"a":1} {"b":2}
> {"a":1} 5
> {"a":tru}
> {"a":1}}
> nonsense
> {"":1}
> {"a":1e400}
> {"a":[1,1e400]}
> {"x.y":1,"x":{"y":2}}
> {"b":{"@blob":"f"}}
> {"a\u0000b":1}
> {'a':1}
> {"ok":2}
> END
$ tape-record bad.tape bad.jsonl
! tape-record: bad.jsonl:2:8: 'a' is given twice
! tape-record: bad.jsonl:3:7: the line ends before its object does
! tape-record: bad.jsonl:4:1: expected an object: {"name": value, ...}
! tape-record: bad.jsonl:5:2: expected an object: {"name": value, ...}
! tape-record: bad.jsonl:6:1: expected an object: {"name": value, ...}
! tape-record: bad.jsonl:7:9: one object a line
! tape-record: bad.jsonl:8:9: one object a line
! tape-record: bad.jsonl:9:8: not JSON: invalid string in json text
! tape-record: bad.jsonl:10:8: not JSON: unallowed token at this point in JSON text
! tape-record: bad.jsonl:11:1: not JSON: invalid string in json text
! tape-record: bad.jsonl:12:2: a name is empty
! tape-record: bad.jsonl:13:6: the number is larger than any double
! tape-record: bad.jsonl:14:9: the number is larger than any double
! tape-record: bad.jsonl:15:15: 'x.y' is given twice
! tape-record: bad.jsonl:16:7: "@blob" needs the option --blob-dir DIR
! tape-record: bad.jsonl:17:7: a name holds a NUL
! tape-record: bad.jsonl:18:2: not JSON: invalid char in json text
! tape-record: 17 lines were skipped, 2 became scopes
? 3
$ tape-find bad.tape --keys ok
SESSION:1 TIME - ok=1
SESSION:2 TIME - ok=2
$ tape-record --strict strict.tape bad.jsonl
! tape-record: bad.jsonl:2:8: 'a' is given twice
! tape-record: stopped; what came before that line is recorded
? 2
$ tape-find strict.tape --keys ok
SESSION:1 TIME - ok=1
$ cat > wide.jsonl <<END
> {"l":1,"k":1,"j":1,"i":1,"h":1,"g":1,"f":1,"e":1,"d":1,"c":1,"b":1,"b":1}
> {"m":1,"l":1,"k":1,"j":1,"i":1,"h":1,"g":1,"f":1,"e":1,"l":1,"c":1,"b":1,"b":1}
> {"n":1,"m":1,"l":1,"k":1,"j":1,"i":1,"h":1,"g":1,"f":1,"e":1,"d":1,"c":1,"b":1,"n":1}
> {"n":1,"m":1,"l":1,"k":1,"j":1,"i":1,"h":1,"g":1,"f":1,"e":1,"d":1,"c":1,"b":1,"a":1}
> END
$ tape-record wide.tape wide.jsonl
! tape-record: wide.jsonl:1:68: 'b' is given twice
! tape-record: wide.jsonl:2:56: 'l' is given twice
! tape-record: wide.jsonl:3:80: 'n' is given twice
! tape-record: 3 lines were skipped, 1 became scopes
? 3
$ printf '{"a":"\377"}\n{"a":1}' | tape-record utf.tape
! tape-record: stdin:1:7: not JSON: invalid bytes in UTF8 string
! tape-record: 1 line was skipped, 1 became scopes
? 3
$ tape-find utf.tape --keys a
SESSION:1 TIME - a=1
$ printf '\357\273\277{"a":1}\r\n' | tape-record bom.tape && tape-find bom.tape --keys a
SESSION:1 TIME - a=1
$ awk 'BEGIN { for (i = 0; i < 70; i++) printf "{\"a\":"; print 1; }' | tape-record deep.tape
! tape-record: stdin:1:321: more than 64 levels
! tape-record: 1 line was skipped, 0 became scopes
? 3
$ awk 'BEGIN { printf "{\"a\":"; for (i = 0; i < 70; i++) printf "["; print 1; }' | tape-record deep.tape
! tape-record: stdin:1:69: more than 64 levels
! tape-record: 1 line was skipped, 0 became scopes
? 3
$ awk 'BEGIN { printf "{\""; for (i = 0; i < 256; i++) printf "x"; print "\":1}"; }' | tape-record long.tape
! tape-record: stdin:1:2: a name has more than 255 bytes
! tape-record: 1 line was skipped, 0 became scopes
? 3
$ awk 'BEGIN { for (i = 0; i < 30; i++) print "x"; }' | tape-record many.tape 2>&1 | tail -3
tape-record: stdin:20:1: not JSON: invalid char in json text
tape-record: more bad lines follow; they are counted
tape-record: 30 lines were skipped, 0 became scopes
$ tape-find many.tape --count
0
? 1

# acknowledgements
$ for i in 1 2 3 4 5; do echo '{"i":'$i'}'; done >five.jsonl
$ tape-record ack.tape --ack five.jsonl
SESSION:1
SESSION:2
SESSION:3
SESSION:4
SESSION:5
$ tape-record ack.tape --ack --commit 2 <five.jsonl
SESSION:1
SESSION:2
SESSION:3
SESSION:4
SESSION:5
$ tape-record ack.tape --ack --commit 100 --sync commit <five.jsonl | wc -l
5
$ tape-find ack.tape --count
15
$ tape-record ack.tape --ack </dev/null
$ printf '\n\n' | tape-record ack.tape --ack
$ (echo '{"i":1}'; echo 'bad'; echo '{"i":2}') | tape-record ack.tape --ack
SESSION:1
SESSION:2
! tape-record: stdin:2:1: not JSON: invalid char in json text
! tape-record: 1 line was skipped, 2 became scopes
? 3
$ tape-record -v ack.tape five.jsonl
! tape-record: 5 scopes
$ tape-record ack.tape --sync often five.jsonl
! tape-record: --sync takes none, commit or milliseconds, not 'often'
!              'tape-record -h' shows how it is used
? 2
$ tape-record named.tape --name base five.jsonl && tape-info named.tape --json | grep -o '"name":"base"'
"name":"base"
$ tape-find named.tape _session=base --count
5

# standard input by name
$ printf '{"a":1}\n' | tape-record dash.tape - && tape-find dash.tape --count
1
$ printf '{"a":1}\n' | TAPE_DIR=dash.tape tape-record - && tape-find dash.tape --count
2
$ printf '{"a":1}\n' | tape-record --label '' dash.tape
! tape-record: --label needs a name that is not empty
!              'tape-record -h' shows how it is used
? 2
