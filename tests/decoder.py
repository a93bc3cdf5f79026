#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An independent reader of raw tapes, written from docs/format alone.

    decoder.py [--all] [--blobs] TAPE     the JSON lines of `tape-find TAPE -o jsonl`
    decoder.py --vectors FILE             checks the hash vectors in FILE

Exit: 0 scopes were shown, 1 none, 2 failure, 3 damage was met, 5 no tape there.
As a module: scopes(path) yields dicts; line(scope) is their JSON. What values
and bodies look like is in values.py."""
import calendar, collections, datetime, functools, os, re, socket, stat, struct, sys

from values import (RENDER, WIDTH, Absent, Bad, Blob, Bytes, Form, hash64, hash128, key)

PAD, FORM, SCOPE, LINK, PROJECTION, BLOB, BOOKMARK, CACHE, CACHE_DROP, CONTINUE, MARK, NOTE = range(12)
CONTENT = {FORM: 1, BLOB: 2, LINK: 4, BOOKMARK: 8, CACHE: 16, CACHE_DROP: 16, CONTINUE: 32,
           PROJECTION: 64, NOTE: 128, MARK: 256, SCOPE: 512}
FIELDS = {CACHE: '16sQ', CACHE_DROP: '16s', CONTINUE: 'QQQ', MARK: 'IIQ'}

Record = collections.namedtuple('Record', 'seq kind form time segment pos end at')
class Segment:
    """One .log file: header, frames, committed records."""
    def __init__(self, session, number, data):
        self.session, self.number, self.data, self.damaged = session, number, data, False
        self.file = '%s/%06d.log' % (session.rel, number)
        self.frames, self.forms, self.notes, self.closed = [], {}, {}, None
        self.begin = self.torn = None
        if len(data) < 64 or not data.strip(b'\0'):
            self.torn = 0
        elif self.header():
            self.scan()

    def bad(self, offset, what):
        self.damaged = True
        self.session.tape.report('damage', self.file, offset, what)

    def header(self):
        magic, version, incompat, _, kind, where, check = struct.unpack_from('<8s4I32sQ', self.data)
        if magic != b'\x8aTSEG\r\n\x1a' or hash64(self.data[:56], 0) != check:
            return self.bad(0, 'the header of the segment is damaged')
        if version != 1 or incompat:
            return self.bad(0, 'too new: version %d, flags %#x' % (version, incompat))
        if where != self.session.tape.id + struct.pack('<QII', *self.session.id, self.number) or kind:
            return self.bad(0, 'misplaced: made for another tape, session or number')
        self.seed, self.sync = hash64(where, 0), struct.pack('<Q', hash64(where, 1))
        return True

    def frame(self, off):
        """The header of the frame at off if it verifies, else None."""
        if len(self.data) - off < 64 or self.data[off:off + 8] != self.sync:
            return None
        f = struct.unpack_from('<8sBBHIQIIqQQQ', self.data, off)
        good = f[9] == off and f[4] <= 64 << 20 and f[11] == hash64(self.data[off:off + 56], self.seed)
        return f if good else None

    def scan(self):
        data, off, n, group, opened, hurt, scopes, seen = self.data, 64, len(self.data), [], 0, 0, 0, 0
        hole, late = False, []  # may seqs be missing before the next frame? damage in an open group
        while off < n:
            f = self.frame(off)
            if f and off + 64 + f[4] > n or not f and (n - off < 64 or not data[off:].strip(b'\0')):
                self.torn = off
                break
            if not f:
                to = data.find(self.sync, off + 1)
                while to >= 0 and not self.frame(to):
                    to = data.find(self.sync, to + 1)
                to = n if to < 0 else to
                self.bad(off, 'a frame header does not verify; %d bytes are skipped' % (to - off))
                off, hole, hurt = to, True, True
                continue
            kind, flags, size, seq = f[1], f[2], f[4], f[5]
            payload, found = data[off + 64:off + 64 + size], []
            self.begin = seq if self.begin is None and f[6] else self.begin
            begins = kind == 3 or flags & 1
            if opened and begins and hurt:
                self.keep(group, late)
            elif opened and begins or not opened and not begins and not hurt:
                self.bad(off, 'a group without its last frame' if opened else 'a group without its first')
                hole, self.forms = True, forms if opened else self.forms
            forms = forms if opened and not begins else self.forms
            group, hurt, late = ([], False, []) if begins else (group, hurt, late)
            if hash64(payload, self.seed) != f[10]:
                late.append(off)
                hole = hurt = True
            elif kind == 3:
                self.closed = self.end(off, payload, (scopes, seen))
                if off + 64 + size < n:
                    self.bad(off + 64 + size, 'bytes after the end of the segment')
                return
            else:
                found = self.records(off, *f[1:9])
                hole |= found is None
                scopes += f[6]
            seen += 1
            group.append((off, seq, f[6], found or [], hole))
            off, hole, opened = off + 64 + size, False, not flags & 2
            if not opened:
                self.keep(group, late)
                group, hurt, late = [], False, []
        if opened and self.torn is None:
            self.torn = group[0][0] if group else off

    def keep(self, group, late):
        """A group is complete. What is wrong in one that never is means nothing."""
        self.frames += group
        for off in late:
            self.bad(off, 'the payload of a frame does not verify; it is skipped')

    def end(self, off, payload, read):
        if len(payload) != 32:
            return self.bad(off, 'an end frame of %d bytes' % len(payload))
        counts = struct.unpack('<QQQII', payload)
        if not self.damaged and counts[1:3] != read:
            self.bad(off, 'the end frame counts (scopes, frames) %s, read were %s' % (counts[1:3], read))
        return counts[3]

    def records(self, off, frame_kind, _flags, contents, size, seq, scopes, records, base):
        """The records of a frame; None if a later version made it."""
        data, out, seen, first, n, pos, end = self.data, [], 0, seq, 0, off + 64, off + 64 + size
        forms = dict(self.forms) if contents & 1 else self.forms
        head, delta = struct.Struct('<II').unpack_from, struct.Struct('<q').unpack_from
        if frame_kind > 2 or frame_kind < 1:
            return self.bad(off, 'too new: a frame of kind %d' % frame_kind)
        while pos < end:
            size, word = head(data, pos) if end - pos >= 8 else (0, 0)
            if size < 8 or size > end - pos:
                self.bad(pos, 'records that do not fill their frame')
                return out
            kind, to, n = word & 255, pos + size, n + 1
            if 11 < kind < 128 or (frame_kind == 2 and kind not in (PAD, BLOB)):
                return self.bad(off, 'too new: a record of kind %d' % kind)
            seen |= CONTENT.get(kind, 0)
            if kind in (SCOPE, LINK, PROJECTION, BOOKMARK):
                form = forms.get(word >> 8)
                if not word >> 8 or size < 16 or (size != 24 and kind in (LINK, PROJECTION)):
                    self.bad(pos, 'a record of %d bytes, form %d' % (size, word >> 8))
                elif form is None or form.too_new:
                    self.bad(pos, 'too new: a form with an unknown type' if form
                             else 'form %d was not defined' % (word >> 8))
                else:
                    time = max(min(base + delta(data, pos + 8)[0], 2**63 - 1), -2**63)
                    out.append(Record(seq, kind, form, time, self, pos + 16, to, pos))
                seq += 1
            else:
                try:
                    self.other(kind, word >> 8, Bytes(data, pos + 8, to), forms, out)
                except (Bad, UnicodeDecodeError) as e:
                    self.bad(pos, str(e))
            pos = to
        if (n, seq - first) != (records, scopes) or contents != seen:
            self.bad(off, 'a frame header that counts otherwise than its records')
        self.forms = forms
        return out

    def other(self, kind, number, b, forms, out):
        if kind == FORM and not number:
            raise Bad('a form with the number 0')
        if kind == FORM:
            form = Form(b)
            if forms.setdefault(number, form).same != form.same:
                raise Bad('form %d is defined twice, differently' % number)
        elif kind == BLOB:
            name, size = b('16sQ')
            if hash128(b.take(size)) != name.hex():
                raise Bad('blob %s does not match its name' % name.hex())
        elif kind == NOTE:
            self.notes.setdefault(b.text(), b.take(b('I')).decode())
        elif kind in FIELDS:
            fields = b(FIELDS[kind])
            if kind == MARK:
                out.append(Record(0, kind, (fields[0], fields[2]), 0, self, 0, 0, 0))
        if kind == BLOB or kind == NOTE or kind in FIELDS:
            b.done()

class Session:
    def __init__(self, tape, rel, name):
        self.tape, self.rel, self.name, self.notes, self.mark = tape, rel, name, {}, (0, 0)
        date = datetime.datetime.strptime(name[:22], '%Y%m%dT%H%M%S.%f')
        self.id = (calendar.timegm(date.timetuple()) * 10**6 + date.microsecond, int(name[24:], 16))
        numbers = sorted(int(n[:-4]) for n in tape.names(rel) if re.fullmatch(r'\d{6,}\.log', n)
                         and n == '%06d.log' % int(n[:-4]))
        self.segments, self.gaps = [], {b for a, b in zip(numbers, numbers[1:]) if b != a + 1}
        for n in self.gaps:
            tape.report('damage', rel, 0, 'segment %06d is missing' % (n - 1))
        for n in numbers:
            data = tape.read('%s/%06d.log' % (rel, n))
            if data is not None:
                self.segments.append(Segment(self, n, data))
        for s in reversed(self.segments):
            self.notes.update(s.notes)
        self.state = self.find_state()
        self.gather()

    def find_state(self):
        if self.segments and self.segments[-1].closed == 1:
            return 'closed'
        boot, note = slurp('/proc/sys/kernel/random/boot_id').strip(), self.notes.get
        if note('boot_id') != boot:
            return 'killed' if note('host') == socket.gethostname() else 'live'
        stat_fields = slurp('/proc/%s/stat' % note('pid')).rsplit(')', 1)[-1].split()
        return 'live' if stat_fields[19:20] == [note('pid_start')] else 'killed'

    def gather(self):
        """Cuts what a later segment wrote again; says what is torn or missing."""
        report, limit = self.tape.report, 1 << 63
        self.records, self.by_seq, expected, hole = [], {}, 1, False
        for s in reversed(self.segments):
            s.limit, limit = limit, min(limit, limit if s.begin is None else s.begin)
        for s in self.segments:
            if s.torn is not None and (self.state == 'killed' or s is not self.segments[-1]):
                report('note', s.file, s.torn, 'the file ends within a write')
            hole |= s.number in self.gaps
            for off, seq, scopes, records, damaged in s.frames:
                if seq < expected or seq > expected and not (hole or damaged):
                    report('damage', s.file, off, 'seq %d follows %d' % (seq, expected - 1))
                for r in records:
                    if r.kind == MARK:
                        self.mark = max(self.mark, r.form)
                    elif expected <= r.seq < s.limit:
                        self.records.append(r)
                        self.by_seq[r.seq] = r
                expected, hole = max(expected, min(seq + scopes, s.limit)), False
            hole |= s.damaged and s.closed is None
            expected = min(expected, s.limit)
        if self.state == 'killed' and self.segments:
            report('note', s.file, len(s.data), 'the session was killed')

    def suspect(self, r):
        """Beyond what is known to be on disk when its owner died?"""
        return self.state == 'killed' and (r.segment.number, r.end) > self.mark

    def resolve(self, r):
        """-> values by name, content hash"""
        if r.kind in (SCOPE, BOOKMARK):
            values, canon, _ = r.form.decode(r.segment.data, r.pos, r.end)
            return r.form.named(values), hash128(r.form.head16 + canon)
        target = struct.unpack_from('<Q', r.segment.data, r.pos)[0]
        t, kinds = self.by_seq.get(target), (SCOPE, BOOKMARK, PROJECTION) if r.kind == LINK else (SCOPE,)
        if t is None or t.kind not in kinds or (r.kind == LINK and target >= r.seq):
            self.tape.report('note' if self.suspect(r) else 'damage', r.segment.file, r.at,
                             'the target %d of a link is missing' % target)
            return {v.name: Absent('lost') for v in r.form.vars}, '0' * 32
        mine, theirs = [v[:2] for v in r.form.vars], [v[:2] for v in t.form.vars]
        if r.form.path != t.form.path or (mine != theirs if r.kind == LINK else set(mine) - set(theirs)):
            raise Bad('a link or projection that does not fit its target')
        if r.kind == LINK:
            return self.resolve(t)
        values, canon, cuts = t.form.decode(t.segment.data, t.pos, t.end)
        ends, found, pos = iter(cuts[1:]), {}, 0
        for v, value in zip(t.form.canonical, values):
            end = pos + WIDTH[v.tag] if v.tag < 16 else next(ends)
            found[v.name], pos = (value, canon[pos:end]), end
        canon = b''.join(found[v.name][1] for v in r.form.canonical)
        return {v.name: found[v.name][0] for v in r.form.vars}, hash128(r.form.head16 + canon)

    def scopes(self, all):
        for r in self.records:
            form = r.form
            if form.hidden and not all:
                continue
            try:
                values, digest = self.resolve(r)
            except (Bad, UnicodeDecodeError) as e:
                r.segment.bad(r.at, str(e))
                continue
            scope = {'pos': '%s:%d' % (self.name, r.seq), 'time': r.time, 'labels': form.path,
                     'file': form.file, 'line': form.line, 'func': form.func, 'hash': digest,
                     'vars': values, 'form': form, 'session': self, 'seq': r.seq}
            if r.kind == LINK:
                scope['link'] = '%s:%d' % (self.name, *struct.unpack_from('<Q', r.segment.data, r.pos))
            if form.blobs:
                self.check_blobs(r, values, self.suspect(r))
            yield scope

    def check_blobs(self, r, values, suspect):
        for name, v in values.items():
            if type(v) is Blob and v.hint and (suspect or self.tape.blobs) and self.blob(v) is None:
                self.tape.report('note' if suspect else 'damage', r.segment.file, r.at,
                                 'blob %s is missing or damaged' % v.hash)
                values[name] = Absent('lost') if suspect else v

    def blob(self, v):
        """The bytes of a blob, verified, or None."""
        (number, at), want = v.hint, struct.pack('<I16sQ', BLOB, bytes.fromhex(v.hash), v.size)
        if number != 0xffffffff:
            kind = 'blob' if number >> 31 else 'log'
            data = self.tape.read('%s/%06d.%s' % (self.rel, number & 0x7fffffff, kind)) or b''
            found = data[at + 32:at + 32 + v.size]
            if data[at + 4:at + 32] == want and hash128(found) == v.hash:
                return found
        data = self.tape.read('blobs/%s/%s' % (v.hash[:2], v.hash[2:]))
        return data if data is not None and hash128(data) == v.hash else None

class Tape:
    def __init__(self, path, blobs=False):
        self.path, self.blobs, self.reports = path, blobs, {}
        m = re.fullmatch(rb'tape (\d+) ([0-9a-f]{32})\n', self.read('TAPE') or b'')
        if not m or m[1] != b'1':
            raise Bad('too new: %s' % m[0].decode() if m else 'not a tape: ' + path)
        self.id = bytes.fromhex(m[2].decode())
        found = [(n, 'sessions/' + n) for n in self.names('sessions')]
        found += [(n, d + '/' + n) for up, d in found if not session_id(up) for n in self.names(d)]
        self.found = sorted(f for f in found if session_id(f[0]) and self.is_a(f[1], stat.S_ISDIR))

    def report(self, *what):
        self.reports[what] = True

    def is_a(self, rel, what):
        return os.path.lexists(p := os.path.join(self.path, rel)) and what(os.lstat(p).st_mode)

    def names(self, rel):
        return os.listdir(os.path.join(self.path, rel)) if self.is_a(rel, stat.S_ISDIR) else []

    @functools.lru_cache(maxsize=8)
    def read(self, rel):
        if self.is_a(rel, stat.S_ISREG):
            with open(os.path.join(self.path, rel), 'rb') as f:
                return f.read(os.fstat(f.fileno()).st_size)

    def scopes(self, all=False):
        for name, rel in self.found:
            yield from Session(self, rel, name).scopes(all)

def session_id(name):
    try:
        datetime.datetime.strptime(name[:22], '%Y%m%dT%H%M%S.%f')
        return bool(re.fullmatch(r'(19[7-9]|[2-9])\d+T\d{6}\.\d{6}Z-[0-9a-f]{8}', name))
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

@functools.lru_cache(maxsize=4096)
def second(s):
    t = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=s)
    return '%04d-%02d-%02dT%02d:%02d:%02d' % t.timetuple()[:6]

def line(s):
    """A scope as `tape-find -o jsonl` prints it."""
    values = ','.join([key(name) + RENDER[type(v)](v) for name, v in s['vars'].items()])
    return '{"pos":"%s","time":"%s.%09dZ"%s%s","vars":{%s}%s}' % (
        s['pos'], second(s['time'] // 10**9), s['time'] % 10**9, s['form'].json, s['hash'], values,
        ',"link":"%s"' % s['link'] if 'link' in s else '')

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
        return 2 if 'too new' in str(e) else 5
    out = os.fdopen(1, 'w', encoding='utf-8', newline='\n', closefd=False)
    for shown, scope in enumerate(tape.scopes('--all' in args), 1):
        out.write(line(scope) + '\n')
    out.flush()
    for report in tape.reports:
        print('decoder: %s: %s: offset %d: %s' % report, file=sys.stderr)
    return 3 if any(r[0] == 'damage' for r in tape.reports) else 0 if shown else 1

if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
