#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The C of a document, piece by piece one program, or a file in C++: it compiles under all
warnings, and says what it should.

    documented.py DOCUMENT INCLUDE_DIR EXPECTED LIBRARY_DIR..."""
import os, re, shutil, subprocess, sys, tempfile

WARNINGS = ['-pedantic', '-Wall', '-Wextra', '-Wshadow', '-Wconversion', '-Wsign-conversion', '-Wdouble-promotion', '-Werror']


def main(document, include, expected, *libraries):
    cpp = document.endswith('.cc')
    with open(document, encoding='utf-8') as f:
        text = f.read()
    if not cpp:
        text = '\n'.join(re.findall(r'^```c\n(.*?)^```$', text, re.M | re.S))
    link = [x for d in libraries for x in ('-L' + d, '-Wl,-rpath,' + d)] + ['-lrecord', '-ltapesearch']
    for compiler in ('g++', 'clang++') if cpp else ('gcc', 'clang'):
        if shutil.which(compiler):
            build(compiler, '-std=c++17' if cpp else '-std=c11', text, include, expected, link)
    print('1 passed, 0 failed')


def build(compiler, standard, text, include, expected, link):
    with tempfile.TemporaryDirectory() as tmp:
        source, program = os.path.join(tmp, 'd.cc' if standard == '-std=c++17' else 'd.c'), os.path.join(tmp, 'd')
        with open(source, 'w', encoding='utf-8') as f:
            f.write(text)
        done = subprocess.run([compiler, standard, *WARNINGS, '-I', include, source, '-o', program, *link],
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stderr)
        done = subprocess.run([program, os.path.join(tmp, 'doc.tape')], capture_output=True, text=True, check=False)
    if done.returncode or done.stderr or done.stdout != expected + '\n':
        raise SystemExit('%s: exit %d, %s%s' % (compiler, done.returncode, done.stdout, done.stderr))


if __name__ == '__main__':
    main(*sys.argv[1:])
