#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""recipes.py DOCUMENT SOURCE INCLUDE TAPE_LOCALS TAPE_FIND LIBRARIES...: builds a program by
the recipes for Make, Meson and CMake that a document has, and looks at what it records."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

document, source, include, tool, find = map(os.path.abspath, sys.argv[1:6])
libraries = sys.argv[6:]
links = ['-L' + d for d in libraries] + ['-Wl,-rpath,' + d for d in libraries] + ['-lrecord']
passed = failed = 0

MESON = """project('sim', 'c', default_options: 'c_std=gnu11')
record_dep = declare_dependency(compile_args: ['-I%s'], link_args: %r)
"""
CMAKE = """cmake_minimum_required(VERSION 3.16)
project(sim C)
add_library(PkgConfig::RECORD INTERFACE IMPORTED)
target_include_directories(PkgConfig::RECORD INTERFACE %s)
target_link_libraries(PkgConfig::RECORD INTERFACE %s)
"""
MAKE = """
CPPFLAGS = -I%s
CFLAGS = -std=gnu11
sim: sim.o
	$(CC) $< -o $@ %s
"""


def recipe(language):
    with open(document, encoding='utf-8') as f:
        return re.search(r'```%s\n(.*?)```' % language, f.read(), re.S).group(1)


def write(path, text):
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)


def run(command, cwd):
    env = dict(os.environ, PATH=os.path.dirname(tool) + ':' + os.environ['PATH'])
    # An outer build's own.
    for name in ['MAKEFLAGS', 'MAKELEVEL', 'DESTDIR', 'CFLAGS', 'LDFLAGS', 'CC']:
        env.pop(name, None)
    return subprocess.run(command, cwd=cwd, env=env, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)


def check(name, work, commands, program):
    global passed, failed
    said = ''
    for command in commands + [[program, 'run.tape']]:
        done = run(command, work)
        said += '$ %s\n%s' % (' '.join(command), done.stdout)
        if done.returncode:
            break
    found = run([find, 'run.tape', 'customer', 'event=GIVING_UP', '--count'], work).stdout
    fine = found.strip().isdigit() and int(found) > 0
    passed, failed = passed + fine, failed + (not fine)
    print('%s: %s' % (name, 'built and recorded' if fine else 'FAILED\n' + said + found))


def main():
    with tempfile.TemporaryDirectory() as top:
        for name in ['make', 'meson', 'cmake']:
            work = os.path.join(top, name)
            os.mkdir(work)
            shutil.copy(source, os.path.join(work, 'sim.c'))
            if not shutil.which(name):
                print('%s: not here' % name)
            elif name == 'make':
                write(os.path.join(work, 'Makefile'),
                      'all: sim\n' + recipe('make') + MAKE % (include, ' '.join(links)))
                check(name, work, [['make', '-s']], './sim')
            elif name == 'meson':
                write(os.path.join(work, 'meson.build'),
                      MESON % (include, links) + recipe('meson'))
                check(name, work, [['meson', 'setup', 'b'], ['ninja', '-C', 'b', 'sim']],
                      'b/sim')
            else:
                write(os.path.join(work, 'CMakeLists.txt'),
                      CMAKE % (include, ' '.join(links)) + recipe('cmake'))
                check(name, work, [['cmake', '-S', '.', '-B', 'b'],
                                   ['cmake', '--build', 'b']], 'b/sim')
    print('%d passed, %d failed' % (passed, failed))
    return failed != 0


sys.exit(main())
