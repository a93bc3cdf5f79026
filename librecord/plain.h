/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of a plain layout: numbers and short texts of arguments, and numbers
 * of sticky variables. Nothing is allocated, no type is found out, so a scope
 * costs a load and a store for each value.
 */
#ifndef TAPE_LIBRECORD_PLAIN_H
#define TAPE_LIBRECORD_PLAIN_H

#include <string.h>

#include "format/le.h"
#include "librecord/capture.h"

/* How many steps a layout of so many variables can have. */
static inline size_t
plain_room(size_t vars)
{
	return 2 * vars;
}
/* Finds the steps of a new layout, into memory for plain_room() of them that is zeroed and lives as long; leaves l->steps NULL if it is not plain. */
void plain_make(struct layout *l, const unsigned char *kinds, struct plain_step *steps);

/* At most CANON_BYTES: overlapping copies of fixed size cost less than a call. */
static inline void
copy_short(uint8_t *to, const void *data, size_t n)
{
	const uint8_t *from = data;

	if (n >= 16) {
		for (size_t i = 0; i + 16 < n; i += 16)
			memcpy(to + i, from + i, 16);
		memcpy(to + n - 16, from + n - 16, 16);
	} else if (n >= 8) {
		memcpy(to, from, 8);
		memcpy(to + n - 8, from + n - 8, 8);
	} else if (n >= 4) {
		memcpy(to, from, 4);
		memcpy(to + n - 4, from + n - 4, 4);
	} else if (n) {
		to[0] = from[0];
		to[n / 2] = from[n / 2];
		to[n - 1] = from[n - 1];
	}
}

/* Is text of at most CANON_BYTES UTF-8? Most is ASCII, which costs less than a call. */
static inline bool
short_is_utf8(const char *text, size_t n)
{
	uint64_t all = 0, eight;
	uint32_t four;

	if (n >= 8) {
		for (size_t i = 0; i + 8 < n; i += 8) {
			memcpy(&eight, text + i, 8);
			all |= eight;
		}
		memcpy(&eight, text + n - 8, 8);
		all |= eight;
	} else if (n >= 4) {
		memcpy(&four, text, 4);
		all = four;
		memcpy(&four, text + n - 4, 4);
		all |= four;
	} else if (n) {
		all = (uint8_t)text[0] | (uint8_t)text[n / 2] | (uint8_t)text[n - 1];
	}
	return !(all & 0x8080808080808080u) || text_is_utf8(text, n);
}

struct plain_texts {
	const char *text[PLAIN_TEXTS];
	uint32_t len[PLAIN_TEXTS];
};

static inline uint64_t
plain_word(const struct plain_step *step, const struct tape_word *words,
	   const struct sticky *sticky)
{
	const struct tape_word *w = &words[step->word / 2];

	if (step->from == FROM_STICKY)
		w = &sticky->items[step->word / 2].value;
	else if (step->from == FROM_NAMED)
		w = &((const struct tape_named *)(uintptr_t)w->lo)->value;
	return step->word & 1 ? w->hi : w->lo;
}

/*
 * Bytes of the canonical part, or 0: a text is missing, long or not UTF-8, and
 * the layout is not for it. User memory is read here, before anything is locked.
 */
static inline size_t
plain_measure(const struct layout *l, const struct tape_word *words,
	      struct plain_texts *texts)
{
	const struct plain_step *step = l->steps + l->plain_count;
	size_t size = l->fixed_bytes;

	for (uint32_t i = 0; i < l->plain_texts; i++, step++) {
		const struct tape_word *w = &words[step->word / 2];
		const char *text = (const char *)(uintptr_t)w->lo;
		size_t len;

		if (pointer_is_wild(text))
			return 0;
		if (__builtin_expect(w->hi == TAPE_SAFE_TEXT, 0))
			len = safe_length((uintptr_t)text);
		else
			len = w->hi == UINT64_MAX ? strlen(text)
						  : strnlen(text, (size_t)w->hi);
		if (len > CANON_BYTES || !short_is_utf8(text, len))
			return 0;
		texts->text[i] = text;
		texts->len[i] = (uint32_t)len;
		size += 8 + len;
	}
	return size;
}

/*
 * Writes the body; up to PLAIN_SLACK bytes behind it are overwritten. Steps are
 * in order of their offsets, which is that of the form: each stores eight bytes,
 * and the next one, or a text, overwrites those that were too many. A word is two
 * of 64 bits.
 */
static inline void
plain_write(const struct layout *l, const struct tape_word *words,
	    const struct sticky *sticky, const struct plain_texts *texts, uint8_t *body)
{
	const struct plain_step *step = l->steps, *end = step + l->plain_count;
	const uint64_t *halves = &words->lo;
	uint8_t *p = body + l->fixed_bytes;

	if (__builtin_expect(l->plain_mixed, 0)) {
		for (; step < end; step++)
			put_le64(body + step->offset, plain_word(step, words, sticky));
	}
	for (; step < end; step++)
		put_le64(body + step->offset, halves[step->word]);
	for (uint32_t i = 0; i < l->plain_texts; i++) {
		put_le64(p, texts->len[i]);
		copy_short(p + 8, texts->text[i], texts->len[i]);
		p += 8 + texts->len[i];
	}
}

#endif
