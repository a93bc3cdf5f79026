#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Queries on the tape of examples/chemostat.c: the same answers from tape-find, from
the Python decoder with a predicate of its own for each query, and from tape-find while
the tape was being recorded, up to the position that was the last one then. With
--tape-compact once more from the compacted tape.

    test_queries.py --chemostat PROGRAM --tape-find PROGRAM [--tape-compact PROGRAM] [--runs N] [--steps N]"""
import argparse, json, os, re, shutil, socket, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
import decoder

NONE = object()


def var(s, name):
    return s['vars'].get(name, NONE)


def num(s, name, lo, hi):
    v = var(s, name)
    return isinstance(v, (int, float)) and not isinstance(v, bool) and lo <= v <= hi


def has(s, *labels):
    return all(x in s['labels'] for x in labels)


def is_a(s, **tags):
    """Are there variables of these type tags? __ stands for a dot."""
    types = {v.name: v.tag for v in s['form'].vars}
    return all(types.get(name.replace('__', '.')) == tag for name, tag in tags.items())


def dims(s, name):
    return len(getattr(var(s, name), 'dims', ()))


INF = float('inf')
# Text, predicate. {hash} and so on are taken from the tape.
QUERIES = [
    ('', lambda s, k: True),
    ('iter', lambda s, k: has(s, 'iter')),
    ('chemostat', lambda s, k: s['labels'][0] == 'chemostat'),
    ('store.ts', lambda s, k: has(s, 'store.ts')),
    ('"store.ts"', lambda s, k: has(s, 'store.ts')),
    ('nosuchlabel', lambda s, k: False),
    ('run:*', lambda s, k: len(s['labels']) > 1 and s['labels'][1].startswith('run:')),
    ('run:? store.*', lambda s, k: has(s, 'store.ts') and len(s['labels'][1]) == 5),
    ('/^run:[13]$/', lambda s, k: has(s, 'run:1') or has(s, 'run:3')),
    ('not iter', lambda s, k: not has(s, 'iter')),
    ('init or store.ts', lambda s, k: has(s, 'init') or has(s, 'store.ts')),
    ('(run:1 or run:2) not iter', lambda s, k: (has(s, 'run:1') or has(s, 'run:2')) and not has(s, 'iter')),
    ('it=17', lambda s, k: var(s, 'it') == 17),
    ('it=17.0', lambda s, k: var(s, 'it') == 17),
    ('it=1,2,30', lambda s, k: var(s, 'it') in (1, 2, 30)),
    ('it=100..110 run:0', lambda s, k: num(s, 'it', 100, 110) and has(s, 'run:0')),
    ('it=..1', lambda s, k: num(s, 'it', -INF, 1)),
    ('it=395.. run:1', lambda s, k: num(s, 'it', 395, INF) and has(s, 'run:1')),
    ('it!=0 run:2', lambda s, k: has(s, 'run:2') and var(s, 'it') is not NONE and var(s, 'it') != 0),
    ('it!=0 init', lambda s, k: False),
    ('it<3', lambda s, k: num(s, 'it', -INF, 2)),
    ('it>=397', lambda s, k: num(s, 'it', 397, INF)),
    ('D=0.04', lambda s, k: var(s, 'D') == 0.04),
    ('D=0.3+-0.1 init', lambda s, k: num(s, 'D', 0.2, 0.4) and has(s, 'init')),
    ('X0=0.02+-1% init', lambda s, k: num(s, 'X0', 0.0198, 0.0202) and has(s, 'init')),
    ('objective={objective}', lambda s, k: var(s, 'objective') == k['objective']),
    ('objective!={objective} init', lambda s, k: var(s, 'objective') != k['objective'] and has(s, 'init')),
    ('objective~^[a-c] init', lambda s, k: var(s, 'objective')[0] in 'abc' and has(s, 'init')),
    ('m.glc=1..5 it=..50', lambda s, k: num(s, 'm.glc', 1, 5) and num(s, 'it', -INF, 50)),
    ('a.net=..-0.01', lambda s, k: num(s, 'a.net', -INF, -0.01)),
    ('"a"."mu">0.3', lambda s, k: num(s, 'a.mu', 0.3, INF) and var(s, 'a.mu') > 0.3),
    ('*.lp=infeasible', lambda s, k: 'infeasible' in (var(s, 'a.lp'), var(s, 'b.lp'))),
    ('a.solves=0 b.solves=1..', lambda s, k: var(s, 'a.solves') == 0 and num(s, 'b.solves', 1, INF)),
    ('a.washed_out=true or a.washed_out=false', lambda s, k: var(s, 'a.washed_out') is not NONE),
    ('_has=ts.glc', lambda s, k: var(s, 'ts.glc') is not NONE),
    ('_seq=10..12', lambda s, k: 10 <= s['seq'] <= 12),
    ('_pos={pos}', lambda s, k: s['pos'] == k['pos']),
    ('_session={session} it=5', lambda s, k: s['pos'].startswith(k['session'] + ':') and var(s, 'it') == 5),
    ('_run=chemostat init', lambda s, k: has(s, 'init')),
    ('_host={host} store.ts', lambda s, k: has(s, 'store.ts')),
    ('_func=record_init', lambda s, k: s['func'] == 'record_init'),
    ('_line={line}', lambda s, k: s['line'] == k['line']),
    ('_hash={hash}', lambda s, k: s['hash'] == k['hash']),
    ('_blob={blob}', lambda s, k: any(k['blob'] == getattr(v, 'hash', '') for v in s['vars'].values())),
    ('_time=2020..2200 init', lambda s, k: has(s, 'init')),
    ('{it: int, m { glc: float }}', lambda s, k: is_a(s, it=3) and is_a(s, m__glc=5)),
    ('{it: float}', lambda s, k: False),
    ('{objective: str, D?: number}', lambda s, k: is_a(s, objective=16)),
    ('{a { mu: f64, washed_out: bool }, ts?: array} it=..9', lambda s, k: is_a(s, a__mu=5, a__washed_out=2) and num(s, 'it', -INF, 9)),
    ('{ts { glc: f8[*] }}', lambda s, k: dims(s, 'ts.glc') == 1),
    ('{ts { glc: f8[*,*] }}', lambda s, k: False),
    ('not {ts { glc: any[] }} store.ts', lambda s, k: False),
    ('{ts? { glc: array, nosuch: int }} run:1', lambda s, k: has(s, 'run:1') and var(s, 'ts.glc') is NONE),
    ('is=step run:2', lambda s, k: has(s, 'run:2') and is_a(s, it=3, a__mu=5)),
    ('is=series or is=nothing init', lambda s, k: dims(s, 'ts.glc') == 1 or has(s, 'init')),
    ('not (is=step or is=series)', lambda s, k: not is_a(s, it=3, a__mu=5) and dims(s, 'ts.glc') != 1),
]
PARTIALS = """# asked for by name
step { it: int, a { mu: float, lp?: str } }
series { ts { glc: float[*] } }
nothing {}
"""


def order(pos):
    session, seq = pos.rsplit(':', 1)
    return session, int(seq)


class Test:
    def __init__(self, options):
        self.o = options
        self.dir = tempfile.mkdtemp(prefix='tape-queries-')
        self.tape = os.path.join(self.dir, 'demo.tape')
        self.recorder, self.known, self.failed = None, {}, 0
        os.mkdir(self.tape)
        with open(os.path.join(self.tape, 'tape.partials'), 'w') as f:
            f.write(PARTIALS)

    def find(self, query, *more):
        done = subprocess.run([self.o.tape_find, self.tape, *([query] if query else []), '-o', 'jsonl', *more],
                              capture_output=True, check=False)
        if done.returncode not in (0, 1) or done.stderr:
            self.fail(query, 'exit %d, %s' % (done.returncode, done.stderr.decode()))
        return done.stdout.splitlines(keepends=True)

    def fail(self, query, why):
        print('FAILED: %s: %s' % (query, why), file=sys.stderr)
        self.failed += 1

    def record(self):
        """A recorder that runs at this moment; another session when the last one is through."""
        if self.recorder is None or self.recorder.poll() is not None:
            if self.recorder is not None and self.recorder.returncode != 0:
                raise SystemExit('chemostat failed: exit %d' % self.recorder.returncode)
            self.recorder = subprocess.Popen(
                [self.o.chemostat, '--quiet', '--tape', self.tape, '--runs', str(self.o.runs),
                 '--steps', str(self.o.steps)], stdout=subprocess.DEVNULL)

    def last(self):
        """The last position that a reader sees now."""
        found = self.find('', '--last') if os.path.exists(os.path.join(self.tape, 'TAPE')) else []
        return json.loads(found[0])['pos'] if found else None

    def learn(self):
        """What the {words} of the queries stand for, from the scopes of the first run."""
        while True:
            self.record()
            stored = self.find('store.ts', '--first') if self.last() else []
            if stored:
                break
            time.sleep(0.01)
        scope, first = json.loads(stored[0]), json.loads(self.find('', '--first')[0])
        self.known = {'objective': scope['vars']['objective'], 'pos': scope['pos'], 'hash': scope['hash'],
                      'session': scope['pos'].split(':')[0], 'line': first['line'],
                      'host': socket.gethostname(), 'blob': scope['vars']['ts.glc']['blob']}

    def live(self):
        """Each query while the recorder writes: (bound, answer)"""
        out = []
        for text, _ in QUERIES:
            self.record()
            bound = self.last()
            query = '(%s) _pos=..%s' % (self.text(text), bound) if text else '_pos=..%s' % bound
            answer = self.find(query)
            out.append((bound, answer, self.recorder.poll() is None))
        return out

    def text(self, text):
        return re.sub(r'\{(\w+)\}', lambda m: str(self.known[m[1]]), text)

    def run(self):
        self.learn()
        live = self.live()
        if self.recorder.wait() != 0:
            raise SystemExit('chemostat failed')
        tape = decoder.Tape(self.tape)
        scopes = [(s, decoder.line(s).encode() + b'\n') for s in tape.scopes()]
        if any(r[0] == 'damage' for r in tape.reports):
            self.fail('', 'the decoder met damage: %s' % list(tape.reports)[:3])
        empty, kept = 0, []
        for (text, predicate), (bound, then, _) in zip(QUERIES, live):
            right = [(s, x) for s, x in scopes if predicate(s, self.known)]
            self.compare(text, 'at the end', self.find(self.text(text)), [x for _, x in right])
            before = [x for s, x in right if order(s['pos']) <= order(bound)]
            self.compare(text, 'while recording', then, before)
            empty += not right
            kept.append([x for _, x in right])
        if self.o.tape_compact:
            done = subprocess.run([self.o.tape_compact, '-q', self.tape], check=False)
            left = [f for _, _, files in os.walk(os.path.join(self.tape, 'sessions')) for f in files]
            if done.returncode != 0 or left:
                self.fail('', 'tape-compact: exit %d, %s stay' % (done.returncode, left))
            for (text, _), want in zip(QUERIES, kept):
                self.compare(text, 'compacted', self.find(self.text(text)), want)
        recording = sum(x[2] for x in live)
        print('%d queries on %d scopes, %d of them asked while the recorder ran, %d without an answer; %d wrong'
              % (len(QUERIES), len(scopes), recording, empty, self.failed))
        if recording < len(QUERIES) // 2 or empty > 8:
            self.fail('', 'the tape does not try the queries')
        return self.failed != 0

    def compare(self, text, when, got, want):
        if got != want:
            at = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), min(len(got), len(want)))
            self.fail(self.text(text), '%s: %d answers, expected %d; first difference:\n  got  %s\n  want %s' % (
                when, len(got), len(want), got[at:at + 1], want[at:at + 1]))

    def end(self):
        if self.recorder is not None and self.recorder.poll() is None:
            self.recorder.kill()
            self.recorder.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--chemostat', required=True)
    p.add_argument('--tape-find', required=True)
    p.add_argument('--tape-compact')
    p.add_argument('--runs', type=int, default=8)
    p.add_argument('--steps', type=int, default=400)
    test = Test(p.parse_args())
    try:
        return test.run()
    finally:
        test.end()


if __name__ == '__main__':
    sys.exit(main())
