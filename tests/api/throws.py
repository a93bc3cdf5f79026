#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""throws.py INCLUDE_DIR LIBRARY TAPE_FIND: hooks in C++ that throw."""
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


def main(include, library, tape_find):
    compilers = [c for c in ['g++', 'clang++'] if shutil.which(c)]
    if not compilers:
        print('no C++ compiler')
        return 77
    passed = failed = 0
    with tempfile.TemporaryDirectory() as tmp:
        for compiler in compilers:
            exe, tape = os.path.join(tmp, compiler), os.path.join(tmp, compiler + '.tape')
            folder = os.path.dirname(library)
            search = os.path.join(os.path.dirname(folder), 'search')
            subprocess.run([compiler, '-std=c++17', '-Wall', '-Wextra', '-Werror', '-I', include,
                            os.path.join(HERE, 'throws.cc'), library, '-o', exe,
                            '-Wl,-rpath,' + folder + ':' + search,
                            '-Wl,-rpath-link,' + search], check=True)
            done = subprocess.run([exe, tape], check=False)
            found = subprocess.run([tape_find, tape, 'loop', '--count'], check=False, text=True,
                                   stdout=subprocess.PIPE).stdout.strip()
            if done.returncode == 0 and found == '3':
                passed += 1
            else:
                failed += 1
                print('%s: exit %d, %s scopes' % (compiler, done.returncode, found))
    print('%d passed, %d failed' % (passed, failed))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
