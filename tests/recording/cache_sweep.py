#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The sweep of examples/chemostat.c with --cache, twice: the second time it solves no
linear program and gives the same answers, before and after the tape was compacted; with
other parameters it computes what is new, and nothing else.

    cache_sweep.py CHEMOSTAT TAPE_COMPACT TAPE_FIND [RUNS STEPS]"""
import json, os, shutil, subprocess, sys, tempfile

chemostat, tape_compact, tape_find = sys.argv[1:4]
runs, steps = sys.argv[4:6] or ('6', '60')
env = {k: v for k, v in os.environ.items() if not k.startswith('TAPE_')}
work = tempfile.mkdtemp(prefix='tape-sweep-')
tape = os.path.join(work, 'run.tape')
failed = 0


def tool(*args):
    done = subprocess.run(args, env=env, text=True, capture_output=True)
    if done.returncode:
        sys.exit('%s: exit %d\n%s' % (args[0], done.returncode, done.stderr))
    return done.stdout


def sweep(*more):
    """What it prints of its runs, how many were known, how many programs were solved."""
    lines = tool(chemostat, '--tape', tape, '--cache', '--runs', runs, '--steps', steps, *more).splitlines()
    return lines[:-2], int(lines[-2].split()[0]), int(lines[-1].split(' scopes, ')[1].split()[0])


def expect(what, is_so):
    global failed
    if not is_so:
        print('not so: ' + what)
        failed += 1


def series():
    """store.ts of each session, less what tells sessions apart."""
    rows = {}
    for line in tool(tape_find, tape, '-o', 'jsonl', 'store.ts').splitlines():
        row = json.loads(line)
        rows.setdefault(row['pos'].split(':')[0], []).append((row['labels'], row['vars'], row['hash']))
    return list(rows.values())


try:
    first, known, solved = sweep()
    expect('the first time everything is computed', known == 0 and solved > 0)
    for again in ['raw', 'compacted', 'compacted into one']:
        lines, known, solved = sweep()
        expect(again + ': no linear program is solved', known == int(runs) and solved == 0)
        expect(again + ': the same answers', lines == first)
        tool(tape_compact, '-q', tape, *(['--full'] if again == 'compacted' else []))
    lines, known, solved = sweep('--feed', '11')
    expect('with another feed everything is computed', known == 0 and solved > 0 and lines != first)
    expect('with another feed, again', sweep('--feed', '11') == (lines, int(runs), 0))
    of = series()
    expect('the series of all sessions are the same', all(s == of[0] for s in of[:4]) and of[4] == of[5] != of[0])
finally:
    shutil.rmtree(work, ignore_errors=True)
print('%d passed, %d failed' % (9 - failed, failed))
sys.exit(bool(failed))
