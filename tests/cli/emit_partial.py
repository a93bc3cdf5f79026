#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tape-info --emit-partial: all scopes of a label conform to what is written, raw and
compacted; the header compiles under all warnings, and a program that uses it gets back
what was recorded.

    emit_partial.py BIN_DIR INCLUDE_DIR LIBRARY_DIR LIBRARY_DIR [KEPT_TAPE...]"""
import json, os, shutil, subprocess, sys, tempfile

C = ['-std=c11', '-pedantic', '-Wall', '-Wextra', '-Wshadow', '-Wconversion', '-Wsign-conversion', '-Wdouble-promotion', '-Werror']
LINES = '''{"it":1,"T":1.5,"name":"abc","x":[1.5,2,3],"p":{"a":1,"q":{"b":true,"z":-2}},"m":[[1,2],[3,4]],"odd name":3,"v":[1.5],"int":3}
{"it":2,"T":2,"name":"longer","x":[1.5,2.5,-3],"p":{"a":1,"q":{"b":false,"z":2}},"m":[[1,2],[3,5]],"v":[1.5,2.5],"late":0.5,"p2":{"y":1.0}}
'''
PROGRAM = '''#include <stdio.h>
#include <string.h>
#include <tape/search.h>
#include "md.h"
int
main(int argc, char **argv)
{
	struct tape_reader *reader = NULL;
	struct tape_query *query = NULL;
	struct tape_cursor *cursor = NULL;
	const struct tape_scope *scope;
	struct tape_error err;
	struct md s;

	if (argc < 2 || tape_reader_open(argv[1], NULL, &reader, &err) != 0 ||
	    tape_query_compile("md", &query, &err) != 0 ||
	    tape_find(reader, query, NULL, &cursor, &err) != 0)
		return 1;
	while (tape_cursor_next(cursor, &scope, &err) == 1) {
		memset(&s, 0, sizeof s);
		s.late = -1;
		if (TAPE_BIND(scope, TAPE_OF(md, &s)) != 1) {
			puts(tape_bind_error());
			return 1;
		}
		printf("%d %g %s %g %g %d %d %d %d\\n", (int)s.it, s.late, s.name, s.x[0], s.x[2], (int)s.m[1][1],
		       (int)s.p.a, s.p.q.b, (int)s.p.q.z);
	}
	tape_cursor_close(cursor);
	tape_query_free(query);
	tape_reader_close(reader);
	return 0;
}
'''
EXPECTED = '1 -1 abc 1.5 3 4 1 1 -2\n2 0.5 longer 1.5 -3 5 1 0 2\n'


class Test:
    def __init__(self, bin_dir, include, *more):
        self.bin, self.include, self.libraries, self.kept = bin_dir, include, more[:2], more[2:]
        self.tmp = tempfile.mkdtemp(prefix='tape-emit-')

    def tool(self, name, *args, input=None, status=(0,)):
        done = subprocess.run([os.path.join(self.bin, name), *args], input=input, capture_output=True, text=True, check=False)
        if done.returncode not in status:
            raise SystemExit('%s %s: exit %d, %s' % (name, args, done.returncode, done.stderr))
        return done.stdout

    def compile(self, compiler, flags, source, *link):
        if not shutil.which(compiler):
            return
        done = subprocess.run([compiler, *flags, '-I', self.include, '-I', self.tmp, source, '-o', os.path.join(self.tmp, 'x'), *link],
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit('%s %s: %s' % (compiler, source, done.stderr))

    def conforms(self, tape, label):
        """-> what was written, for all scopes of the label"""
        text = self.tool('tape-info', tape, '--emit-partial', label)
        with open(os.path.join(self.tmp, 'all'), 'w', encoding='utf-8') as f:
            f.write(text)
        lines = [json.loads(x) for x in self.tool('tape-find', tape, '_label="%s"' % label, '--all', '-o', 'jsonl', status=(0, 3)).splitlines()]
        count = sum(x['labels'][-1] == label for x in lines)
        name = [x for x in text.splitlines() if x.endswith('{')][0][:-2]
        found = [json.loads(x) for x in self.tool('tape-find', tape, '_label="%s" is=%s' % (label, name), '--all', '--partials',
                                                  os.path.join(self.tmp, 'all'), '-o', 'jsonl', status=(0, 3)).splitlines()]
        if sum(x['labels'][-1] == label for x in found) != count or text.splitlines()[0] != '# what %d scopes have in common' % count:
            raise SystemExit('%s: %d scopes, %d conform to %s' % (label, count, len(found), text))
        return text

    def run(self):
        tape = os.path.join(self.tmp, 'e.tape')
        self.tool('tape-record', tape, '--label', 'run', '--label', 'md', input=LINES)
        raw = self.conforms(tape, 'md')
        header = self.tool('tape-info', tape, '--emit-partial', 'run/md', '-o', 'header')
        self.tool('tape-compact', '-q', tape)
        if self.conforms(tape, 'md') != raw or self.tool('tape-info', tape, '--emit-partial', 'md', '-o', 'header') != header:
            raise SystemExit('another partial from the compacted tape')
        with open(os.path.join(self.tmp, 'md.h'), 'w', encoding='utf-8') as f:
            f.write(header)
        with open(os.path.join(self.tmp, 'p.c'), 'w', encoding='utf-8') as f:
            f.write(PROGRAM)
        link = [x for d in self.libraries for x in ('-L' + d, '-Wl,-rpath,' + d)] + ['-lrecord', '-ltapesearch']
        for compiler in ('clang', 'gcc'):
            self.compile(compiler, C, os.path.join(self.tmp, 'p.c'), *link)
        got = subprocess.run([os.path.join(self.tmp, 'x'), tape], capture_output=True, text=True, check=False).stdout
        if got != EXPECTED:
            raise SystemExit('bound: ' + got)
        self.tool('tape-info', tape, '--emit-partial', 'nosuch', status=(1,))
        return 1 + sum(self.kept_tape(x) for x in self.kept)

    def kept_tape(self, tape):
        done = 0
        for line in self.tool('tape-info', tape, '--json', status=(0, 3)).splitlines():
            path = json.loads(line)
            label = path.get('path', '').split('/')[-1] if path['kind'] == 'label' else ''
            if not label or label[0] == '_' or '"' in label:
                continue
            self.conforms(tape, label)
            source = os.path.join(self.tmp, 'h.c')
            with open(source, 'w', encoding='utf-8') as f:
                f.write(self.tool('tape-info', tape, '--emit-partial', label, '-o', 'header') + '\nint nothing;\n')
            self.compile('gcc', [*C, '-c'], source)
            done += 1
        return done


if __name__ == '__main__':
    test = Test(*sys.argv[1:])
    try:
        print('%d passed, 0 failed' % test.run())
    finally:
        shutil.rmtree(test.tmp)
