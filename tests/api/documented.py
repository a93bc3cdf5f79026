#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The C of a document, piece by piece one program: it compiles under all warnings, and
says what it should.

    documented.py DOCUMENT INCLUDE_DIR EXPECTED LIBRARY_DIR..."""
import os, re, subprocess, sys, tempfile

FLAGS = ['-std=c11', '-pedantic', '-Wall', '-Wextra', '-Wshadow', '-Wconversion', '-Wsign-conversion',
         '-Wdouble-promotion', '-Werror']


def main(document, include, expected, *libraries):
    with open(document, encoding='utf-8') as f:
        pieces = re.findall(r'^```c\n(.*?)^```$', f.read(), re.M | re.S)
    with tempfile.TemporaryDirectory() as tmp:
        source, program = os.path.join(tmp, 'd.c'), os.path.join(tmp, 'd')
        with open(source, 'w', encoding='utf-8') as f:
            f.write('\n'.join(pieces))
        link = [x for d in libraries for x in ('-L' + d, '-Wl,-rpath,' + d)] + ['-lrecord', '-ltapesearch']
        done = subprocess.run([os.environ.get('CC', 'cc').split()[-1], *FLAGS, '-I', include, source, '-o', program, *link],
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stderr)
        done = subprocess.run([program, os.path.join(tmp, 'doc.tape')], capture_output=True, text=True, check=False)
    if done.returncode or done.stderr or done.stdout != expected + '\n':
        raise SystemExit('exit %d, %s%s' % (done.returncode, done.stdout, done.stderr))
    print('%d pieces' % len(pieces))


if __name__ == '__main__':
    main(*sys.argv[1:])
