/* SPDX-License-Identifier: Apache-2.0 */
/* Days and dates of the Gregorian calendar, without the C library's time zones. */
#ifndef TAPE_FORMAT_CIVIL_H
#define TAPE_FORMAT_CIVIL_H

#include <stdint.h>

/* Days since 1970-01-01; year may be any, month 1..12, day 1..31. */
static inline int64_t
civil_days(int64_t year, unsigned month, unsigned day)
{
	/* Years that begin in March, so that the leap day is the last one; eras of 400 years. */
	int64_t y = year - (month <= 2);
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400;
	int64_t of_year = (153 * (int64_t)(month > 2 ? month - 3 : month + 9) + 2) / 5 +
			  (int64_t)day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* The reverse. */
static inline void
civil_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t day_of_era = z - era * 146097;
	int64_t of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
			  day_of_era / 146096) /
			 365;
	int64_t of_year = day_of_era - (365 * of_era + of_era / 4 - of_era / 100);
	int64_t m = (5 * of_year + 2) / 153;

	*day = (unsigned)(of_year - (153 * m + 2) / 5 + 1);
	*month = (unsigned)(m < 10 ? m + 3 : m - 9);
	*year = of_era + era * 400 + (*month <= 2);
}

static inline unsigned
civil_month_days(int64_t year, unsigned month)
{
	static const uint8_t days[12] = {
		31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
	};
	int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29 : days[month - 1];
}

#endif
