# SPDX-License-Identifier: Apache-2.0
"""Queries about bookmarks on random tapes, raw, mixed and compacted, against plain Python."""
import argparse
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
import decoder  # noqa: E402
import tape_writer as w  # noqa: E402

NAMES = ['a', 'b', 'c', 'two words', 'x.y']
I64, STR = 3, 16
FORMS = {'step': 1, 'iter': 2}


class Mark:
    def __init__(self, name, place, own):
        self.name, self.place, self.own = name, place, own


class Tape:
    """sessions: of each its rows (label, or None for a bookmark), seq by seq."""

    def __init__(self, rng, directory):
        self.rng, self.dir, self.rows, self.marks, self.ids = rng, directory, [], [], []
        count = rng.randrange(1, 5)
        for n in range(count):
            self.ids.append('20261122T1011%02d.123456Z-0a1b2c3d' % n)
        for n in range(count):
            self.session(n)
        self.marks.sort(key=lambda m: (m.place, m.own))
        seen = {}
        for m in self.marks:
            m.number = seen[m.name] = seen.get(m.name, 0) + 1

    def session(self, n):
        rng, rows, defined = self.rng, [], set()
        t = w.Writer(session=self.ids[n], session_id=(w.SESSION_ID[0] + (n - 12) * 10**6, w.SESSION_ID[1]))
        for _ in range(rng.randrange(0, 6)):
            records = []
            for _ in range(rng.randrange(1, 12)):
                seq = len(rows) + 1
                if rng.random() < 0.25:
                    kind, label, (number, body) = decoder.BOOKMARK, None, self.bookmark(n, seq)
                    labels = ['run', '_bookmark']
                    variables = [(v, STR, 0, '', []) for v in ('name', 'target')[:number - 2]]
                else:
                    label = rng.choice(list(FORMS))
                    kind, number, body = decoder.SCOPE, FORMS[label], struct.pack('<q', rng.randrange(9))
                    labels, variables = ['run', label], [('n', I64, 0, '', [])]
                if number not in defined:
                    defined.add(number)
                    records.append(w.form(number, labels, variables))
                records.append(w.timed(kind, number, body, seq))
                rows.append(label)
            t.group(*records)
        t.end()
        t.save(self.dir)
        self.rows.append(rows)

    def bookmark(self, n, seq):
        """-> number of its form, body"""
        name, place, text = self.rng.choice(NAMES), (n, seq), ''
        if self.rng.random() < 0.3:
            place = (self.rng.randrange(len(self.ids)), self.rng.randrange(1, 40))
            text = '%s:%d' % (self.ids[place[0]], place[1])
        self.marks.append(Mark(name, place, (n, seq)))
        body = b''.join(struct.pack('<Q', len(x)) + x.encode() for x in (name, text) if x)
        return 4 if text else 3, body

    def bookmarks_between(self, place, upto):
        return sum(self.rows[place[0]][seq - 1] is None for seq in range(place[1] + 1, upto)
                   if seq <= len(self.rows[place[0]]))


class Query:
    """A text, and .test(position); .points: what its terms "@name" stand for."""

    def __init__(self, rng, tape):
        self.rng, self.tape, self.points = rng, tape, []
        self.text, self.test = self.either(0)

    def either(self, depth):
        parts = [self.both(depth) for _ in range(self.rng.choice([1, 1, 1, 2]))]
        return ' or '.join(t for t, _ in parts), lambda p: any(f(p) for _, f in parts)

    def both(self, depth):
        parts = [self.term(depth) for _ in range(self.rng.choice([1, 1, 2]))]
        return ' '.join(t for t, _ in parts), lambda p: all(f(p) for _, f in parts)

    def term(self, depth):
        kind = self.rng.random()
        if depth < 2 and kind < 0.1:
            text, test = self.either(depth + 1)
            return '(%s)' % text, test
        if kind < 0.25:
            text, test = self.term(depth)
            return 'not ' + text, lambda p: not test(p)
        if kind < 0.4:
            label = self.rng.choice(list(FORMS))
            return label, lambda p: self.tape.rows[p[0]][p[1] - 1] == label
        return self.rng.choice([self.at, self.behind, self.range, self.range, self.upto, self.from_, self.section])()

    def mark(self):
        """-> text without its "@", the marks that it names in order, their indexes"""
        name, number = self.rng.choice(NAMES + ['nosuch']), self.rng.choice([0, 0, 0, 1, 2, 3])
        text = name if ' ' not in name and self.rng.random() < 0.9 else '"%s"' % name
        found = [i for i, m in enumerate(self.tape.marks) if m.name == name and number in (0, m.number)]
        return text + ('#%d' % number if number else ''), found

    def places(self, found):
        return [self.tape.marks[i].place for i in found]

    def at(self):
        text, found = self.mark()
        self.points += [self.tape.marks[i] for i in found]
        return '@' + text, lambda p: p in self.places(found)

    def behind(self):
        text, found = self.mark()
        n = self.rng.choice([1, 2, 5, 100])

        def test(p):
            for place in self.places(found):
                if place[0] == p[0] and place[1] < p[1]:
                    before = p[1] - place[1] - 1 - self.tape.bookmarks_between(place, p[1])
                    if before < n:
                        return True
            return False
        return '@%s+%d' % (text, n), test

    def from_(self):
        text, found = self.mark()

        def test(p):
            own = [q for q in self.places(found) if q[0] == p[0]]
            return p >= min(own) if own else any(q[0] < p[0] for q in self.places(found))
        return '@%s..' % text, test

    def upto(self):
        text, found = self.mark()

        def test(p):
            own = [q for q in self.places(found) if q[0] == p[0]]
            return p <= max(own) if own else any(q[0] > p[0] for q in self.places(found))
        return '..@%s' % text, test

    def range(self):
        text, begins = self.mark()
        other, ends = self.mark()
        with_begin = {q[0] for q in self.places(begins)}

        def test(p):
            for i in begins:
                j = next((j for j in ends if j > i), None)
                if j is None:
                    continue
                lo, hi = self.tape.marks[i].place, self.tape.marks[j].place
                if lo <= p <= hi and not with_begin & set(range(lo[0] + 1, hi[0] + 1)):
                    return True
            return False
        return '@%s..@%s' % (text, other), test

    def section(self):
        op = self.rng.choice(['=', '!=', '~'])
        name = self.rng.choice(['a', 'b', 'x.y'] + ([] if op == '~' else ['a,c', '*']))
        fits = {'=': lambda n: name == '*' or n in name.split(','), '~': lambda n: name in n}
        fits['!='] = fits['=']

        def test(p):
            before = [m.place for m in self.tape.marks if m.place[0] == p[0] and m.place <= p]
            return bool(before) and any(fits[op](m.name) for m in self.tape.marks
                                        if m.place == max(before)) == (op != '!=')
        return '_mark%s%s' % (op, name), test

    def answer(self, everything):
        shown = {m.own for m in self.points if m.own == m.place}
        return [(s, n) for s, rows in enumerate(self.tape.rows) for n in range(1, len(rows) + 1)
                if self.test((s, n)) and (everything or rows[n - 1] is not None or (s, n) in shown)]


class Run:
    def __init__(self, o):
        self.o, self.wrong, self.answers, self.done = o, 0, 0, 0

    def compact(self, directory, *more):
        done = subprocess.run([self.o.tape_compact, '-q', '-j1', directory, *more], capture_output=True, check=False)
        if done.returncode != 0:
            sys.exit('tape-compact %s: %s' % (directory, done.stderr.decode()))

    def mixed(self, rng, raw):
        """The tape with some sessions compacted, and with all of them."""
        half, full = raw + '.half', raw + '.full'
        shutil.copytree(raw, half)
        names = sorted(os.listdir(os.path.join(raw, 'sessions')))
        aside = rng.sample(names, len(names) // 2)
        for name in aside:
            os.rename(os.path.join(half, 'sessions', name), os.path.join(half, name))
        self.compact(half)
        os.makedirs(os.path.join(half, 'sessions'), exist_ok=True)
        for name in aside:
            os.rename(os.path.join(half, name), os.path.join(half, 'sessions', name))
        shutil.copytree(half, full)
        self.compact(full, *rng.choice([[], ['--full']]))
        return [raw, half, full]

    def tape(self, seed):
        rng = random.Random(seed)
        directory = tempfile.mkdtemp(prefix='tape-marks-')
        tape, kept = Tape(rng, directory), self.wrong
        forms = self.mixed(rng, directory)
        self.listed(seed, tape, forms)
        for _ in range(self.o.per_tape):
            query, everything = Query(rng, tape), rng.random() < 0.2
            want = query.answer(everything)
            reverse = rng.random() < 0.2
            self.answers += bool(want)
            self.done += 1
            for form in forms:
                options = ['--all'] * everything + ['--reverse'] * reverse
                got = self.find(form, '--keys', '_pos', *options, '--', query.text)
                lines = ['%s:%d' % (tape.ids[s], n) for s, n in (want[::-1] if reverse else want)]
                if got != lines:
                    self.differ(seed, form, ' '.join(options + [query.text]), got, lines)
        if self.wrong == kept:
            for form in forms:
                shutil.rmtree(form)

    def listed(self, seed, tape, forms):
        for form in forms:
            got = [line.split(' ')[0] for line in self.find(form, '--bookmarks')]
            want = ['%s:%d' % (tape.ids[m.place[0]], m.place[1]) for m in tape.marks]
            if got != want:
                self.differ(seed, form, '--bookmarks', got, want)

    def find(self, *args):
        done = subprocess.run([self.o.tape_find, *args], capture_output=True, check=False)
        if done.returncode not in (0, 1) or done.stderr:
            return ['exit %d' % done.returncode, done.stderr.decode()]
        return done.stdout.decode().splitlines()

    def differ(self, seed, form, what, got, want):
        self.wrong += 1
        if self.wrong <= 10:
            print('DIFFERS: seed %d, tape %s, query: %s\n  got  %s\n  want %s' % (seed, form, what, got, want),
                  file=sys.stderr)


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--tape-find', required=True)
    p.add_argument('--tape-compact', required=True)
    p.add_argument('--seed', type=int, default=int.from_bytes(os.urandom(4), 'little'))
    p.add_argument('--tapes', type=int, default=20)
    p.add_argument('--per-tape', type=int, default=20)
    o = p.parse_args()
    print('seed %d' % o.seed, flush=True)
    run = Run(o)
    for n in range(o.tapes):
        run.tape(o.seed + n)
    print('%d queries, %d with an answer, %d differ' % (run.done, run.answers, run.wrong))
    return run.wrong != 0 or run.answers < run.done // 10


if __name__ == '__main__':
    sys.exit(main())
