#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The test vectors of docs/format/hash.md section 5.

    hash_vectors.py > data/hash-vectors.jsonl         makes them
    hash_vectors.py --check data/hash-vectors.jsonl   checks them

`bytes` of a variable is the hex of the bytes of its value (elements in memory
order, little-endian), before anything longer than 64 bytes becomes a hash."""
import json, struct, sys

from decoder import DTYPES, Bytes, Form, hash128, prefixed, text

TAGS = {'null': 0, 'absent': 1, 'bool': 2, 'i64': 3, 'u64': 4, 'f64': 5, 'f32': 6, 'c16': 7, 'c8': 8,
        'str': 16, 'bytes': 17, 'array': 18}


def head_of(labels, variables):
    out = struct.pack('<I', len(labels)) + b''.join(prefixed(x) for x in labels)
    return out + struct.pack('<I', len(variables)) + b''.join(
        prefixed(v['name']) + bytes([TAGS[v['type']]]) for v in variables)


def entry_of(v):
    data = bytes.fromhex(v['bytes'])
    if TAGS[v['type']] < 16:
        return data
    out = struct.pack('<Q', len(data))
    if v['type'] == 'array':
        dtype = [d[0] for d in DTYPES].index(v['dtype'])
        out += bytes([dtype, len(v['dims']), v['order'] == 'F', 0])
        out += struct.pack('<%dQ' % len(v['dims']), *v['dims'])
    return out + (data if len(data) <= 64 else bytes.fromhex(hash128(data)))


def vector(labels, variables):
    """One line. The variables may stand in any order."""
    by_name = sorted(variables, key=lambda v: v['name'].encode())
    order = sorted(by_name, key=lambda v: TAGS[v['type']] >= 16)
    head, canonical = head_of(labels, order), b''.join(map(entry_of, order))
    head16 = hash128(head)
    return {'labels': labels, 'vars': by_name, 'head': head.hex(), 'head16': head16,
            'canonical': canonical.hex(), 'hash': hash128(bytes.fromhex(head16) + canonical)}


def decoded(labels, variables):
    """The spelled values of the same scope after a way through a form and a body."""
    form = struct.pack('<IHH', 1, 0, 0) + struct.pack('<H', len(labels))
    form += b''.join(map(prefixed, labels)) + struct.pack('<I', len(variables))
    for i, v in enumerate(variables):
        form += struct.pack('<BBH', TAGS[v['type']], 0, i) + prefixed(v['name']) + bytes(4)
    order = sorted(variables, key=lambda v: TAGS[v['type']] >= 16)
    tails = [bytes.fromhex(v['bytes']) for v in order if TAGS[v['type']] >= 16]
    body = b''.join(map(entry_of, order)) + b''.join(t for t in tails if len(t) > 64)
    form = Form(Bytes(form, 0, len(form)))
    values, entries = form.decode(body, 0, len(body))
    spelled = {k: text(x) for k, x in values.items()}
    return spelled, hash128(form.head16 + b''.join(entries.values()))


def check(path):
    bad = lines = 0
    with open(path, encoding='utf-8') as f:
        for lines, given in enumerate(map(json.loads, f), 1):
            made = vector(given['labels'], given['vars'])
            spelled, digest = decoded(given['labels'], given['vars'])
            want = {v['name']: v['value'] for v in given['vars']}
            if made != given or digest != given['hash'] or spelled != want:
                print('%s:%d: does not verify' % (path, lines), file=sys.stderr)
                bad += 1
    print('%d vectors, %d wrong' % (lines, bad))
    return 3 if bad or not lines else 0


def value(name, kind, data, **more):
    """`value` is spelled as in values.md section 4, as text."""
    v = {'name': name, 'type': kind, 'value': '', 'bytes': data.hex(), **more}
    v['value'] = decoded([], [v])[0][name]
    return v


def make():
    f = struct.pack
    nan = bytes.fromhex('010000000000f87f')
    long = bytes(range(256))
    cases = [
        ([], []),
        (['a'], []),
        (['dfba', 'iter'], [value('it', 'i64', f('<q', 17)), value('X', 'f64', f('<d', 0.25))]),
        (['iter', 'dfba'], [value('it', 'i64', f('<q', 17)), value('X', 'f64', f('<d', 0.25))]),
        (['\u00e9tape', '\u65e5\u672c'], [value('\u03b1', 'f64', f('<d', 0.1)),
                                          value('_hidden', 'null', b'')]),
        (['n'], [value('n', 'i64', f('<q', 5))]),
        (['n'], [value('n', 'u64', f('<Q', 5))]),
        (['n'], [value('n', 'f64', f('<d', 5))]),
        (['n'], [value('n', 'f32', f('<f', 5))]),
        (['n'], [value('n', 'i64', f('<q', -2**63))]),
        (['n'], [value('n', 'u64', f('<Q', 2**64 - 1))]),
        (['z'], [value('z', 'f64', f('<d', 0.0))]),
        (['z'], [value('z', 'f64', f('<d', -0.0))]),
        (['z'], [value('z', 'f64', f('<d', float('nan')))]),
        (['z'], [value('z', 'f64', nan)]),
        (['z'], [value('z', 'f64', f('<d', float('-inf')))]),
        (['z'], [value('z', 'f32', f('<f', 0.1))]),
        (['c'], [value('c', 'c16', f('<dd', 1, -0.0)), value('d', 'c8', f('<ff', 0.1, 2))]),
        (['b'], [value('no', 'bool', b'\0'), value('yes', 'bool', b'\1')]),
    ]
    cases += [(['gone'], [value('x', 'absent', bytes([r]))]) for r in range(1, 8)]
    for n in (0, 1, 63, 64, 65, 256):
        cases.append((['str'], [value('s', 'str', b'x' * n)]))
        cases.append((['bytes'], [value('s', 'bytes', long[:n])]))
        cases.append((['u1'], [value('s', 'array', long[:n], dtype='u1', dims=[n], order='C')]))
    for name, width, _ in DTYPES[1:]:
        data = bytes(range(6 * width)) if name != 'b1' else b'\0\1\1\0\0\1'
        for order in 'CF':
            cases.append((['dtype'], [value('m', 'array', data, dtype=name, dims=[2, 3], order=order)]))
    cases.append((['empty'], [value('m', 'array', b'', dtype='f8', dims=[2, 0, 3], order='C')]))
    cases.append((['deep'], [value('m', 'array', f('<8d', *range(8)), dtype='f8',
                                   dims=[1, 2, 1, 2, 1, 2, 1, 1], order='F')]))
    cases.append((['mixed', 'order'], [value('z', 'i64', f('<q', 1)), value('a', 'str', b'q"\\\n\x7f'),
                                       value('y', 'array', f('<9d', *range(9)), dtype='f8', dims=[9],
                                             order='C'), value('b', 'f32', f('<f', 1e-45))]))
    for labels, variables in cases:
        print(json.dumps(vector(labels, variables), ensure_ascii=False, separators=(',', ':')))


if __name__ == '__main__':
    sys.exit(check(sys.argv[2]) if sys.argv[1:2] == ['--check'] else make())
