#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ways.py INCLUDE_DIR TAPE_FIND TAPE_COMPACT TAPE_INFO LIBRARY_DIR...: ways.c records by
macros in C, by macros in C++, and by functions; each of the tapes, raw and compacted, says
the same to tape-find and tape-info, and what it should.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
FLAGS = ['-Wall', '-Wextra', '-Wshadow', '-Wconversion', '-Wsign-conversion', '-Wdouble-promotion', '-Werror']
WAYS = [('macros, gcc', ['gcc', '-std=gnu11', '-O2']), ('macros, g++', ['g++', '-std=gnu++17', '-x', 'c++']),
        ('macros, clang', ['clang', '-std=gnu11']), ('macros, clang++', ['clang++', '-std=gnu++17', '-x', 'c++']),
        ('functions, gcc', ['gcc', '-std=gnu11', '-DPLAIN', '-Wno-shadow'])]
ARRAY = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
OF = {'alpha': 0.5, 'grid.nx': 4, 'mode': 1, 'name': 'ising'}
# Path, variables, and what else is to be seen: how it is kept, names, units.
SCOPES = [
    ('rules/thin', {'i': 0}), ('rules/contract', {'x': 0}), ('rules/contract', {'x': 1}),
    ('rules/when', {'x': 2.0}), ('rules/contract', {'x': 2}), ('rules/thin', {'i': 3}),
    ('rules/when', {'x': 3.0}), ('rules/contract', {'x': 3}), ('rules/store.x', {'keep': 1}),
    ('big', {'large': 'a blob'}), ('now', {'i': 1}), ('now', {'i': 2}),
    ('contexts/run:3/iter', {'D': 7, 'i': 0}), ('contexts/inherited', {'D': 7, 'i': 1}), ('outside', {'i': 2}),
    ('hooks/seen', {'twice': 3.0, 'x': 1.5}),
    ('tare/_tare', {'seed': 11}), ('tare/without', {'i': 1}), ('tare/with', {'i': 2, 'seed': 11}),
    ('tare/_tare', {'n': 3, 'seed': 11}), ('tare/same', {'i': 3, 'seed': 11}), ('tare/changed', {'i': 4, 'n': 4, 'seed': 11}),
    ('marks/_bookmark', {'name': 'begin'}), ('marks/x', {'i': 1}), ('marks/_bookmark', {'name': 'begin'}), ('marks/x', {'i': 2}),
    ('marks/_bookmark', {'name': 'there'}),
    ('sub', {'i': 1, 'j': 2}), ('sub', {'i': 1, 'j': 2, 'k': 3}), ('sub', {'i': 1, 'j': 2}), ('sub', {'i': 1, 'j': 2, 'k': 3}),
    ('step', {'added': 5, 'hashed': None, 'kept': ARRAY, 'mode': 1}),
    ('of', {**OF, **{'p.' + k: v for k, v in OF.items()}}),
    ('locals', {'i': 9, 'mode': 1, 'p': {'absent': 'not-selected'}}),
]
SAID = 'committed 0, then 1\ncalled 42, counted 1\nseen 1 0\n1 errors, evaluated %d\nbound 1: 0.5 4 ising 1\n'
AGAIN = 'seen 1 0\nbound 1: 0.5 4 ising 1\n'
PARTIAL = 'of { alpha: float, grid.nx: int, mode: int, name: str, p.alpha: float, p.grid.nx: int, p.mode: int, p.name: str, }'
# Questions whose answers are counts.
COUNTS = {
    'mode=FAST': 3, 'p.mode=FAST p.alpha=0.5': 1, '_lost=p': 1, 'is=point': 1, '{i: int, seed: int}': 3,
    '@begin..@begin#2 x': 1, '_mark=begin x': 1, '@there': 1, '_tare': 2, 'sub k=3': 2, '_bookmark': 3,
    'contexts D=7': 2, 'hooks twice=3': 1,
}
passed = failed = 0


def run(command, **kw):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **kw)
    if done.returncode not in (0, 1):
        sys.exit('%s: exit %d\n%s' % (' '.join(command), done.returncode, done.stderr))
    return done.stdout


def verdict(what, expected, got):
    global passed, failed
    fine = expected == got
    passed, failed = passed + fine, failed + (not fine)
    if fine:
        return
    if isinstance(expected, list):
        pairs = [(e, g) for e, g in zip(expected, got) if e != g]
        expected, got = pairs[0] if pairs else ('%d of them' % len(expected), '%d' % len(got))
    print('%s:\n  expected %s\n  got      %s' % (what, expected, got))


def kept(value):
    """What is not in the line: a blob, or, as None, what is kept nowhere."""
    blob = isinstance(value, dict) and 'blob' in value
    return value if not blob else None if value.get('stored') is False else 'a blob'


def seen(tools, tape):
    """What the tools say of a tape, without what differs from run to run."""
    scopes, facts = [], []
    for line in run([tools['find'], tape, '--all', '-o', 'jsonl']).splitlines():
        scope = json.loads(line)
        values = {k: kept(v) for k, v in scope['vars'].items() if (scope['labels'][-1], k) != ('_bookmark', 'target')}
        scopes.append(('/'.join(scope['labels']), values))
        facts.append(scope['hash'] if scope['labels'][-1] != '_bookmark' else '')
    for line in run([tools['info'], tape, '--json']).splitlines():
        fact = json.loads(line)
        if fact['kind'] in ('label', 'variable', 'broken', 'thinned', 'bookmark'):
            facts.append({k: v for k, v in fact.items() if k not in ('session', 'pos', 'own', 'time')})
    return scopes, facts


def main(include, find, compact, info, *libraries):
    tools = {'find': find, 'compact': compact, 'info': info}
    link = [x for d in libraries for x in ('-L' + d, '-Wl,-rpath,' + d)] + ['-lrecord', '-ltapesearch']
    first = None
    for what, compiler in WAYS:
        if not shutil.which(compiler[0]):
            continue
        with tempfile.TemporaryDirectory() as work:
            program, tape = os.path.join(work, 'ways'), os.path.join(work, 'ways.tape')
            done = subprocess.run([compiler[0], *FLAGS, *compiler[1:], '-I', include, os.path.join(HERE, 'ways.c'), '-o', program, *link],
                                  capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit('%s: %s' % (what, done.stderr))
            env = {**os.environ, 'TAPE_COMMIT': 'manual', 'TAPE_SYNC': 'none'}
            said = run([program, tape], env=env)
            verdict(what, SAID % (4 if 'functions' in what else 2), said)
            with open(os.path.join(tape, 'tape.partials'), 'w', encoding='utf-8') as f:
                f.write('point { p.alpha: float, grid { nx: int } }\n')
            for form in ('raw', 'compacted'):
                scopes, facts = seen(tools, tape)
                first = first or facts
                verdict('%s, %s' % (what, form), SCOPES, scopes)
                verdict('%s, %s: as the first way' % (what, form), first, facts)
                for query, count in COUNTS.items():
                    verdict('%s, %s: %s' % (what, form, query), '%d' % count,
                            run([find, tape, '--count', query]).strip())
                partial = [line for line in run([info, tape, '--emit-partial', 'of']).splitlines() if not line.startswith('#')]
                verdict('%s, %s: partial' % (what, form), PARTIAL, ' '.join(' '.join(partial).split()))
                if form == 'raw':
                    run([compact, '-q', tape])
                    verdict('%s: a generation' % what, True, bool(os.listdir(os.path.join(tape, 'live'))))
            verdict('%s, asked again' % what, AGAIN, run([program, 'again', tape], env=env))
    print('%d passed, %d failed' % (passed, failed))
    return failed != 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
