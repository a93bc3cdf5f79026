/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TAPE_FORMAT_UTF8_H
#define TAPE_FORMAT_UTF8_H

#include <stddef.h>

/* Bytes of the UTF-8 character at text, 0 if there is none (RFC 3629). */
static inline size_t
utf8_len(const unsigned char *text, size_t len)
{
	static const struct {
		unsigned char first, last, second_low, second_high;
		size_t len;
	} forms[] = {
		{ 0x00, 0x7f, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};
	size_t i = 0;

	while (i < sizeof forms / sizeof forms[0] &&
	       (text[0] < forms[i].first || text[0] > forms[i].last))
		i++;
	if (i == sizeof forms / sizeof forms[0] || forms[i].len > len)
		return 0;
	if (forms[i].len > 1 &&
	    (text[1] < forms[i].second_low || text[1] > forms[i].second_high))
		return 0;
	for (size_t at = 2; at < forms[i].len; at++)
		if ((text[at] & 0xc0) != 0x80)
			return 0;
	return forms[i].len;
}

#endif
