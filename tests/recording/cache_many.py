#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Several processes fill and read one cache, are killed at random and started again, and
a compactor runs: no wrong and no torn value, no error, no key computed again by a process
that had seen it stored. Then all that was stored is there.

    cache_many.py --filler F --tape-compact C --tape-check K --tape-find T --tape-info I
                  [--processes 4] [--keys 3000] [--seconds 3] [--seed N]"""
import argparse, json, os, random, shutil, signal, subprocess, sys, tempfile, time

p = argparse.ArgumentParser()
for tool in ['filler', 'tape-compact', 'tape-check', 'tape-find', 'tape-info']:
    p.add_argument('--' + tool, required=True)
p.add_argument('--processes', type=int, default=4)
p.add_argument('--keys', type=int, default=3000)
p.add_argument('--seconds', type=float, default=3)
p.add_argument('--seed', type=int, default=int(os.environ.get('TEST_SEED', time.time_ns() % 2**32)))
a = p.parse_args()
print('seed', a.seed)
rng = random.Random(a.seed)
env = {k: v for k, v in os.environ.items() if not k.startswith('TAPE_')}
shm = '/dev/shm' if os.access('/dev/shm', os.W_OK) else None
work = tempfile.mkdtemp(prefix='tape-cache-', dir=os.environ.get('TMPDIR', shm))
tape = os.path.join(work, 'run.tape')
failures, kills, runs, compactions = [], 0, 0, 0


def start(seconds):
    args = [a.filler, tape, str(a.keys), str(seconds), str(rng.getrandbits(32))]
    return subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env, text=True)


def finished(worker, killed=False):
    out = worker.communicate()[0]
    if worker.returncode != (-signal.SIGKILL if killed else 0) and not (killed and worker.returncode == 0):
        failures.append('a worker ended with %s:\n%s' % (worker.returncode, out[:2000]))
    elif not killed and not out.rstrip().endswith(' 0 wrong'):
        failures.append('a worker said:\n' + out[:2000])


def compact(*more):
    global compactions
    done = subprocess.run([a.tape_compact, '-q', tape, *more], env=env, text=True, capture_output=True)
    compactions += done.returncode == 0
    if done.returncode not in (0, 4):
        failures.append('tape-compact: %d %s' % (done.returncode, done.stderr))


try:
    end = time.monotonic() + a.seconds
    workers = [start(a.seconds) for _ in range(a.processes)]
    while time.monotonic() < end and not failures:
        time.sleep(rng.uniform(0, a.seconds / 20))
        i = rng.randrange(len(workers))
        if rng.random() < .5 and workers[i].poll() is None:
            workers[i].kill()
            kills += 1
            finished(workers[i], True)
        if workers[i].poll() is not None and end - time.monotonic() > .05:
            if workers[i].stdout and not workers[i].stdout.closed:
                finished(workers[i])
            workers[i] = start(end - time.monotonic())
            runs += 1
        if os.path.exists(os.path.join(tape, 'TAPE')):
            compact(*(['--full'] if rng.random() < .1 else []))
    for worker in workers:
        if not worker.stdout.closed:
            finished(worker)
    # All that is on the tape is found, raw, compacted, and its index is sound.
    for when in ['mixed', 'compacted']:
        found = subprocess.run([a.tape_find, tape, '--all', '-o', 'jsonl', '_cache', '_has=key'],
                               env=env, text=True, capture_output=True)
        keys = {json.loads(line)['vars']['in.i'] for line in found.stdout.splitlines()}
        reader = start(0)
        out = reader.communicate()[0]
        there = a.keys - sum(line.endswith('it is not there') for line in out.splitlines())
        wrong = [line for line in out.splitlines() if 'wrong value' in line or 'touched' in line]
        if wrong or there != len(keys) or found.returncode not in (0, 1):
            failures.append('%s: %d keys are on the tape, %d were found; %s'
                            % (when, len(keys), there, (wrong or [found.stderr])[:3]))
        if when == 'mixed':
            compact('--full')
    done = subprocess.run([a.tape_check, '--full', '-q', tape], env=env, text=True, capture_output=True)
    if done.returncode != 0:
        failures.append('tape-check: %d %s%s' % (done.returncode, done.stdout, done.stderr))
    told = subprocess.run([a.tape_info, '--json', tape], env=env, text=True, capture_output=True)
    if 'two different results' in told.stdout or 'is not used' in told.stdout:
        failures.append('a recorder has warned of a result: '
                        + told.stdout[told.stdout.find('cache:'):][:500])
finally:
    shutil.rmtree(work, ignore_errors=True)
for failure in failures:
    print(failure)
print('%d processes, %d keys stored, %d killed, %d compactions' % (a.processes + runs, len(keys) if not failures else 0, kills, compactions))
print('%d passed, %d failed' % (1 - bool(failures), len(failures)))
sys.exit(bool(failures))
