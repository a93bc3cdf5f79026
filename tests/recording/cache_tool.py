#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tape-cache, and what tape-info and tape-compact say and do about results under keys.

    cache_tool.py FILLER TAPE_CACHE TAPE_COMPACT TAPE_INFO"""
import json, os, shutil, subprocess, sys, tempfile

filler, tape_cache, tape_compact, tape_info = sys.argv[1:5]
KEYS = 20
env = {k: v for k, v in os.environ.items() if not k.startswith('TAPE_')}
work = tempfile.mkdtemp(prefix='tape-cache-tool-')
tape = os.path.join(work, 'run.tape')
passed = failed = 0


def run(*args, expect=0):
    done = subprocess.run(args, env=env, text=True, capture_output=True)
    if done.returncode != expect:
        print('%s: exit %d\n%s%s' % (args, done.returncode, done.stdout, done.stderr))
        check('exit %d of %s' % (expect, args[:2]), False)
    return done.stdout


def check(what, is_so):
    global passed, failed
    passed, failed = passed + bool(is_so), failed + (not is_so)
    if not is_so:
        print('not so: ' + what)


def ls(*more):
    return [json.loads(line) for line in run(tape_cache, 'ls', '--json', tape, *more).splitlines()]


def missing():
    """Keys that a program does not find."""
    done = subprocess.run([filler, tape, str(KEYS), '0', '1'], env=env, text=True, capture_output=True)
    return {int(line.split()[1][:-1]) for line in done.stdout.splitlines() if line.endswith('not there')}


try:
    run(filler, tape, str(KEYS), '0.2', '1')
    for when in ['raw', 'compacted']:
        rows = ls()
        check(when + ': all are listed, in order', len(rows) == KEYS and rows == sorted(rows, key=lambda r: r['key']))
        check(when + ': with what they were made of', {r['in']['i'] for r in rows} == set(range(KEYS)))
        check(when + ': and their bytes', {r['bytes'] for r in rows} == {8 + 8 * n for n in (3, 40, 1000)})
        check(when + ': by name', ls('value') == rows)
        check(when + ': by key', ls(rows[3]['key'][:12]) == [rows[3]])
        run(tape_cache, 'ls', tape, 'other', expect=1)
        why = run(tape_cache, 'why', tape, rows[0]['key'], rows[1]['key'])
        check(when + ': the input that differs', why == 'i: %d | %d\n' % (rows[0]['in']['i'], rows[1]['in']['i']))
        run(tape_cache, 'why', tape, rows[0]['key'], rows[0]['key'], expect=1)
        near = run(tape_cache, 'why', tape, 'value').splitlines()
        check(when + ': what is near', len(near) == 21 and near[2].startswith('i: '))
        run(tape_compact, '-q', tape)
    run(tape_cache, 'drop', tape, expect=2)
    run(tape_cache, 'drop', tape, 'other', expect=1)
    run(tape_cache, 'drop', '--max-age', 'soon', tape, expect=2)
    dry = run(tape_cache, 'drop', '--dry-run', tape, rows[0]['key'])
    check('a dry run names it', rows[0]['key'] in dry and len(ls()) == KEYS)
    run(tape_cache, 'drop', tape, rows[0]['key'][:10])
    check('one less', ls() == rows[1:])
    check('and no program finds it', missing() == {rows[0]['in']['i']})
    run(tape_cache, 'drop', '--max-age', '1d', tape, expect=1)
    # Those that were used last stay: the large ones go if they are not among them.
    left = sum(r['bytes'] for r in rows[1:])
    run(tape_compact, '-q', '--cache-max-bytes', str(left), tape)
    check('there is room for all', len(ls()) == KEYS - 1)
    run(tape_compact, '-q', '--cache-max-bytes', str(left - 1), tape)
    kept = ls()
    check('some go', 0 < len(kept) < KEYS - 1 and sum(r['bytes'] for r in kept) < left)
    gone = set(range(KEYS)) - {r['in']['i'] for r in kept}
    check('and no program finds them', missing() == gone)
    info = json.loads(run(tape_info, '--json', tape).splitlines()[0])
    check('tape-info counts', info['cache_stored'] == KEYS and info['cache_hits'] > KEYS
          and info['cache_saved_seconds'] >= 0)
    check('tape-info says', ' found, ' in run(tape_info, tape))
finally:
    shutil.rmtree(work, ignore_errors=True)
print('%d passed, %d failed' % (passed, failed))
sys.exit(bool(failed))
