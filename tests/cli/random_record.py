#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random JSON lines through tape-record and back through tape-find.

    random_record.py TAPE_RECORD TAPE_FIND [LINES [SEED]]

Each good line must come back as the flattening in Python says, and each line
that was spoilt must be reported or skipped without a trace on the good ones.
Prints the seed; give it back to see the same lines.
"""
import json
import os
import random
import subprocess
import sys
import tempfile

WORDS = ["T", "x", "step", "é", "a b", "q\"q", "\\", "日本", "p", "v0", "\U0001f600", "tab\t"]
I64, U64 = 1 << 63, 1 << 64


def number(r):
    kind = r.randrange(6)
    if kind == 0:
        return r.randrange(-10, 1000)
    if kind == 1:
        return r.randrange(-I64, U64)
    if kind == 2:
        return r.choice([I64 - 1, I64, U64 - 1, U64, -I64, -I64 - 1, 10**25, 0, 1 << 53, (1 << 53) + 1])
    if kind == 3:
        return r.uniform(-1, 1) * 10.0 ** r.randrange(-300, 300)
    return r.choice([0.0, -0.0, 1.0, 0.1, 1e22, 1e23, 5e-324, 1.7976931348623157e308,
                     round(r.uniform(-100, 100), r.randrange(10))])


def array(r):
    kind = r.randrange(5)
    n = r.randrange(6)
    if kind == 0:
        return [r.randrange(-5, 99) for _ in range(n)]
    if kind == 1:
        return [number(r) for _ in range(n)]
    if kind == 2:
        rows, columns = r.randrange(1, 4), r.randrange(1, 4)
        return [[r.randrange(100) for _ in range(columns)] for _ in range(rows)]
    if kind == 3:
        return [value(r, 3) for _ in range(n)]
    return [r.random() for _ in range(r.choice([3, 100, 700]))]


def value(r, depth):
    kind = r.randrange(8 if depth < 3 else 6)
    if kind <= 2:
        return number(r)
    if kind == 3:
        return r.choice([True, False, None])
    if kind == 4:
        return "".join(r.choice("ab \n\t\"\\é\u0001\x7f😀/") for _ in range(r.randrange(90)))
    if kind == 5:
        return array(r) if depth < 3 else 7
    return {name: value(r, depth + 1) for name in r.sample(WORDS, r.randrange(4))}


def shape_of(v):
    """Dimensions of nested lists of numbers, None if they are not rectangular."""
    if isinstance(v, bool) or not isinstance(v, (int, float, list)):
        return None
    if not isinstance(v, list):
        return ()
    inner = {shape_of(x) for x in v}
    if not v or len(inner) != 1 or None in inner:
        return None
    return (len(v),) + inner.pop()


def leaves(v):
    return [x for row in v for x in leaves(row)] if isinstance(v, list) else [v]


def converted(v, kind):
    return [converted(x, kind) for x in v] if isinstance(v, list) else kind(v)


def recorded(v, text):
    """What tape-find prints for a value that was written as `text`."""
    if isinstance(v, list):
        if v == []:
            return []
        if shape_of(v) is None or len(shape_of(v)) > 8:
            return text
        all_of_it = leaves(v)
        integers = not any(isinstance(x, float) for x in all_of_it)
        fits = all(-I64 <= x < I64 for x in all_of_it) or all(0 <= x < U64 for x in all_of_it)
        return v if integers and fits else converted(v, float)
    if isinstance(v, int) and not isinstance(v, bool) and not -I64 <= v < U64:
        return float(v)
    return v


def flatten(v, prefix, out, dumps):
    for name, x in v.items():
        full = prefix + name
        if isinstance(x, dict):
            flatten(x, full + ".", out, dumps)
        else:
            out[full] = recorded(x, dumps(x))


def poses_as_another(text, n):
    """A digit more or less, and a good line has the number of another line."""
    try:
        line = json.loads(text)
    except ValueError:
        return False
    return isinstance(line, dict) and line.get("n", n) != n


def spoil(r, text, n):
    """`text` with a fault, but never one that makes it line 2409 where it was line 249."""
    while True:
        bad = spoil_once(r, text)
        if not poses_as_another(bad, n):
            return bad


def spoil_once(r, text):
    at = r.randrange(len(text))
    kind = r.randrange(4)
    if kind == 0:
        return text[:at]
    if kind == 1:
        return text[:at] + r.choice("{}[],:\"x0\\") + text[at:]
    if kind == 2:
        return text[:at] + text[at + 1:]
    return "".join(chr(r.randrange(1, 256)) for _ in range(r.randrange(1, 40))).replace("\n", " ")


def same(a, b):
    """Equal, and of the same types: 1 is not 1.0, -0.0 is not 0.0."""
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)


def is_blob(v):
    """Long values are kept as blobs and shown as such; their bytes are compared elsewhere."""
    return isinstance(v, dict) and "blob" in v


def main():
    record, find = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 3000
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else random.randrange(1 << 32)
    r = random.Random(seed)
    print("seed", seed)
    good, spoilt, lines = {}, 0, []
    for n in range(count):
        ascii_only = r.random() < 0.5

        def dumps(v):
            return json.dumps(v, ensure_ascii=ascii_only)

        top = {"n": n}
        top.update({name: value(r, 0) for name in r.sample(WORDS, r.randrange(len(WORDS)))})
        text = dumps(top)
        if r.random() < 0.1:
            lines.append(spoil(r, text, n))
            spoilt += 1
            continue
        flat = {}
        flatten(top, "", flat, dumps)
        good[n] = flat
        lines.append(text)
    with tempfile.TemporaryDirectory(prefix="tape-random-") as directory:
        path = os.path.join(directory, "in.jsonl")
        with open(path, "w", encoding="utf-8", errors="surrogatepass") as out:
            out.write("\n".join(lines) + "\n")
        tape = os.path.join(directory, "t.tape")
        done = subprocess.run([record, tape, path, "--label", "r"], capture_output=True)
        assert done.returncode in (0, 3), (done.returncode, done.stderr[-2000:])
        done = subprocess.run([find, tape, "-o", "jsonl"], capture_output=True)
        assert done.returncode == 0, (done.returncode, done.stderr[-2000:])
    seen = {}
    for line in done.stdout.decode("utf-8").splitlines():
        seen.setdefault(json.loads(line)["vars"].get("n"), json.loads(line)["vars"])
    wrong = 0
    for n, flat in good.items():
        have = seen.get(n, {})
        for name in flat.keys() | have.keys():
            a, b = flat.get(name, "missing"), have.get(name, "missing")
            if is_blob(b) or same(a, b):
                continue
            wrong += 1
            if wrong < 10:
                print("line %d, %r: sent %r, found %r" % (n, name, a, b))
    print("%d good lines, %d spoilt, %d values wrong" % (len(good), spoilt, wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
