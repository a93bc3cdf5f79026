#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the first files of the corpora. What fuzzers find is added beside them by hand."""
import os
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

import decoder as d  # noqa: E402
import tape_writer as w  # noqa: E402


def save(target, name, data):
    path = os.path.join(HERE, "corpus", target, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())


FIXED = (("a", 3, 0, "", ((1, "one"), (-2, "two"))), ("b", 4, 0, "g/L", ()),
         ("c", 5, 0, "", ()), ("d", 6, 0, "", ()), ("e", 7, 0, "", ()), ("f", 8, 0, "", ()),
         ("g", 2, 0, "", ()), ("h", 1, 0, "", ()), ("i", 0, 0, "", ()))
fixed_form = w.form(1, ["run:1", "iter"], FIXED)
fixed_body = struct.pack("<qQdfddffBB", -5, 7, 1.5, 0.1, 1.0, -0.0, 2.0, 3.0, 1, 1)
VARIABLE = (("s", 16, 0, "", ()), ("t", 17, 0, "", ()), ("u", 18, 0, "m", ()),
            ("v", 18, 1, "", ()), ("w", 16, 2, "", ()))
variable_form = w.form(2, ["store"], VARIABLE)
long = bytes(range(72))
hash128 = bytes(range(16))


def array(size, dtype, order, dims, content):
    return struct.pack("<QBBBB", size, dtype, len(dims), order, 0) + \
        struct.pack(f"<{len(dims)}Q", *dims) + content


variable_body = struct.pack("<Q", 3) + b"abc" + struct.pack("<Q", 72) + hash128
variable_body += array(16, 12, 0, [2], struct.pack("<2d", 1, 2))
variable_body += array(96, 12, 1, [3, 4], hash128)
variable_body += struct.pack("<Q", 100) + hash128
variable_body += long + struct.pack("<IQ", 0x80000000, 64)

scope1, scope2 = w.timed(d.SCOPE, 1, fixed_body), w.timed(d.SCOPE, 2, variable_body, 9)
mark_form = w.form(3, ["run:1", "_bookmark"], (("name", 16, 0, "", ()),))
bookmark = w.timed(d.BOOKMARK, 3, struct.pack("<Q", 4) + b"here")
others = [w.timed(d.LINK, 1, struct.pack("<Q", 1)), w.timed(d.PROJECTION, 1, struct.pack("<Q", 1)),
          w.record(d.BLOB, hash128 + struct.pack("<Q", 5) + b"bytes"),
          w.record(d.CACHE, hash128 + struct.pack("<Q", 1)), w.record(d.CACHE_DROP, hash128),
          w.record(d.CONTINUE, struct.pack("<QQQ", 1, 2, 3)),
          w.record(d.MARK, struct.pack("<IIQ", 0, 0, 64)), w.note("user.k", "v"),
          w.record(d.PAD, bytes(8)), w.record(200, b"later")]

segment = w.Writer(notes=[("host", "h"), ("pid", "1")])
segment.group(fixed_form, scope1)
segment.group(variable_form, scope2, flags=1)
segment.group(mark_form, bookmark, flags=2)
segment.group(*others)
whole = bytes(segment.data)
segment.end()
save("segment", "file-closed", b"0" + segment.data)
save("segment", "file-torn", b"0" + whole[:-20])
save("segment", "file-zero-tail", b"0" + whole + bytes(100))
save("segment", "file-flipped", b"0" + whole[:300] + bytes([whole[300] ^ 1]) + whole[301:])
save("segment", "file-of-zeros", b"0" + bytes(200))
save("segment", "payload-fixed", b"1" + fixed_form + scope1)
save("segment", "payload-variable", b"1" + variable_form + scope2)
save("segment", "payload-bookmark", b"1" + mark_form + bookmark)
save("segment", "payload-others", b"1" + b"".join(others))
save("segment", "payload-unknown-kind", b"1" + scope1 + w.record(99, b"x"))


def frame(kind, flags, payload):
    return struct.pack("<BBHH", kind, flags, 0xFFFF, len(payload)) + payload


save("segment", "frames", b"2" + frame(1, 3, fixed_form + scope1) + frame(1, 1, variable_form) +
     frame(1, 2, scope2) + frame(3, 3, struct.pack("<QQQII", 4, 2, 3, 1, 0)))
save("segment", "frames-group-without-end", b"2" + frame(1, 1, fixed_form) + frame(1, 3, scope1) +
     frame(7, 3, b"") + frame(2, 0, b"x" * 16) + b"garbage")

save("conf", "all", """# all settings
[tape]
sync = commit
commit = auto
commit_scopes = 100
commit_bytes = 64K
commit_ms = 500
blobs = at-commit
blob_budget = 256M
blob_store = log
dedup = off
inline_max = 4K
embed_max = 64K

[rule quiet]
label = ^debug
record = off
""")
save("conf", "mistakes", "[tape\nsync = sometimes\n= 3\nnonsense\n[tape]\nsync = 99999999999\nx=1\n")
save("conf", "crlf-and-comments", "; c\r\n[tape]\r\n  sync = 10 # ten\r\n\r\n[tape]\r\ncommit=manual")
save("conf", "no-newline", "[tape]\ninline_max=1G")
save("conf", "not-text", bytes(range(256)))

for name, text in {
    "point": "# two\npoint { x: float, y: float, label?: str, }\nempty {}\n",
    "types": "all{a:any,b:bool,c:int,d:float,e:number,f:complex,g:str,h:bytes,i:text,j:array,k:i64,"
             "l:u64,m:f64,n:f32,o:c16,p:c8}",
    "arrays": "a { u: f8[*,3], v: float[], w: any[2], x: b1[0], y: float64[1,2,3,4,5,6,7,8], z: c16[ 3 , * ] }",
    "groups": "s {\n p { alpha: float, q? { r: int } }, # c\n \"odd \\\" name\".t?: u64\n}",
    "group": "{a:int}",
    "mistakes": "a { x int }", "open": "a { x: int, b { c: f8[3", "twice": "a { x: int, x: int }",
    "depth": "a" + "{b" * 70, "long": "a {" + "x" * 300 + ": int}", "extent": "a{x:i4[18446744073709551616]}",
    "bom": "\ufeffa{}", "not-text": bytes(range(256)), "nul": b"a { \"\0\": int }", "latin1": b"a { \xe9: int }",
}.items():
    save("partials", name, text)

for name, text in {
    "labels": "iter run:* \"quoted label\" /^re+gex$/i",
    "ranges": "T=300..400 E=..-1.5 step=1000..",
    "tolerance": "T=310+-1% x=0.1+-1e-9",
    "lists": "phase=warmup,production n=1,2,5..9",
    "operators": "a<1 b<=2 c>3 d>=4 e!=5 name~^k.*$",
    "boolean": "(a=1 or not (b=2 c=3)) or not not /x/",
    "fields": "_has=T _time=2026-11 _pos=20261122T101112.123456Z-0a1b2c3d:1.. _seq=1..9 "
              "_session=last-1 _run=a _rank=0 _host=h _hash=9f3a _blob=9f _link=true _func=main "
              "_file=a.c _line=1..9",
    "time": "_time=2026-11-22T10:11:12.5Z..-2h",
    "bookmarks": "@a @a#2 @\"two words\"#3+7 @a.. ..@b @a#1..@b#2 (@x.y..@z) _mark=a,b* _mark~^a "
                 "@a..b @ @# @a+ @a#99999999999999999999",
    "partials": "{a:int, \"b c\"?:f8[*,3], d?{e:str}} or not {f:any[]} is=g {h:i64 is=\"i\" {",
    "segments": "params.\"a b\".*.c=1 \"_name\"=2",
    "numbers": "u=18446744073709551615 i=-9223372036854775808 x=nan,inf,-inf,1e-300 b=true",
    "mistakes": "a= =b ( ) .. ~ \"open /re",
    "depth": "(" * 300 + "a" + ")" * 300,
    "utf8": "größe=1..2 名前=\"値\"",
}.items():
    save("query", name, text)

save("manifest", "whole", """{"session":"20261122T101112.123456Z-0a1b2c3d","format":1,"pid":42,"argv":["a","-b"],"git_dirty":true}
{"note":"mesh","value":"fine \\u00e9 \\ud83d\\ude00","time":"2026-11-22T10:11:12Z"}
{"closed":"2026-11-22T10:11:13Z","scopes":7,"lost":0}
""")
save("manifest", "nested", '{"a":{"b":[1,{"c":2}]},"l":[[1],2,null,true]}\n{}\n[]\n')
save("manifest", "torn", '{"a":1}\n{"b":"x')
save("manifest", "bad", '{"a":\n"x"\n{"a":1}}\n{"a":"\xff"}\n'.encode("latin-1"))
