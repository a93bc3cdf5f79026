#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Cache keys as docs/format/hash.md section 4 has them, from that page alone.

    key_vectors.py > data/key-vectors.jsonl         makes test vectors
    key_vectors.py --check data/key-vectors.jsonl   checks them"""
import ctypes, ctypes.util, json, struct, sys

xxh = ctypes.CDLL(ctypes.util.find_library('xxhash') or 'libxxhash.so.0')
class Hash(ctypes.Structure):
    _fields_ = [('lo', ctypes.c_uint64), ('hi', ctypes.c_uint64)]
xxh.XXH3_128bits.restype, xxh.XXH3_128bits.argtypes = Hash, [ctypes.c_char_p, ctypes.c_size_t]

TAGS = dict(null=0, bool=2, i64=3, u64=4, f64=5, f32=6, c16=7, c8=8, str=16, bytes=17, array=18, key=32)
DTYPES = 'b1 i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8 c8 c16'.split()


def hash128(data):
    h = xxh.XXH3_128bits(data, len(data))
    return struct.pack('>QQ', h.hi, h.lo)


def widen(four):
    bits = struct.unpack('<I', four)[0]
    if bits & 0x7f800000 == 0x7f800000 and bits & 0x7fffff:
        return struct.pack('<Q', bits >> 31 << 63 | 0x7ff8 << 48 | (bits & 0x7fffff) << 29)
    return struct.pack('<d', struct.unpack('<f', four)[0])


def entry(part):
    tag, data = TAGS[part['type']], bytes.fromhex(part['bytes'])
    if tag in (3, 4):
        v = int.from_bytes(data, 'little', signed=tag == 3)
        return b'\3' + struct.pack('<q', v) if v < 2**63 else b'\4' + struct.pack('<Q', v)
    if tag in (6, 8):
        return bytes([tag - 1]) + b''.join(widen(data[i:i + 4]) for i in range(0, len(data), 4))
    out = bytes([tag])
    if tag in (16, 17, 18):
        out += struct.pack('<Q', len(data))
        if tag == 18:
            head = [DTYPES.index(part['dtype']) + 1, len(part['dims']), part['order'] == 'F', 0]
            out += struct.pack('<4B%dQ' % len(part['dims']), *head, *part['dims'])
        data = data if len(data) <= 64 else hash128(data)
    return out + data


def text(t):
    return struct.pack('<H', len(t.encode())) + t.encode()


def vector(name, parts):
    data = b'tapekey1' + text(name) + struct.pack('<I', len(parts))
    for part in sorted(parts, key=lambda p: p['name'].encode()):
        data += text(part['name']) + entry(part)
    return {'name': name, 'parts': parts, 'hashed': data.hex(), 'key': hash128(data).hex()}


def make():
    def part(name, kind, data, **more):
        return {'name': name, 'type': kind, 'bytes': data.hex(), **more}
    f = struct.pack
    cases = [('yield', [part('seed', 'u64', f('<Q', 7)), part('D', 'f64', f('<d', .25)), part('X0', 'f32', f('<f', .1))])]
    for kind, form, v in [('i64', '<q', 5), ('u64', '<Q', 5), ('i64', '<q', -5), ('u64', '<Q', 2**64 - 1), ('bool', '?', 1), ('f64', '<d', 5),
                          ('f32', '<f', 5), ('f64', '<d', -0.0), ('f32', '<f', float('inf')), ('f32', '<I', 0xff800001), ('f64', '<Q', 0x7ff8000000000001)]:
        cases.append(('n', [part('n', kind, f(form, v))]))
    cases += [('composed', [part('k', 'key', bytes.fromhex(vector(*cases[0])['key'])), part('D.x', 'f64', f('<d', 1e-300))])]
    cases += [('c', [part('x', 'c16', f('<dd', 1, -0.0)), part('\u03b1', 'c8', f('<ff', .1, 2)), part('p', 'null', b'')])]
    cases += [(kind, [part('s', kind, b'x' * n)]) for kind in ('str', 'bytes') for n in (0, 64, 65)]
    cases += [('m', [part('m', 'array', f('<9d', *range(9)), dtype='f8', dims=[3, 3], order=o)]) for o in 'CF']
    cases.append(('m', [part('m', 'array', f('<4i', *range(4)), dtype='i4', dims=[4], order='C'), part('i', 'i64', f('<q', -2**63))]))
    for case in cases:
        print(json.dumps(vector(*case), separators=(',', ':')))


if sys.argv[1:2] != ['--check']:
    sys.exit(make())
given = [json.loads(line) for line in open(sys.argv[2], encoding='utf-8')]
bad = [i for i, v in enumerate(given, 1) if vector(v['name'], v['parts']) != v]
print('%d passed, %d failed' % (len(given) - len(bad), len(bad)))
sys.exit(1 if bad or not given else 0)
