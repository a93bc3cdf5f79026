#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
subset.py: what is recorded with dedup=subset, or with any part of the memory refused,
reads as what is recorded with dedup=off, raw and compacted.

    subset.py --record PROGRAM --tape-find P --tape-compact P --tape-check P --tape-info P
        [--preload nomem.so] [--seed N] [--cases N]
"""
import argparse
import collections
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

SESSION = re.compile(rb'\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{8}')
LINK = re.compile(rb',"link":"S:\d+"}$', re.MULTILINE)
SETTINGS = [
    {'TAPE_COMMIT': 'manual'},
    {'TAPE_COMMIT': 'auto', 'TAPE_COMMIT_BYTES': '2K'},
    {'TAPE_COMMIT': 'manual', 'TAPE_BLOBS': 'at-commit', 'TAPE_EMBED_MAX': '100'},
    {'TAPE_COMMIT': 'manual', 'TAPE_INLINE_MAX': '80', 'TAPE_BLOB_STORE': 'log'},
    {'TAPE_COMMIT': 'auto', 'TAPE_COMMIT_SCOPES': '50', 'TAPE_SYNC': 'commit'},
]


class Failed(Exception):
    pass


class Runs:
    def __init__(self, options):
        self.options = options
        self.work = tempfile.mkdtemp(prefix='tape-subset-')
        self.projections = 0

    def tape(self, name):
        path = os.path.join(self.work, name)
        shutil.rmtree(path, ignore_errors=True)
        return path

    def call(self, *command, ok=(0,), env=None):
        done = subprocess.run(command, capture_output=True, env=env, check=False)
        if done.returncode not in ok:
            raise Failed('%s: exit %d: %s' % (' '.join(command), done.returncode,
                                              done.stderr.decode(errors='replace')))
        return done.stdout

    def record(self, name, seed, scopes, **env):
        path = self.tape(name)
        out = self.call(self.options.record, path, str(seed), str(scopes),
                        ok=(0, 3, 4) if 'NOMEM_AT' in env else (0,),
                        env={**os.environ, 'TAPE_SYNC': 'none', **env})
        return path, int(out) if out else None

    def lines(self, path):
        """A link says what it repeats; otherwise nothing shows how a scope is kept."""
        return LINK.sub(b'}', self.found(path)).splitlines()

    def found(self, path):
        return SESSION.sub(b'S', self.call(self.options.tape_find, path, '-o', 'jsonl', ok=(0, 1)))

    def info(self, path):
        """How many projections, and what was saved: that does not go by the form."""
        objects = [json.loads(line) for line in self.call(self.options.tape_info, path, '--json').splitlines()]
        whole = objects[0]
        saved = [{key: whole.get(key) for key in ['links', 'link_bytes_saved', 'projections', 'projection_bytes_saved']}]
        return whole['projections'], saved + [o for o in objects if o['kind'] == 'label']

    def case(self, seed, scopes):
        settings = SETTINGS[seed % len(SETTINGS)]
        off, _ = self.record('off', seed, scopes, TAPE_DEDUP='off', **settings)
        subset, lost = self.record('subset', seed, scopes, TAPE_DEDUP='subset', **settings)
        want = self.lines(off)
        if lost:
            raise Failed('%d scopes are lost' % lost)
        projections, saved = self.info(subset)
        self.projections += projections
        if sum(o.get('bytes_saved', 0) for o in saved[1:]) != (
                saved[0]['link_bytes_saved'] + (saved[0]['projection_bytes_saved'] or 0)):
            raise Failed('label paths do not add up: %s' % saved)
        for state in ['raw', 'compacted']:
            if state == 'compacted':
                self.call(self.options.tape_compact, subset)
            got = self.lines(subset)
            for a, b in zip(want, got):
                if a != b:
                    raise Failed('%s:\n  %s\n  %s' % (state, a, b))
            if len(want) != len(got):
                raise Failed('%s: %d scopes, not %d' % (state, len(got), len(want)))
            self.call(self.options.tape_check, subset)
            if self.info(subset)[1] != saved:
                raise Failed('%s: %s\n is %s' % (state, saved, self.info(subset)[1]))

    def no_memory(self, seed, scopes):
        """One request for memory is refused, and then all from there on."""
        def content(lines):
            scopes = [json.loads(line) for line in lines]
            for scope in scopes:
                # A label or a sticky variable that found no memory is reported and left out.
                scope['vars'].pop('z', None)
            return collections.Counter(json.dumps([s['time'], s['file'], s['line'], s['vars']]) for s in scopes)

        want = content(self.lines(self.record('off', seed, scopes, TAPE_DEDUP='off', TAPE_COMMIT='manual')[0]))
        at, fired, count = 0, os.path.join(self.work, 'fired'), 0
        while True:
            # Some of them: a run has some hundred.
            at += random.Random(seed * 1000 + at).randrange(1, 50)
            for ever in [{}, {'NOMEM_EVER': '1'}]:
                if os.path.exists(fired):
                    os.unlink(fired)
                path, lost = self.record('nomem', seed, scopes, TAPE_DEDUP='subset', TAPE_COMMIT='manual',
                                         LD_PRELOAD=self.options.preload, NOMEM_AT=str(at), NOMEM_FILE=fired, **ever)
                if not os.path.exists(fired):
                    if count == 0:
                        raise Failed('no request was refused')
                    return count
                count += 1
                if not os.path.exists(os.path.join(path, 'TAPE')):
                    continue
                got = content(self.lines(path))
                if got - want:
                    raise Failed('request %d: %s was never recorded' % (at, next(iter(got - want))))
                if lost == 0 and got != want:
                    raise Failed('request %d: %d scopes of %d, and none is lost' % (
                        at, sum(got.values()), sum(want.values())))


def main():
    p = argparse.ArgumentParser()
    for name in ['record', 'tape-find', 'tape-compact', 'tape-check', 'tape-info']:
        p.add_argument('--' + name, required=True)
    p.add_argument('--preload')
    p.add_argument('--seed', type=int, default=int(os.environ.get('TEST_SEED', 0)) or
                   int.from_bytes(os.urandom(3), 'little'))
    p.add_argument('--cases', type=int, default=20)
    o = p.parse_args()
    print('seed %d' % o.seed, flush=True)
    runs, done, wrong = Runs(o), 0, 0
    for seed in range(o.seed, o.seed + o.cases):
        try:
            runs.case(seed, random.Random(seed).choice([30, 300, 900]))
        except Failed as e:
            print('seed %d: %s' % (seed, e))
            wrong += 1
        done += 1
    if o.preload:
        try:
            done += runs.no_memory(o.seed, 60)
        except Failed as e:
            print('seed %d: no memory: %s' % (o.seed, e))
            wrong += 1
    if o.cases > 4 and runs.projections == 0:
        print('not one projection')
        wrong += 1
    if not wrong:
        shutil.rmtree(runs.work)
    print('%d projections\n%d passed, %d failed' % (runs.projections, done - wrong, wrong))
    return wrong != 0


if __name__ == '__main__':
    sys.exit(main())
