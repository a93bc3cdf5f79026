#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An independent reader of raw tapes, written from docs/format alone.

    decoder.py [--all] [--blobs] TAPE     the JSON lines of `tape-find TAPE -o jsonl`
    decoder.py --vectors FILE             checks the hash vectors in FILE

Exit: 0 scopes were shown, 1 none, 2 failure, 3 damage was met, 5 no tape there.
As a module: scopes(path) yields dicts; line(scope) is their JSON."""
import base64, calendar, collections, ctypes, ctypes.util, datetime, functools, itertools
import json, os, re, socket, stat, struct, sys

class Hash128(ctypes.Structure):
    _fields_ = [('low', ctypes.c_uint64), ('high', ctypes.c_uint64)]

XX = ctypes.CDLL(ctypes.util.find_library('xxhash') or 'libxxhash.so.0')
XX.XXH3_128bits.restype = Hash128
XX.XXH3_128bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
XX.XXH3_64bits_withSeed.restype = ctypes.c_uint64
XX.XXH3_64bits_withSeed.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64]

def hash128(data, raw=XX.XXH3_128bits):
    h = raw(data, len(data))
    return '%016x%016x' % (h.high, h.low)

def hash64(data, seed):
    return XX.XXH3_64bits_withSeed(data, len(data), seed)

class Bad(Exception):
    """Bytes that break the format: the text says how."""
class TooNew(Bad):
    pass
class F32(float):
    pass
class C8(complex):
    pass
class Absent(str):
    pass
Array = collections.namedtuple('Array', 'dtype dims order data')
Blob = collections.namedtuple('Blob', 'hash size dtype dims order store hint data')
REASONS = ['', 'lost', 'optimized-out', 'unreadable', 'wild-pointer', 'not-selected', 'too-large']
DTYPES = [None] + [(n, int(n[1:]), c) for n, c in zip('b1 i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8 c8 c16'
                   .split(), ['?', 'b', 'h', 'i', 'q', 'B', 'H', 'I', 'Q', 'e', 'f', 'd', 'ff', 'dd'])]
CODES = {0: '0s', 1: 'B', 2: 'B', 3: 'q', 4: 'Q', 5: 'd', 6: 'f', 7: '16s', 8: '8s'}
PAD, FORM, SCOPE, LINK, PROJECTION, BLOB, BOOKMARK, CACHE, CACHE_DROP, CONTINUE, MARK, NOTE = range(12)
CONTENT = {FORM: 1, BLOB: 2, LINK: 4, BOOKMARK: 8, CACHE: 16, CACHE_DROP: 16, CONTINUE: 32,
           PROJECTION: 64, NOTE: 128, MARK: 256, SCOPE: 512}
LIBRARY = {b'_bookmark', b'_tare', b'_cache'}
# What happens to a fixed-width value after struct has read it.
def to_bool(v):
    if v > 1:
        raise Bad('a bool of %d' % v)
    return v == 1
AFTER = {0: lambda v: None, 1: lambda v: Absent(REASONS[v] if 0 < v < 7 else 'reason-%d' % v),
         2: to_bool, 6: F32, 7: lambda v: complex(*struct.unpack('<dd', v)),
         8: lambda v: C8(*struct.unpack('<ff', v))}

class Bytes:
    """Takes fields off a piece of memory, never past its end."""
    def __init__(self, data, pos=0, end=None):
        self.data, self.pos, self.end = data, pos, len(data) if end is None else end
    def take(self, n):
        if n > self.end - self.pos:
            raise Bad('a length beyond the end of its record')
        self.pos += n
        return self.data[self.pos - n:self.pos]
    def __call__(self, fmt):
        values = struct.unpack('<' + fmt, self.take(struct.calcsize('<' + fmt)))
        return values[0] if len(values) == 1 else values
    def text(self, least=1, most=255):
        n = self('H')
        if not least <= n <= most:
            raise Bad('a text of %d bytes' % n)
        return self.take(n)
    def done(self):
        if self.pos != self.end:
            raise Bad('a record that does not end where its contents end')

# ---- forms and bodies

class Form:
    def __init__(self, b):
        self.line, self.file, self.func = b('I'), b.text(0, 1023).decode(), b.text(0, 1023).decode()
        self.labels = [b.text() for _ in range(b('H'))]
        if len(self.labels) > 64:
            raise Bad('%d labels' % len(self.labels))
        self.vars, self.too_new = [], False
        count = b('I')
        if count > 65536:
            raise Bad('%d variables' % count)
        for _ in range(count):
            tag, store, index = b('BBH')
            name, unit = b.text(), b.text(0).decode()
            self.vars.append((name, tag, store, unit, [(b('q'), b.text().decode()) for _ in range(b('H'))]))
            self.too_new |= tag not in CODES and tag not in (16, 17, 18)
            if store > (2 if tag >= 16 else 0):
                raise Bad('a store of %d' % store)
        b.done()
        names = [v[0] for v in self.vars]
        if any(a >= b for a, b in zip(names, names[1:])):
            raise Bad('names out of order')
        if not self.too_new:
            self.compile()

    def compile(self):
        self.canonical = sorted(self.vars, key=lambda v: v[1] >= 16)  # stable: stays in name order
        fixed = [v for v in self.canonical if v[1] < 16]
        self.variable = self.canonical[len(fixed):]
        self.fixed = struct.Struct('<' + ''.join(CODES[v[1]] for v in fixed))
        self.after = [(i, AFTER[v[1]]) for i, v in enumerate(fixed) if v[1] in AFTER]
        self.names = [v[0].decode() for v in self.canonical]
        self.show = [(v[0].decode(), self.canonical.index(v)) for v in self.vars]
        self.in_order = not fixed or not self.variable
        self.head = struct.pack('<I', len(self.labels)) + b''.join(map(prefixed, self.labels))
        self.head += struct.pack('<I', len(self.canonical)) + b''.join(
            prefixed(v[0]) + bytes([v[1]]) for v in self.canonical)
        self.head16 = bytes.fromhex(hash128(self.head))
        self.path, self.hidden = [x.decode() for x in self.labels], not LIBRARY.isdisjoint(self.labels)
        self.identity = (self.labels, [v[:2] for v in self.vars])
        self.json = ',"labels":[%s],"file":%s,"line":%d,"func":%s,"hash":"' % (
            ','.join(map(text, self.path)), text(self.file), self.line, text(self.func))

    def named(self, values):
        if self.in_order:
            return dict(zip(self.names, values))
        return {name: values[i] for name, i in self.show}

    def decode(self, data, pos, end):
        """-> values in canonical order, the canonical part, where the variable entries begin"""
        size = self.fixed.size
        if end - pos < size:
            raise Bad('a body shorter than its form')
        values, cuts = list(self.fixed.unpack_from(data, pos)), []
        for i, change in self.after:
            values[i] = change(values[i])
        if not self.variable:
            if end - pos != size:
                raise Bad('a body that does not end where its record ends')
            return values, data[pos:end], cuts
        b, entries = Bytes(data, pos + size, end), []
        for name, tag, store, _, _ in self.variable:
            cuts.append(b.pos - pos)
            entries.append(self.entry(b, tag))
        stop = b.pos
        for (name, tag, store, _, _), (size, dtype, dims, order, content) in zip(self.variable, entries):
            hint, known = None, size <= 64
            if not known and store == 0:
                found, known = b.take(size), True
                if hash128(found) != content.hex():
                    raise Bad('%s does not match its hash' % name.decode())
                content = found
            elif not known and store == 1:
                hint = b('IQ')
            if store:
                digest = hash128(content) if known else content.hex()
                kind = {16: 'str', 17: 'bytes'}.get(tag) or DTYPES[dtype][0]
                value = Blob(digest, size, kind, dims, order, store, hint, content if known else None)
            else:
                value = Array(dtype, dims, order, content) if tag == 18 else content
                value = content.decode() if tag == 16 else value
            values.append(value)
        b.done()
        return values, data[pos:stop], cuts

    @staticmethod
    def entry(b, tag):
        size, dtype, dims, order = b('Q'), 0, None, 0
        if tag == 18:
            dtype, ndim, order, reserved = b('4B')
            if not 1 <= dtype < len(DTYPES) or not 1 <= ndim <= 8 or order > 1 or reserved:
                raise Bad('an array of dtype %d, %d dims, order %d, %d' % (dtype, ndim, order, reserved))
            dims, want = struct.unpack('<%dQ' % ndim, b.take(8 * ndim)), DTYPES[dtype][1]
            for d in dims:
                want *= d
            if want != size or (order == 1 and ndim < 2):
                raise Bad('an array whose length does not fit its dims')
        return size, dtype, dims or (size,), order, b.take(size if size <= 64 else 16)

def prefixed(b):
    return struct.pack('<H', len(b)) + b

# ---- segments

class Segment:
    """One .log file: header, frames, committed records."""
    def __init__(self, session, number, data, last):
        self.session, self.number, self.last, self.data = session, number, last, data
        self.file = '%s/%06d.log' % (session.rel, number)
        self.frames, self.closed, self.begin, self.ended, self.damaged = [], None, None, False, False
        self.notes, self.mark, self.torn, self.forms = {}, None, None, {}
        if len(data) < 64:
            self.torn = 0 if last else self.bad(0, 'a segment shorter than its header')
        elif self.header():
            self.scan()

    def bad(self, offset, what):
        self.damaged = True
        self.session.tape.report('damage', self.file, offset, what)

    def header(self):
        data = self.data
        if data[:8] != b'\x8aTSEG\r\n\x1a' or hash64(data[:56], 0) != struct.unpack_from('<Q', data, 56)[0]:
            return self.bad(0, 'the header of the segment is damaged')
        version, incompat, compat, kind = struct.unpack_from('<4I', data, 8)
        if version != 1 or incompat:
            return self.bad(0, 'too new: version %d, flags %#x' % (version, incompat))
        where = self.session.tape.id + struct.pack('<QII', *self.session.id, self.number)
        if data[24:56] != where or kind != 0:
            return self.bad(0, 'misplaced: made for another tape, session or number')
        self.seed, self.sync = hash64(data[24:56], 0), struct.pack('<Q', hash64(data[24:56], 1))
        return True

    def frame(self, off):
        """The header fields of the frame at off if they verify, else None."""
        f = struct.unpack_from('<8sBBHIQIIqQQQ', self.data, off)
        good = f[0] == self.sync and f[9] == off and f[4] <= 64 << 20
        return f if good and f[11] == hash64(self.data[off:off + 56], self.seed) else None

    def next_frame(self, off):
        while (off := self.data.find(self.sync, off)) >= 0 and len(self.data) - off >= 64:
            if self.frame(off):
                return off
            off += 1
        return len(self.data)

    def scan(self):
        data, off, n, group, hole, count, seen = self.data, 64, len(self.data), [], False, 0, 0
        opened = True  # a group was begun properly, or damage explains why not
        while off < n:
            f = self.frame(off) if n - off >= 64 else None
            if f is None and (n - off < 64 or not data[off:].strip(b'\0')):
                self.torn = off
                break
            if f is None:
                nxt = self.next_frame(off + 1)
                self.bad(off, 'a frame header does not verify; %d bytes are skipped' % (nxt - off))
                off, hole = nxt, True
                continue
            _, kind, flags, contents, size, seq, scopes, records, base, _, check, _ = f
            start, end = off + 64, off + 64 + size
            if end > n:
                self.torn = off
                break
            self.begin = seq if self.begin is None else self.begin
            if flags & 1:
                group = []
            payload, found = data[start:end], []
            if hash64(payload, self.seed) != check:
                self.bad(off, 'the payload of a frame does not verify; %d bytes are skipped' % (64 + size))
                hole = True
            elif kind == 3:
                self.end(off, payload, seen, count)
                off = end
                if off < n:
                    self.bad(off, '%d bytes after the end of the segment' % (n - off))
                return
            elif kind in (1, 2):
                found = self.records(off, start, end, kind, contents, seq, scopes, records, base)
                hole |= found is None
                count += scopes
            else:
                self.bad(off, 'too new: a frame of kind %d' % kind)
            seen += 1
            group.append((off, seq, scopes, found or [], hole))
            hole = False
            if flags & 2:
                self.frames += group
                group = []
            off = end
        if group and self.torn is None and not hole:
            self.torn = group[0][0]

    def end(self, off, payload, frames, scopes):
        self.ended = True
        if len(payload) != 32:
            return self.bad(off, 'an end frame of %d bytes' % len(payload))
        _, n, m, self.closed, _ = struct.unpack('<QQQII', payload)
        if not self.damaged and (n, m) != (scopes, frames):
            self.bad(off, 'the end frame counts %d scopes in %d frames, read were %d in %d'
                     % (n, m, scopes, frames))

    def records(self, off, pos, end, frame_kind, contents, seq, scopes, records, base):
        """The records of a payload as (seq, kind, form, time, segment, from, to, offset)"""
        data, out, seen, first, n = self.data, [], 0, seq, 0
        forms, unpack = dict(self.forms) if contents & 1 else self.forms, struct.Struct('<IIq').unpack_from
        head = struct.Struct('<II').unpack_from
        while pos < end:
            size, word = head(data, pos) if end - pos >= 8 else (0, 0)
            if size < 8 or size > end - pos:
                self.bad(pos, 'records that do not fill their frame')
                return out
            kind, to, number = word & 255, pos + size, word >> 8
            n += 1
            if 11 < kind < 128 or (frame_kind == 2 and kind not in (PAD, BLOB)):
                return self.bad(off, 'too new: a record of kind %d' % kind)
            seen |= CONTENT.get(kind, 0)
            if kind in (SCOPE, LINK, PROJECTION, BOOKMARK):
                form = forms.get(number)
                if size < 16 or (size != 24 and kind in (LINK, PROJECTION)):
                    self.bad(pos, 'a record of %d bytes' % size)
                elif form is None:
                    self.bad(pos, 'form %d was not defined' % number)
                elif form.too_new:
                    self.bad(pos, 'too new: a form with an unknown type')
                else:
                    time = max(min(base + unpack(data, pos)[2], 2**63 - 1), -2**63)
                    out.append((seq, kind, form, time, self, pos + 16, to, pos))
                seq += 1
            else:
                try:
                    self.other(kind, number, Bytes(data, pos + 8, to), forms, out)
                except (Bad, UnicodeDecodeError) as e:
                    self.bad(pos, str(e))
            pos = to
        if (n, seq - first) != (records, scopes) or contents != seen:
            self.bad(off, 'a frame header that counts otherwise than its records')
        self.forms = forms
        return out

    def other(self, kind, number, b, forms, out):
        if kind == FORM:
            forms[number] = Form(b)
        elif kind == BLOB:
            name, size = b.take(16), b('Q')
            if hash128(b.take(size)) != name.hex():
                raise Bad('blob %s does not match its name' % name.hex())
            b.done()
        elif kind in (CACHE, CACHE_DROP, CONTINUE, MARK):
            fields = b({CACHE: '16sQ', CACHE_DROP: '16s', CONTINUE: 'QQQ', MARK: 'IIQ'}[kind])
            b.done()
            if kind == MARK:
                out.append((None, kind, (fields[0], fields[2])))
        elif kind == NOTE:
            key = b.text().decode()
            value = b.take(b('I')).decode()
            b.done()
            self.notes.setdefault(key, value)

# ---- sessions and tapes

class Session:
    def __init__(self, tape, rel, name):
        self.tape, self.rel, self.name, self.notes, self.mark = tape, rel, name, {}, (0, 0)
        date = datetime.datetime.strptime(name[:22], '%Y%m%dT%H%M%S.%f')
        self.id = (calendar.timegm(date.timetuple()) * 10**6 + date.microsecond, int(name[24:], 16))
        numbers = sorted(int(n[:-4]) for n in tape.names(rel) if re.fullmatch(r'\d{6,}\.log', n)
                         and n == '%06d.log' % int(n[:-4]))
        self.segments, gaps = [], set()
        for number in numbers:
            if number and self.segments and number != self.segments[-1].number + 1:
                tape.report('damage', rel, 0, 'segment %06d is missing' % (number - 1))
                gaps.add(number)
            data = tape.read('%s/%06d.log' % (rel, number))
            if data is not None:
                self.segments.append(Segment(self, number, data, number == numbers[-1]))
        for s in self.segments:
            self.notes.update({k: v for k, v in s.notes.items() if k not in self.notes})
        self.state = self.find_state()
        self.gather(gaps)

    def find_state(self):
        if self.segments and self.segments[-1].closed == 1:
            return 'closed'
        note = self.notes.get
        boot = slurp('/proc/sys/kernel/random/boot_id').strip()
        if not note('boot_id') or note('boot_id') != boot:
            return 'killed' if note('host') == socket.gethostname() else 'live'
        try:
            fields = slurp('/proc/%d/stat' % int(note('pid', '0'))).rsplit(')', 1)[-1].split()
            return 'live' if fields[19] == note('pid_start', fields[19]) else 'killed'
        except (ValueError, IndexError):
            return 'killed'

    def gather(self, gaps):
        """Cuts what a later segment wrote again; says what is torn or missing."""
        report, limit = self.tape.report, 1 << 63
        self.records, self.by_seq, expected, hole = [], {}, 1, False
        for s in reversed(self.segments):
            s.limit, limit = limit, min(limit, limit if s.begin is None else s.begin)
        for i, s in enumerate(self.segments):
            if s.torn is not None and (self.state == 'killed' or i + 1 < len(self.segments)):
                report('note', s.file, s.torn, 'the file ends within a write')
            hole |= s.number in gaps
            for off, seq, scopes, records, damaged in s.frames:
                hole |= damaged
                if seq > expected and not hole:
                    report('damage', s.file, off, 'seq jumps from %d to %d' % (expected - 1, seq))
                if seq < expected:
                    report('damage', s.file, off, 'seq %d again' % seq)
                for r in records:
                    if r[0] is None:
                        self.mark = max(self.mark, r[2])
                    elif expected <= r[0] < s.limit:
                        self.records.append(r)
                        self.by_seq[r[0]] = r
                expected, hole = max(expected, min(seq + scopes, s.limit)), False
            hole |= s.damaged and not s.ended
            expected = min(expected, s.limit)
        if self.state == 'killed' and self.segments:
            s = self.segments[-1]
            report('note', s.file, len(s.data), 'the session was killed')

    def suspect(self, r):
        """Beyond what is known to be on disk when its owner died?"""
        return self.state == 'killed' and (r[4].number, r[6]) > self.mark

    def resolve(self, r):
        """-> values by name, content hash, link"""
        seq, kind, form, _, segment, pos, to, _ = r
        if kind in (SCOPE, BOOKMARK):
            values, canon, _ = form.decode(segment.data, pos, to)
            return form.named(values), hash128(form.head16 + canon), None
        target = struct.unpack_from('<Q', segment.data, pos)[0]
        t, link = self.by_seq.get(target), target if kind == LINK else None
        fits = (SCOPE, BOOKMARK, PROJECTION) if kind == LINK else (SCOPE,)
        if t is None or t[1] not in fits or (kind == LINK and target >= seq):
            self.tape.report('note' if self.suspect(r) else 'damage', segment.file, r[7],
                             'the target %d of a link is missing' % target)
            return {v[0].decode(): Absent('lost') for v in form.vars}, '0' * 32, link
        if kind == LINK:
            if form.identity != t[2].identity:
                raise Bad('a link whose form differs from that of its target')
            return (*self.resolve(t)[:2], link)
        values, canon, cuts = t[2].decode(t[4].data, t[5], t[6])
        cuts = [canon[a:b] for a, b in zip(cuts, cuts[1:] + [len(canon)])]
        found, pos = {}, 0
        for v, value in zip(t[2].canonical, values):
            size = struct.calcsize('<' + CODES[v[1]]) if v[1] < 16 else 0
            found[v[:2]] = value, canon[pos:pos + size] if v[1] < 16 else cuts.pop(0)
            pos += size
        if form.labels != t[2].labels or any(v[:2] not in found for v in form.vars):
            raise Bad('a projection of what its target does not have')
        canon = b''.join(found[v[:2]][1] for v in form.canonical)
        return {v[0].decode(): found[v[:2]][0] for v in form.vars}, hash128(form.head16 + canon), None

    def scopes(self, all):
        for r in self.records:
            form = r[2]
            if form.hidden and not all:
                continue
            try:
                values, digest, link = self.resolve(r)
            except (Bad, UnicodeDecodeError) as e:
                r[4].bad(r[7], str(e))
                continue
            scope = {'pos': '%s:%d' % (self.name, r[0]), 'time': r[3], 'labels': form.path,
                     'file': form.file, 'line': form.line, 'func': form.func, 'hash': digest,
                     'vars': values, 'form': form, 'session': self, 'seq': r[0]}
            if link is not None:
                scope['link'] = '%s:%d' % (self.name, link)
            if form.variable:
                self.check_blobs(r, values)
            yield scope

    def check_blobs(self, r, values):
        suspect = self.suspect(r)
        for name, v in values.items():
            if type(v) is Blob and v.data is None and v.store == 1 and (suspect or self.tape.blobs):
                if not self.blob(v):
                    self.tape.report('note' if suspect else 'damage', r[4].file, r[7],
                                     'blob %s is missing or damaged' % v.hash)
                    values[name] = Absent('lost') if suspect else v

    def blob(self, v):
        """The bytes of a blob, verified, or None."""
        number, offset = v.hint
        if number != 0xffffffff:
            data = self.tape.read('%s/%06d.%s' % (self.rel, number & 0x7fffffff,
                                                  'blob' if number >> 31 else 'log')) or b''
            at = offset + 32
            if data[offset + 4:at] == struct.pack('<I16sQ', BLOB, bytes.fromhex(v.hash), v.size) \
                    and hash128(data[at:at + v.size]) == v.hash:
                return data[at:at + v.size]
        data = self.tape.read('blobs/%s/%s' % (v.hash[:2], v.hash[2:]))
        return data if data is not None and hash128(data) == v.hash else None

class Tape:
    def __init__(self, path, blobs=False):
        self.path, self.blobs, self.reports = path, blobs, []
        text = self.read('TAPE') or b''
        m = re.fullmatch(rb'tape (\d+) ([0-9a-f]{32})\n', text)
        if not m or m[1] != b'1':
            raise TooNew('too new: format %s' % m[1].decode()) if m else Bad('not a tape: ' + path)
        self.id = bytes.fromhex(m[2].decode())
        found = [(n, 'sessions/' + n) for n in self.names('sessions')]
        found += [(n, d + '/' + n) for _, d in found if not session_id(_) for n in self.names(d)]
        self.found = sorted((n, d) for n, d in found if session_id(n) and self.is_(d, stat.S_ISDIR))

    def report(self, kind, file, offset, what):
        if (kind, file, offset, what) not in self.reports[-1000:]:
            self.reports.append((kind, file, offset, what))

    def is_(self, rel, what):
        try:
            return what(os.lstat(os.path.join(self.path, rel)).st_mode)
        except OSError:
            return False

    def names(self, rel):
        return os.listdir(os.path.join(self.path, rel)) if self.is_(rel, stat.S_ISDIR) else []

    @functools.lru_cache(maxsize=8)
    def read(self, rel):
        if not self.is_(rel, stat.S_ISREG):
            return None
        with open(os.path.join(self.path, rel), 'rb') as f:
            return f.read(os.fstat(f.fileno()).st_size)

    def scopes(self, all=False):
        for name, rel in self.found:
            yield from Session(self, rel, name).scopes(all)

def session_id(name):
    try:
        return bool(re.fullmatch(r'\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{8}', name)
                    and name >= '1970' and datetime.datetime.strptime(name[:22], '%Y%m%dT%H%M%S.%f'))
    except ValueError:
        return False

def slurp(path):
    try:
        with open(path, errors='replace') as f:
            return f.read()
    except OSError:
        return ''

def scopes(path, all=False):
    return Tape(path).scopes(all)

# ---- JSON

def text(s):
    return json.dumps(s, ensure_ascii=False).replace('\x7f', '\\u007f')

def double(v):
    s = repr(v)
    return s if s[-1] not in 'nf' else {'nan': '"NaN"', 'inf': '"Infinity"', '-inf': '"-Infinity"'}[s]

@functools.lru_cache(maxsize=1 << 16)
def short(v, sign, code):
    """The shortest decimal that reads back to the same narrow float. Above a
    power of two the next decimal up can be nearer than the rounded one is."""
    for digits in range(17 if v == v and abs(v) != float('inf') else 0):
        mantissa, e = ('%.*e' % (digits, abs(v))).split('e')
        for step in (0, 1):
            w = float('%de%d' % (int(mantissa.replace('.', '')) + step, int(e) - digits))
            try:
                if struct.unpack(code, struct.pack(code, w))[0] == abs(v):
                    return sign + repr(w)
            except OverflowError:
                pass
    return double(v)

def narrow(v, code='<f'):
    return short(float(v), '-' if struct.pack('>d', v)[0] & 128 else '', code)

def pair(part):
    return lambda v: '[%s,%s]' % (part(v.real), part(v.imag))

def array(a):
    name, width, code = DTYPES[a.dtype]
    count = len(a.data) // width
    flat = struct.unpack('<' + code * count if len(code) > 1 else '<%d%s' % (count, code), a.data)
    if name[0] == 'c':
        flat = list(itertools.starmap(complex, zip(flat[::2], flat[1::2])))
    each = {'b1': RENDER[bool], 'f2': lambda v: narrow(v, '<e'), 'f4': narrow, 'f8': double,
            'c8': RENDER[C8], 'c16': RENDER[complex]}.get(name, str)
    flat, steps = list(map(each, flat)), [1] * len(a.dims)
    for i in range(1, len(a.dims)):
        i, j = (i, i - 1) if a.order else (-1 - i, -i)
        steps[i] = steps[j] * a.dims[j]
    def nest(d, at):
        if d == len(a.dims):
            return flat[at]
        return '[%s]' % ','.join(nest(d + 1, at + i * steps[d]) for i in range(a.dims[d]))
    return nest(0, 0)

def blob(v):
    return '{"blob":"%s","size":%d,"dtype":"%s","shape":[%s]%s%s}' % (
        v.hash, v.size, v.dtype, ','.join(map(str, v.dims)), ',"order":"F"' if v.order else '',
        ',"stored":false' if v.store == 2 else '')

RENDER = {type(None): lambda v: 'null', bool: lambda v: 'true' if v else 'false', int: str,
          float: double, F32: narrow, complex: pair(double), C8: pair(narrow), str: text,
          bytes: lambda v: '{"bytes":"%s"}' % base64.b64encode(v).decode(), Array: array,
          Blob: blob, Absent: lambda v: '{"absent":"%s"}' % v}
name_json = functools.lru_cache(maxsize=None)(lambda name: text(name) + ':')

@functools.lru_cache(maxsize=4096)
def second(s):
    t = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=s)
    return '%04d-%02d-%02dT%02d:%02d:%02d' % t.timetuple()[:6]

def time_text(ns):
    s, rest = divmod(ns, 10**9)
    return '%s.%09dZ' % (second(s), rest)

def line(s):
    """A scope as `tape-find -o jsonl` prints it."""
    values = ','.join([name_json(name) + RENDER[type(v)](v) for name, v in s['vars'].items()])
    return '{"pos":"%s","time":"%s"%s%s","vars":{%s}%s}' % (
        s['pos'], time_text(s['time']), s['form'].json, s['hash'], values,
        ',"link":"%s"' % s['link'] if 'link' in s else '')

# ---- command

def main(args):
    paths = [a for a in args if not a.startswith('--')]
    if len(paths) != 1 or set(args) - set(paths) - {'--all', '--blobs', '--vectors'}:
        sys.exit(__doc__)
    if '--vectors' in args:
        import hash_vectors
        return hash_vectors.check(paths[0])
    try:
        tape, shown = Tape(paths[0], '--blobs' in args), 0
    except Bad as e:
        print('decoder:', e, file=sys.stderr)
        return 2 if isinstance(e, TooNew) else 5
    out = os.fdopen(1, 'w', encoding='utf-8', newline='\n', closefd=False)
    for scope in tape.scopes('--all' in args):
        out.write(line(scope) + '\n')
        shown += 1
    out.flush()
    for kind, file, offset, what in tape.reports:
        print('decoder: %s: %s: offset %d: %s' % (kind, file, offset, what), file=sys.stderr)
    return 3 if any(r[0] == 'damage' for r in tape.reports) else 0 if shown else 1

if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
