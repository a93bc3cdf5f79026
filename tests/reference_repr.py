#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints "kind bits text" lines: how Python spells floating point numbers.

f8 is repr() itself. For f4 and f2 every decimal length is tried from one digit
on, with the neighbours of the rounded one, until struct reads the same bits back.
"""
import random
import struct
import sys
from fractions import Fraction

seed, count = int(sys.argv[1]), int(sys.argv[2])
rng = random.Random(seed)


def double(bits):
    return struct.unpack("<d", struct.pack("<Q", bits))[0]


def name(x):
    if x != x:
        return "NaN"
    if x in (float("inf"), float("-inf")):
        return "Infinity" if x > 0 else "-Infinity"
    return repr(x)


def narrow(x, bits, fmt):
    """The shortest decimal of x that packs to the same bits; of several the closest."""
    if x == 0 or x != x or x in (float("inf"), float("-inf")):
        return name(x)
    exact = Fraction(x)
    for digits in range(1, 18):
        mantissa, exponent = f"{x:.{digits - 1}e}".split("e")
        unit = int(mantissa.replace(".", ""))
        scale = int(exponent) - digits + 1
        found = []
        for candidate in (unit, unit - 1, unit + 1):
            text = f"{candidate}e{scale}"
            try:
                if struct.pack(fmt, float(text)) == bits:
                    found.append((abs(Fraction(text) - exact), candidate & 1, text))
            except OverflowError:
                pass
        if found:
            return repr(float(min(found)[2]))
    raise AssertionError(x)


edges = [0, 1, 2, 3, 9, (1 << 52) - 1, 1 << 52, (1 << 52) + 1, 0x7FEFFFFFFFFFFFFF,
         0x7FF0000000000000, 0x7FF8000000000000, 0x7FF0000000000001]
edges += [e << 52 for e in range(2047)]
edges += [(e << 52) + 1 for e in range(2047)] + [(e << 52) - 1 for e in range(1, 2047)]
edges += [struct.unpack("<Q", struct.pack("<d", float(f"{m}e{e}")))[0]
          for e in range(-323, 309) for m in (1, 2, 5, 9)]
edges += [struct.unpack("<Q", struct.pack("<d", x))[0]
          for x in (0.1, 0.3, 1 / 3, 123456.789, 1e15, 1e16, 1e17, 9007199254740993.0,
                    123456789012345678.0, 1e-4, 1e-5, 5e-324, 9.5, 1e22, 1e23, 2**-24)]
for bits in edges + [rng.getrandbits(64) for _ in range(count)]:
    for sign in (0, 1 << 63):
        print("d", f"{bits ^ sign:016x}", name(double(bits ^ sign)))
for _ in range(count // 2):  # of the size that simulations use
    x = rng.choice((rng.random(), rng.gauss(0, 1e3), round(rng.random() * 1e4, 4)))
    print("d", struct.pack(">d", x).hex(), repr(x))
for bits in [e << 23 for e in range(256)] + [rng.getrandbits(32) for _ in range(count // 8)]:
    packed = struct.pack("<I", bits)
    print("f", f"{bits:08x}", narrow(struct.unpack("<f", packed)[0], packed, "<f"))
for bits in range(1 << 16):
    packed = struct.pack("<H", bits)
    print("h", f"{bits:04x}", narrow(struct.unpack("<e", packed)[0], packed, "<e"))
