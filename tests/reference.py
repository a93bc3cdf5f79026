#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The query language over decoder.scopes(), the slow and plain way.

    reference.py [--all] TAPE QUERY...     what `tape-find -o jsonl` must print"""
import datetime, fnmatch, re, struct, sys
from fractions import Fraction

import decoder
from decoder import C8, DTYPES, F32, Absent, Array, Blob, hash128

LIBRARY, INF = {'_bookmark', '_tare', '_cache'}, float('inf')
KEYWORD = r'(?=[\s()]|$)'

class Wrong(Exception):
    """A query that cannot be read."""

class Query:
    """Text -> .test(scope), a predicate; .library, labels of the library that it names."""
    def __init__(self, text, tape):
        self.text, self.at, self.tape, self.library = text, 0, tape, set()
        self.test = self.either() if self.rest() else lambda s: True
        if self.rest():
            raise Wrong('column %d' % (self.at + 1))

    def rest(self):
        self.at = re.compile(r'\s*').match(self.text, self.at).end()
        return self.text[self.at:]

    def take(self, pattern):
        m = re.compile(pattern, re.S).match(self.text, self.at)
        self.at = m.end() if m else self.at
        return m

    def word(self, stop):
        """Characters up to one of `stop`, or a quoted text: (text, quoted)."""
        m = self.take(r'"((?:[^"\\]|\\.)*)"')
        return (re.sub(r'\\(.)', r'\1', m[1], flags=re.S), True) if m else (
            self.take('[^%s]*' % stop)[0], False)

    def either(self):
        tests = [self.both()]
        while self.rest() and self.take('or' + KEYWORD):
            tests.append(self.both())
        return lambda s: any(t(s) for t in tests)

    def both(self):
        tests = [self.unary()]
        while self.rest() and not re.match(r'\)|or' + KEYWORD, self.rest()):
            tests.append(self.unary())
        return lambda s: all(t(s) for t in tests)

    def unary(self):
        self.rest()
        if self.take('not' + KEYWORD):
            test = self.unary()
            return lambda s: not test(s)
        if self.take(r'\('):
            test = self.either()
            if not self.rest() or not self.take(r'\)'):
                raise Wrong('a parenthesis without its end')
            return test
        return self.term()

    def term(self):
        m = self.take(r'/((?:[^/\\]|\\.)*)/')
        if m:
            pattern = re.compile(m[1].replace('\\/', '/'))
            return lambda s: any(pattern.search(x) for x in s['labels'])
        start, path = self.at, self.path()
        op = self.take(r'\s*(!=|<=|>=|=|~|<|>)\s*')
        if op:
            return self.comparison(path, op[1])
        self.at = start
        label, quoted = self.word(r'\s()"')
        if not label and not quoted:
            raise Wrong('column %d' % (self.at + 1))
        if quoted or not set('*?') & set(label):
            self.library |= LIBRARY & {label}
            return lambda s: label in s['labels']
        pattern = re.compile(fnmatch.translate(label.replace('[', '[[]')))
        return lambda s: any(pattern.match(x) for x in s['labels'])

    def path(self):
        path = [self.word(r'\s()=!<>~.,"')]
        while self.take(r'\.'):
            path.append(self.word(r'\s()=!<>~.,"'))
        return path

    def comparison(self, path, op):
        positive, (name, quoted) = '=' if op == '!=' else op, path[0]
        atom = self.path if name in ('_has', '_lost') else lambda: self.word(r'\s(),')
        slashed = op == '~' and self.take(r'/((?:[^/\\]|\\.)*)/')
        atoms = [(slashed[1], True)] if slashed else [self.word(r'\s()')] if op == '~' else [atom()]
        while op != '~' and self.take(','):
            atoms.append(atom())
        if name in ('_has', '_lost'):
            finds = [self.named(a) if name == '_has' else self.lost(a) for a in atoms]
            return lambda s: any(f(s) for f in finds) != (op == '!=')
        if name[:1] == '_' and not quoted and len(path) == 1:
            tests, there = [field(name, positive, a, self.tape) for a in atoms], self.named(path)
            there = (lambda s: True) if ('none', False) in atoms else there
            return lambda s: there(s) and any(t(s) for t in tests) != (op == '!=')
        tests, find = [value_test(positive, *a) for a in atoms], finder(path)
        return lambda s: any(testable(v) and any(t(v, n, s) for t in tests) != (op == '!=')
                             for n, v in find(s['vars']))

    @staticmethod
    def lost(path):
        find = (lambda values: list(values.items())) if path == [('*', False)] else finder(path)
        return lambda s: any(isinstance(v, Absent) for _, v in find(s['vars']))

    @staticmethod
    def named(path):
        """_has=: a field, or the variable that a path names"""
        (text, quoted), find = path[0], finder(path)
        if text[:1] == '_' and not quoted and len(path) == 1:
            return {'_link': lambda s: 'link' in s, '_blob': blobs}.get(text, lambda s: field_value(
                text, s) not in (None, '') and (text, s['line']) != ('_line', 0))
        return lambda s: any(not isinstance(v, Absent) for _, v in find(s['vars']))

def finder(path):
    """-> the variables that a path names, as (name, value)"""
    pattern = re.compile(r'\.'.join('[^.]+' if x == ('*', False) else re.escape(x[0]) for x in path), re.S)
    base, aspect = '.'.join(x[0] for x in path[:-1]), path[-1][0]

    def find(values):
        found = [(n, v) for n, v in values.items() if pattern.fullmatch(n)]
        if not found and aspect in ('min', 'max', 'len', 're', 'im') and base in values:
            v = part(values[base], aspect)
            found = [] if v is None else [(aspect, v)]
        return found
    return find

def part(v, aspect):
    """x.min and the like, of a value x; None if it has none"""
    if isinstance(v, complex):
        real = F32 if isinstance(v, C8) else float
        return {'re': real(v.real), 'im': real(v.imag)}.get(aspect)
    if aspect == 'len' and isinstance(v, (Array, Blob)) and v.dtype not in ('str', 'bytes'):
        count = 1
        for d in v.dims:
            count *= d
        return count
    if isinstance(v, Blob) and v.data is not None and aspect != 'len':  # at most 64 bytes: they are in the scope
        v = None if v.dtype in ('str', 'bytes') else Array(*v[:4])
    if not isinstance(v, Array) or aspect not in ('min', 'max') or v.dtype[0] == 'c' or not v.data:
        return None
    code = {name: code for name, _, code in DTYPES}[v.dtype]
    each = [x[0] for x in struct.iter_unpack('<' + code, v.data)]
    return float('nan') if any(x != x for x in each) else (min if aspect == 'min' else max)(each)

def number(text):
    """Exact where the text is an integer, else a double; None if it is no number."""
    if re.fullmatch(r'[+-]?(0x[0-9a-f]+|\d+)', text):
        return int(text, 16 if 'x' in text else 10)
    if re.fullmatch(r'[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?', text):
        return Decimal(text, Fraction(text))
    return float(text) if text in ('inf', '+inf', '-inf', 'nan') else None

class Decimal(float):
    """A double that knows what was written: integers are compared with that."""
    def __new__(cls, value, exact):
        self = super().__new__(cls, value)
        self.exact = exact
        return self

def exact(v):
    return getattr(v, 'exact', v)

def ends(v, t):
    """v - t and v + t, exact for integers unless both have a fraction"""
    if any(abs(x) == INF or x != x for x in (v, t)) or isinstance(v, int) and isinstance(t, int):
        return v - t, v + t
    x, y = Fraction(exact(v)), Fraction(exact(t))
    if x.denominator != 1 and y.denominator != 1:
        return float(v) - float(t), float(v) + float(t)
    return Decimal(float(v) - float(t), x - y), Decimal(float(v) + float(t), x + y)

def span(text):
    """lo..hi, number+-tolerance or a number, as (lo, hi); None if it is none of them"""
    m = re.fullmatch(r'(.*?)\.\.(.*)', text, re.S)
    if m:
        lo, hi = number(m[1]) if m[1] else -INF, number(m[2]) if m[2] else INF
        return None if lo is None or hi is None else (lo, hi)
    m = re.fullmatch(r'(.+?)\+-([^%]+)(%?)', text)
    if m and number(m[1]) is not None and number(m[2]) is not None:
        v, t = number(m[1]), number(m[2])
        if m[3]:
            t = abs(v) * float(t) / 100
        return ends(v, t)
    v = number(text)
    return None if v is None else (v, v)

def rounded(v, like):
    """A bound as the type that it is compared with can hold it."""
    try:
        return struct.unpack('<f', struct.pack('<f', v))[0] if isinstance(like, F32) else \
            v
    except OverflowError:
        return INF if v > 0 else -INF

def testable(v):
    return type(v) in (str, bytes) or isinstance(v, (int, float, complex)) \
        or isinstance(v, Blob) and v.dtype in ('str', 'bytes')

def value_test(op, text, quoted):
    """-> test(value, name, scope)"""
    pattern = re.compile(text) if op == '~' else None
    bounds = None if quoted or pattern else span(text)
    truth = {'true': True, 'false': False}.get(text) if not quoted else None
    lo_text, dots, hi_text = text.partition('..') if not quoted and bounds is None else (text, '', '')
    order = {'<': bytes.__lt__, '<=': bytes.__le__, '>': bytes.__gt__, '>=': bytes.__ge__}.get(op)

    def test(v, name, s):
        if isinstance(v, Blob) and v.data is None:
            return op == '=' and v.hash == hash128(text.encode())
        v = v.data if isinstance(v, Blob) else v
        if type(v) in (str, bytes):
            raw, lo, hi = (x if type(x) is bytes else x.encode() for x in (v, lo_text, hi_text))
            if pattern:
                return bool(pattern.search(raw.decode('utf-8', 'surrogateescape')))
            if op == '=':
                return lo <= raw and (not hi or raw <= hi) if dots else raw == text.encode()
            return bounds is None and order(raw, text.encode())
        if isinstance(v, complex):
            if v.imag != 0 or op != '=':
                return False
            v = F32(v.real) if isinstance(v, C8) else v.real
        enum = [e for x in s['form'].vars if x.name == name for k, e in x.enums if k == v][:1]
        if pattern or not isinstance(v, (int, float)):
            return bool(pattern and enum and pattern.search(enum[0]))
        if bounds is None:
            return v is truth if isinstance(v, bool) else op == '=' and enum == [text]
        lo, hi = (exact(b) if isinstance(v, int) else rounded(b, v) for b in bounds)
        return {'=': lo <= v <= hi or (lo != lo and v != v), '<': v < lo, '<=': v <= lo, '>': v > lo,
                '>=': v >= lo}[op]
    return test

def blobs(s):
    return [v.hash for v in s['vars'].values() if isinstance(v, Blob)]

def field_value(name, s):
    notes = s['session'].notes
    get = {'_seq': lambda: s['seq'], '_line': lambda: s['line'], '_file': lambda: s['file'],
           '_func': lambda: s['func'], '_host': lambda: notes.get('host'),
           '_rank': lambda: number(notes.get('rank', '')),
           '_run': lambda: notes.get('name') or notes.get('job') or s['session'].name}.get(name)
    return get() if get else s

def wild(text, quoted):
    pattern = re.compile(re.escape(text) if quoted else fnmatch.translate(text.replace('[', '[[]')), re.S)
    return lambda v: bool(pattern.fullmatch(v))

def place(pos):
    session, seq = pos.rsplit(':', 1)
    return session, int(seq)

def position(text, get):
    """SESSION:SEQ, where SESSION may be short, or a range of two of them"""
    lo, dots, hi = text.partition('..')
    lo, hi = place(lo) if lo else ('', 0), place(hi if dots else lo) if hi or not dots else ('3', 0)
    return lambda s: (get(s)[0][:len(lo[0])], get(s)[1]) >= lo and (
        get(s)[0][:len(hi[0])], get(s)[1]) <= hi

def instant(text):
    """The period that a date or a time means, in ns: from, to"""
    given = re.fullmatch(r'(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{9}))?)?)?Z?)?)?)?', text)
    *parts, ns = [int(x) if x else None for x in given.groups()]
    parts = [x for x in parts if x is not None]
    start = datetime.datetime(*(parts + [1, 1][len(parts) - 1:])[:max(3, len(parts))])
    day = datetime.timedelta(days=1)
    end = {1: lambda: start.replace(year=start.year + 1), 2: lambda: (start + 31 * day).replace(day=1)}.get(
        len(parts), lambda: start + day / {3: 1, 4: 24, 5: 1440, 6: 86400}[len(parts)])()
    zero, us = datetime.datetime(1970, 1, 1), datetime.timedelta(microseconds=1)
    start, end = (start - zero) // us * 1000, (end - zero) // us * 1000
    return (start, end) if ns is None else (start + ns, start + ns + 1)

def field(name, op, atom, tape):
    text, names = atom[0], [n for n, _ in tape.found]
    lo, dots, hi = text.partition('..')
    if name in ('_seq', '_line', '_rank'):
        test = value_test(op, text, False)
        return lambda s: test(field_value(name, s), '', s)
    if name in ('_label', '_path', '_host', '_file', '_func', '_run'):
        test = wild(*atom) if op == '=' else re.compile(text).search
        if name == '_label':
            return lambda s: any(test(x) for x in s['labels'])
        if name == '_file' and op == '=':
            tail = wild('*/' + text, False)
            return lambda s: test(s['file']) or tail(s['file'])
        return lambda s: bool(test('/'.join(s['labels']) if name == '_path' else field_value(name, s)))
    if name == '_link' and text in ('any', 'none'):
        return lambda s: ('link' in s) == (text == 'any')
    if name == '_link' and text.isdigit():
        return lambda s: s.get('link', '').endswith(':' + text)
    if name == '_hash':
        return lambda s: s['hash'].startswith(text)
    if name == '_blob':
        return lambda s: any(h.startswith(text) for h in blobs(s))
    if name == '_time':
        if op in ('<', '>', '<=', '>='):
            a, b = instant(text)
            return lambda s: {'<': s['time'] < a, '<=': s['time'] < b, '>': s['time'] >= b, '>=': s['time'] >= a}[op]
        first = instant(lo)[0] if lo else -2**63
        last = instant(hi if dots else lo)[1] if hi or not dots else 2**64
        return lambda s: first <= s['time'] < last
    if name == '_session':
        m = re.fullmatch(r'last(?:-(\d+))?', text)
        want = names[::-1][int(m[1] or 0):][:1] if m else None
        return lambda s: s['session'].name in want if m else (
            s['session'].name.startswith(text) or s['session'].notes.get('name') == text)
    if name in ('_pos', '_link'):
        return position(text.replace('last:', names[-1] + ':'), lambda s: place(s.get(name[1:], ':0')))
    raise Wrong(name)

def find(tape, text, all=False, scopes=None):
    """The lines that tape-find prints for the query. tape: a decoder.Tape; scopes: all of it"""
    query = Query(text, tape)
    for s in tape.scopes(all=True) if scopes is None else scopes:
        hidden = LIBRARY & set(s['labels'])
        if (all or hidden <= query.library) and query.test(s):
            yield decoder.line(s)

if __name__ == '__main__':
    words = [a for a in sys.argv[1:] if a != '--all']
    for found in find(decoder.Tape(words[0]), ' '.join(words[1:]), '--all' in sys.argv):
        print(found)
