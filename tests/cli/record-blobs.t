# {"@blob":NAME}: files beneath --blob-dir, and nothing else.
$ mkdir -p in/sub out && printf 'secret' >out/secret && ln -s ../out/secret in/link && ln -s ../out in/linkdir
$ printf '0123456789abcdef' >in/sixteen && awk 'BEGIN { for (i = 0; i < 1000; i++) printf "0123456789abcdef"; }' >in/sub/large
$ cat >good.jsonl <<'END'
> {"b":{"@blob":"sixteen"}}
> {"b":{"@blob":"sixteen","dtype":"f8"}}
> {"b":{"@blob":"sub/large","dtype":"i4","shape":[40,100]}}
> {"b":{"dtype":"u2","shape":[4000,2],"@blob":"sub/large","order":"F"},"x":{"c":{"@blob":"sixteen"}}}
> END
$ tape-record t.tape --blob-dir in good.jsonl
$ tape-find t.tape --keys b,x.c,_seq --json
{"seq":1,"vars":{"b":{"blob":"ccba8085a0434e9e0befb4873dbe58f8","size":16,"dtype":"bytes","shape":[16]}}}
{"seq":2,"vars":{"b":{"blob":"ccba8085a0434e9e0befb4873dbe58f8","size":16,"dtype":"f8","shape":[2]}}}
{"seq":3,"vars":{"b":{"blob":"8cf1e1713a4747bfae457d0a3898c224","size":16000,"dtype":"i4","shape":[40,100]}}}
{"seq":4,"vars":{"b":{"blob":"8cf1e1713a4747bfae457d0a3898c224","size":16000,"dtype":"u2","shape":[4000,2],"order":"F"},"x.c":{"blob":"ccba8085a0434e9e0befb4873dbe58f8","size":16,"dtype":"bytes","shape":[16]}}}
$ tape-find t.tape _seq=3 --cat=b | cmp - in/sub/large && echo the same bytes
the same bytes
$ tape-find t.tape _seq=1 --cat
0123456789abcdef
$ tape-find t.tape _blob=* --count
! tape-find: _blob=*
!                  ^ expected a hex digit
? 2
$ cat >bad.jsonl <<'END'
> {"b":{"@blob":"../out/secret"}}
> {"b":{"@blob":"sub/../../out/secret"}}
> {"b":{"@blob":"/etc/passwd"}}
> {"b":{"@blob":"link"}}
> {"b":{"@blob":"linkdir/secret"}}
> {"b":{"@blob":"missing"}}
> {"b":{"@blob":"sub"}}
> {"b":{"@blob":""}}
> {"b":{"@blob":7}}
> {"b":{"@blob":"sixteen","dtype":"f8","shape":[3]}}
> {"b":{"@blob":"sixteen","dtype":"q9"}}
> {"b":{"@blob":"sixteen","shape":[16]}}
> {"b":{"@blob":"sixteen","dtype":"f8","shape":[-1]}}
> {"b":{"@blob":"sixteen","dtype":"f8","shape":[4611686018427387904,4]}}
> {"b":{"@blob":"sixteen","colour":"red"}}
> {"@blob":"sixteen"}
> {"b":{"@blob":"a\u0000b"}}
> END
$ tape-record bad.tape --blob-dir in bad.jsonl
! tape-record: bad.jsonl:1:6: the blob '../out/secret' is not beneath --blob-dir
! tape-record: bad.jsonl:2:6: the blob 'sub/../../out/secret' is not beneath --blob-dir
! tape-record: bad.jsonl:3:6: the blob '/etc/passwd' is not beneath --blob-dir
! tape-record: bad.jsonl:4:6: the blob 'link' is, or is under, a symbolic link
! tape-record: bad.jsonl:5:6: the blob 'linkdir/secret' is, or is under, a symbolic link
! tape-record: bad.jsonl:6:6: the blob 'missing': No such file or directory
! tape-record: bad.jsonl:7:6: the blob 'sub' is no regular file
! tape-record: bad.jsonl:8:6: the blob '' is not beneath --blob-dir
! tape-record: bad.jsonl:9:7: "@blob" is the name of a file
! tape-record: bad.jsonl:10:6: the blob 'sixteen' has 16 bytes, which dtype and shape do not fit
! tape-record: bad.jsonl:11:25: "dtype" is one of NumPy's: "f8", "i4", ...
! tape-record: bad.jsonl:12:6: "shape" needs a "dtype"
! tape-record: bad.jsonl:13:38: "shape" holds a size below 0
! tape-record: bad.jsonl:14:6: the blob 'sixteen' has 16 bytes, which dtype and shape do not fit
! tape-record: bad.jsonl:15:25: beside "@blob" there may be dtype, shape and order (C or F)
! tape-record: bad.jsonl:16:2: a blob needs a name: {"NAME":{"@blob":...}}
! tape-record: bad.jsonl:17:7: "@blob" is the name of a file
! tape-record: 17 lines were skipped, 0 became scopes
? 3
$ tape-record bad.tape good.jsonl
! tape-record: good.jsonl:1:7: "@blob" needs the option --blob-dir DIR
! tape-record: good.jsonl:2:7: "@blob" needs the option --blob-dir DIR
! tape-record: good.jsonl:3:7: "@blob" needs the option --blob-dir DIR
! tape-record: good.jsonl:4:37: "@blob" needs the option --blob-dir DIR
! tape-record: 4 lines were skipped, 0 became scopes
? 3
$ tape-record bad.tape --blob-dir nowhere good.jsonl
! tape-record: --blob-dir nowhere: No such file or directory
? 2
$ tape-info bad.tape --json | grep -o '"scopes":[0-9]*' | head -1
"scopes":0
