# SPDX-License-Identifier: Apache-2.0
"""The values of a tape, the forms and bodies they stand in, the hashes over them
and their spelling in JSON: docs/format/values.md and hash.md, and nothing else."""
import base64, collections, ctypes, ctypes.util, functools, json, struct

class Hash128(ctypes.Structure):
    _fields_ = [('low', ctypes.c_uint64), ('high', ctypes.c_uint64)]
XX = ctypes.CDLL(ctypes.util.find_library('xxhash') or 'libxxhash.so.0')
XX.XXH3_128bits.restype, XX.XXH3_64bits_withSeed.restype = Hash128, ctypes.c_uint64
XX.XXH3_128bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
XX.XXH3_64bits_withSeed.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64]

def hash128(data, raw=XX.XXH3_128bits):
    h = raw(data, len(data))
    return '%016x%016x' % (h.high, h.low)

def hash64(data, seed):
    return XX.XXH3_64bits_withSeed(data, len(data), seed)

class Bad(Exception):
    """Bytes that break the format: the text says how."""
class F32(float): pass
class C8(complex): pass
class Absent(str): pass
Array = collections.namedtuple('Array', 'dtype dims order data')
Blob = collections.namedtuple('Blob', 'hash size dtype dims order store hint data')
REASON = dict(enumerate(('lost', 'optimized-out', 'unreadable', 'wild-pointer', 'not-selected',
                         'too-large'), 1))
DTYPES = [(n, int(n[1:]), c) for n, c in zip(
    'x0 b1 i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8 c8 c16'.split(), 'x?bhiqBHIQefdfd')]
LIBRARY = {b'_bookmark', b'_tare', b'_cache'}
def to_bool(v):
    if v > 1:
        raise Bad('a bool of %d' % v)
    return v == 1
# Fixed-width types: how struct reads them, and what is done to the result.
CODES = {0: '0s', 1: 'B', 2: 'B', 3: 'q', 4: 'Q', 5: 'd', 6: 'f', 7: '16s', 8: '8s'}
WIDTH = {tag: struct.calcsize('<' + code) for tag, code in CODES.items()}
AFTER = {0: lambda v: None, 1: lambda v: Absent(REASON.get(v, 'reason-%d' % v)), 2: to_bool, 6: F32,
         7: lambda v: complex(*struct.unpack('<dd', v)), 8: lambda v: C8(*struct.unpack('<ff', v))}

class Bytes:
    """Takes fields off a piece of memory, never past its end."""
    def __init__(self, data, pos, end):
        self.data, self.pos, self.end, self.begin = data, pos, end, pos
    def take(self, n):
        if n > self.end - self.pos:
            raise Bad('a length beyond the end of its record')
        self.pos += n
        return self.data[self.pos - n:self.pos]
    def __call__(self, fmt):
        values = struct.unpack('<' + fmt, self.take(struct.calcsize('<' + fmt)))
        return values[0] if len(values) == 1 else values
    def text(self, least=1, most=255):
        n = self('H')
        if not least <= n <= most:
            raise Bad('a text of %d bytes' % n)
        return self.take(n).decode()
    def done(self):
        if self.pos != self.end:
            raise Bad('a record that does not end where its contents end')

Var = collections.namedtuple('Var', 'name tag store unit enums')
class Form:
    """One (site, label path, shape), and how its bodies are read."""
    def __init__(self, b):
        self.line, self.file, self.func = b('I'), b.text(0, 1023), b.text(0, 1023)
        self.path, self.vars = [b.text() for _ in range(b('H'))], []
        for _ in range(b('I')):
            tag, store, _index = b('BBH')
            self.vars.append(Var(b.text(), tag, store, b.text(0),
                                 [(b('q'), b.text()) for _ in range(b('H'))]))
        b.done()
        names, self.same = [v.name.encode() for v in self.vars], b.data[b.begin:b.end]
        if len(self.path) > 64 or any(a >= b for a, b in zip(names, names[1:])) \
                or any(v.store and v.tag in CODES for v in self.vars) or '\0' in ''.join(self.path + [
                    v.name for v in self.vars]):
            raise Bad('a form with %d labels, wrong names or a wrong store' % len(self.path))
        self.too_new = any(v.tag not in CODES and v.tag not in (16, 17, 18) or v.store > 2
                           for v in self.vars)
        self.canonical = sorted(self.vars, key=lambda v: v.tag >= 16)  # stable: name order stays
        fixed = [v for v in self.canonical if v.tag < 16]
        self.variable = self.canonical[len(fixed):]
        self.fixed = struct.Struct('<' + ''.join(CODES.get(v.tag, '') for v in fixed))
        self.after = [(i, AFTER[v.tag]) for i, v in enumerate(fixed) if v.tag in AFTER]
        self.names = [v.name for v in self.canonical]
        self.show = [(v.name, self.canonical.index(v)) for v in self.vars]
        self.in_order, self.blobs = self.canonical == self.vars, any(v.store == 1 for v in self.vars)
        self.head = struct.pack('<I', len(self.path)) + b''.join(map(prefixed, self.path)) \
            + struct.pack('<I', len(names)) \
            + b''.join(prefixed(v.name) + bytes([v.tag]) for v in self.canonical)
        self.head16 = bytes.fromhex(hash128(self.head))
        self.hidden = not LIBRARY.isdisjoint(x.encode() for x in self.path)
        self.json = ',"labels":[%s],"file":%s,"line":%d,"func":%s,"hash":"' % (
            ','.join(map(text, self.path)), text(self.file), self.line, text(self.func))

    def named(self, values):
        if self.in_order:
            return dict(zip(self.names, values))
        return {name: values[i] for name, i in self.show}

    def decode(self, data, pos, end):
        """-> values in canonical order, the canonical part, where its variable entries begin"""
        size = self.fixed.size
        if end - pos < size or (end - pos != size and not self.variable):
            raise Bad('a body that does not end where its record ends')
        values = list(self.fixed.unpack_from(data, pos))
        for i, change in self.after:
            values[i] = change(values[i])
        if not self.variable:
            return values, data[pos:end], []
        b, cuts, entries = Bytes(data, pos + size, end), [], []
        for v in self.variable:
            cuts.append(b.pos - pos)
            entries.append(entry(b, v.tag))
        stop = b.pos
        for v, (size, dtype, dims, order, content) in zip(self.variable, entries):
            digest, hint = content.hex() if size > 64 else None, None
            if digest and v.store == 0:
                content = b.take(size)
                if hash128(content) != digest:
                    raise Bad('%s does not match its hash' % v.name)
            elif digest:
                content, hint = None, b('IQ') if v.store == 1 else None
            if v.store:
                kind = {16: 'str', 17: 'bytes'}.get(v.tag) or DTYPES[dtype][0]
                content = Blob(digest or hash128(content), size, kind, dims, order, v.store, hint, content)
            elif v.tag != 17:
                content = content.decode() if v.tag == 16 else Array(dtype, dims, order, content)
            values.append(content)
        b.done()
        return values, data[pos:stop], cuts + [stop - pos]

def entry(b, tag):
    """A variable-width entry of the canonical part."""
    size, dtype, dims, order = b('Q'), 0, None, 0
    if tag == 18:
        dtype, ndim, order, reserved = b('4B')
        if not 1 <= dtype < len(DTYPES) or not 1 <= ndim <= 8 or order > 1 or reserved:
            raise Bad('an array of dtype %d, %d dims, order %d, %d' % (dtype, ndim, order, reserved))
        dims, want = struct.unpack('<%dQ' % ndim, b.take(8 * ndim)), DTYPES[dtype][1]
        for d in dims:
            want *= d or 1
        if want > (2**63 - 1 if all(dims) else 2**20) or size != (want if all(dims) else 0) or (order == 1 and ndim < 2):
            raise Bad('an array whose length does not fit its dims')
    return size, dtype, dims or (size,), order, b.take(size if size <= 64 else 16)

def prefixed(s):
    return struct.pack('<H', len(s.encode())) + s.encode()

# ---- JSON
def text(s):
    return json.dumps(s, ensure_ascii=False).replace('\x7f', '\\u007f')

def double(v):
    s = repr(v)
    return s if s[-1] not in 'nf' else {'nan': '"NaN"', 'inf': '"Infinity"', '-inf': '"-Infinity"'}[s]

@functools.lru_cache(maxsize=1 << 16)
def short(v, negative, code):
    """The shortest decimal that reads back to the same narrow float. Above a
    power of two the next decimal up can be nearer than the rounded one is."""
    for digits in range(17 if v - v == 0 else 0):
        mantissa, e = ('%.*e' % (digits, v)).split('e')
        for m in (int(mantissa.replace('.', '')), int(mantissa.replace('.', '')) + 1):
            w = float('%de%d' % (m, int(e) - digits))
            try:
                if struct.unpack(code, struct.pack(code, w))[0] == v:
                    return '-' * negative + repr(w)
            except OverflowError:
                pass
    return double(-v if negative else v)

def narrow(v, code='<f'):
    return short(abs(float(v)), struct.pack('>d', v)[0] >> 7, code)

def array(a):
    name, width, code = DTYPES[a.dtype]
    width = width // 2 if name[0] == 'c' else width
    flat, steps = struct.unpack('<%d%s' % (len(a.data) // width, code), a.data), [1] * len(a.dims)
    each = {'b1': RENDER[bool], 'f2': lambda v: narrow(v, '<e'), 'f': narrow, 'd': double}
    flat = list(map(each.get(name) or each.get(code, str), flat))
    if name[0] == 'c':
        flat = ['[%s,%s]' % p for p in zip(flat[::2], flat[1::2])]
    for i in range(1, len(a.dims)):
        i, j = (i, i - 1) if a.order else (-1 - i, -i)
        steps[i] = steps[j] * a.dims[j]
    def nest(d, at):
        return flat[at] if d == len(a.dims) else '[%s]' % ','.join(
            nest(d + 1, at + i * steps[d]) for i in range(a.dims[d]))
    return nest(0, 0)

def blob(v):
    return '{"blob":"%s","size":%d,"dtype":"%s","shape":[%s]%s%s}' % (
        v.hash, v.size, v.dtype, ','.join(map(str, v.dims)), ',"order":"F"' if v.order else '',
        ',"stored":false' if v.store == 2 else '')

RENDER = {type(None): lambda v: 'null', bool: lambda v: 'true' if v else 'false', int: str,
          float: double, F32: narrow, complex: lambda v: '[%s,%s]' % (double(v.real), double(v.imag)),
          C8: lambda v: '[%s,%s]' % (narrow(v.real), narrow(v.imag)), str: text, Array: array,
          bytes: lambda v: '{"bytes":"%s"}' % base64.b64encode(v).decode(),
          Blob: blob, Absent: lambda v: '{"absent":"%s"}' % v}
key = functools.lru_cache(maxsize=None)(lambda name: text(name) + ':')

