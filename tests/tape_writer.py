# SPDX-License-Identifier: Apache-2.0
"""Writes small raw tapes byte by byte, so that the decoder can be tried without the recorder."""
import os, struct

import decoder
from decoder import hash64, prefixed

SESSION = '20261122T101112.123456Z-0a1b2c3d'
SESSION_ID = (1795342272123456, 0x0a1b2c3d)
TAPE_ID = bytes(range(16))
BASE = 1795342272123456789
SEQUENCED = {decoder.SCOPE, decoder.LINK, decoder.PROJECTION, decoder.BOOKMARK}
# The bit of each kind of record in `contents` of a frame.
CONTENT = {decoder.FORM: 1, decoder.BLOB: 2, decoder.LINK: 4, decoder.BOOKMARK: 8, decoder.CACHE: 16,
           decoder.CACHE_DROP: 16, decoder.CONTINUE: 32, decoder.PROJECTION: 64, decoder.NOTE: 128,
           decoder.MARK: 256, decoder.SCOPE: 512}


def record(kind, body=b'', form=0):
    return struct.pack('<II', 8 + len(body), form << 8 | kind) + body


def timed(kind, form, body, delta=0):
    return record(kind, struct.pack('<q', delta) + body, form)


def form(number, labels, variables, file='a.c', func='main', line=7):
    """variables: (name, tag, store, unit, enumerators) in name order"""
    b = struct.pack('<I', line) + prefixed(file) + prefixed(func)
    b += struct.pack('<H', len(labels)) + b''.join(prefixed(x) for x in labels)
    b += struct.pack('<I', len(variables))
    for i, (name, tag, store, unit, enums) in enumerate(variables):
        b += struct.pack('<BBH', tag, store, i) + prefixed(name) + prefixed(unit)
        b += struct.pack('<H', len(enums))
        b += b''.join(struct.pack('<q', n) + prefixed(x) for n, x in enums)
    return record(decoder.FORM, b, number)


def note(key, value):
    return record(decoder.NOTE, prefixed(key) + struct.pack('<I', len(value)) + value.encode())


class Writer:
    """One segment of one session, in memory until save()."""

    def __init__(self, number=0, seq=1, notes=(), session=SESSION, session_id=SESSION_ID, goes_on=()):
        self.number, self.seq, self.frames, self.scopes, self.session = number, seq, 0, 0, session
        where = TAPE_ID + struct.pack('<QII', *session_id, number)
        head = b'\x8aTSEG\r\n\x1a' + struct.pack('<4I', 1, 0, 0, 0) + where
        self.data = head + struct.pack('<Q', hash64(head, 0))
        self.seed, self.sync = hash64(where, 0), struct.pack('<Q', hash64(where, 1))
        self.group(*[note(k, v) for k, v in (('session', session), *notes)],
                   *[record(decoder.CONTINUE, struct.pack('<3Q', *pos)) for pos in goes_on])

    def group(self, *records, flags=3, kind=1, payload=None, torn=None):
        kinds = [r[4] for r in records]
        contents = 0
        for k in kinds:
            contents |= CONTENT.get(k, 0)
        scopes = sum(k in SEQUENCED for k in kinds)
        payload = b''.join(records) if payload is None else payload
        head = self.sync + struct.pack('<BBHIQIIqQQ', kind, flags, contents, len(payload), self.seq,
                                       scopes, len(kinds), BASE, len(self.data),
                                       hash64(payload, self.seed))
        frame = head + struct.pack('<Q', hash64(head, self.seed)) + payload
        self.data += frame[:torn]
        self.seq += scopes
        self.scopes += scopes
        self.frames += 1

    def end(self, reason=1):
        self.group(kind=3, payload=struct.pack('<QQQII', self.seq, self.scopes, self.frames, reason, 0))

    def save(self, directory):
        session = os.path.join(directory, 'sessions', self.session)
        os.makedirs(session, exist_ok=True)
        with open(os.path.join(directory, 'TAPE'), 'w', encoding='ascii') as f:
            f.write('tape 1 %s\n' % TAPE_ID.hex())
        with open(os.path.join(session, '%06d.log' % self.number), 'wb') as f:
            f.write(self.data)
