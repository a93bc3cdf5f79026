#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles programs against the public headers: run.py INCLUDE_DIR TEST...

good_*  must compile without a warning under every flag that the headers promise,
/*      and so must a program elsewhere (it skips where MPI is missing that it needs)
bad_*   must not compile, and the first error must be the one in "expect:"
"""
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
C = ['-std=c11', '-pedantic', '-Wall', '-Wextra', '-Wshadow', '-Wconversion',
     '-Wsign-conversion', '-Wdouble-promotion', '-Werror']
# Not pedantic: TAPE_OPTIONS(.name = ...) is a designated initializer.
CPP = ['-std=c++17', *C[2:]]
MANY_SITES_BYTES = 512 << 20  # of the compiler; it took 160 MB
COMPILERS = {'.c': ['gcc', 'clang'], '.cc': ['g++', 'clang++']}


class Failure(Exception):
    pass


def run(command, **kw):
    return subprocess.run(command, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False, **kw)


def compilers(source):
    found = [c for c in COMPILERS[os.path.splitext(source)[1]] if shutil.which(c)]
    if not found:
        raise Failure('no compiler for ' + source)
    return found


def flags(source):
    return C if source.endswith('.c') else CPP


def good(include, source, tmp, more=(), levels=('-O0', '-O2')):
    for compiler in compilers(source):
        for level in levels:
            done = run([compiler, *flags(source), *more, level, '-I', include, '-c',
                        os.path.join(HERE, source), '-o', os.path.join(tmp, 'x.o')])
            if done.returncode or done.stderr:
                raise Failure('%s %s %s:\n%s' % (compiler, level, source, done.stderr))


def example(include, path, tmp):
    with open(path, encoding='utf-8') as f:
        text = f.read()
    more = []
    if '#pragma omp' in text:
        more.append('-fopenmp')
    if '<mpi.h>' in text:
        if not shutil.which('mpicc'):
            print('skipped: there is no mpicc (libopenmpi-dev in Debian)')
            sys.exit(77)
        dirs = run(['mpicc', '--showme:incdirs']).stdout.split()
        more += [x for d in dirs for x in ('-isystem', d)]
    if 'CHEMOSTAT_NETWORK' in text:
        more.append('-DCHEMOSTAT_NETWORK="x"')
    good(include, path, tmp, ['-pedantic', *more], ['-O2'])


def bad(include, source, tmp):
    path = os.path.join(HERE, source)
    with open(path, encoding='utf-8') as f:
        expect = re.search(r'expect: (.*) \*/', f.read()).group(1)
    for compiler in compilers(source):
        plain = ['-std=c11', '-Wformat', '-Werror=format', '-Werror=jump-misses-init', '-Werror=incompatible-pointer-types'] \
            if source.endswith('.c') else ['-std=c++17']
        done = run([compiler, *plain, '-I', include, '-c', path, '-o',
                    os.path.join(tmp, 'x.o')])
        errors = [line for line in done.stderr.splitlines() if 'error:' in line]
        if done.returncode == 0:
            raise Failure('%s accepts %s' % (compiler, source))
        if not errors or expect not in errors[0]:
            raise Failure('%s %s: "%s" is not the first error:\n%s'
                          % (compiler, source, expect, done.stderr))
        if len(errors) > 1:
            raise Failure('%s %s: more than one error:\n%s' % (compiler, source, done.stderr))


def off(include, tmp):
    """Links and runs without the library."""
    for compiler in compilers('x.c'):
        for level in ['-O0', '-O2']:
            exe = os.path.join(tmp, 'off')
            done = run([compiler, *C, level, '-I', include,
                        os.path.join(HERE, 'good_off.c'), '-o', exe])
            if done.returncode or run([exe]).returncode:
                raise Failure('%s %s good_off.c:\n%s' % (compiler, level, done.stderr))


def headers(include, tmp):
    """record.h brings in our own headers, stddef.h and stdint.h, and nothing else."""
    def needed(text):
        source = os.path.join(tmp, 'm.c')
        with open(source, 'w', encoding='utf-8') as f:
            f.write(text)
        done = run(['gcc', '-std=c11', '-M', '-I', include, source])
        if done.returncode:
            raise Failure(done.stderr)
        return set(done.stdout.replace('\\\n', ' ').split(':', 1)[1].split())

    base = needed('#include <stddef.h>\n#include <stdint.h>\n')
    more = needed('#include <tape/record.h>\n') - base
    foreign = [h for h in more if not os.path.realpath(h).startswith(
        os.path.realpath(include) + os.sep)]
    if foreign:
        raise Failure('record.h includes ' + ' '.join(sorted(foreign)))


def identifiers(include, _tmp):
    """No identifier in the body of a macro of ours may be a name that programs use."""
    allowed = set('''_Bool _Complex _Generic _Static_assert char const defined default do double
        else enum extern float if inline int int64_t long namespace operator return short signed
        sizeof size_t static static_assert struct template typedef typename uint16_t uint32_t
        uint64_t uint8_t uintptr_t unsigned void volatile while type decltype auto
        NULL UINT64_MAX constexpr true bool class of word kind dtype tape'''.split())
    texts = []
    for header in ['record.h', 'record_impl.h', 'wanted_impl.h', 'locals_impl.h', 'partial_impl.h', 'seen_impl.h', 'cache.h', 'resume.h']:
        with open(os.path.join(include, 'tape', header), encoding='utf-8') as f:
            texts.append(f.read())
    gone = set(re.findall(r'#undef (\w+)', ' '.join(texts)))  # expanded by the headers only
    for header, text in zip(['record.h', 'record_impl.h', 'wanted_impl.h', 'locals_impl.h', 'partial_impl.h', 'seen_impl.h', 'cache.h', 'resume.h'], texts):
        text = re.sub(r'/\*.*?\*/', ' ', text, flags=re.S).replace('\\\n', ' ')
        for line in text.splitlines():
            m = re.match(r'\s*#\s*define\s+(\w+)(\(([^)]*)\))?(.*)', line)
            if not m or m.group(1) in gone:
                continue
            params = set(re.findall(r'\w+', m.group(3) or ''))
            body = re.sub(r'"(\\.|[^"\\])*"', ' ', m.group(4))
            for word in re.findall(r'(?<![\w.#])[A-Za-z_]\w*', body):
                if word in params or word in allowed or word.startswith('__') or \
                        word.lower().startswith('tape_'):
                    continue
                raise Failure('%s: "%s" in the body of %s' % (header, word, m.group(1)))


def many_sites(include, tmp):
    """A hundred sites in one file are no burden: it compiles with little memory."""
    source = os.path.join(tmp, 'many.c')
    with open(source, 'w', encoding='utf-8') as f:
        f.write('#include <tape/record.h>\nvoid f(struct tape *t, double a, int b);\n'
                'void f(struct tape *t, double a, int b) {\n')
        for i in range(120):
            f.write('TAPE(t, "site%d", a, b, a+1, b+1, a+2, b+2, a+3, b+3, a+4, b+4);\n' % i)
        f.write('}\n')
    done = run(['gcc', *C, '-O2', '-I', include, '-c', source, '-o',
                os.path.join(tmp, 'many.o')],
               preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MANY_SITES_BYTES,) * 2))
    if done.returncode:
        raise Failure(done.stderr)


def main(include, tests):
    special = {'off': off, 'headers': headers, 'identifiers': identifiers,
               'many_sites': many_sites}
    with tempfile.TemporaryDirectory() as tmp:
        for test in tests:
            if test in special:
                special[test](include, tmp)
            elif os.path.isabs(test):
                example(include, test, tmp)
            elif test.startswith('good'):
                good(include, test, tmp)
            else:
                bad(include, test, tmp)


if __name__ == '__main__':
    try:
        main(sys.argv[1], sys.argv[2:])
    except Failure as e:
        sys.exit(str(e))
