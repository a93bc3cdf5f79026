#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The same bytes whatever a tape is made of: more than 60 queries on each of three tapes,
printed as jsonl while the tape is raw, and then when it is compacted, compacted again after
more was recorded, compacted whole, half compacted, compacted while a session records, without
its index, with a rebuilt one, and with one thread and two.

With --share N each of these is asked every N-th query, another one each time.

    identity.py --tools DIRECTORY [--chemostat PROGRAM] [--golden TAPE] [--runs N] [--steps N] [--share N]"""
import argparse, hashlib, json, os, re, shutil, subprocess, sys, tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'queries'))
import test_queries

# Beside the questions to the chemostat: every term, and values that are easy to get wrong.
MORE = [
    'n=9007199254740993', 'n=9007199254740992', 'n=18446744073709551615', 'n=-9223372036854775808',
    'n=9007199254740992..9007199254740994', 'x=nan', 'x=inf', 'x=-inf..0', 'x!=0', 'x=0.3+-1e-9',
    'phase=warm*', 'phase=warmup,cooling', 'phase!=warmup', 'phase~^c', '"größe"=1..2', '_has="größe"',
    'größe.len=3', 'not _has=x', '_has=_link', '_link=any', '_link=none phase=cooling',
    'field.len=100..', 'field.max=1..', 'long~end$', 'flag=true', '_lost=x', '_has=z', 'z.re=0..',
    '_session=last', '_session=last-1', '_rank=0', '_rank!=0', '_run=second', '_seq=3', '_seq=100..120',
    '_time=..2200', '(phase=warmup or x=nan) not n=1', 'absent_variable=1', 'e=ON', 'e=1..2',
    '_blob=00', '_hash=0', '_hash=00', '_bookmark', '_cache', '_file~c$',
]
EXTRA = [[], ['--all'], ['--reverse', '-n', '7'], ['--count'], ['--keys', '_pos'], ['--keys', 'x,n,phase']]


def lines(count, start):
    """Scopes for tape-record: repeats, NaN, exact integers, long text, arrays, blobs."""
    out = []
    for i in range(start, start + count):
        s = {'n': (i % 7) + 9007199254740990 if i % 11 else 18446744073709551615 - i % 3, 'x': 0.1 * (i % 31),
             'phase': ('warmup', 'production', 'cooling')[i % 3], 'flag': i % 2 == 0, 'nested': {'a': i % 5, 'b': None}}
        if i % 5 == 0:
            s['größe'] = [1.5, i % 3, 2.5]
        if i % 13 == 0:
            s['field'] = [float(j * (i % 4)) for j in range(100 + i % 2)]
        if i % 17 == 0:
            s['long'] = 'text of more than sixty-four bytes, which goes by its hash: %d, to the end' % (i % 4)
        if i % 19 == 0:
            s['huge'] = ('%d ' % (i % 3)) * 3000
        if i % 23 == 0:
            s['neg'] = -9223372036854775808
        out.append(json.dumps(s, ensure_ascii=False))
    return '\n'.join(out) + '\n'


class Identity:
    def __init__(self, options):
        self.o = options
        self.dir = tempfile.mkdtemp(prefix='tape-identity-')
        self.failed = self.asked = self.round = 0
        with open(self.path('known.partials'), 'w') as known:
            known.write(test_queries.PARTIALS)

    def tool(self, name):
        return os.path.join(self.o.tools, name)

    def path(self, name):
        return os.path.join(self.dir, name)

    def run(self, *args, ok=(0,), text=None):
        done = subprocess.run(args, input=text, capture_output=True, check=False)
        if done.returncode not in ok:
            raise SystemExit('%s: exit %d\n%s' % (' '.join(args), done.returncode, done.stderr.decode()))
        return done

    def ask(self, tape, query, *more, bytes_only=False):
        form = [] if bytes_only else ['-o', 'jsonl']
        sliced = self.o.sliced and '-j' in more and more[more.index('-j') + 1] != '1'
        args = [self.o.sliced if sliced else self.tool('tape-find'), tape, *([query] if query else []), *form, *more]
        if 'is=' in query:
            args.append('--partials=' + self.path('known.partials'))
        done = subprocess.run(args, capture_output=True, check=False)
        if done.returncode not in (0, 1, 3):
            self.fail(' '.join(args[2:]), 'exit %d: %s' % (done.returncode, done.stderr.decode()))
        self.asked += 1
        return done.returncode, done.stdout

    def fail(self, what, why):
        print('FAILED: %s: %s' % (what, why), file=sys.stderr)
        self.failed += 1

    def answers(self, tape, bound=None, jobs=None, share=1):
        out = {}
        for i, query in enumerate(self.queries):
            # Another share each time, of which each has every one of EXTRA.
            if (i + i // len(EXTRA) + self.round) % share:
                continue
            if bound:
                query = '(%s) _pos=..%s' % (query, bound) if query else '_pos=..%s' % bound
            more = EXTRA[i % len(EXTRA)]
            out['%d: %s' % (i, query)] = self.ask(tape, query, *more, *(['-j', str(jobs)] if jobs else []))
            if i % 9 == 0 and more:
                out['%d, bare: %s' % (i, query)] = self.ask(tape, query)
        for name in self.long_values:
            bound_to = ['_pos=..' + bound] if bound else []
            found = self.ask(tape, '_has=' + name, *bound_to, '--last', '--cat=' + name, bytes_only=True)
            out['bytes of ' + name] = found[0], b'%d bytes, ' % len(found[1]) + hashlib.sha256(found[1]).hexdigest().encode()
        return out

    def some(self, tape, **how):
        """Answers to a share of the queries, another one each time."""
        self.round += 1
        return self.answers(tape, share=self.o.share, **how)

    def same(self, want, tape, when, **how):
        for query, is_now in self.some(tape, **how).items():
            right = want[query]
            if is_now == right:
                continue
            a, b = is_now[1].splitlines(), right[1].splitlines()
            at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
            self.fail(query, '%s, %s: exit %d for %d, %d lines for %d; first difference:\n  got  %s\n  want %s' % (
                os.path.basename(tape), when, is_now[0], right[0], len(a), len(b), a[at:at + 1], b[at:at + 1]))

    def compact(self, tape, *more):
        return self.run(self.tool('tape-compact'), tape, '-q', *more)

    def learn(self, tape):
        """The queries, with what their {words} stand for on this tape."""
        scopes = [json.loads(x) for x in self.ask(tape, '', '--all')[1].splitlines()]
        some = scopes[len(scopes) // 2]
        blobs = [v['blob'] for s in scopes for v in s['vars'].values() if isinstance(v, dict) and 'blob' in v]
        stored = next((s for s in scopes if 'objective' in s['vars']), some)
        known = {'objective': stored['vars'].get('objective', 0), 'pos': some['pos'], 'hash': some['hash'],
                 'session': some['pos'].split(':')[0], 'line': some.get('line', 1), 'host': os.uname().nodename,
                 'blob': blobs[0] if blobs else '00'}
        fill = lambda text: re.sub(r'\{(\w+)\}', lambda m: str(known[m[1]]), text)
        self.queries = [fill(q) for q, _ in test_queries.QUERIES] + MORE + [
            '_hash=%s' % s['hash'] for s in scopes[::max(1, len(scopes) // 4)]] + [
            '_pos=%s' % s['pos'] for s in scopes[::max(1, len(scopes) // 4)]] + ['_blob=%s' % b for b in blobs[-2:]]
        names = {n for s in scopes for n, v in s['vars'].items() if isinstance(v, dict) and 'blob' in v}
        names |= {n for s in scopes for n, v in s['vars'].items() if isinstance(v, str) and len(v) > 64}
        self.long_values = [n for n in sorted(names) if re.fullmatch('[a-z]+', n)][:4]
        return scopes

    def forms(self, raw):
        """All that may be made of a raw tape that nobody writes to."""
        self.learn(raw)
        want = self.answers(raw)
        for jobs in (7,):
            self.same(want, raw, 'raw, with -j%d' % jobs, jobs=jobs)
        tape = raw + '.compacted'
        shutil.copytree(raw, tape)
        self.compact(tape)
        self.same(want, tape, 'compacted')
        if not os.path.isdir(os.path.join(tape, 'gen')):
            return shutil.rmtree(tape)  # its session may still be recorded: it stays raw
        before = sorted(os.listdir(os.path.join(tape, 'gen')))
        self.compact(tape)
        if sorted(os.listdir(os.path.join(tape, 'gen'))) != before:
            self.fail(tape, 'compacting twice made something new')
        self.compact(tape, '--full')
        self.same(want, tape, 'compacted with --full')
        for jobs in (1, 2, 7):
            self.same(want, tape, 'with -j%d' % jobs, jobs=jobs)
        self.without_index(want, tape)
        kept = raw + '.kept'
        shutil.copytree(raw, kept)
        self.compact(kept, '--keep-raw')
        self.same(want, kept, 'compacted with --keep-raw')
        self.half(want, raw)
        for path in (tape, kept):
            shutil.rmtree(path)

    def without_index(self, want, tape):
        made = {}
        for name in ('index.mdb', 'index.pack'):
            for generation in os.listdir(os.path.join(tape, 'gen')):
                path = os.path.join(tape, 'gen', generation, name)
                with open(path, 'rb') as f:
                    made[path] = f.read()
                os.remove(path)
            # Nothing is wrong with the answers; only that is what is compared here.
            for query, (_, lines_now) in self.some(tape).items():
                if lines_now != want[query][1]:
                    self.fail(query, '%s, without %s' % (os.path.basename(tape), name))
        self.run(self.tool('tape-check'), tape, '--rebuild-index', '-q', ok=(0, 3))
        for path, was in made.items():
            with open(path, 'rb') as f:
                if f.read() != was:
                    self.fail(path, 'the rebuilt index has other bytes')
        self.run(self.tool('tape-check'), tape, '--full', '-q')
        self.same(want, tape, 'with a rebuilt index')

    def half(self, want, raw):
        """Half of the sessions compacted, the other half raw; then a second generation."""
        names = sorted(os.listdir(os.path.join(raw, 'sessions')))
        if len(names) < 2:
            return
        tape = raw + '.half'
        shutil.copytree(raw, tape)
        aside = tape + '.aside'
        os.mkdir(aside)
        for name in names[1::2]:
            os.rename(os.path.join(tape, 'sessions', name), os.path.join(aside, name))
        self.compact(tape)
        for name in names[1::2]:
            os.makedirs(os.path.join(tape, 'sessions'), exist_ok=True)
            os.rename(os.path.join(aside, name), os.path.join(tape, 'sessions', name))
        self.same(want, tape, 'half compacted')
        self.same(want, tape, 'half compacted, with -j3', jobs=3)
        self.compact(tape)
        self.same(want, tape, 'in two generations', jobs=2)
        self.compact(tape, '--full')
        self.same(want, tape, 'with two generations merged')
        shutil.rmtree(tape)
        os.rmdir(aside)

    def live(self, tape):
        """A session that records while the others are compacted."""
        recorder = subprocess.Popen([self.tool('tape-record'), tape, '-l', 'live', '--ack', '-q', '-c', '50', '-'],
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        recorder.stdin.write(lines(100, 5).encode())
        recorder.stdin.flush()
        bound = [recorder.stdout.readline() for _ in range(100)][-1].decode().strip()
        want = self.answers(tape, bound=bound)
        self.compact(tape)
        self.same(want, tape, 'compacted while a session records', bound=bound)
        recorder.stdin.write(lines(100, 55).encode())
        recorder.stdin.flush()
        self.same(want, tape, 'while more is recorded', bound=bound)
        self.same(want, tape, 'while more is recorded, with -j3', bound=bound, jobs=3)
        recorder.stdin.close()
        recorder.stdout.read()
        if recorder.wait() != 0:
            self.fail(tape, 'the recorder failed')
        self.compact(tape)
        self.same(want, tape, 'compacted when the session was over', bound=bound)

    def recorded(self):
        tape = self.path('recorded.tape')
        for i, name in enumerate(('first', 'second', 'third', 'second')):
            self.run(self.tool('tape-record'), tape, '-l', 'mc', '-l', 'step%d' % (i % 2), '--name=' + name, '-q', '-',
                     text=lines(self.o.lines, 40 * i).encode())
        return tape

    def main(self):
        tapes = [self.recorded()]
        if self.o.golden:
            for golden in self.o.golden:
                tapes.append(self.path(os.path.basename(golden)))
                shutil.copytree(golden, tapes[-1])
        if self.o.chemostat:
            tapes.append(self.path('demo.tape'))
            for _ in range(2):
                self.run(self.o.chemostat, '--quiet', '--tape', tapes[-1], '--runs', str(self.o.runs), '--steps',
                         str(self.o.steps))
        for tape in tapes:
            self.forms(tape)
        self.learn(tapes[0])
        self.live(tapes[0])
        print('%d queries on %d tapes, asked %d times; %d wrong' % (
            len(self.queries), len(tapes), self.asked, self.failed))
        return self.failed != 0


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--tools', required=True)
    p.add_argument('--chemostat')
    p.add_argument('--sliced', help='a tape-find that cuts small tapes into slices, for -j2 and more')
    p.add_argument('--golden', nargs='*')
    p.add_argument('--share', type=int, default=1, metavar='N', help='each form of a tape is asked every N-th query')
    p.add_argument('--lines', type=int, default=600)
    p.add_argument('--runs', type=int, default=3)
    p.add_argument('--steps', type=int, default=200)
    test = Identity(p.parse_args())
    try:
        return test.main()
    finally:
        shutil.rmtree(test.dir, ignore_errors=True)


if __name__ == '__main__':
    sys.exit(main())
