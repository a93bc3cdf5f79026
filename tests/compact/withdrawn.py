#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Results that were withdrawn, on tapes that no recorder here would write: sessions of
another host of which something is gone, links to results and projections of them.

    withdrawn.py --tools DIR"""
import argparse, json, os, shutil, struct, subprocess, sys, tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
import decoder, tape_writer as w

parser = argparse.ArgumentParser()
parser.add_argument('--tools', required=True)
tools = parser.parse_args().tools
env = {k: v for k, v in os.environ.items() if not k.startswith('TAPE_')}
work = tempfile.mkdtemp(prefix='tape-withdrawn-')
tape = os.path.join(work, 'run.tape')
passed = failed = 0

KEY = b'00112233445566778899aabbccddeeff'
ELSEWHERE = (('host', 'gone'), ('boot_id', 'elsewhere'))
SHORT, LONG = b'x' * 40, b'x' * 100
RESULT = w.form(1, ['_cache'], [('key', 16, 0, '', []), ('out.x', 16, 0, '', []), ('when', 3, 0, '', [])])
DROP = w.form(2, ['_cache'], [('dropped', 2, 0, '', []), ('key', 16, 0, '', []), ('when', 3, 0, '', [])])
PART = w.form(3, ['_cache'], [('out.x', 16, 0, '', [])])
OTHER = w.form(4, ['other'], [('text', 16, 0, '', [])])


def check(what, is_so):
    global passed, failed
    passed, failed = passed + bool(is_so), failed + (not is_so)
    if not is_so:
        print('not so: ' + what)


def run(tool, *args, expect=0):
    done = subprocess.run([os.path.join(tools, tool), *args], env=env, text=True, capture_output=True)
    if done.returncode not in (expect if isinstance(expect, tuple) else (expect,)):
        print('%s %s: exit %d\n%s%s' % (tool, args, done.returncode, done.stdout, done.stderr))
        check('exit %s of %s' % (expect, tool), False)
    return done.stdout + done.stderr


def compact(*more):
    return run('tape-compact', tape, *more)


def text(b):
    return struct.pack('<Q', len(b)) + (b if len(b) <= 64 else bytes.fromhex(decoder.hash128(b)))


def result(value):
    """An entry: its scope, and what says that it is one."""
    body = struct.pack('<q', w.BASE) + text(KEY) + text(value) + (value if len(value) > 64 else b'')
    return [w.timed(decoder.SCOPE, 1, body),
            w.record(decoder.CACHE, bytes.fromhex(KEY.decode()) + struct.pack('<Q', 1))]


def drop(delta=1000):
    return [w.timed(decoder.SCOPE, 2, b'\x01' + struct.pack('<q', w.BASE + delta) + text(KEY), delta),
            w.record(decoder.CACHE_DROP, bytes.fromhex(KEY.decode()))]


def of_another(day):
    """Names of sessions: they come one behind the other."""
    return '202611%02dT101112.123456Z-0a1b2c3d' % (22 + day), (w.SESSION_ID[0] + day * 86400 * 10**6, 0x0a1b2c3d)


def fresh():
    shutil.rmtree(tape, ignore_errors=True)


def scopes():
    out = run('tape-find', tape, '_cache', '--all', '-o', 'jsonl', expect=(0, 1))
    return [json.loads(line) for line in out.splitlines() if line.startswith('{')]


def listed():
    return [line for line in run('tape-cache', 'ls', '--json', tape, expect=(0, 1)).splitlines()
            if line.startswith('{')]


def undamaged(what):
    out = run('tape-check', '--full', tape)
    check('%s: nothing is damaged' % what, 'no damage' in out)


# ---- what of a session is gone ----

def a_session_of_which_some_is_gone(remains):
    """Its first segment is packed, its second was never ended, and is gone."""
    fresh()
    first = w.Writer(0, 1, ELSEWHERE)
    first.group(RESULT, *result(SHORT))
    first.end(0)
    first.save(tape)
    w.Writer(1, first.seq, ELSEWHERE).save(tape)
    compact()
    session = os.path.join(tape, 'sessions', w.SESSION)
    if remains == 'its directory':
        os.remove(os.path.join(session, '000001.log'))
    else:
        shutil.rmtree(session)
    check('%s: the result is found' % remains, len(listed()) == 1)
    name, number = of_another(1)
    other = w.Writer(0, 1, ELSEWHERE, name, number)
    other.group(DROP, *drop())
    other.end()
    other.save(tape)
    check('%s: it is withdrawn' % remains, not listed())
    compact('--full', *(['--assume-dead', w.SESSION] if remains == 'its directory' else []))
    check('%s: it stays withdrawn' % remains, not listed())
    left = scopes()
    check('%s: positions stay' % remains, len(left) == 2)
    check('%s: the result is left out' % remains, left and left[0]['vars'] == {'withdrawn': True})
    undamaged(remains)


# ---- what repeats a result ----

def what_repeats_a_result(kind, where):
    """A link to an entry with a long value, a projection of it, a link to that."""
    fresh()
    t = w.Writer(0, 1, ELSEWHERE)
    group = [RESULT, *result(LONG)]
    if kind != 'link':
        group += [PART, w.timed(decoder.PROJECTION, 3, struct.pack('<Q', 1), 5)]
    if kind == 'link':
        group += [w.timed(decoder.LINK, 1, struct.pack('<Q', 1), 5)]
    if kind == 'link to a projection':
        group += [w.timed(decoder.LINK, 3, struct.pack('<Q', 2), 7)]
    t.group(*group, OTHER, w.timed(decoder.SCOPE, 4, text(SHORT), 9))
    t.end()
    t.save(tape)
    what = '%s, %s' % (kind, where)
    if where == 'packed':
        compact()
        check('%s: its values are there' % what, all(s['vars']['out.x'] == LONG.decode() for s in scopes()))
    name, number = of_another(1)
    other = w.Writer(0, 1, ELSEWHERE, name, number)
    other.group(DROP, *drop())
    other.end()
    other.save(tape)
    positions = [s['pos'] for s in scopes()]
    compact('--full')
    left = scopes()
    check('%s: positions stay' % what, [s['pos'] for s in left] == positions)
    check('%s: all of it is left out' % what, all(s['vars'] == {'withdrawn': True} for s in left))
    check('%s: it is not found' % what, not listed())
    check('%s: others stay' % what, run('tape-find', tape, 'other', '--count').strip() == '1')
    undamaged(what)
    compact('--full')
    check('%s: and stays so' % what, scopes() == left)


# ---- values that are nowhere ----

def values_of_projections_are_looked_for():
    """A projection before the scope that it is of, whose blob is nowhere any more."""
    fresh()
    form = w.form(1, ['scope'], [('i', 3, 0, '', []), ('text', 16, 0, '', [])])
    part = w.form(2, ['scope'], [('text', 16, 0, '', [])])
    t = w.Writer(0, 1, ELSEWHERE)
    t.group(form, part, w.timed(decoder.PROJECTION, 2, struct.pack('<Q', 2)),
            w.timed(decoder.SCOPE, 1, struct.pack('<q', 5) + text(LONG) + LONG))
    t.end()
    t.save(tape)
    compact()
    undamaged('a projection')
    for at, _, names in os.walk(os.path.join(tape, 'gen')):
        for name in names:
            if name.startswith('blobs-'):
                os.remove(os.path.join(at, name))
    out = run('tape-check', '--full', '--json', tape, expect=(1, 2, 3, 4, 5))
    check('a projection: its value is said to be missing', 'text of %s:1' % w.SESSION in out)


# ---- one generation, and what is said ----

def withdraw(day=1):
    name, number = of_another(day)
    other = w.Writer(0, 1, ELSEWHERE, name, number)
    other.group(DROP, *drop())
    other.end()
    other.save(tape)


def a_generation_alone_is_made_anew():
    """Its result could not go when it was made, since its session went on."""
    fresh()
    first = w.Writer(0, 1, ELSEWHERE)
    first.group(RESULT, *result(LONG))
    first.end(0)
    first.save(tape)
    w.Writer(1, first.seq, ELSEWHERE).save(tape)
    withdraw()
    check('alone: nothing is left out', 'left out' not in compact())
    shutil.rmtree(os.path.join(tape, 'sessions', w.SESSION))
    before = os.listdir(os.path.join(tape, 'gen'))
    said = compact('--full', '--dry-run')
    check('alone: --dry-run says what would be left out', '1 withdrawn result would be left out (100 B)' in said)
    check('alone: and does nothing', os.listdir(os.path.join(tape, 'gen')) == before)
    said = compact('--full')
    check('alone: the result is left out', '1 withdrawn result is left out' in said)
    check('alone: what said so is counted for itself', '1 scope is left out: what said' in said)
    check('alone: its bytes go', '1 that nothing refers to any more' in said)
    check('alone: all of it is left out', all(s['vars'] == {'withdrawn': True} for s in scopes()))
    undamaged('alone')
    after = os.listdir(os.path.join(tape, 'gen'))
    compact('--full')
    check('alone: once', os.listdir(os.path.join(tape, 'gen')) == after != before)


def who_holds_bytes_back_is_named():
    """Of a session there is nothing but its directory, and who it is of."""
    fresh()
    first = w.Writer(0, 1, ELSEWHERE)
    first.group(RESULT, *result(LONG))
    first.end()
    first.save(tape)
    compact()
    withdraw()
    name, _ = of_another(2)
    os.makedirs(os.path.join(tape, 'sessions', name))
    with open(os.path.join(tape, 'sessions', name, 'manifest.jsonl'), 'w', encoding='ascii') as f:
        f.write(json.dumps({'session': name, **dict(ELSEWHERE)}) + '\n')
    said = compact('--full')
    check('empty: the result is left out', '1 withdrawn result is left out' in said)
    check('empty: it is named', any(name in line and '--assume-dead' in line for line in said.splitlines()))
    check('empty: bytes stay', 'nothing refers to any more' not in said)
    before = os.listdir(os.path.join(tape, 'gen'))
    compact('--full')
    check('empty: and no more is done', os.listdir(os.path.join(tape, 'gen')) == before)
    said = compact('--full', '--assume-dead', name)
    check('empty: then bytes go', '1 that nothing refers to any more' in said)
    check('empty: and what said so', '1 scope is left out: what said' in said)
    undamaged('empty')


def what_is_taken_raw_is_said_before():
    fresh()
    first = w.Writer(0, 1, ELSEWHERE)
    first.group(RESULT, *result(SHORT))
    first.end()
    first.save(tape)
    check('raw: nothing would be left out', 'left out' not in compact('--dry-run'))
    withdraw()
    said = compact('--dry-run')
    check('raw: the result would be', '1 withdrawn result would be left out (40 B)' in said)
    check('raw: and is', '1 withdrawn result is left out' in compact())


try:
    a_generation_alone_is_made_anew()
    who_holds_bytes_back_is_named()
    what_is_taken_raw_is_said_before()
    values_of_projections_are_looked_for()
    a_session_of_which_some_is_gone('nothing')
    a_session_of_which_some_is_gone('its directory')
    for kind in ['link', 'projection', 'link to a projection']:
        for where in ['raw', 'packed']:
            what_repeats_a_result(kind, where)
finally:
    shutil.rmtree(work, ignore_errors=True)
print('%d passed, %d failed' % (passed, failed))
sys.exit(1 if failed else 0)
