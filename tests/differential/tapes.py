# SPDX-License-Identifier: Apache-2.0
"""Random tapes: JSON lines for tape-record, and raw segments with what JSON cannot say."""
import datetime, json, os, struct

import decoder, hash_vectors, tape_writer
from decoder import BLOB, BOOKMARK, CACHE, CACHE_DROP, CONTINUE, LINK, MARK, PROJECTION, SCOPE

NAMES = ['step', 'T', 'E', 'dt', 'phase', 'params.alpha', 'params.seed', 'grid.nx', 'p', 'flag', 'x',
         '\u03b1', '\u65e5\u672c', 'x y', '_odd', 'q"uote', 'a.b.c', 'a.b.d', 'tab\tname', 'N']
LABELS = ['init', 'iter', 'relax', 'relax-2', 'checkpoint', 'store.ts', 'run:17', 'd\u00e9bug', 'a b',
          'R*', 'not', 'or']
TEXTS = ['warmup', 'production', '', 'a b', '300', 'true', '\u00e4\u00f6\u00fc \u2603', 'q"\\', 'line\nbreak',
         '\x7f\x01', 'warm', 'x' * 63, 'y' * 64, 'z' * 65, 'long ' * 40, '\U0001f600']
INTS = [0, 1, -1, 2, 3, 10, 300, 301, 2**31, 2**53, 2**53 + 1, 2**63 - 1, -2**63, 2**63, 2**64 - 1]
FLOATS = [0.0, -0.0, 0.1, 0.3, 0.1 * 3, 1.0, -1.5, 300.0, 300.5, 1e-5, 1e16, 1e22, 5e-324,
          1.7976931348623157e308, 2.0**53, 123456789.123]


def integer(rng):
    return rng.choice(INTS) if rng.random() < 0.5 else rng.randrange(-20, 400)


def double(rng):
    kind = rng.random()
    if kind < 0.5:
        return rng.choice(FLOATS)
    if kind < 0.8:
        return round(rng.uniform(290, 310), rng.randrange(4))
    v = struct.unpack('<d', rng.randbytes(8))[0]
    return v if v - v == 0 else 0.5


# ---- JSON lines

def json_value(rng, depth=0):
    kind = rng.randrange(12)
    if kind < 3:
        return integer(rng)
    if kind < 6:
        return double(rng)
    if kind < 8:
        return rng.choice(TEXTS)
    if kind == 8:
        return rng.choice([True, False, None])
    if kind == 9:
        n = rng.choice([0, 1, 3, 9, 20])
        make = rng.choice([integer, double])
        return [make(rng) for _ in range(n)]
    if kind == 10:
        return [[double(rng) for _ in range(3)] for _ in range(2)]
    if depth > 2:
        return 'deep'
    return {rng.choice(['u', 'v', 'w w', '\u03b2']): json_value(rng, depth + 1) for _ in range(2)}


def json_line(rng, at):
    line = {'label': rng.choice(LABELS) if rng.random() < 0.5 else
            [rng.choice(LABELS) for _ in range(rng.randrange(1, 4))]}
    if rng.random() < 0.5:
        line['t'] = at
    for name in rng.sample(NAMES, rng.randrange(8)):
        line[name] = json_value(rng)
    return json.dumps(line, ensure_ascii=rng.random() < 0.3)


def json_lines(rng, count):
    """Lines, about a fifth of which repeat an earlier one."""
    lines, at = [], 1795342272123456789
    for _ in range(count):
        at += rng.choice([0, 1, 10**9, -10**6])
        repeat = lines and rng.random() < 0.2
        lines.append(rng.choice(lines) if repeat else json_line(rng, at))
    return '\n'.join(lines) + '\n'


# ---- raw segments

SCALARS = ['null', 'absent', 'bool', 'i64', 'u64', 'f64', 'f32', 'c16', 'c8']


def any_double(rng):
    special = rng.random() < 0.15
    return rng.choice([float('nan'), float('inf'), float('-inf')]) if special else double(rng)


def narrow(rng):
    while True:
        try:
            return struct.pack('<f', any_double(rng))
        except OverflowError:
            pass


def scalar_bytes(rng, kind):
    if kind in ('i64', 'u64'):
        low, high = (-2**63, 2**63) if kind == 'i64' else (0, 2**64)
        v = integer(rng)
        return struct.pack('<q' if kind == 'i64' else '<Q', v if low <= v < high else 7)
    if kind in ('f64', 'c16'):
        return b''.join(struct.pack('<d', any_double(rng)) for _ in range(1 if kind == 'f64' else 2))
    if kind in ('f32', 'c8'):
        return b''.join(narrow(rng) for _ in range(1 if kind == 'f32' else 2))
    return {'null': b'', 'absent': bytes([rng.randrange(1, 9)]), 'bool': bytes([rng.randrange(2)])}[kind]


class Shape:
    """A form, and how to make values for it."""

    def __init__(self, rng, number, labels, names):
        self.number, self.labels, self.vars = number, labels, []
        for name in sorted(names, key=str.encode):
            kind = rng.choice(SCALARS + ['i64', 'f64', 'f32', 'str', 'str', 'bytes', 'array', 'array'])
            store = rng.choice([0, 0, 0, 1, 2]) if kind in ('str', 'bytes', 'array') else 0
            enums = [(0, 'off'), (1, 'on'), (300, 'hot')] if kind == 'i64' and rng.random() < 0.3 else []
            self.vars.append((name, kind, store, rng.choice(['', 'K', 'g/L']), enums))
        self.site = (rng.choice(['a.c', 'src/solver.f90', '']), rng.choice(['main', '']), rng.randrange(99))

    def record(self):
        tags = [(n, hash_vectors.TAGS[k], s, u, e) for n, k, s, u, e in self.vars]
        return tape_writer.form(self.number, self.labels, tags, *self.site)

    def part(self, rng, number):
        other = Shape(rng, number, self.labels, [])
        other.vars = rng.sample(self.vars, rng.randrange(len(self.vars) + 1))
        other.vars.sort(key=lambda v: v[0].encode())
        return other

    def body(self, rng, blobs):
        """Bytes of a body; what must be stored elsewhere is added to blobs."""
        fixed, entries, tails = b'', b'', b''
        for name, kind, store, _, _ in self.vars:
            if kind in SCALARS:
                fixed += scalar_bytes(rng, kind)
                continue
            v = {'name': name, 'type': kind}
            if kind == 'array':
                dtype, width, _ = rng.choice(decoder.DTYPES[1:])
                dims = [rng.choice([0, 1, 2, 3, 5]) for _ in range(rng.randrange(1, 4))]
                order = 'F' if len(dims) > 1 and rng.random() < 0.4 else 'C'
                count = width
                for d in dims:
                    count *= d
                data = rng.randbytes(count) if dtype != 'b1' else bytes(rng.choices([0, 1], k=count))
                v.update(dtype=dtype, dims=dims, order=order)
            else:
                text = rng.choice(TEXTS).encode()
                data = text if kind == 'str' else rng.randbytes(rng.choice([0, 5, 64, 65, 100]))
            v['bytes'] = data.hex()
            entries += hash_vectors.entry_of(v)
            if len(data) > 64:
                tails += data if store == 0 else struct.pack('<IQ', *blobs(data)) if store == 1 else b''
        return fixed + entries + tails


def session_ids(rng, count):
    """The n-th of them one minute behind the one before."""
    start = datetime.datetime(2026, 11, 22, 10, 0, 12, 123456, datetime.timezone.utc)
    return [(int(start.timestamp() + 60 * n) * 10**6 + 123456, rng.getrandbits(32)) for n in range(count)]


def session_name(session):
    start = datetime.datetime.fromtimestamp(session[0] // 10**6, datetime.timezone.utc)
    return start.strftime('%Y%m%dT%H%M%S.') + '%06dZ-%08x' % (session[0] % 10**6, session[1])


def continues(rng, ids, seqs=(0, 1, 2, 5, 10, 20, 40, 2**63, 2**64 - 1)):
    """Positions to go on from: of sessions before it, behind it, itself, and such as are not there."""
    return [(*rng.choice(ids), rng.choice(seqs)) for _ in range(rng.choice([1, 1, 1, 2, 3]))]


class Session:
    """One session of random groups, in one or two segments."""

    def __init__(self, rng, directory, ids, number):
        self.rng, self.dir, self.known = rng, directory, {}
        self.id, self.name = ids[number], session_name(ids[number])
        may = rng.random() < 0.3
        self.notes = [('host', rng.choice(['node1', 'node2'])), ('boot_id', 'elsewhere'),
                      ('rank', str(rng.randrange(4))), ('name', rng.choice(['base', 'sweep']))]
        self.notes = [n for n in self.notes if rng.random() < 0.8]
        self.targets = {}  # seq -> its shape and kind
        segments = rng.randrange(1, 3)
        seq, goes_on = 1, []
        for n in range(segments):
            goes_on = goes_on + continues(rng, ids) if may and rng.random() < 0.7 else goes_on
            w = tape_writer.Writer(n, seq, self.notes, self.name, self.id, goes_on)
            shapes = self.shapes()
            for _ in range(rng.randrange(1, 12)):
                self.group(w, shapes)
            if n + 1 < segments or rng.random() < 0.7:
                w.end(1 if n + 1 == segments else 0)
            w.save(directory)
            seq = w.seq

    def shapes(self):
        """Those of earlier segments again, so that links reach them, and new ones."""
        rng, out = self.rng, list(self.known.values())
        for _ in range(rng.randrange(1, 6)):
            labels = [rng.choice(LABELS) for _ in range(rng.randrange(4))]
            if rng.random() < 0.1:
                labels.append(rng.choice(['_cache', '_tare']))
            shape = Shape(rng, len(self.known) + 1, labels, rng.sample(NAMES, rng.randrange(7)))
            self.known[shape.number] = shape
            part = shape.part(rng, len(self.known) + 1)
            self.known[part.number] = part
            part.whole = shape
            out += [shape, part]
        mark = Shape(rng, len(self.known) + 1, out[0].labels + ['_bookmark'], [])
        mark.vars = [('name', 'str', 0, '', [])]
        self.known[mark.number] = mark
        self.mark = mark
        self.defined = set()
        return out

    def group(self, w, shapes):
        rng = self.rng
        frames = rng.choice([1, 1, 1, 2, 3])
        for f in range(frames):
            blobs, records, seq = [], [], w.seq
            for _ in range(rng.randrange(1, 9)):
                records += self.records(w, rng.choice(shapes), seq, blobs)
                seq = w.seq + sum(r[4] in tape_writer.SEQUENCED for r in records)
            flags = (f == 0) | (f == frames - 1) << 1
            w.group(*records, flags=flags)
            for data in blobs:
                self.loose(data)

    def loose(self, data):
        name = decoder.hash128(data)
        os.makedirs(os.path.join(self.dir, 'blobs', name[:2]), exist_ok=True)
        with open(os.path.join(self.dir, 'blobs', name[:2], name[2:]), 'wb') as f:
            f.write(data)

    def records(self, w, shape, seq, blobs):
        rng, out = self.rng, []

        def store(data):
            blobs.append(data)
            return 0xffffffff, 0

        kind = rng.choice([SCOPE] * 6 + [LINK] * 2 + [PROJECTION] * 2 + [BOOKMARK, CACHE, CONTINUE, MARK, BLOB])
        targets = [s for s, (t, k) in self.targets.items() if t is shape]
        wholes = [s for s, (t, k) in self.targets.items()
                  if t is getattr(shape, 'whole', None) and k == SCOPE]
        if kind == LINK and targets:
            body = struct.pack('<Q', rng.choice(targets))
        elif kind == PROJECTION and wholes:
            body = struct.pack('<Q', rng.choice(wholes))
            self.targets[seq] = (shape, kind)
        elif kind == BOOKMARK:
            shape = self.mark
            body = struct.pack('<Q', 3) + b'end'
        elif kind in (CACHE, CONTINUE, MARK, BLOB):
            data = rng.randbytes(100)
            out = {CACHE: tape_writer.record(CACHE_DROP, bytes(16)),
                   CONTINUE: tape_writer.record(CONTINUE, struct.pack('<QQQ', *self.id, 1)),
                   MARK: tape_writer.record(MARK, struct.pack('<IIQ', w.number, 0, len(w.data))),
                   BLOB: tape_writer.record(BLOB, bytes.fromhex(decoder.hash128(data))
                                            + struct.pack('<Q', len(data)) + data)}
            return [out[kind]]
        else:
            kind, body = SCOPE, shape.body(rng, store)
            self.targets[seq] = (shape, kind)
        if shape.number not in self.defined:
            self.defined.add(shape.number)
            out.append(shape.record())
        return out + [tape_writer.timed(kind, shape.number, body, rng.randrange(-10**6, 10**12))]


def write_raw(rng, directory):
    count = rng.randrange(1, 4)
    ids = session_ids(rng, count + 1)
    for number in range(count):
        Session(rng, directory, ids, number)
