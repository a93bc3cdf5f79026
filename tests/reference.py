#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The query language over decoder.scopes(), the slow and plain way.

    reference.py [--all] TAPE QUERY...     prints what tape-find -o jsonl must print

Written from docs/query.md, to be compared with the C search."""
import datetime, fnmatch, functools, re, struct, sys
from fractions import Fraction

import decoder
from values import F32, Absent, Array, Blob

LIBRARY = {'_bookmark', '_tare', '_cache'}
NUMBER = re.compile(r'[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$')
OPERATOR = re.compile(r'!=|<=|>=|=|~|<|>')
INF = float('inf')


class Wrong(Exception):
    """A query that cannot be read."""


class Query:
    """Text -> .test(scope), a predicate; .library, the library's labels that are named."""

    def __init__(self, text, tape=None):
        self.text, self.at, self.tape, self.library = text, 0, tape, set()
        self.test = self.either() if self.skip() else lambda s: True
        if self.skip():
            raise Wrong('column %d' % (self.at + 1))

    def skip(self):
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1
        return self.text[self.at:]

    def word(self, stop):
        """Characters up to one of `stop`, or a quoted text: (text, quoted)."""
        if self.text[self.at:self.at + 1] == '"':
            m = re.compile(r'"((?:[^"\\]|\\.)*)"', re.S).match(self.text, self.at)
            if not m:
                raise Wrong('a quote without its end')
            self.at = m.end()
            return re.sub(r'\\(.)', r'\1', m[1], flags=re.S), True
        m = re.compile(r'[^%s]*' % stop).match(self.text, self.at)
        self.at = m.end()
        return m[0], False

    def either(self):
        tests = [self.both()]
        while re.match(r'or(?=[\s()]|$)', self.skip()):
            self.at += 2
            tests.append(self.both())
        return lambda s: any(t(s) for t in tests)

    def both(self):
        tests = [self.unary()]
        while self.skip() and not re.match(r'\)|or(?=[\s()]|$)', self.skip()):
            tests.append(self.unary())
        return lambda s: all(t(s) for t in tests)

    def unary(self):
        rest = self.skip()
        if re.match(r'not(?=[\s()]|$)', rest):
            self.at += 3
            test = self.unary()
            return lambda s: not test(s)
        if rest[:1] == '(':
            self.at += 1
            test = self.either()
            if self.skip()[:1] != ')':
                raise Wrong('a parenthesis without its end')
            self.at += 1
            return test
        return self.term()

    def term(self):
        if self.text[self.at:self.at + 1] == '/':
            m = re.compile(r'/((?:[^/\\]|\\.)*)/').match(self.text, self.at)
            self.at = m.end()
            pattern = re.compile(m[1].replace('\\/', '/'))
            return lambda s: any(pattern.search(x) for x in s['labels'])
        start, segments = self.at, []
        while True:
            segments.append(self.word(r'\s()=!<>~."'))
            if self.text[self.at:self.at + 1] != '.':
                break
            self.at += 1
        op = OPERATOR.match(self.text, self.at)
        if op:
            self.at = op.end()
            return self.comparison(segments, op[0])
        self.at = start
        label, quoted = self.word(r'\s()"')
        if not label and not quoted:
            raise Wrong('column %d' % (self.at + 1))
        if quoted or not set('*?') & set(label):
            self.library |= LIBRARY & {label}
            return lambda s: label in s['labels']
        pattern = re.compile(fnmatch.translate(label.replace('[', '[[]')))
        return lambda s: any(pattern.match(x) for x in s['labels'])

    def comparison(self, segments, op):
        atoms = []
        if op == '~':
            text, quoted = self.word(r'\s()')
            atoms = [(text, True)]
        else:
            while True:
                atoms.append(self.word(r'\s(),'))
                if self.text[self.at:self.at + 1] != ',':
                    break
                self.at += 1
        if len(segments) == 1 and segments[0][0][:1] == '_' and not segments[0][1]:
            return self.field(segments[0][0], op, atoms)
        tests, find = [value_test(op, *a) for a in atoms], finder(segments)
        if op == '!=':
            return lambda s: any(not any(t(v, n, s) for t in tests) for n, v in find(s['vars']))
        return lambda s: any(t(v, n, s) for n, v in find(s['vars']) for t in tests)

    def field(self, name, op, atoms):
        if name == '_has':
            finds = [Query.path(a[0]) if not a[1] else finder([a]) for a in atoms]
            return lambda s: any(f(s['vars']) for f in finds) != (op == '!=')
        get = FIELDS[name]
        tests = [field_test(name, op, text, self.tape) for text, _ in atoms]

        def test(s):
            v = get(s)
            if v is None:
                return False
            found = any(t(v) for t in tests)
            return not found if op == '!=' else found
        return test

    @staticmethod
    def path(text):
        if text == '_link':
            return lambda values: []
        return finder([(x, False) for x in text.split('.')])


def finder(segments):
    """-> the variables that a path names, as (name, value)"""
    if not any(x == '*' and not quoted for x, quoted in segments):
        name = '.'.join(x for x, _ in segments)
        return lambda values: [(name, values[name])] if name in values else []
    pattern = re.compile(r'\.'.join(r'[^.]+' if x == '*' and not q else re.escape(x)
                                    for x, q in segments), re.S)
    return lambda values: [(n, v) for n, v in values.items() if pattern.fullmatch(n)]


# ---- values

def number(text):
    """Exact where the text is an integer, else a double; None if it is no number."""
    if re.fullmatch(r'[+-]?\d+', text):
        return int(text)
    if NUMBER.match(text) or text in ('inf', '-inf', '+inf', 'nan'):
        return float(text)
    return None


def to_f32(v):
    try:
        return struct.unpack('<f', struct.pack('<f', v))[0]
    except OverflowError:
        return INF if v > 0 else -INF


def is_number(v):
    return isinstance(v, (int, float)) and not isinstance(v, bool)


def within(v, lo, hi):
    if v != v:
        return False
    if isinstance(v, float):  # f64 and f32: the bounds are rounded to what the variable is
        near = to_f32 if isinstance(v, F32) else float
        return near(lo) <= v <= near(hi)
    return lo <= v <= hi


def span(text):
    """lo..hi, number+-tolerance or a number, as (lo, hi); None if it is neither"""
    m = re.fullmatch(r'(.*?)\.\.(.*)', text, re.S)
    if m:
        lo, hi = number(m[1]) if m[1] else -INF, number(m[2]) if m[2] else INF
        return None if lo is None or hi is None else (lo, hi)
    m = re.fullmatch(r'(.+?)\+-([^%]+)(%?)', text)
    if m and number(m[1]) is not None and number(m[2]) is not None:
        v, t = float(m[1]), float(m[2])
        t = abs(v) * t / 100 if m[3] else t
        return v - t, v + t
    v = number(text)
    return None if v is None else (v, v)


def value_test(op, text, quoted):
    """-> test(value, name, scope)"""
    if op == '~':
        pattern = re.compile(text)
        return lambda v, n, s: type(v) is str and bool(pattern.search(v))
    bounds = None if quoted else span(text)
    if op in ('<', '<=', '>', '>='):
        strict, v = len(op) == 1, bounds and bounds[0]
        if bounds is None:
            compare = {'<': str.__lt__, '<=': str.__le__, '>': str.__gt__, '>=': str.__ge__}[op]
            return lambda x, n, s: type(x) is str and compare(x, text)
        lo, hi = (-INF, v) if op[0] == '<' else (v, INF)
        return lambda x, n, s: is_number(x) and within(x, lo, hi) and not (strict and within(x, v, v))
    truth = {'true': True, 'false': False}.get(text) if not quoted else None

    def test(v, n, s):
        if isinstance(v, bool):
            return v is truth
        if type(v) is str:
            return v == text
        if not is_number(v):
            return False
        if bounds and bounds[0] != bounds[0]:
            return v != v
        if bounds and within(v, *bounds):
            return True
        return any(e == text and k == v for e, k in enumerators(s, n))
    return test


def enumerators(s, name):
    return [(e, k) for v in s['form'].vars if v.name == name and v.tag == 3 for k, e in v.enums]


# ---- fields

FIELDS = {
    '_pos': lambda s: s['pos'], '_seq': lambda s: s['seq'], '_time': lambda s: s['time'],
    '_session': lambda s: s['session'], '_run': lambda s: s['session'], '_line': lambda s: s['line'],
    '_rank': lambda s: s['session'].notes.get('rank'), '_host': lambda s: s['session'].notes.get('host'),
    '_file': lambda s: s['file'], '_func': lambda s: s['func'], '_hash': lambda s: s['hash'],
    '_blob': lambda s: [v.hash for v in s['vars'].values() if isinstance(v, Blob)],
    '_link': lambda s: s.get('link'),
}


def field_test(name, op, text, tape):
    raise Wrong(name)


def find(tape, text, all=False):
    """The lines that tape-find prints for the query; tape is a decoder.Tape"""
    query = Query(text, tape)
    for s in tape.scopes(all=True):
        hidden = LIBRARY & set(s['labels'])
        if (all or not hidden or hidden & query.library) and query.test(s):
            yield decoder.line(s)
