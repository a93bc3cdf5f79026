#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Several processes fill and read one cache, withdraw results and store others, are killed
at random and started again, and a compactor runs: no wrong and no torn value, no error,
no key computed again by a process that had seen it stored, nothing withdrawn that is
found after a look. Then all that was committed is there, and nothing else is said.

    cache_many.py --worker W --tape-compact C --tape-check K --tape-find T --tape-info I
                  [--processes 4] [--keys 3000] [--seconds 3] [--seed N] [--keep DIR]"""
import argparse, collections, json, mmap, os, random, shutil, signal, struct, subprocess, sys
import tempfile, threading, time

p = argparse.ArgumentParser()
for tool in ['worker', 'tape-compact', 'tape-check', 'tape-find', 'tape-info']:
    p.add_argument('--' + tool, required=True, type=os.path.abspath)
p.add_argument('--processes', type=int, default=4)
p.add_argument('--keys', type=int, default=3000)
p.add_argument('--seconds', type=float, default=3)
p.add_argument('--seed', type=int, default=int(os.environ.get('TEST_SEED', time.time_ns() % 2**32)))
p.add_argument('--keep', help='leaves tape and logs there')
a = p.parse_args()
print('seed', a.seed, flush=True)
rng = random.Random(a.seed)
env = {k: v for k, v in os.environ.items() if not k.startswith('TAPE_')}
shm = '/dev/shm' if os.access('/dev/shm', os.W_OK) else None
work = a.keep or tempfile.mkdtemp(prefix='tape-cache-', dir=os.environ.get('TMPDIR', shm))
os.makedirs(work, exist_ok=True)
tape, shared = os.path.join(work, 'run.tape'), os.path.join(work, 'shared')
failures = []
stop = threading.Event()

# ---- what cache_worker.c shares ----
HEADER, SLOT, SLOTS, KEY = 64, 128, 64, 16
COUNTERS = ['recalls', 'hits', 'stores', 'drops', 'wrong', 'torn', 'computed again',
            'missing', 'stale', 'errors']
LOGGED = struct.Struct('<QIIII')
SAW, COMPUTES, STORES, DROPS = 1, 2, 3, 4


def make_shared():
    start = time.monotonic_ns()
    with open(shared, 'wb') as out:
        out.write(struct.pack('<QQQ', a.keys, start, start + int(a.seconds * 1e9)))
        out.truncate(HEADER + SLOT * SLOTS + KEY * a.keys)


def counts():
    with open(shared, 'rb') as file:
        file.seek(HEADER)
        slots = file.read(SLOT * SLOTS)
    words = struct.unpack('<%dQ' % (len(slots) // 8), slots)
    return {name: sum(words[i::SLOT // 8]) for i, name in enumerate(COUNTERS)}


# ---- workers ----
class Worker:
    started = 0

    def __init__(self, slot):
        base = os.path.join(work, 'worker-%d-%d' % (slot, Worker.started))
        Worker.started += 1
        self.log, self.out, self.killed = base + '.log', base + '.out', False
        args = [a.worker, 'fill', tape, shared, str(slot), str(rng.getrandbits(32)), self.log]
        with open(self.out, 'w') as out:
            self.process = subprocess.Popen(args, stdout=out, stderr=out, env=env, cwd=work)

    def kill(self):
        self.process.kill()
        self.killed = self.process.wait() == -signal.SIGKILL

    def judge(self):
        status, said = self.process.wait(), open(self.out).read()
        if said or (status != 0 and not self.killed):
            failures.append('a worker ended with %s: %s' % (status, said[:2000]))


def again(path):
    """Keys that this process has computed though it had seen the same version stored."""
    seen, found = set(), []
    if not os.path.exists(path):
        return found  # killed before it began
    with open(path, 'rb') as log:
        data = log.read()
    for at, key, version, event, _ in LOGGED.iter_unpack(data[:len(data) // LOGGED.size * LOGGED.size]):
        if event in (SAW, STORES):
            seen.add((key, version))
        elif event == COMPUTES and (key, version) in seen:
            found.append('%s: key %d, version %d' % (os.path.basename(path), key, version))
    return found


# ---- the compactor ----
compactions = collections.Counter()


def compact(*more):
    done = subprocess.run([a.tape_compact, '-q', tape, *more], env=env, text=True, capture_output=True)
    compactions[done.returncode] += 1
    if done.returncode not in (0, 4):
        failures.append('tape-compact: %d %s' % (done.returncode, done.stderr[:1000]))


def compact_all_the_time(seed):
    dice = random.Random(seed)
    while not stop.wait(dice.uniform(0, a.seconds / 100)):
        if os.path.exists(os.path.join(tape, 'TAPE')):
            compact(*(['--full'] if dice.random() < .2 else []))


# ---- what is there in the end ----
def tape_check(when):
    done = subprocess.run([a.tape_check, '--full', '-q', tape], env=env, text=True, capture_output=True)
    if done.returncode != 0:
        failures.append('%s: tape-check: %d %s%s' % (when, done.returncode, done.stdout[:1000], done.stderr[:1000]))


def all_is_there(when):
    reader = subprocess.run([a.worker, 'check', tape, shared], env=env, text=True, capture_output=True)
    lines = reader.stdout.splitlines()
    if reader.returncode != 0 or len(lines) != 1 or reader.stderr:
        failures.append('%s: %s' % (when, '\n'.join(lines[:10]) + reader.stderr))
    return lines[-1] if lines else ''


def nothing_was_said():
    told = subprocess.run([a.tape_info, '--json', tape], env=env, text=True, capture_output=True)
    for line in map(json.loads, told.stdout.splitlines()):
        if line['kind'] == 'session' and (line['warnings'] or line['lost']):
            failures.append('session %s: %d warnings, %d lost' % (line['session'], line['warnings'], line['lost']))
        if line['kind'] in ('warning', 'error'):
            failures.append('a recorder has said: %s' % line)
    if told.returncode != 0:
        failures.append('tape-info: %d %s' % (told.returncode, told.stderr))


kills, done, found = 0, [], ''
try:
    make_shared()
    end = time.monotonic() + a.seconds
    workers = [Worker(slot) for slot in range(a.processes)]
    compactor = threading.Thread(target=compact_all_the_time, args=(rng.getrandbits(32),))
    compactor.start()
    while time.monotonic() < end and not failures:
        time.sleep(rng.uniform(0, a.seconds / 150))
        slot = rng.randrange(a.processes)
        if workers[slot].process.poll() is None and time.monotonic() < end:
            workers[slot].kill()
            kills += workers[slot].killed
        if end - time.monotonic() > .05:
            done.append(workers[slot])
            workers[slot] = Worker(slot)
    # Some are killed at the end, and leave their last segments raw.
    for worker in workers[::2]:
        worker.kill()
        kills += worker.killed
    done += workers
    for worker in done:
        worker.judge()
    stop.set()
    compactor.join()
    for worker in done:
        for line in again(worker.log):
            failures.append('computed again by one that had seen it stored: ' + line)
    tape_check('mixed')
    found = all_is_there('mixed')
    for when in ['compacted', 'compacted again']:
        compact('--full')
        if all_is_there(when) != found:
            failures.append('%s: other results are there than before (%s)' % (when, found))
    tape_check('compacted')
    nothing_was_said()
    total = counts()
finally:
    stop.set()
    if not a.keep:
        shutil.rmtree(work, ignore_errors=True)
bad = {name: total[name] for name in COUNTERS[4:]}
if any(bad.values()):
    failures.append('counted: %s' % bad)
for failure in failures[:20]:
    print(failure)
print('%d processes at a time, %d keys, %g s: %d started, %d killed, %d compactions (%d had to wait)'
      % (a.processes, a.keys, a.seconds, Worker.started, kills, compactions[0], compactions[4]))
print(', '.join('%d %s' % (total[name], name) for name in COUNTERS) + '; in the end ' + found)
print('%d passed, %d failed' % (1 - bool(failures), len(failures)))
sys.exit(bool(failures))
