# SPDX-License-Identifier: Apache-2.0
"""Partials (docs/partials.md) over the scopes of decoder.py: text -> a test of a scope."""
import re
from decoder import DTYPES, Absent, Bad

NULL, ABSENT, ARRAY = 0, 1, 18
TOKEN = re.compile(r'\s+|#[^\n]*|("(?:[^"\\]|\\.)*")|([^\s{}\[\]():?,."#]+)|([{}\[\]:?,.])', re.S)
INT, FLOAT, COMPLEX, TEXT = {3, 4}, {5, 6}, {7, 8}, {16, 17}
SCALARS = {'any': {2, 18} | INT | FLOAT | COMPLEX | TEXT, 'bool': {2}, 'int': INT, 'float': FLOAT,
           'number': INT | FLOAT, 'complex': COMPLEX, 'str': {16}, 'bytes': {17}, 'text': TEXT,
           'array': {ARRAY}, 'i64': {3}, 'u64': {4}, 'f64': {5}, 'f32': {6}, 'c16': {7}, 'c8': {8}}
LETTERS = {'bool': 'b', 'int': 'iu', 'float': 'f', 'number': 'iuf', 'complex': 'c', 'any': 'biufc'}
EXACT = {'i64': 'i8', 'u64': 'u8', 'f64': 'f8', 'f32': 'f4'}

class Partial:
    def __init__(self, text, at=0):
        """text[at:] begins with the brace; .end is behind the other one."""
        self.text, self.at, self.fields = text, at, []
        self.take('{')
        self.group('', [])
        self.end = self.at
    def peek(self):
        while True:
            m = TOKEN.match(self.text, self.at)
            if not m:
                raise Bad('a partial that cannot be read: ' + self.text[self.at:])
            if m[1] or m[2] or m[3]:
                return m
            self.at = m.end()
    def take(self, *which):
        m = self.peek()
        if which and m[0] not in which:
            raise Bad('expected %s: %s' % (which, self.text[self.at:]))
        self.at = m.end()
        return m
    def name(self):
        parts = []
        while True:
            m = self.take()
            parts.append(re.sub(r'\\(.)', r'\1', m[1][1:-1]) if m[1] else m[2])
            if self.peek()[0] != '.':
                return '.'.join(parts)
            self.take()
    def group(self, prefix, optional):
        while self.peek()[0] != '}':
            name = prefix + self.name()
            may = self.peek()[0] == '?' and bool(self.take())
            if self.take(':', '{')[0] == '{':
                self.group(name + '.', optional + [name + '.'] if may else optional)
            else:
                self.fields.append((name, may, optional, *self.type()))
            if self.peek()[0] != '}':
                self.take(',')
        self.take('}')
    def type(self):
        word, dims = self.take()[2], []
        if self.peek()[0] != '[':
            return SCALARS[word], None, None
        self.take()
        while self.peek()[0] != ']':
            dims.append(self.take()[2])
            if self.peek()[0] == ',':
                self.take()
        self.take()
        names = [n for n, _, _ in DTYPES if n and (n[0] in LETTERS[word] if word in LETTERS else n == EXACT.get(word, word))]
        return {ARRAY}, names, dims
    def test(self, s):
        tags = {v.name: v.tag for v in s['form'].vars if v.tag not in (NULL, ABSENT)}
        for name, may, groups, types, names, dims in self.fields:
            if name not in tags:
                if may or any(not any(n.startswith(g) and n != g for n in tags) for g in groups):
                    continue
                return False
            v = s['vars'][name]
            if tags[name] not in types:
                return False
            if names is not None and (isinstance(v, Absent) or v.dtype not in names or (dims and (
                    len(dims) != len(v.dims) or any(d not in ('*', str(n)) for d, n in zip(dims, v.dims))))):
                return False
        return True
