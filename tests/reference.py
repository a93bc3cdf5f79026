# SPDX-License-Identifier: Apache-2.0
"""The query language of docs/query.md over the scopes of decoder.py, the slow and plain way."""
import calendar, fnmatch, math, operator, re, struct
from ctypes import c_float
from fractions import Fraction
from decoder import C8, DTYPES, F32, LIBRARY, Absent, Bad, Blob, hash128, line
from reference_partial import Partial

INF, ORDER = math.inf, {'<': operator.lt, '<=': operator.le, '>': operator.gt, '>=': operator.ge}
QUOTED, REGEX = r'"(?:[^"\\]|\\.)*"', r'/(?:[^/\\]|\\.)*/'
PART, ATOM = rf'(?:{QUOTED}|[^\s()=!<>~.,"]*)', rf'(?:{QUOTED}|[^\s(),"])*'
TOKEN = re.compile(rf"""
    (?P<word>  (?:not|or)(?=[\s()]|$) | [()]  ) | (?P<regex> {REGEX}  )
  | (?P<partial> \{{ (?:[^{{}}]|\{{[^{{}}]*\}})* \}}  ) | is=(?P<is> [^\s()]+  )
  | (?P<path>  {PART}(?:\.{PART})*  ) \s* (?: (?P<op> != | <= | >= | = | < | >  ) \s*
        (?P<values> {ATOM}(?:,{ATOM})*  ) | ~ \s* (?P<search> {REGEX} | {QUOTED} | [^\s()]*  ) )
  | (?P<label> {QUOTED} | [^\s()"]+  )""", re.X | re.S)

class Query:
    """Text -> .test(scope), a predicate; .library, labels of the library that it names."""
    def __init__(self, text, tape):
        self.tape, self.library, tests, words = tape, set(), [], []
        if TOKEN.sub('', text).strip():
            raise Bad('a query that cannot be read: ' + text)
        for m in TOKEN.finditer(text):
            if words and words[-1] not in ('(', 'or', 'not') and m['word'] not in (')', 'or'):
                words.append('and')
            words.append(m['word'] or 'test[%d](s)' % len(tests))
            tests += [] if m['word'] else [self.term(m)]
        # `or`, `not`, parentheses and the `and` between terms bind as they do in Python.
        self.test = eval('lambda s: ' + (' '.join(words) or 'True'), {'test': tests})
    def term(self, m):
        if m['partial'] or m['is']:
            return Partial(m['partial'] or self.tape.partials[m['is']]).test
        if m['path'] is not None:
            return self.comparison([unquoted(x) for x in split(m['path'], PART, '.')], m)
        label, quoted = unquoted(m['label'] or m['regex'])
        self.library |= LIBRARY & {m['label'] and label}
        test = words('~' if m['regex'] else '=', label, quoted)
        return lambda s: any(test(x) for x in s['labels'])
    def comparison(self, path, m):
        name, wanted, op = path[0][0], m['op'] != '!=', (m['op'] or '~').lstrip('!')
        atoms = split(m['values'], ATOM, ',') if m['op'] else [m['search']]
        if name in ('_has', '_lost'):
            paths = [[unquoted(x) for x in split(a, PART, '.')] for a in atoms]
            return lambda s: any(has_or_lost(name, path, s) for path in paths) == wanted
        kind, get = FIELDS[name] if is_field(path) else (values, lambda s: [
            p for p in found(path, s) if testable(p[0])])
        tests = [kind(op, *unquoted(a, op), self.tape) for a in atoms]
        empty = () if name == '_link' and 'none' in atoms else (None, '')
        return lambda s: any(any(t(v) for t in tests) == wanted for v in get(s) if v not in empty)

def split(text, part, by):
    return [m[1] for m in re.finditer(rf'(?:^|\{by})({part})', text, re.S)]
def unquoted(text, op='~'):
    """-> what stands in quotes, or in the slashes of an expression; did it?"""
    if re.fullmatch(QUOTED, text, re.S):
        return re.sub(r'\\(.)', r'\1', text[1:-1], flags=re.S), True
    slashed = op == '~' and re.fullmatch(REGEX, text, re.S)
    return text[1:-1].replace('\\/', '/') if slashed else text, False

def found(path, s):
    """The variables that a path names, each with its enumerator if it has one."""
    pattern = r'\.'.join('[^.]+' if x == ('*', False) else re.escape(x[0]) for x in path)
    enums = {v.name: dict(reversed(v.enums)) for v in s['form'].vars}
    pairs = [(v, enums.get(n, {}).get(v) if isinstance(v, int) else None)
             for n, v in s['vars'].items() if re.fullmatch(pattern, n, re.S)]
    part = None if pairs else aspect(s['vars'].get('.'.join(x[0] for x in path[:-1])), path[-1][0])
    return pairs if part is None else [(part, None)]

def aspect(v, name):
    """x.min and the like, of a value x; None if it has none"""
    if isinstance(v, complex) and name in ('re', 'im'):
        return (F32 if isinstance(v, C8) else float)(v.real if name == 're' else v.imag)
    code = {name: code for name, _, code in DTYPES}.get(getattr(v, 'dtype', None))
    if not code or name == 'len':
        return math.prod(v.dims) if code else None
    if name not in ('min', 'max') or not v.data or v.dtype[0] == 'c':
        return None
    each = [x for x, in struct.iter_unpack('<' + code, v.data)]
    return math.nan if any(x != x for x in each) else (min if name == 'min' else max)(each)

def testable(v):
    return isinstance(v, (bytes, int, float, complex)) or type(v) is str \
        or isinstance(v, Blob) and v.dtype in ('str', 'bytes')
def is_field(path):
    return path[0][0] in FIELDS and not path[0][1] and len(path) == 1
def has_or_lost(name, path, s):
    if is_field(path):
        return any(v not in (None, '') for v in FIELDS[path[0][0]][1](s))
    every = name == '_lost' and path == [('*', False)]
    candidates = s['vars'].values() if every else [v for v, _ in found(path, s)]
    return any(isinstance(v, Absent) == (name == '_lost') for v in candidates)

def number(text):
    """What floats are compared with, and integers: exactly that. None if it is no number."""
    if re.fullmatch(r'[+-]?(0x[0-9a-f]+|\d+)', text):
        return (int(text, 16 if 'x' in text else 10),) * 2
    if re.fullmatch(r'[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?', text):
        return float(text), Fraction(text)
    return (float(text),) * 2 if text in ('inf', '+inf', '-inf', 'nan') else None

def span(text):
    """lo..hi, number+-tolerance or a number, as (lo, hi); None if it is none of them"""
    lo, dots, hi = text.partition('..')
    m = re.fullmatch(r'(.+?)\+-([^%]+)(%?)', text)
    if dots or not m or not number(m[1]) or not number(m[2]):
        ends = (number(lo or '-inf'), number(hi or 'inf')) if dots else (number(text),) * 2
        return None if None in ends else ends
    (v, exact), (t, tolerance) = number(m[1]), number(m[2])
    if m[3]:
        t = min(abs(v) * float(t) / 100, abs(v) / 100 * float(t), key=math.isinf)
        tolerance = Fraction(t) if math.isfinite(t) else t
    if all(getattr(x, 'denominator', 1) != 1 for x in (exact, tolerance)):
        exact, tolerance = v, t
    return (v - t, exact - tolerance), (v + t, exact + tolerance)

# Kinds: of operator, text, is it quoted?, tape to a test of what a variable or a field has.
def values(op, text, quoted, _tape=None):
    bounds = None if quoted or op == '~' else span(text)
    dots, raw = not quoted and bounds is None and '..' in text, text.encode()
    first, last = raw.split(b'..', 1) if dots else (raw, raw)
    def test(pair):
        v, enum = pair
        if isinstance(v, Blob) and v.data is None:
            return op == '=' and v.hash == hash128(raw)
        v = v.data if isinstance(v, Blob) else v.encode() if type(v) is str else v
        if op == '~':
            shown = v.decode('utf-8', 'surrogateescape') if isinstance(v, bytes) else enum
            return shown is not None and bool(re.search(text, shown))
        if isinstance(v, bytes):
            return first <= v and (dots and not last or v <= last) if op == '=' else \
                bounds is None and ORDER[op](v, raw)
        if isinstance(v, complex) and (v.imag != 0 or op != '='):
            return False
        v = F32(v.real) if isinstance(v, C8) else v.real if isinstance(v, complex) else v
        if bounds is None:
            known = {True: 'true', False: 'false'}[v] if isinstance(v, bool) else enum
            return known == text and not (isinstance(v, bool) and quoted) and op == '='
        lo, hi = (c_float(b[0]).value if type(v) is F32 else b[isinstance(v, int)] for b in bounds)
        return lo <= v <= hi or (lo != lo and v != v) if op == '=' else ORDER[op](v, lo)
    return test

def digits(_op, text, _quoted, _tape):
    return lambda v: v.startswith(text)
def words(op, text, quoted, _tape=None):
    wild = re.escape(text) if quoted else fnmatch.translate(text.replace('[', '[[]'))
    return re.compile(text).search if op == '~' else re.compile(wild, re.S).fullmatch
def files(op, text, quoted, _tape):
    whole, tail = words(op, text, quoted), words('=', '*/' + text, False)
    return lambda v: whole(v) or op == '=' and tail(v)
def each(kind):
    return lambda *given: lambda v: any(map(kind(*given), v))
def sessions(_op, text, _quoted, tape):
    m = re.fullmatch(r'last(?:-(\d+))?', text)
    want = [n for n, _ in tape.found[::-1]][int(m[1] or 0):][:1] if m else None
    return lambda v: v.name in want if m else v.name.startswith(text) or v.notes.get('name') == text
def place(pos):
    return pos.rpartition(':')[0], int(pos.rpartition(':')[2])
def positions(_op, text, _quoted, tape):
    lo, dots, hi = text.replace('last:', tape.found[-1][0] + ':').partition('..')
    lo, hi = place(lo or ':0'), place((hi if dots else lo) or '3:0')
    return lambda v: (v[0][:len(lo[0])], v[1]) >= lo and (v[0][:len(hi[0])], v[1]) <= hi
def links(op, text, quoted, tape):
    if text in ('any', 'none'):
        return lambda v: (v is None) == (text == 'none')
    test = (lambda v: v[1] == int(text)) if text.isdigit() else positions(op, text, quoted, tape)
    return lambda v: v is not None and test(v)
def instant(text):
    """The period that a date or a time means, in ns: from, to"""
    parts = [int(x) for x in re.findall(r'\d+', text)]
    def start(*parts):
        year, month, *rest, ns = parts + (1970, 1, 1, 0, 0, 0, 0)[len(parts):]
        return calendar.timegm((year + month // 13, (month - 1) % 12 + 1, *rest)) * 10**9 + ns
    return start(*parts), start(*parts[:-1], parts[-1] + 1)
def times(op, text, _quoted, _tape):
    lo, dots, hi = text.partition('..')
    first = instant(lo)[0] if lo else -INF
    last = instant(hi if dots else lo)[1] if hi or not dots else INF
    first, last = {'<': (-INF, first), '<=': (-INF, last), '>': (last, INF), '>=': (first, INF),
                   '=': (first, last)}[op]
    return lambda v: first <= v < last

FIELDS = {  # kind, what a scope has
    '_label': (each(words), lambda s: [s['labels']]), '_hash': (digits, lambda s: [s['hash']]),
    '_path': (words, lambda s: ['/'.join(s['labels'])]), '_file': (files, lambda s: [s['file']]),
    '_func': (words, lambda s: [s['func']]), '_seq': (values, lambda s: [(s['seq'], None)]),
    '_line': (values, lambda s: [(s['line'], None)] if s['line'] else []),
    '_host': (words, lambda s: [s['session'].notes.get('host')]),
    '_rank': (values, lambda s: [(int(r), None) for r in [s['session'].notes.get('rank')] if r]),
    '_run': (words, lambda s: [s['session'].notes.get('name') or s['session'].notes.get('job')
                               or s['session'].name]),
    '_blob': (each(digits), lambda s: [
        [v.hash for v in s['vars'].values() if isinstance(v, Blob)] or None]),
    '_pos': (positions, lambda s: [place(s['pos'])]), '_time': (times, lambda s: [s['time']]),
    '_link': (links, lambda s: [place(s['link']) if 'link' in s else None]),
    '_session': (sessions, lambda s: [s['session']])}

def find(tape, text, all=False, scopes=None):
    """The lines that tape-find prints for the query. tape: a decoder.Tape; scopes: all of it"""
    query = Query(text, tape)
    for s in tape.scopes(all=True) if scopes is None else scopes:
        if (all or LIBRARY & set(s['labels']) <= query.library) and query.test(s):
            yield line(s)
