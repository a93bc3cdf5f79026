/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text of floating point numbers: the shortest decimal that reads back to the
 * same bits, and of several the closest; even on a tie.
 *
 * The method is Raffaello Giulietti's ("The Schubfach way to render doubles",
 * 2020): scale the number and the two borders of the interval that rounds to
 * it by a power of ten so that the digit wanted stands before the point, with
 * 128 bits of the power, remembering in the last bit whether anything was cut
 * off; then there are at most four candidates to compare. Trying %.15g,
 * %.16g, %.17g and reading back is 30 times slower, and wrong next to powers
 * of two, where the interval is not symmetric.
 */
#include <locale.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "format/decimal.h"
#include "format/pow10_table.h"
#include "tape/value.h"

/* digits * 10^exponent */
struct decimal {
	uint64_t digits;
	int exponent;
};

/* The upper 64 bits of factor * 10^k in 192 bits, the last bit set if anything below was not zero. */
static uint64_t
scale(int k, uint64_t factor)
{
	uint64_t high = pow10_table[k - POW10_FIRST].high;
	uint64_t low = pow10_table[k - POW10_FIRST].low;
	unsigned __int128 lower = (unsigned __int128)low * factor >> 64;
	unsigned __int128 sum = (unsigned __int128)high * factor + lower;

	/* The table is rounded up: a remainder of 1 may be that and nothing else. */
	return (uint64_t)(sum >> 64) | ((uint64_t)sum > 1);
}

/*
 * mantissa * 2^exponent, mantissa not 0 and below 2^53. lower_closer: the
 * number is a power of two, its lower neighbour is half as far as the upper.
 */
static struct decimal
shortest(uint64_t mantissa, int exponent, bool lower_closer)
{
	/* floor(log10(2^exponent)), or of 3/4 of that. */
	int k = (exponent * 1262611 - (lower_closer ? 524031 : 0)) >> 22;
	int shift = exponent + ((-k * 1741647) >> 19) + 1;
	bool open = mantissa & 1; /* the borders round to even, away from here */
	uint64_t lower = scale(-k, (4 * mantissa - 2 + lower_closer) << shift) + open;
	uint64_t value = scale(-k, (4 * mantissa) << shift);
	uint64_t upper = scale(-k, (4 * mantissa + 2) << shift) - open;
	uint64_t s = value / 4;

	if (s >= 10) {
		uint64_t tens = s / 10;
		bool below = lower <= 40 * tens;
		bool above = 40 * tens + 40 <= upper;

		if (below != above)
			return (struct decimal){ tens + above, k + 1 };
	}

	bool below = lower <= 4 * s;
	bool above = 4 * s + 4 <= upper;

	if (below != above)
		return (struct decimal){ s + above, k };

	uint64_t middle = 4 * s + 2;
	bool up = value > middle || (value == middle && (s & 1));

	return (struct decimal){ s + up, k };
}

static size_t
put_word(char *text, bool negative, const char *word)
{
	size_t len = strlen(word);

	if (negative)
		*text = '-';
	memcpy(text + negative, word, len + 1);
	return len + negative;
}

/* Digits to digits[], without trailing zeros; *exponent moves along. */
static int
split_digits(struct decimal number, char digits[20], int *exponent)
{
	static const char pairs[] = "0001020304050607080910111213141516171819"
				    "2021222324252627282930313233343536373839"
				    "4041424344454647484950515253545556575859"
				    "6061626364656667686970717273747576777879"
				    "8081828384858687888990919293949596979899";
	char text[20];
	size_t at = sizeof text, count;

	*exponent = number.exponent;
	while (number.digits % 10 == 0) {
		number.digits /= 10;
		++*exponent;
	}
	for (; number.digits >= 100; number.digits /= 100) {
		at -= 2;
		memcpy(text + at, pairs + 2 * (number.digits % 100), 2);
	}
	if (number.digits >= 10) {
		at -= 2;
		memcpy(text + at, pairs + 2 * number.digits, 2);
	} else {
		text[--at] = (char)('0' + number.digits);
	}
	count = sizeof text - at;
	memcpy(digits, text + at, count);
	return (int)count;
}

static char *
put_exponent(char *at, int exponent)
{
	unsigned size = (unsigned)(exponent < 0 ? -exponent : exponent);

	*at++ = 'e';
	*at++ = exponent < 0 ? '-' : '+';
	if (size >= 100)
		*at++ = (char)('0' + size / 100);
	*at++ = (char)('0' + size / 10 % 10);
	*at++ = (char)('0' + size % 10);
	return at;
}

static char *
put_bytes(char *at, const char *from, int count)
{
	memcpy(at, from, (size_t)count);
	return at + count;
}

static char *
put_zeros(char *at, int count)
{
	memset(at, '0', (size_t)count);
	return at + count;
}

/* Laid out as Python's repr: with an exponent below 1e-4 and from 1e16 on. */
static size_t
lay_out(struct decimal number, bool negative, char *text)
{
	char digits[20];
	char *at = text;
	int exponent;
	int count = split_digits(number, digits, &exponent);
	int point = count + exponent; /* how many digits stand before the point */

	if (negative)
		*at++ = '-';
	if (point < -3 || point > 16) {
		*at++ = digits[0];
		if (count > 1) {
			*at++ = '.';
			at = put_bytes(at, digits + 1, count - 1);
		}
		at = put_exponent(at, point - 1);
	} else if (point <= 0) {
		at = put_bytes(at, "0.", 2);
		at = put_zeros(at, -point);
		at = put_bytes(at, digits, count);
	} else if (count <= point) {
		at = put_bytes(at, digits, count);
		at = put_zeros(at, point - count);
		at = put_bytes(at, ".0", 2);
	} else {
		at = put_bytes(at, digits, point);
		*at++ = '.';
		at = put_bytes(at, digits + point, count - point);
	}
	*at = '\0';
	return (size_t)(at - text);
}

/*
 * An IEEE 754 number by its fields: `raw_exponent` as stored, of exponent_bits,
 * `fraction` of fraction_bits.
 */
static size_t
number_text(bool negative, unsigned raw_exponent, uint64_t fraction, int exponent_bits,
	    int fraction_bits, char text[TAPE_DOUBLE_TEXT])
{
	unsigned special = (1u << exponent_bits) - 1;
	int bias = (1 << (exponent_bits - 1)) - 1 + fraction_bits;
	uint64_t hidden = UINT64_C(1) << fraction_bits;

	if (raw_exponent == special)
		return fraction ? put_word(text, false, "NaN")
				: put_word(text, negative, "Infinity");
	if (raw_exponent == 0 && fraction == 0)
		return put_word(text, negative, "0.0");
	if (raw_exponent == 0)
		return lay_out(shortest(fraction, 1 - bias, false), negative, text);

	int exponent = (int)raw_exponent - bias;
	uint64_t mantissa = hidden | fraction;

	/* Integers are their own digits: the commonest case, and the cheapest. */
	if (exponent <= 0 && -exponent <= fraction_bits &&
	    (mantissa & ((UINT64_C(1) << -exponent) - 1)) == 0)
		return lay_out((struct decimal){ mantissa >> -exponent, 0 }, negative,
			       text);
	return lay_out(shortest(mantissa, exponent, fraction == 0 && raw_exponent > 1),
		       negative, text);
}

size_t
tape_double_text(double value, char text[TAPE_DOUBLE_TEXT])
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof bits);
	return number_text(bits >> 63, (unsigned)(bits >> 52) & 0x7ff,
			   bits & ((UINT64_C(1) << 52) - 1), 11, 52, text);
}

size_t
tape_float_text(float value, char text[TAPE_DOUBLE_TEXT])
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof bits);
	return number_text(bits >> 31, bits >> 23 & 0xff, bits & ((1u << 23) - 1), 8, 23,
			   text);
}

size_t
tape_half_text(uint16_t bits, char text[TAPE_DOUBLE_TEXT])
{
	return number_text(bits >> 15, bits >> 10 & 0x1f, bits & 0x3ff, 5, 10, text);
}

/* ---- reading ---- */

static locale_t c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;

static void
make_c_locale(void)
{
	c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

/* The C library, in a locale whose decimal point is a point. */
static int
parse_slowly(const char *text, size_t len, double *value)
{
	char small[128];
	char *copy = len < sizeof small ? small : malloc(len + 1);

	if (!copy)
		return TAPE_ERR_NOMEM;
	pthread_once(&c_locale_once, make_c_locale);
	memcpy(copy, text, len);
	copy[len] = '\0';
	*value = c_locale ? strtod_l(copy, NULL, c_locale) : strtod(copy, NULL);
	if (copy != small)
		free(copy);
	return 0;
}

int
tape_double_parse(const char *text, size_t len, double *value)
{
	struct scanned number = decimal_read(text, len);

	if (!number.valid)
		return TAPE_ERR_SYNTAX;
	return decimal_double(&number, value) ? 0 : parse_slowly(text, len, value);
}
