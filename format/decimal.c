/* SPDX-License-Identifier: Apache-2.0 */
#include "format/decimal.h"

#include <string.h>

#include "format/le.h"

__extension__ typedef unsigned __int128 u128;

/* So many digits are below 2^64, whatever they are; of 20 some are. */
#define DIGITS_SAFE 19
#define DIGITS_MAX 20
/* Where an exponent stops to grow: no text has so many digits that they would bring it back. */
#define EXPONENT_CUT INT64_C(1000000000000000)

/* The exponent behind its "e", and where it ends; NULL: it has no digits. */
static const char *
read_exponent(const char *at, const char *end, int64_t *exponent)
{
	bool negative = at < end && *at == '-';
	const char *first;
	int64_t value = 0;

	if (at < end && (*at == '-' || *at == '+'))
		at++;
	for (first = at; at < end && *at >= '0' && *at <= '9'; at++)
		if (value < EXPONENT_CUT)
			value = value * 10 + (*at - '0');
	*exponent += negative ? -value : value;
	return at == first ? NULL : at;
}

/* Is the value of these digits, which is known modulo 2^64, below that? */
static bool
fits(const char *first, const char *end, uint64_t digits)
{
	size_t count = 0;

	while (first < end && (*first == '0' || *first == '.'))
		first++;
	for (const char *at = first; at < end; at++)
		count += *at != '.';
	/* 20 that begin with 1 end below 2^65: what went beyond 2^64 is small. */
	return count <= DIGITS_SAFE || (count == DIGITS_MAX && *first == '1' &&
					digits >= UINT64_C(10000000000000000000));
}

/*
 * Eight digits at once, first one lowest: pairs, then fours, then all are put together by
 * a multiplication each. False if they are not all digits.
 */
static inline bool
read_eight(const char *at, uint64_t *value)
{
	uint64_t v = get_le64((const uint8_t *)at);

	if (((v & 0xf0f0f0f0f0f0f0f0u) |
	     ((v + 0x0606060606060606u) & 0xf0f0f0f0f0f0f0f0u) >> 4) !=
	    0x3333333333333333u)
		return false;
	v = ((v & 0x0f0f0f0f0f0f0f0fu) * (1 + (10u << 8))) >> 8;
	v = ((v & 0x00ff00ff00ff00ffu) * (1 + (UINT64_C(100) << 16))) >> 16;
	v = ((v & 0x0000ffff0000ffffu) * (1 + (UINT64_C(10000) << 32))) >> 32;
	*value = v;
	return true;
}

/* Takes digits as long as there are any; where they end. */
static inline const char *
read_digits(const char *at, const char *end, uint64_t *digits)
{
	uint64_t n = *digits, eight;

	while (end - at >= 8 && read_eight(at, &eight)) {
		n = n * 100000000u + eight;
		at += 8;
	}
	for (; at < end && *at >= '0' && *at <= '9'; at++)
		n = n * 10 + (uint64_t)(*at - '0');
	*digits = n;
	return at;
}

struct scanned
decimal_read(const char *text, size_t len)
{
	bool sign = len && (*text == '-' || *text == '+');
	const char *end = text + len, *first = text + sign, *at, *point = NULL;
	struct scanned out = { .negative = sign && *text == '-' };

	at = read_digits(first, end, &out.digits);
	if (at < end && *at == '.') {
		point = at;
		at = read_digits(at + 1, end, &out.digits);
		out.exponent = point + 1 - at;
	}
	out.valid = at - first > (point != NULL);
	out.exact = at - first <= DIGITS_SAFE || fits(first, at, out.digits);
	if (at < end && (*at == 'e' || *at == 'E'))
		at = read_exponent(at + 1, end, &out.exponent);
	out.valid &= at == end;
	return out;
}

/* ---- to a double ---- */

/* Powers of ten that are exact doubles, and of five that are below 2^64. */
static const double ten[] = { 1e0,  1e1,  1e2,	1e3,  1e4,  1e5,  1e6,	1e7,
			      1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
			      1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
#define TEN_MAX 22
#define FIVE_MAX 27
static const uint64_t five[FIVE_MAX + 1] = {
	1u,
	5u,
	25u,
	125u,
	625u,
	3125u,
	15625u,
	78125u,
	390625u,
	1953125u,
	9765625u,
	48828125u,
	244140625u,
	1220703125u,
	6103515625u,
	30517578125u,
	152587890625u,
	762939453125u,
	3814697265625u,
	19073486328125u,
	95367431640625u,
	476837158203125u,
	2384185791015625u,
	11920928955078125u,
	59604644775390625u,
	298023223876953125u,
	1490116119384765625u,
	7450580596923828125u,
};

/* mantissa * 2^exponent, which is no subnormal and no infinity: rounded once, from 64 bits. */
static double
scaled(uint64_t mantissa, int exponent)
{
	uint64_t bits = (uint64_t)(exponent + 1023) << 52;
	double power;

	memcpy(&power, &bits, sizeof(power));
	return (double)mantissa * power;
}

/*
 * A last bit that says whether anything follows rounds as all that follows would: 64 bits
 * are 11 more than a double has.
 */
static double
times(uint64_t digits, int k)
{
	u128 product = (u128)digits * five[k];
	uint64_t high = (uint64_t)(product >> 64);
	int shift = high ? 64 - __builtin_clzll(high) : 0;
	uint64_t top = (uint64_t)(product >> shift);

	return scaled(top | ((product & (((u128)1 << shift) - 1)) != 0), shift + k);
}

/* The same of a quotient, which has 63 or 64 bits: its remainder follows. */
static double
divided(uint64_t digits, int k)
{
	int up = __builtin_clzll(digits), down = __builtin_clzll(five[k]);
	u128 numerator = (u128)(digits << up) << 63;
	uint64_t divisor = five[k] << down;
	uint64_t quotient = (uint64_t)(numerator / divisor);

	return scaled(quotient | (numerator != (u128)quotient * divisor),
		      down - up - 63 - k);
}

bool
decimal_double(const struct scanned *number, double *value)
{
	uint64_t digits = number->digits;
	double size;
	int k;

	if (!number->exact || number->exponent < -FIVE_MAX || number->exponent > FIVE_MAX)
		return false;
	k = (int)number->exponent;
	if (digits >> 53 == 0 && k >= -TEN_MAX && k <= TEN_MAX)
		size = k < 0 ? (double)digits / ten[-k] : (double)digits * ten[k];
	else if (digits == 0)
		size = 0;
	else
		size = k < 0 ? divided(digits, -k) : times(digits, k);
	*value = number->negative ? -size : size;
	return true;
}
