#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An independent reader of raw tapes, written from docs/format alone.
    decoder.py [--all] [--superseded] TAPE     the JSON lines of `tape-find TAPE -o jsonl`
Exit: 0 scopes were shown, 1 none, 2 too new, 3 damage was met, 5 no tape there."""
import base64, contextlib, ctypes, datetime, functools, json, math, operator, pathlib, re, socket
import struct, sys
from collections import namedtuple
from itertools import accumulate, chain, product

PAD, FORM, SCOPE, LINK, PROJECTION, BLOB = range(6)
BOOKMARK, CACHE, CACHE_DROP, CONTINUE, MARK, NOTE = range(6, 12)
SEQUENCED = (SCOPE, LINK, PROJECTION, BOOKMARK)
FIELDS = {LINK: 'Q', PROJECTION: 'Q', CACHE: '16sQ', CACHE_DROP: '16s', CONTINUE: '3Q', MARK: 'IIQ'}
LIBRARY, EPOCH = {'_bookmark', '_tare', '_cache', '_files'}, datetime.datetime(1970, 1, 1)
Var = namedtuple('Var', 'name tag store unit enums')
Array = namedtuple('Array', 'dtype dims order data')
Blob = namedtuple('Blob', 'dtype dims order data hash size store hint')
Frame = namedtuple('Frame', 'sync kind flags contents size seq scopes records base at payload head')
Record = namedtuple('Record', 'seq kind form time segment pos end target')

class Bad(Exception):
    """Bytes that break the format: the text says how."""
F32, C8, Absent = [type(of.__name__, (of,), {}) for of in (float, complex, str)]
BROKEN = (Bad, UnicodeDecodeError, IndexError)  # the last one: a bool that is neither 0 nor 1
def need(good, what):
    if not good:
        raise Bad(what)

class Hash128(ctypes.Structure):
    _fields_ = [('low', ctypes.c_uint64), ('high', ctypes.c_uint64)]
XXH = ctypes.CDLL('libxxhash.so.0')
XXH.XXH3_128bits.restype, XXH.XXH3_64bits_withSeed.restype = Hash128, ctypes.c_uint64
def hash128(data):
    h = XXH.XXH3_128bits(data, ctypes.c_size_t(len(data)))
    return '%016x%016x' % (h.high, h.low)
def hash64(data, seed=0):
    return XXH.XXH3_64bits_withSeed(data, ctypes.c_size_t(len(data)), ctypes.c_uint64(seed))
def prefixed(s):
    return struct.pack('<H', len(s.encode())) + s.encode()
REASON = ['', 'lost', 'optimized-out', 'unreadable', 'wild-pointer', 'not-selected', 'too-large']
DTYPES = [(n, int(n[1:]), c) for n, c in zip(
    'x0 b1 i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8 c8 c16'.split(), 'x?bhiqBHIQefdfd')]
FIXED = {0: lambda b: None, 2: lambda b: (False, True)[b('B')], 3: lambda b: b('q'),
         1: lambda b: Absent(dict(enumerate(REASON)).get(n := b('B')) or 'reason-%d' % n),
         4: lambda b: b('Q'), 5: lambda b: b('d'), 6: lambda b: F32(b('f')),
         7: lambda b: complex(*b('dd')), 8: lambda b: C8(*b('ff'))}
VARIABLE = {16: lambda v: v.data.decode(), 17: lambda v: v.data, 18: lambda v: Array(*v[:4])}

class Bytes:
    """Takes fields off a piece of memory, never past its end."""
    def __init__(self, data, pos, end):
        self.data, self.pos, self.end = data, pos, end
    def take(self, n):
        need(n <= self.end - self.pos, 'a length beyond the end of its record')
        self.pos += n
        return self.data[self.pos - n:self.pos]
    def __call__(self, fmt):
        values = struct.unpack('<' + fmt, self.take(struct.calcsize('<' + fmt)))
        return values[0] if len(values) == 1 else values
    def text(self, least=1, most=255):
        need(least <= (n := self('H')) <= most, 'a text that is too long or too short')
        return self.take(n).decode()
    def done(self):
        need(self.pos == self.end, 'a record that does not end where its contents end')

class Form:
    """One (site, label path, shape), and how its bodies are read."""
    def __init__(self, b):
        self.same = b.data[b.pos:b.end]
        self.line, self.file, self.func = b('I'), b.text(0, 1023), b.text(0, 1023)
        self.path, self.vars = [b.text() for _ in range(b('H'))], []
        for _ in range(b('I')):
            tag, store, _index = b('BBH')
            self.vars.append(Var(b.text(), tag, store, b.text(0),
                                 [(b('q'), b.text()) for _ in range(b('H'))]))
        b.done()
        names = [v.name for v in self.vars]
        need(len(self.path) <= 64 and '\0' not in ''.join(self.path + names), 'wrong texts')
        need(names == sorted(set(names), key=str.encode), 'names out of order')
        need(not any(v.store and v.tag in FIXED for v in self.vars), 'a wrong store')
        self.too_new = any(v.tag not in {**FIXED, **VARIABLE} or v.store > 2 for v in self.vars)
        self.canonical = sorted(self.vars, key=lambda v: v.tag >= 16)  # stable: name order stays
        head = struct.pack('<I', len(self.path)) + b''.join(map(prefixed, self.path))
        names = [prefixed(v.name) + bytes([v.tag]) for v in self.canonical]
        self.head16 = bytes.fromhex(hash128(head + struct.pack('<I', len(names)) + b''.join(names)))
        self.site = {'labels': self.path, 'file': self.file, 'line': self.line, 'func': self.func}
    def decode(self, data, pos, end):
        """-> the values and the entries of the canonical part, by name"""
        b, values, entries = Bytes(data, pos, end), {}, {}
        for v in self.canonical:
            at = b.pos
            values[v.name] = FIXED[v.tag](b) if v.tag in FIXED else entry(b, v)
            entries[v.name] = data[at:b.pos]
        for v in [v for v in self.canonical if v.tag in VARIABLE]:
            e = values[v.name]
            if e.data is None and v.store == 0:
                e = e._replace(data=b.take(e.size))
                need(hash128(e.data) == e.hash, 'a value that does not match its hash')
            elif e.data is None and v.store == 1:
                e = e._replace(hint=b('IQ'))
            values[v.name] = e if v.store else VARIABLE[v.tag](e)
        b.done()
        return values, entries
def entry(b, v):
    """A variable-width entry of the canonical part; without data where only the hash is there."""
    dims, dtype, order = (size := b('Q'),), 'str' if v.tag == 16 else 'bytes', 0
    if v.tag == 18:
        code, ndim, order, reserved = b('4B')
        need(1 <= code < len(DTYPES) and 1 <= ndim <= 8 and not reserved, 'an unknown array')
        need(order <= (ndim > 1), 'an array with an unknown order')
        dims, (dtype, width, _) = struct.unpack('<%dQ' % ndim, b.take(8 * ndim)), DTYPES[code]
        want = math.prod(d or 1 for d in dims) * width
        need(want < 2**63 if all(dims) else want <= 2**20, 'an array that is too large')
        need(size == (want if all(dims) else 0), 'an array whose length does not fit its dims')
    content = b.take(size if size <= 64 else 16)
    digest, content = (content.hex(), None) if size > 64 else (hash128(content), content)
    return Blob(dtype, dims, order, content, digest, size, v.store, None)
encode = json.JSONEncoder(ensure_ascii=False, separators=(',', ':')).encode
def double(v):
    return v if math.isfinite(v) else 'NaN' if v != v else '-Infinity' if v < 0 else 'Infinity'
def narrow(v, code='<f'):
    """The shortest that reads back: above a power of two that may be the next decimal up."""
    for digits, up in product(range(9 if math.isfinite(v) else 0), (0, 1)):
        mantissa, e = ('%.*e' % (digits, abs(v))).split('e')
        w = float('%de%d' % (int(mantissa.replace('.', '')) + up, int(e) - digits))
        with contextlib.suppress(OverflowError):
            if struct.unpack(code, struct.pack(code, w))[0] == abs(v):
                return math.copysign(w, v)
    return double(float(v))
def array(a):
    code = {name: code for name, _, code in DTYPES}[a.dtype]
    each = {'?': bool, 'e': lambda v: narrow(v, '<e'), 'f': narrow, 'd': double}.get(code, int)
    flat = [each(v) for v, in struct.iter_unpack('<' + code, a.data)]
    flat = list(zip(flat[::2], flat[1::2])) if a.dtype[0] == 'c' else flat
    steps = list(accumulate(a.dims[:-1] if a.order else a.dims[:0:-1], operator.mul, initial=1))
    def nest(at, dims, steps):
        return [nest(at + i * steps[0], dims[1:], steps[1:])
                for i in range(dims[0])] if dims else flat[at]
    return nest(0, a.dims, steps if a.order else steps[::-1])
def blob(v):
    order, stored = {'order': 'F'} if v.order else {}, {'stored': False} if v.store == 2 else {}
    return {'blob': v.hash, 'size': v.size, 'dtype': v.dtype, 'shape': v.dims, **order, **stored}
PLAIN = {float: double, F32: narrow, complex: lambda v: [double(v.real), double(v.imag)],
         C8: lambda v: [narrow(v.real), narrow(v.imag)], Absent: lambda v: {'absent': v},
         bytes: lambda v: {'bytes': base64.b64encode(v).decode()}, Array: array, Blob: blob,
         dict: lambda d: {k: PLAIN[type(v)](v) if type(v) in PLAIN else v for k, v in d.items()}}
def text(v):
    return encode(PLAIN[type(v)](v) if type(v) in PLAIN else v).replace('\x7f', '\\u007f')
def line(s):
    """A scope as `tape-find -o jsonl` prints it."""
    second = EPOCH + datetime.timedelta(seconds=s['time'] // 10**9)
    shown = {k: v for k, v in s.items() if k not in ('form', 'session', 'seq')}
    return text({**shown, 'time': '%s.%09dZ' % (second.isoformat(), s['time'] % 10**9)})

class Segment:
    """One .log file: segment.md. What is wrong in a group that never is complete means nothing."""
    def __init__(self, session, number, file):
        self.session, self.number, self.file, self.data = session, number, file, read(file)
        self.frames, self.forms, self.damaged = [], {}, False
        self.begin = self.closed = self.says = None  # says: where the session goes on from
        if len(self.data) < 64 or not self.data.strip(b'\0'):
            return  # its writer has just begun, or died there
        magic, version, flags, _, kind, where, check = struct.unpack_from('<8s4I32sQ', self.data)
        self.seed, self.sync = hash64(where), struct.pack('<Q', hash64(where, 1))
        here = session.tape.id + struct.pack('<QII', *session.id, number)
        fine = magic == b'\x8aTSEG\r\n\x1a' and hash64(self.data[:56]) == check
        if self.check(fine, 0, 'a damaged header') and self.check(
                version == 1 and not flags, 0, 'too new') and self.check(
                where == here and not kind, 0, 'misplaced'):
            self.groups()
    def check(self, good, offset, what):
        if not good:
            self.damaged = self.session.tape.reports['damage', self.file, offset, what] = True
        return good
    def frame(self, off):
        """The header of the frame at off if it verifies, else None."""
        if self.data[off:off + 8] == self.sync and off + 64 <= len(self.data):
            f = Frame._make(struct.unpack_from('<8sBBHIQIIqQQQ', self.data, off))
            good = f.head == hash64(self.data[off:off + 56], self.seed)
            return f if good and f.at == off and f.size <= 64 << 20 else None
    def headers(self):
        """Yields all frames that are there: header, is the payload whole? (None, False): damage"""
        off, size = 64, len(self.data)
        while off < size and self.closed is None:
            f, to = self.frame(off), off + 64
            if f and f.size <= size - to:
                off = to + f.size
                yield f, hash64(self.data[to:off], self.seed) == f.payload
            elif f or size < to or not self.data[off:].strip(b'\0'):
                off = size  # the tail of a write
            else:
                self.check(False, off, 'a frame header does not verify')
                yield None, False
                found = re.compile(re.escape(self.sync)).finditer(self.data, off + 1)
                off = next((m.start() for m in found if self.frame(m.start())), size)
    def groups(self):
        """A group is read when it is known to be complete."""
        group, hurt, hole = [], False, False  # hole: seqs may be missing before the next frame
        for f, whole in self.headers():
            if f is None:
                hurt = hole = True
                continue
            begins = f.kind == 3 or f.flags & 1 == 1
            self.begin = f.seq if self.begin is None and f.scopes else self.begin
            lacks = begins == bool(group) and not hurt
            self.check(not lacks, f.at, 'without its %s frame' % ('last' if begins else 'first'))
            if begins and group and not lacks:
                self.read(group)
            group, hurt = ([], False) if begins else (group, hurt)
            group.append((f, whole, hole or lacks or not whole))
            hurt, hole = hurt or not whole, False
            if f.kind == 3 or f.flags & 2:
                self.read(group)
                group, hurt = [], False
    def read(self, group):
        for f, whole, hole in group:
            self.check(whole, f.at, 'the payload of a frame does not verify')
            if whole and f.kind == 3:
                return self.end(f, self.data[f.at + 64:])
            records = self.records(f) if whole and f.kind in (1, 2) else None
            self.check(records is not None or not whole, f.at, 'too new: a frame or record')
            self.frames.append((f, records or [], hole or records is None))
            if f.at == 64 and f.kind == 1 and f.flags & 3 == 3 and whole:
                to = [r.target for r in records or [] if r.kind == CONTINUE and f.contents & 32]
                self.says = {p[:2]: p[2] for p in to if p[:2] != self.session.id}
    def end(self, f, payload):
        self.closed = payload[24:28] == b'\1\0\0\0'
        read = struct.pack('<QQ', sum(x.scopes for x, _, _ in self.frames), len(self.frames))
        self.check(f.size == 32 and (self.damaged or payload[8:24] == read), f.at, 'wrong counts')
        self.check(len(payload) == f.size, f.at + 64 + f.size, 'bytes after the end frame')
    def records(self, f):
        """The records of a frame; None if a later version made it."""
        out, seq, pos, end = [], f.seq, f.at + 64, f.at + 64 + f.size
        forms = dict(self.forms) if f.contents & 1 else self.forms
        while pos < end:
            size, word = struct.unpack_from('<II', self.data, pos) if end - pos >= 8 else (0, 0)
            kind, b = word & 255, Bytes(self.data, pos + 8, pos + size)
            if NOTE < kind < 128 or f.kind == 2 and kind not in (PAD, BLOB):
                return None
            if not self.check(8 <= size <= end - pos, pos, 'records that do not fill their frame'):
                break
            try:
                out.append(self.record(f, seq, kind, word >> 8, b, forms))
            except BROKEN as e:
                self.check(False, pos, str(e))
            seq, pos = seq + (kind in SEQUENCED), pos + size
        self.forms = forms
        return out
    def record(self, f, seq, kind, number, b, forms):
        time = f.base + b('q') if kind in SEQUENCED else 0
        at, fields = b.pos, b(FIELDS[kind]) if kind in FIELDS else None
        if kind == FORM:
            form = Form(b)
            need(number and forms.setdefault(number, form).same == form.same, 'defined twice')
        elif kind == BLOB:
            name, size = b('16sQ')
            need(hash128(b.take(size)) == name.hex(), 'a blob that does not match its name')
        elif kind == NOTE:
            self.session.notes.setdefault(b.text(), b.take(b('I')).decode())
        if kind in (BLOB, NOTE, *FIELDS):
            b.done()
        form, time = forms.get(number), max(min(time, 2**63 - 1), -2**63)
        need(kind not in SEQUENCED or form and not form.too_new, 'form unknown, or too new')
        return Record(seq, kind, form, time, self, at, b.end, fields)

class Session:
    def __init__(self, tape, path):
        self.tape, self.path, self.name, self.id = tape, path, path.name, session_id(path)
        self.notes, self.mark, self.by_seq, self.read = {}, (0, 0), {}, functools.lru_cache(2)(read)
        logs = {int(p.stem): p for p in inside(path) if re.fullmatch('[0-9]{6,}[.]log', p.name)}
        self.segments = [Segment(self, n, p) for n, p in sorted(logs.items()) if p.is_file()]
        self.says = ([s.says for s in self.segments if s.says is not None] or [{}])[-1]
        self.killed = self.is_killed()
        self.gather()
    def is_killed(self):
        note, proc = self.notes.get, pathlib.Path('/proc')
        stat = read(proc / str(note('pid')) / 'stat').rpartition(b')')[2].decode().split()
        same = note('boot_id') == read(proc / 'sys/kernel/random/boot_id').decode().strip()
        alive = [note('pid_start')] == stat[19:20] if same else note('host') != socket.gethostname()
        return not alive and not (self.segments and self.segments[-1].closed)
    def gather(self):
        """Cuts what a later segment wrote again; says what is torn or missing."""
        limit, expected, hole, last = 1 << 63, 1, False, None
        for s in reversed(self.segments):
            s.limit, limit = limit, limit if s.begin is None else min(limit, s.begin)
        for s in self.segments:
            if last and s.number != last.number + 1:
                self.report('damage', s, 0, 'the segment before it is missing')
                hole = True
            for f, records, damaged in s.frames:
                if f.seq < expected or f.seq > expected and not (hole or damaged):
                    self.report('damage', s, f.at, 'seq %d follows %d' % (f.seq, expected - 1))
                self.mark = max([self.mark] + [r.target[::2] for r in records if r.kind == MARK])
                self.by_seq.update((r.seq, r) for r in records if r.kind in SEQUENCED
                                   and expected <= r.seq < s.limit)
                expected, hole = max(expected, min(f.seq + f.scopes, s.limit)), False
            hole |= s.damaged and s.closed is None
            expected, last = min(expected, s.limit), s
        if last and self.killed:
            self.report('note', s, len(s.data), 'the session was killed')
    def report(self, kind, segment, offset, what):
        self.tape.reports[kind, segment.file, offset, what] = True
    def loss(self, r):
        """Beyond what is known to be on disk when its owner died, a loss is no damage."""
        return 'note' if self.killed and (r.segment.number, r.end) > self.mark else 'damage'
    def fits(self, r, t):
        mine, theirs = ({v[:2] for v in form.vars} for form in (r.form, t.form))
        return r.form.path == t.form.path and (mine == theirs if r.kind == LINK else mine <= theirs)
    def resolve(self, r):
        """-> values by name, content hash"""
        t, kinds = r, (SCOPE, BOOKMARK, PROJECTION) if r.kind == LINK else (SCOPE,)
        if r.kind in (LINK, PROJECTION):
            t, link = self.by_seq.get(r.target), r.kind == LINK
            if not (t and t.kind in kinds and (not link or t.seq < r.seq) and self.fits(r, t)):
                kind = 'damage' if t or link and not 0 < r.target < r.seq else self.loss(r)
                self.report(kind, r.segment, r.pos - 16, 'the target of a link is lost')
                return {v.name: Absent('lost') for v in r.form.vars}, '0' * 32
        if r.kind == LINK:
            return self.resolve(t)
        values, entries = t.form.decode(t.segment.data, t.pos, t.end)
        canon = b''.join([entries[v.name] for v in r.form.canonical])
        return {v.name: values[v.name] for v in r.form.vars}, hash128(r.form.head16 + canon)
    def scopes(self, all, upto):
        for r in [r for r in self.by_seq.values() if r.seq <= upto and (
                all or LIBRARY.isdisjoint(r.form.path))]:
            try:
                values, digest = self.resolve(r)
            except BROKEN as e:
                self.report('damage', r.segment, r.pos - 16, str(e))
                continue
            for name, v in values.items():
                if type(v) is Blob and v.hint and self.loss(r) == 'note' and not self.has(v):
                    self.report('note', r.segment, r.pos - 16, 'blob %s is missing' % v.hash)
                    values[name] = Absent('lost')
            link = {'link': '%s:%d' % (self.name, r.target)} if r.kind == LINK else {}
            more = {**link, 'form': r.form, 'session': self, 'seq': r.seq}
            yield {'pos': '%s:%d' % (self.name, r.seq), 'time': r.time, **r.form.site,
                   'hash': digest, 'vars': values, **more}
    def has(self, v):  # where its hint says, or in a file of its own
        number, at = v.hint
        name = ('%06d.blob' if number >> 31 else '%06d.log') % (number & 0x7fffffff)
        data = self.read(self.path / name)
        head = struct.pack('<I16sQ', BLOB, bytes.fromhex(v.hash), v.size)
        return data[at + 4:at + 32] == head and hash128(data[at + 32:][:v.size]) == v.hash \
            or hash128(read(self.tape.path / 'blobs' / v.hash[:2] / v.hash[2:])) == v.hash

class Tape:
    def __init__(self, path):
        self.path, self.reports = pathlib.Path(path), {}
        m = re.fullmatch(rb'tape ([0-9]+) ([0-9a-f]{32})\n', read(self.path / 'TAPE'))
        need(m and m[1] == b'1', 'too new' if m else 'not a tape')
        self.id = bytes.fromhex(m[2].decode())
        found = [p for d in inside(self.path) if d.name == 'sessions' for p in inside(d)]
        found += [p for up in found if not session_id(up) for p in inside(up)]
        self.found = sorted((p.name, p) for p in found if session_id(p) and p.is_dir())
    def scopes(self, all=False, superseded=False):
        sessions = [Session(self, path) for _, path in self.found]
        upto = {} if superseded else current({s.id: s.says for s in sessions if s.says})
        return chain.from_iterable(s.scopes(all, upto.get(s.id, 1 << 64)) for s in sessions)
def current(goes_on):
    """The last seq that counts, of sessions that others go on from: segment.md, section 8."""
    upto, gone = {}, set()
    for who in sorted(goes_on, reverse=True):
        named, ancestors = [], [who]
        for x in ancestors:  # which grow
            named += goes_on.get(x, {}).items()
            ancestors += {y for y, _ in named} - {*ancestors}
        if any(x in gone or seq > upto.get(x, seq) for x, seq in named):
            gone.add(who)
        else:
            upto = {**dict(sorted(named)), **upto}
    return {**upto, **dict.fromkeys(gone, 0)}
def inside(path):  # without symbolic links
    return [p for p in path.iterdir() if not p.is_symlink()] if path.is_dir() else []
def read(path):  # nothing of what is no regular file
    return path.read_bytes() if path.is_file() and not path.is_symlink() else b''
def session_id(path):
    """The start in microseconds and the random bits, None if that is no session id."""
    fine = re.fullmatch('(19[7-9]|[2-9])[0-9]+T[0-9]{6}[.][0-9]{6}Z-[0-9a-f]{8}', path.name)
    with contextlib.suppress(ValueError):
        start = datetime.datetime.strptime(path.name[:23] if fine else '', '%Y%m%dT%H%M%S.%fZ')
        return (start - EPOCH) // datetime.timedelta(microseconds=1), int(path.name[24:], 16)

def main(args):
    paths = [a for a in args if a not in ('--all', '--superseded')]
    if len(paths) != 1:
        sys.exit(__doc__)
    try:
        tape, shown = Tape(paths[0]), 0
    except Bad as e:
        print('decoder: %s: %s' % (paths[0], e), file=sys.stderr)
        return 2 if 'too new' in str(e) else 5
    for shown, scope in enumerate(tape.scopes('--all' in args, '--superseded' in args), 1):
        sys.stdout.buffer.write((line(scope) + '\n').encode())
    sys.stderr.writelines('decoder: %s: %s: offset %d: %s\n' % report for report in tape.reports)
    return 3 if any(r[0] == 'damage' for r in tape.reports) else 0 if shown else 1

if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
