#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Text that is not UTF-8, on a forged tape or from a program's user: lines stay JSON.

    not_utf8.py TAPE-FIND TAPE-INFO TAPE-RECORD"""
import json, os, struct, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import decoder
from tape_writer import Writer, form, note, timed

# Bytes and how they print: a lone byte, a cut character, an overlong one, a surrogate,
# one beyond the last, and well-formed characters around them.
FORGED = b'12345678caf\xe9 \xe2\x82 \xc0\xaf \xed\xa0\x80 \xf4\x90\x80\x80 \xc3\xa9\xf0\x9f\x98\x80 12345678\xff'
PRINTED = '12345678caf\ufffd \ufffd\ufffd \ufffd\ufffd \ufffd\ufffd\ufffd ' + 4 * '\ufffd' \
    + ' \u00e9\U0001f600 12345678\ufffd'
HOLDER = 'Q' * len(FORGED)


def forge(record):
    return record.replace(HOLDER.encode(), FORGED)


def run(*args, **more):
    done = subprocess.run(args, check=False, capture_output=True, **more)
    assert done.returncode == 0, (args, done)
    return done.stdout


def lines(*args):
    """Each strictly UTF-8 and JSON, or this ends with the error."""
    return [json.loads(line) for line in run(*args).decode('utf-8', 'strict').splitlines()]


def forged(find, info, tape):
    w = Writer(notes=(('host', 'h'),))
    body = struct.pack('<Q', len(FORGED)) + FORGED
    w.group(forge(form(1, ['run', HOLDER], [(HOLDER, 16, 0, HOLDER, [])], HOLDER, HOLDER)),
            timed(decoder.SCOPE, 1, body), forge(note('user.k', HOLDER)))
    w.end()
    w.save(tape)
    scope, = lines(find, tape, '-o', 'jsonl')
    assert scope['vars'] == {PRINTED: PRINTED}, scope
    assert [scope['labels'], scope['file'], scope['func']] == [['run', PRINTED], PRINTED, PRINTED], scope
    told = lines(info, tape, '--json')
    assert any(x['kind'] == 'variable' and x['name'] == PRINTED for x in told), told
    assert any(x['kind'] == 'label' and PRINTED in x['path'] for x in told), told
    assert any(x.get('value') == PRINTED for x in told), told


def recorded(record, info, tape):
    """What the recorder is given is cleaned before it is written: the bytes on the tape are UTF-8."""
    run(record, tape, '--name', b'n\xe9m', input=b'{"x":1}\n')
    session = os.path.join(tape, 'sessions', os.listdir(os.path.join(tape, 'sessions'))[0])
    with open(os.path.join(session, '000000.log'), 'rb') as f:
        data = f.read()
    assert b'n\xe9m' not in data and b'n?m' in data, data
    assert [x['name'] for x in lines(info, tape, '--json') if x['kind'] == 'session'] == ['n?m']


def main():
    find, info, record = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix='tape-utf8-') as d:
        forged(find, info, os.path.join(d, 'forged.tape'))
        recorded(record, info, os.path.join(d, 'recorded.tape'))


main()
