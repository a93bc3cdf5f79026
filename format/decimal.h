/* SPDX-License-Identifier: Apache-2.0 */
/* Decimal text to numbers: what strtod says, without the big numbers that it takes. */
#ifndef TAPE_FORMAT_DECIMAL_H
#define TAPE_FORMAT_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* digits * 10^exponent, or its negative. */
struct scanned {
	uint64_t digits;
	int64_t exponent;
	bool negative;
	bool valid; /* all of the text is a number: the rest means something */
	bool exact; /* false: `digits` does not hold them all and means nothing */
};

/*
 * [+-]digits[.digits][e[+-]digits], with a digit before the exponent and one in it. An
 * exponent beyond 10^15 is another one as large.
 */
struct scanned decimal_read(const char *text, size_t len);
/*
 * The double that is nearest to it, of two the even one. False, for strtod, if it is not
 * exact, or of another size than 10^-27 to 10^27 times an integer below 2^64.
 */
bool decimal_double(const struct scanned *number, double *value);

#endif
