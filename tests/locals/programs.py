#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""programs.py SOURCE INCLUDE TAPE_LOCALS TAPE_FIND LIBRARIES...: records a program's locals
with a generated list, by debug information and without either, at several levels of
optimisation and by two compilers, and compares each tape with one of the same program
that names its variables. A value is right, lost (absent, with a reason, or not there) or
wrong; none may ever be wrong, and with a list none may be lost.
"""
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile

source, include, tool, find = map(os.path.abspath, sys.argv[1:5])
libraries = sys.argv[5:]
name = os.path.splitext(os.path.basename(source))[0]
passed = failed = 0
# What debug information has no fixed place for: variable length, a register, what is
# behind a reference or within a class of the C++ library, an exception's copy.
UNREADABLE = {'inner.force', 'outer.force', 'sweep.accepted', 'step.name', 'step.by'} | {
    p + v for p in ['loop.', 'caught.'] for v in ['series', 'pair', 'z', 'text', 'alias']} | {
    'caught.caught', 'thread.own', 'aligned.n', 'aligned.lanes', 'aligned.twice',
    'quick.n', 'quick.sum', 'quick.i', 'quick.square'} | {
    s + v for s in ['swift1.', 'swift2.', 'swift3.', 'swiftg.'] for v in 'am'}
# Declared in the line of the call, for compilers whose debug information has no columns.
SAME_LINE = {'lines.same', 'within.same', 'for.k'}


def run(command, **kw):
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          check=False, **kw)
    if done.returncode:
        sys.exit('%s: exit %d\n%s' % (' '.join(command), done.returncode, done.stderr))
    return done.stdout


def notes(tape):
    """What the session says about places without variables: once each, and not on stderr."""
    found = []
    for path in glob.glob(os.path.join(tape, 'sessions', '*', 'manifest.jsonl')):
        with open(path, encoding='utf-8') as f:
            found += [line['warning'] for line in map(json.loads, f)
                      if 'TAPE_LOCALS' in line.get('warning', '')]
    places = [n.split(': ')[0] for n in found]
    # (Each instance of a template is a place of its own.)
    if len(places) != len(set(places)) and not source.endswith('.cc'):
        sys.exit('notes that repeat: ' + '\n'.join(found))
    return places


def scopes(work, program, noted=None):
    tape = os.path.join(work, os.path.basename(program) + '.tape')
    done = subprocess.run([program, tape], stderr=subprocess.PIPE, text=True, check=True)
    if done.stderr:
        sys.exit('on stderr: ' + done.stderr)
    if noted is not None and bool(notes(tape)) != noted:
        sys.exit('%s: notes: %s' % (program, notes(tape)))
    out = run([find, tape, '-o', 'jsonl', '--keys', '_path,*'])
    return [(s['path'], s['vars']) for s in map(json.loads, out.splitlines())]


def is_absent(value):
    return isinstance(value, dict) and 'absent' in value


def compare(what, truth, got):
    """Counts of right, lost and wrong values; names beyond those of the truth are absent."""
    right, lost, wrong = 0, {}, []
    if [p for p, _ in truth] != [p for p, _ in got]:
        return 0, {}, ['%s: other scopes: %d, not %d' % (what, len(got), len(truth))]
    for (path, expected), (_, values) in zip(truth, got):
        for key, value in expected.items():
            if key not in values or is_absent(values[key]):
                lost[path + '.' + key] = lost.get(path + '.' + key, 0) + 1
            elif values[key] == value:
                right += 1
            else:
                wrong.append('%s %s: %r, not %r' % (path, key, values[key], value))
        for key in set(values) - set(expected):
            if path == 'many' and key in ['m14', 'm15', 'm16']:
                continue  # a TAPE takes 32 at most
            if not is_absent(values[key]):
                wrong.append('%s %s: %r, not expected' % (path, key, values[key]))
    return right, lost, wrong


def check(what, truth, got, allowed):
    global passed, failed
    right, lost, wrong = compare(what, truth, got)
    bad = [k for k in lost if allowed is not None and k not in allowed]
    fine = not wrong and not bad and (right > 0 or allowed is None)
    passed, failed = passed + fine, failed + (not fine)
    print('%-28s %6d right %6d lost %6d wrong%s' % (
        what, right, sum(lost.values()), len(wrong), '' if fine else '  FAILED'))
    for line in (wrong + ['lost: ' + k for k in bad])[:10] if not fine else []:
        print('    ' + line[:160])


def main():
    cpp = source.endswith('.cc')
    compilers = [c for c in (['g++', 'clang++'] if cpp else ['gcc', 'clang']) if shutil.which(c)]
    link = sum([['-L' + d, '-Wl,-rpath,' + d] for d in libraries], []) + ['-lrecord', '-lm']
    with tempfile.TemporaryDirectory() as work:
        def build(compiler, out, *flags):
            out = os.path.join(work, out)
            run([compiler, '-std=gnu++17' if cpp else '-std=gnu11', '-w', '-I', include, *flags, source, '-o', out,
                 *([] if '-c' in flags else link)], cwd=work)
            return out
        for cc in compilers:
            truth = scopes(work, build(cc, cc + '-truth', '-O0', '-DTRUTH'))
            assert len(truth) > 20
            header = os.path.join(work, cc + '.h')
            obj = build(cc, cc + '.o', '-O0', '-g', '-c')
            with open(header, 'w', encoding='utf-8') as f:
                f.write(run([tool, obj]))
            for level in ['-O3'] if cpp else ['-O0', '-O2', '-O3']:
                got = scopes(work, build(cc, cc + '-list' + level, level, '-include', header), False)
                check('%s %s list' % (cc, level), truth, got, set())
            got = scopes(work, build(cc, cc + '-debug', '-O0', '-g'))
            check(cc + ' -O0 debug information', truth, got,
                  UNREADABLE | (SAME_LINE if 'clang' in cc else set()))
            if name == 'queue':
                got = scopes(work, build(cc, cc + '-split', '-O0', '-g', '-gsplit-dwarf'), False)
                check(cc + ' -O0 -gsplit-dwarf', truth, got, set())
            for level in ['-O2'] if cpp else ['-Og', '-O2']:
                got = scopes(work, build(cc, cc + '-none' + level, level, '-g'), True)
                check('%s %s neither' % (cc, level), truth, got, None)
                assert all(not v or p == 'rest' for p, v in got)
            got = scopes(work, build(cc, cc + '-bare', '-O0'), True)
            check(cc + ' -O0 without -g', truth, got, None)
    print('%d passed, %d failed' % (passed, failed))
    return failed != 0


sys.exit(main())
