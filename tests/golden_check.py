#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads the golden tapes with a tool and compares scopes and exit codes.

    golden_check.py DATA COMMAND...

COMMAND gets the tape as its last argument and prints all scopes as JSON lines.
DATA/v1/NAME.jsonl has what it must print, DATA/README.md its exit code."""
import os, re, subprocess, sys


def expected(data):
    with open(os.path.join(data, 'README.md'), encoding='utf-8') as f:
        return re.findall(r'^\| `([a-z-]+)` \|.*\| (\d+) \|$', f.read(), re.M)


def check(data, command, name, code):
    stem = os.path.join(data, 'v1', name)
    done = subprocess.run(command + [stem + '.tape'], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=60)
    with open(stem + '.jsonl', 'rb') as f:
        want = f.read()
    wrong = []
    if done.returncode != code:
        wrong.append('exit code %d, not %d' % (done.returncode, code))
    if done.stdout != want:
        have, want = done.stdout.splitlines(), want.splitlines()
        wrong += ['line %d: %r, not %r' % (i + 1, a, b) for i, (a, b) in enumerate(zip(have, want))
                  if a != b][:3]
        wrong += ['%d lines, not %d' % (len(have), len(want))] * (len(have) != len(want))
    if code != 0 and not done.stderr.strip():
        wrong.append('nothing said on stderr')
    for what in wrong:
        print('%s: %s' % (name, what))
    if wrong:
        print('    ' + done.stderr.decode(errors='replace').strip().replace('\n', '\n    '))
    return not wrong


def main(data, *command):
    tapes = expected(data)
    kept = {n[:-5] for n in os.listdir(os.path.join(data, 'v1')) if n.endswith('.tape')}
    if kept != {n for n, _ in tapes}:
        sys.exit('README.md and v1/ name different tapes: %s' % (kept ^ {n for n, _ in tapes}))
    fine = sum(check(data, list(command), name, int(code)) for name, code in tapes)
    print('%d passed, %d failed' % (fine, len(tapes) - fine))
    return 0 if fine == len(tapes) else 1


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
