#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints format/pow10_table.h: 128 leading bits of 10^k, rounded up, exactly computed."""
FIRST, LAST = -292, 324


def leading_bits(k):
    if k >= 0:
        n, d = 10**k, 1
    else:
        n, d = 1, 10**-k
    shift = 127 - (k * 1741647 >> 19)  # floor(log2(10^k))
    if shift >= 0:
        n <<= shift
    else:
        d <<= -shift
    g = -(-n // d)
    assert 1 << 127 <= g < 1 << 128, k
    return g


print("/* SPDX-License-Identifier: Apache-2.0 */")
print("/* Made by scripts/make-pow10.py. The 128 leading bits of 10^k, rounded up. */")
print("/* clang-format off */")
print(f"#define POW10_FIRST ({FIRST})")
print(f"#define POW10_LAST {LAST}")
print("static const struct {")
print("\tuint64_t high, low;")
print("} pow10_table[] = {")
for k in range(FIRST, LAST + 1):
    g = leading_bits(k)
    print(f"\t{{ 0x{g >> 64:016x}u, 0x{g & (1 << 64) - 1:016x}u }}, /* {k} */")
print("};")
print("/* clang-format on */")
