#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tape-compact killed, or with calls that fail, at many moments: the answers stay the same,
the next run finishes the job, and nothing is left over.

    interrupted.py --tools DIRECTORY [--kills N] [--scopes N] [--errors E,E...] [--seed N]"""
import argparse, hashlib, os, random, re, shutil, signal, subprocess, sys, tempfile, time

CALLS = ['openat', 'write', 'pread64', 'fsync', 'mkdirat', 'renameat', 'linkat', 'unlinkat', 'getdents64',
         'newfstatat', 'fstat', 'fcntl']


class Interrupted:
    def __init__(self, options):
        self.o = options
        self.random = random.Random(options.seed)
        self.dir = tempfile.mkdtemp(prefix='tape-interrupted-')
        self.failed = self.runs = self.struck = 0

    def tool(self, name):
        return os.path.join(self.o.tools, name)

    def fail(self, what, why):
        print('FAILED: %s: %s' % (what, why), file=sys.stderr)
        self.failed += 1

    def record(self, tape, start, scopes):
        rows = ''.join('{"i":%d,"x":%r,"phase":"%s","long":"%s"%s}\n' % (
            i, (i * 7919 % 1000) / 8, 'abc'[i % 3], 'z' * (i % 90),
            ',"field":%s' % [float(j + i % 5) for j in range(1000 if i % 40 else 12000)] if i % 20 == 0 else '')
            for i in range(start, start + scopes))
        subprocess.run([self.tool('tape-record'), tape, '-l', 'mc', '-q', '-'], input=rows.encode(), check=True)

    def answers(self, tape):
        done = subprocess.run([self.tool('tape-find'), tape, '--all', '-o', 'jsonl'], capture_output=True, check=False)
        return done.returncode, hashlib.sha256(done.stdout).hexdigest(), done.stderr

    def blob(self, tape):
        """One blob whole, so that bytes are looked at too."""
        done = subprocess.run([self.tool('tape-find'), tape, '_has=field', '--last', '--cat=field'],
                              capture_output=True, check=False)
        return hashlib.sha256(done.stdout).hexdigest(), len(done.stdout)

    def same(self, tape, what):
        got = self.answers(tape)
        if got[:2] != self.want[:2]:
            self.fail(what, 'other answers: exit %d %s' % (got[0], got[2].decode()[:300]))
        if self.blob(tape) != self.want_blob:
            self.fail(what, 'another blob')

    def finish(self, tape, what, more):
        """The next run finishes what an interrupted one began."""
        done = subprocess.run([self.tool('tape-compact'), tape, '-q', *more], capture_output=True, check=False)
        if done.returncode != 0:
            self.fail(what, 'the next run: exit %d %s' % (done.returncode, done.stderr.decode()[:300]))
        self.same(tape, what + ', the next run')
        left = [os.path.join(d, f) for d, _, fs in os.walk(tape) for f in fs
                if '/sessions/' in d + '/' or '/blobs/' in d + '/' or '/tmp-' in os.path.join(d, f)]
        if left or len(os.listdir(os.path.join(tape, 'live'))) != 1:
            self.fail(what, 'left over: %s' % (left[:3] or os.listdir(os.path.join(tape, 'live'))))

    def states(self):
        """Tapes to be compacted: for the first time, with something new, and whole."""
        first = os.path.join(self.dir, 'first')
        self.record(first, 0, self.o.scopes)
        self.record(first, self.o.scopes // 2, self.o.scopes // 4)
        yield 'first', first, []
        second = os.path.join(self.dir, 'second')
        shutil.copytree(first, second)
        subprocess.run([self.tool('tape-compact'), second, '-q'], check=True)
        self.record(second, self.o.scopes, self.o.scopes // 2)
        yield 'incremental', second, []
        third = os.path.join(self.dir, 'third')
        shutil.copytree(second, third)
        subprocess.run([self.tool('tape-compact'), third, '-q'], check=True)
        yield 'merge', third, ['--full']

    def kills(self, name, tape, more):
        before = time.monotonic()
        copy = tape + '.copy'
        shutil.copytree(tape, copy)
        subprocess.run([self.tool('tape-compact'), copy, '-q', *more], check=True)
        whole = time.monotonic() - before
        shutil.rmtree(copy)
        for i in range(self.o.kills):
            shutil.copytree(tape, copy)
            run = subprocess.Popen([self.tool('tape-compact'), copy, '-q', *more])
            time.sleep(whole * self.random.random() * 1.1)
            run.send_signal(signal.SIGKILL)
            self.struck += run.wait() == -signal.SIGKILL
            self.runs += 1
            self.same(copy, '%s, kill %d' % (name, i))
            self.finish(copy, '%s, kill %d' % (name, i), more)
            shutil.rmtree(copy)

    def counts(self, tape, more):
        copy, log = tape + '.copy', os.path.join(self.dir, 'log')
        shutil.copytree(tape, copy)
        subprocess.run(['strace', '-f', '-o', log, self.tool('tape-compact'), copy, '-q', '-j1', *more], check=True)
        shutil.rmtree(copy)
        calls = re.findall(r'^\d+ +(\w+)\(', open(log, encoding='utf-8', errors='replace').read(), re.M)
        return {c: calls.count(c) for c in CALLS}

    def errors(self, name, tape, more):
        copy = tape + '.copy'
        for call, count in self.counts(tape, more).items():
            moments = range(1, count + 1) if count <= self.o.each else sorted(
                self.random.sample(range(1, count + 1), self.o.each))
            for k in moments:
                for error in self.o.errors.split(','):
                    shutil.copytree(tape, copy)
                    done = subprocess.run(
                        ['strace', '-f', '-o', '/dev/null', '-e', 'inject=%s:error=%s:when=%d' % (call, error, k),
                         self.tool('tape-compact'), copy, '-q', '-j1', *more], capture_output=True, check=False)
                    self.runs += 1
                    self.struck += done.returncode != 0
                    what = '%s, %s of %s %d' % (name, error, call, k)
                    if done.returncode < 0 or done.returncode > 100:
                        self.fail(what, 'died: %d' % done.returncode)
                    self.same(copy, what)
                    self.finish(copy, what, more)
                    shutil.rmtree(copy)

    def main(self):
        for name, tape, more in self.states():
            self.want, self.want_blob = self.answers(tape), self.blob(tape)
            if self.want[0] != 0 or self.want_blob[1] == 0:
                raise SystemExit('the tape does not try anything: %r %r' % (self.want, self.want_blob))
            if self.o.kills:
                self.kills(name, tape, more)
            if self.o.errors:
                self.errors(name, tape, more)
        print('seed %d: %d runs, %d of them struck; %d wrong' % (self.o.seed, self.runs, self.struck, self.failed))
        return self.failed != 0


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--tools', required=True)
    p.add_argument('--kills', type=int, default=0)
    p.add_argument('--scopes', type=int, default=2000)
    p.add_argument('--errors', default='')
    p.add_argument('--each', type=int, default=10, help='moments tried of each call')
    p.add_argument('--seed', type=int, default=int.from_bytes(os.urandom(4), 'big'))
    test = Interrupted(p.parse_args())
    try:
        return test.main()
    finally:
        shutil.rmtree(test.dir, ignore_errors=True)


if __name__ == '__main__':
    sys.exit(main())
