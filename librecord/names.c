/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 in names, texts, sites. */
#include <string.h>

#include "format/utf8.h"
#include "librecord/capture.h"

/* n is 1 to 7. */
static inline bool
ascii_tail(const uint8_t *p, size_t n)
{
	uint32_t a = 0, b = 0;

	if (n >= 4) {
		memcpy(&a, p, 4);
		memcpy(&b, p + n - 4, 4);
	} else {
		a = p[0];
		b = (uint32_t)p[n / 2] | p[n - 1];
	}
	return ((a | b) & 0x80808080u) == 0;
}

bool
text_is_utf8(const void *text, size_t len)
{
	const uint8_t *p = text;
	size_t i = 0;

	while (i < len) {
		uint64_t eight;
		size_t n;

		while (len - i >= 8) {
			memcpy(&eight, p + i, 8);
			if (eight & 0x8080808080808080u)
				break;
			i += 8;
		}
		if (i == len || (len - i < 8 && ascii_tail(p + i, len - i)))
			break;
		n = utf8_len(p + i, len - i);
		if (n == 0)
			return false;
		i += n;
	}
	return true;
}

void
text_clean(char *text, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t n = utf8_len((const uint8_t *)text + i, len - i);

		if (n == 0)
			text[i] = '?';
		i += n ? n : 1;
	}
}

size_t
site_clean(const char *text, char out[LIMIT_SITE_TEXT + 1])
{
	size_t len = strlen(text), at = 0, i;

	if (len > LIMIT_SITE_TEXT) {
		text += len - LIMIT_SITE_TEXT;
		len = LIMIT_SITE_TEXT;
		while (len && ((uint8_t)*text & 0xc0) == 0x80) {
			text++;
			len--;
		}
	}
	for (i = 0; i < len;) {
		size_t n = utf8_len((const uint8_t *)text + i, len - i);

		if (n == 0)
			out[at++] = '?';
		else
			memcpy(out + at, text + i, n);
		at += n;
		i += n ? n : 1;
	}
	out[at] = '\0';
	return at;
}
