#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sessions that go on from each other, as recorders write them and as nobody would: circles,
sessions behind themselves, themselves, such as are not there, seqs beyond any. On raw, mixed
and compacted tapes tape-find shows what the Python decoder shows, with --superseded and
without; so do its counts, its bookmarks, its order backward, and tape-info.

    random_continues.py --tools DIRECTORY [--seed N] [--tapes N]"""
import argparse, json, os, random, shutil, struct, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
sys.path.insert(0, HERE)
import decoder, tape_writer as w, tapes
from decoder import BOOKMARK, LINK, SCOPE

I64, STR = 3, 16
SEQS = (0, 1, 2, 3, 4, 5, 6, 8, 2**63, 2**64 - 1)
KILLED = (('host', 'gone'), ('boot_id', 'elsewhere'))


def session(rng, directory, ids, n, forged):
    """A few numbered scopes, links and bookmarks in one to three segments."""
    goes_on, seq, places = [], 1, ids if forged else ids[:n] + ids[-1:]
    name, number = tapes.session_name(ids[n]), 0
    for segment in range(rng.choice([1, 1, 2, 3])):
        if rng.random() < 0.5:
            goes_on = goes_on + tapes.continues(rng, places, SEQS)
        if forged and rng.random() < 0.1:  # whatever those before it said
            goes_on = tapes.continues(rng, places, SEQS)
        t = w.Writer(segment, seq, KILLED, name, ids[n], goes_on)
        records = [w.form(1, ['run'], [('n', I64, 0, '', [])]), w.form(2, ['run', '_bookmark'], [('name', STR, 0, '', [])])]
        for _ in range(rng.randrange(5)):
            kind = rng.choice([SCOPE, SCOPE, SCOPE, LINK, BOOKMARK])
            if kind == LINK and number:
                records.append(w.timed(LINK, 1, struct.pack('<Q', number)))
            elif kind == BOOKMARK:
                text = rng.choice([b'a', b'b'])
                records.append(w.timed(BOOKMARK, 2, struct.pack('<Q', 1) + text))
            else:
                number = seq
                records.append(w.timed(SCOPE, 1, struct.pack('<q', rng.randrange(100))))
            seq += 1
        if rng.random() < 0.2:  # not where a reader looks
            records.append(w.record(decoder.CONTINUE, struct.pack('<3Q', *rng.choice(ids), 0)))
        if forged and rng.random() < 0.1:
            records.append(w.record(decoder.CONTINUE, rng.randbytes(rng.choice([0, 8, 23, 25, 100]))))
        if forged and rng.random() < 0.2:  # as a generation would keep one
            kept = bytes(8) + w.record(decoder.CONTINUE, struct.pack('<3Q', *rng.choice(ids), 0))
            kept = kept[:rng.choice([3, 8, 12, 16, 39, 40, 40, 40])]
            records.append(w.record(decoder.NOTE, decoder.prefixed('.record') + struct.pack('<I', len(kept)) + kept))
        t.group(*records)
        t.end(0 if rng.random() < 0.5 else 1)
        t.save(directory)


class Run:
    def __init__(self, tools):
        self.tools, self.wrong, self.hidden, self.asked = tools, 0, 0, 0

    def tool(self, name, *args, fine=(0, 1)):
        done = subprocess.run([os.path.join(self.tools, name), *args], capture_output=True, check=False, timeout=120)
        if done.returncode not in fine:
            return b'exit %d: ' % done.returncode + done.stderr
        return done.stdout

    def same(self, seed, form, what, got, want):
        self.asked += 1
        if got != want:
            self.wrong += 1
            if self.wrong <= 5:
                print('DIFFERS: seed %d, tape %s: %s\n  got  %s\n  want %s' % (
                    seed, form, what, str(got)[:600], str(want)[:600]), file=sys.stderr)

    def forms(self, rng, raw):
        """As it is, with some sessions compacted, with all of them, and these in one generation."""
        names = sorted(os.listdir(os.path.join(raw, 'sessions')))
        half, full, one = raw + '.half', raw + '.full', raw + '.one'
        shutil.copytree(raw, half)
        aside = rng.sample(names, len(names) // 2)
        for name in aside:
            os.rename(os.path.join(half, 'sessions', name), os.path.join(half, name))
        self.compact(half)
        os.makedirs(os.path.join(half, 'sessions'), exist_ok=True)
        for name in aside:
            os.rename(os.path.join(half, name), os.path.join(half, 'sessions', name))
        shutil.copytree(half, full)
        self.compact(full)
        shutil.copytree(raw, one)
        self.compact(one, '--full')
        return [raw, half, full, one]

    def compact(self, tape, *more):
        """Whoever recorded it is gone."""
        dead = ['--assume-dead=' + n for n in os.listdir(os.path.join(tape, 'sessions'))]
        done = subprocess.run([os.path.join(self.tools, 'tape-compact'), '-q', '-j1', tape, *more, *dead],
                              capture_output=True, check=False, timeout=120)
        if done.returncode not in (0, 3):
            self.same(0, tape, 'tape-compact', done.stderr, b'')
        if done.returncode == 0 and not os.listdir(os.path.join(tape, 'live')):
            self.same(0, tape, 'tape-compact', b'exit 0', b'and no generation')

    def tape(self, seed):
        rng, raw = random.Random(seed), tempfile.mkdtemp(prefix='tape-continues-')
        forged = rng.random() < 0.5
        count, kept = rng.randrange(2, 8), self.wrong
        ids = tapes.session_ids(rng, count + 1)
        for n in range(count):
            session(rng, raw, ids, n, forged)
        tape = decoder.Tape(raw)
        answers = {more: list(tape.scopes(True, bool(more))) for more in ((), ('--superseded',))}
        # What is no record at all is damage: told, and the rest is shown.
        fine = (0, 1, 3) if any(r[0] == 'damage' for r in tape.reports) else (0, 1)
        self.hidden += len(answers[()]) < len(answers['--superseded',])
        forms = self.forms(rng, raw)
        for more, scopes in answers.items():
            for form in forms:
                self.ask(seed, form, list(more), scopes, fine)
        for form in forms:
            self.inventory(seed, form, *answers.values(), fine)
            if kept == self.wrong:
                shutil.rmtree(form)

    def ask(self, seed, form, more, scopes, fine):
        rows = [decoder.line(s).encode() for s in scopes]
        plain = [decoder.line(s).encode() for s in scopes if '_bookmark' not in s['labels']]
        marks = [s['pos'] for s in scopes if '_bookmark' in s['labels'] and 'link' not in s]
        lists = {'--all -o jsonl': rows, '--all --reverse -o jsonl': rows[::-1], '-o jsonl': plain}
        for options, want in lists.items():
            got = self.tool('tape-find', form, *more, *options.split(), fine=fine).splitlines()
            self.same(seed, form, ' '.join(more + [options]), got, want)
        got = self.tool('tape-find', form, *more, '--count', fine=fine).strip()
        self.same(seed, form, ' '.join(more + ['--count']), got, b'%d' % len(plain))
        got = self.tool('tape-find', form, *more, '--bookmarks', fine=fine).decode().splitlines()
        self.same(seed, form, ' '.join(more + ['--bookmarks']), sorted(x.split(' ')[0] for x in got), sorted(marks))

    def inventory(self, seed, form, shown, every, fine):
        out = self.tool('tape-info', '--json', form, fine=fine).decode()
        found = {}
        for row in map(json.loads, out.splitlines()):
            if row.get('kind') == 'session':
                found[row['session']] = row.get('superseded', 0)
        want = {}
        for s in every:
            want[s['session'].name] = want.get(s['session'].name, 0) + 1
        for s in shown:
            want[s['session'].name] -= 1
        self.same(seed, form, 'tape-info', {k: v for k, v in found.items() if v}, {k: v for k, v in want.items() if v})


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--tools', required=True)
    p.add_argument('--seed', type=int, default=int(os.environ.get('TEST_SEED') or random.getrandbits(32)))
    p.add_argument('--tapes', type=int, default=12)
    o = p.parse_args()
    print('seed %d' % o.seed, flush=True)
    run = Run(o.tools)
    for n in range(o.tapes):
        run.tape(o.seed + n)
    print('%d tapes, %d with superseded scopes, %d answers, %d differ' % (o.tapes, run.hidden, run.asked, run.wrong))
    return run.wrong != 0 or run.hidden < o.tapes // 4


if __name__ == '__main__':
    sys.exit(main())
