#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random tapes, random queries: tape-find and the Python reference must print the same bytes.

    random_tapes.py --tape-find PROGRAM --tape-record PROGRAM [--tape-compact PROGRAM] [--seed N] [--pairs N] [--per-tape N]

Half of the tapes are JSON lines through tape-record, half are raw segments made byte
by byte, with every type and record that JSON lines cannot say. With --tape-compact the
same is asked of the tape half compacted and whole. A difference leaves its tapes behind
and prints the command; the seed is printed always."""
import argparse, datetime, math, os, random, shutil, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
sys.path.insert(0, HERE)
import decoder, reference, tapes
from decoder import Array, Blob, F32, narrow


def second(s):
    return datetime.datetime.fromtimestamp(s, datetime.timezone.utc).isoformat()[:19]


def quoted(text):
    return '"%s"' % text.replace('\\', '\\\\').replace('"', '\\"')


def plain(text):
    """Can it stand in a query without quotes?"""
    return bool(text) and text not in ('not', 'or') and not set(text) & set(' \t\n()=!<>~",/*?@{}\\.\x7f\x01[]') \
        and text[0] != '_' and '+-' not in text


def path(rng, name):
    if rng.random() < 0.1:
        return quoted(name)
    segments = [x if plain(x) and rng.random() < 0.9 else quoted(x) for x in name.split('.')]
    if len(segments) > 1 and rng.random() < 0.2:
        segments[rng.randrange(len(segments))] = '*'
    return '.'.join(segments)


class Maker:
    """Random queries that have a chance to match something on this tape."""

    def __init__(self, rng, scopes):
        self.rng, self.scopes = rng, scopes

    def query(self, depth=0):
        rng = self.rng
        kind = rng.random()
        if depth < 3 and kind < 0.15:
            return '(%s or %s)' % (self.query(depth + 1), self.query(depth + 1))
        if depth < 3 and kind < 0.25:
            return '%s or %s' % (self.query(3), self.query(3)) if depth == 0 else self.query(3)
        if depth < 3 and kind < 0.4:
            return '%s %s' % (self.query(depth + 1), self.query(depth + 1)) if depth == 0 else \
                '(%s %s)' % (self.query(depth + 1), self.query(depth + 1))
        if depth < 3 and kind < 0.5:
            return 'not %s' % (self.query(3) if rng.random() < 0.7 else '(%s)' % self.query(depth + 1))
        return rng.choice([self.label, self.label, self.variable, self.variable, self.variable,
                           self.variable, self.aspect, self.field, self.partial])()

    def partial(self):
        """Fields of a scope, most of them as it has them."""
        rng, s = self.rng, self.rng.choice(self.scopes)
        fields, groups = [], {}
        for v in rng.sample(s['form'].vars, min(len(s['form'].vars), rng.randrange(4))):
            value, may = s['vars'][v.name], rng.choice(['', '', '?'])
            if not v.name.isprintable():
                continue
            kind = {2: ['bool'], 3: ['int', 'i64'], 4: ['int', 'u64'], 5: ['float', 'f64'], 6: ['float', 'f32'],
                    7: ['complex', 'c16'], 8: ['complex', 'c8'], 16: ['str', 'text'], 17: ['bytes', 'text'],
                    18: ['array']}.get(v.tag, ['any'])
            kind = rng.choice(kind + ['any', 'any', 'number', 'float[]'])
            if v.tag == 18 and isinstance(value, (Array, Blob)) and rng.random() < 0.8:
                element = rng.choice([value.dtype, value.dtype, 'any', 'number', 'f8'])
                kind = '%s[%s]' % (element, ','.join(rng.choice(['*', str(n), str(n), str(n + rng.randrange(2))]) for n in value.dims))
            parts = [x if plain(x) and not set(x) & set('[]:#') else quoted(x) for x in v.name.split('.')]
            if '' in v.name.split('.'):
                continue
            if len(parts) > 1 and rng.random() < 0.6:
                group = groups.setdefault(parts[0], [rng.choice(['', '?'])])
                group.append('%s%s: %s' % ('.'.join(parts[1:]), may, kind))
            else:
                fields.append('%s%s:%s' % ('.'.join(parts), may, kind))
        fields += ['%s%s { %s }' % (name, group[0], ', '.join(group[1:])) for name, group in groups.items()]
        # Each field once; of T and n also no member.
        taken = {x.split(':')[0].split('.')[0].split(' ')[0].rstrip('?') for x in fields}
        more = [x for x in ['nosuch: int', 'nosuch?: int', 'T: any', 'n?: int', 'nosuch? { x: int }']
                if x[0] not in taken]
        if rng.random() < 0.2:
            fields.append(rng.choice(more))
        return '{%s}' % ', '.join(fields)

    def aspect(self):
        """Numbers derived from arrays and complex numbers."""
        rng = self.rng
        for _ in range(50):
            name, v = rng.choice([*rng.choice(self.scopes)['vars'].items(), ('x', None)])
            if isinstance(v, (Array, complex)):
                break
        parts = ['re', 'im'] if isinstance(v, complex) else ['len', 'min', 'max']
        return '.'.join(quoted(x) for x in name.split('.')) + '.' + rng.choice(parts) + rng.choice(
            ['=0..300', '>0', '=..-1', '=3', '!=2', '=nan', '<=9', ' = 1,2,3'])

    def label(self):
        rng = self.rng
        label = rng.choice(tapes.LABELS + ['_bookmark', '_cache', '_tare', 'nosuch'])
        kind = rng.random()
        if kind < 0.2:
            return rng.choice(['/^it/', '/r.+x/', '/\\d$/', '/^.*t$/', '/a b|iter/', '/^R\\*$/', '/\\.ts/', '/[eé]/'])
        if kind < 0.35:
            return rng.choice(['it*', '*', 're?ax', '*.ts', 'run:*', '*e*', 'd?bug', 'relax-?', '*nit'])
        return label if plain(label) or label[0] == '_' or label == 'store.ts' else quoted(label)

    def number(self, v):
        rng = self.rng
        if isinstance(v, float) and (v != v or abs(v) == float('inf')):
            return 'nan' if v != v else 'inf' if v > 0 else '-inf'
        if isinstance(v, int):
            return rng.choice([str(v), str(v), '%d.0' % v if abs(v) < 2**53 else str(v), str(v + 1)])
        return repr(narrow(v) if isinstance(v, F32) else v) if rng.random() < 0.8 else '%.3g' % v

    def variable(self):
        rng = self.rng
        for _ in range(20):
            values = rng.choice(self.scopes)['vars']
            if values:
                break
        else:
            return 'nothing=1'
        name, v = rng.choice(list(values.items()))
        if rng.random() < 0.1:
            name = rng.choice(tapes.NAMES)
        where = path(rng, name)
        if isinstance(v, bool):
            return where + rng.choice(['=true', '=false', '!=true', '=true,false', '=1', '<1', '=..0'])
        if isinstance(v, (int, float)):
            return where + self.numeric(v)
        if isinstance(v, str) and not isinstance(v, decoder.Absent):
            return where + self.textual(v)
        return where + rng.choice(['=1', '!=1', '=..5', '="x"', '=true', '<3', '~x'])

    def numeric(self, v):
        rng, kind = self.rng, self.rng.random()
        text = self.number(v)
        if kind < 0.35 or not math.isfinite(float(text)):  # 1.8e308 reads as infinity too
            return rng.choice(['=', '=', '=', '!=']) + text
        if kind < 0.5:
            return rng.choice(['<', '<=', '>', '>=', ' > ', ' <= ']) + text
        if kind < 0.65:
            return '=' + ','.join([text] + [str(tapes.integer(rng)) for _ in range(2)])
        if kind < 0.85:
            other = str(tapes.integer(rng))
            return rng.choice(['=%s..%s' % (text, other), '=%s..%s' % (other, text), '=%s..' % text,
                               '=..%s' % text, '=%s..%s' % (text, text), '!=..%s' % text])
        return rng.choice(['=%s+-0.5', '=%s+-10%%', '=%s+-0', '=%s+-1', '=on', '=hot,off', '~^o', '=0x2a', '=0..0x1f']).replace('%s', text) \
            .replace('%%', '%')

    def textual(self, v):
        rng, kind = self.rng, self.rng.random()
        text = v if plain(v) and rng.random() < 0.7 else quoted(v)
        if kind < 0.5:
            return rng.choice(['=', '=', '!=']) + text
        if kind < 0.6:
            return rng.choice(['=a..p', '=..w', '=production..', '=1..5', '<b', '>="t"', '>300', '= warmup..z'])
        if kind < 0.75:
            return rng.choice(['~', '~', ' ~ ']) + rng.choice(['^w', 'a', 'u$', '^$', 'pro|x', '[0-9]+', '.', '/a b/', '"a b"', '/^(w|p)/'])
        return '=' + ','.join([text, rng.choice(['warmup', '300', '"a b"', 'production'])])

    def field(self):
        rng, s = self.rng, self.rng.choice(self.scopes)
        session, notes = s['session'].name, s['session'].notes
        blobs = [v.hash for v in s['vars'].values() if isinstance(v, Blob)] or ['00']
        name = rng.choice(list(s['vars']) or ['T'])
        lo, hi = sorted(rng.choice(self.scopes)['time'] for _ in range(2))
        at = second(lo // 10**9)
        return rng.choice([
            lambda: '_has=' + path(rng, name), lambda: '_has=' + path(rng, rng.choice(tapes.NAMES)),
            lambda: '_seq=%d' % s['seq'], lambda: '_seq=%d..%d' % (s['seq'], s['seq'] + rng.randrange(20)),
            lambda: '_seq>%d' % s['seq'], lambda: '_pos=' + s['pos'], lambda: '_pos=%s..' % s['pos'],
            lambda: '_pos=..' + s['pos'], lambda: '_session=' + session,
            lambda: '_session=' + session[:rng.randrange(8, 32)], lambda: '_session=last',
            lambda: '_session=' + notes.get('name', 'last-1'), lambda: '_run=' + notes.get('name', session),
            lambda: '_rank=%s' % notes.get('rank', '0'), lambda: '_rank=1..2',
            lambda: '_host=' + rng.choice(['node1', 'node2', notes.get('host', 'node3')]),
            lambda: '_hash=' + s['hash'], lambda: '_hash=' + s['hash'][:rng.randrange(6, 20)],
            lambda: '_blob=' + rng.choice(blobs)[:rng.choice([8, 16, 32])], lambda: '_has=_link',
            lambda: '_func=main', lambda: '_func!=main', lambda: '_file=a.c', lambda: '_file~solver',
            lambda: '_line=%d' % s['line'], lambda: '_line=10..50',
            lambda: '_link=' + s.get('link', s['pos']), lambda: '_link=any', lambda: '_link=none',
            lambda: '_link=%d' % s['seq'], lambda: '_pos=last:%d' % s['seq'], lambda: '_label=iter,re*',
            lambda: '_label!=iter', lambda: '_path=' + rng.choice(['*iter', 'json/*', '"init"', '*/relax*/*']),
            lambda: '_path~' + rng.choice(['^json/i', 'x/', 'r$']), lambda: '_label~^r', lambda: '_file=solver.f90',
            lambda: '_file=*.c', lambda: '_func~^m', lambda: '_lost=' + rng.choice(['*', path(rng, name)]),
            lambda: '_run~^[bs]', lambda: '_has=_' + rng.choice(['blob', 'rank', 'host', 'file', 'func']),
            lambda: '_time=2026-11-22T10:1%d' % rng.randrange(10), lambda: '_time<%sZ' % at,
            lambda: '_time>2026-11', lambda: '_time=%s.%09dZ' % (at, lo % 10**9),
            lambda: '_time=%s..%s' % (at[:16], second(hi // 10**9)[:16]),
            lambda: '_time=%sZ..' % at, lambda: '_time=..%sZ' % at, lambda: '_time=2026-11-22', lambda: '_time=2026',
        ])()


class Run:
    def __init__(self, options):
        self.o, self.wrong, self.answers = options, 0, 0

    def tape(self, rng, directory):
        if rng.random() < 0.5:
            tapes.write_raw(rng, directory)
            return
        for n in range(rng.randrange(1, 3)):
            done = subprocess.run(
                [self.o.tape_record, directory, '--label-key', 'label', '--time-key', 't', '--name', 'run%d' % n,
                 '--label', 'json'], input=tapes.json_lines(rng, rng.randrange(1, 150)).encode(),
                capture_output=True, check=False)
            if done.returncode not in (0, 3):
                raise SystemExit('tape-record: exit %d: %s' % (done.returncode, done.stderr.decode()))

    def compact(self, rng, tape, *more):
        """Whoever recorded it is gone, on whatever host."""
        names = sorted(os.listdir(os.path.join(tape, 'sessions')))
        done = subprocess.run([self.o.tape_compact, tape, '-j%d' % rng.randrange(1, 3), *more,
                               *('--assume-dead=' + name for name in names)], capture_output=True, check=False)
        left = [f for _, _, files in os.walk(os.path.join(tape, 'sessions')) for f in files]
        if done.returncode != 0 or left:
            self.differ(None, tape, '', 'tape-compact: exit %d, %s stay raw: %s' % (
                done.returncode, left, done.stderr.decode()))

    def compacted(self, rng, raw):
        """The tape with one half of its sessions compacted, and with all of them."""
        names = sorted(os.listdir(os.path.join(raw, 'sessions')))
        aside = rng.sample(names, len(names) // 2)
        half, full = raw + '.half', raw + '.full'
        shutil.copytree(raw, half)
        for name in aside:
            os.rename(os.path.join(half, 'sessions', name), os.path.join(half, name))
        self.compact(rng, half)
        os.makedirs(os.path.join(half, 'sessions'), exist_ok=True)
        for name in aside:
            os.rename(os.path.join(half, name), os.path.join(half, 'sessions', name))
        if rng.random() < 0.5:
            shutil.copytree(raw, full)
        else:  # the second generation takes contents from the first
            shutil.copytree(half, full)
        self.compact(rng, full, *rng.choice([[], ['--full']]))
        return [half, full]

    def pairs(self, seed, count):
        rng = random.Random(seed)
        directory = tempfile.mkdtemp(prefix='tape-differential-')
        self.tape(rng, directory)
        tape = decoder.Tape(directory)
        every = {more: list(tape.scopes(all=True, superseded=more)) for more in (False, True)}
        everything = every[True]
        kept = self.wrong
        if any(r[0] == 'damage' for r in tape.reports):
            self.differ(seed, directory, '', 'the decoder met damage: %s' % list(tape.reports)[:2])
        maker = Maker(rng, everything)
        forms = [directory]
        if self.o.tape_compact:
            forms += self.compacted(random.Random(seed), directory)
        for n in range(count):
            text = maker.query() if n and everything else ''
            flags = [f for f in ('--all', '--superseded') if rng.random() < 0.2]
            self.pair(seed, forms, tape, every['--superseded' in flags], text, flags)
        if self.wrong == kept:
            for form in forms:
                shutil.rmtree(form)

    def pair(self, seed, forms, tape, everything, text, flags):
        try:
            want = ''.join(x + '\n' for x in reference.find(tape, text, '--all' in flags, everything)).encode()
        except decoder.Bad as e:
            return self.differ(seed, forms[0], text, 'the reference cannot read it: %s' % e)
        self.answers += bool(want)
        for form in forms:
            self.form(seed, form, text, flags, want)

    def form(self, seed, directory, text, flags, want):
        done = subprocess.run([self.o.tape_find, directory, '-o', 'jsonl', *flags, '--', text],
                              capture_output=True, check=False)
        if done.stdout != want or done.returncode != (0 if want else 1):
            got, want = done.stdout.splitlines(), want.splitlines()
            at = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), min(len(got), len(want)))
            self.differ(seed, directory, ' '.join([text, *flags]), 'exit %d, %d lines, expected %d\n  got  %s\n  want %s%s' % (
                done.returncode, len(got), len(want), b''.join(got[at:at + 1]).decode(),
                b''.join(want[at:at + 1]).decode(), '\n  ' + done.stderr.decode() if done.stderr else ''))

    def differ(self, seed, directory, text, why):
        self.wrong += 1
        if self.wrong <= 20:
            print('DIFFERS: seed %s, tape %s, query: %s\n  %s' % (seed, directory, text, why), file=sys.stderr)


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--tape-find', required=True)
    p.add_argument('--tape-record', required=True)
    p.add_argument('--tape-compact')
    p.add_argument('--seed', type=int, default=int.from_bytes(os.urandom(4), 'little'))
    p.add_argument('--pairs', type=int, default=500)
    p.add_argument('--per-tape', type=int, default=50)
    o = p.parse_args()
    print('seed %d' % o.seed, flush=True)
    run, done, seed = Run(o), 0, o.seed
    while done < o.pairs:
        run.pairs(seed, min(o.per_tape, o.pairs - done))
        done, seed = done + o.per_tape, seed + 1
    print('%d pairs of tape and query, %d with an answer, %d differ' % (done, run.answers, run.wrong))
    return run.wrong != 0 or run.answers < done // 10


if __name__ == '__main__':
    sys.exit(main())
