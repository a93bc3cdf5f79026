/* SPDX-License-Identifier: Apache-2.0 */
/* Unsigned LEB128, and reading of bounded bytes, for headers of packs. */
#ifndef TAPE_FORMAT_VARINT_H
#define TAPE_FORMAT_VARINT_H

#include <stdbool.h>

#include "format/le.h"
#include "format/pack.h"

/* Appends; what fails is remembered by the caller through `failed`. */
struct varint_out {
	struct pack_bytes *bytes;
	bool failed;
};

static inline void
varint_put_bytes(struct varint_out *o, const void *data, size_t len)
{
	if (pack_bytes_add(o->bytes, data, len) != 0)
		o->failed = true;
}

static inline void
varint_put(struct varint_out *o, uint64_t v)
{
	uint8_t buf[10];
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		buf[n++] = (uint8_t)(v | 0x80);
	buf[n++] = (uint8_t)v;
	varint_put_bytes(o, buf, n);
}

static inline void
varint_put64(struct varint_out *o, uint64_t v)
{
	uint8_t buf[8];

	put_le64(buf, v);
	varint_put_bytes(o, buf, sizeof buf);
}

static inline void
varint_put_text(struct varint_out *o, const void *data, size_t len)
{
	varint_put(o, len);
	varint_put_bytes(o, data, len);
}

/* Reads; after a failure everything reads as 0 and `failed` stays set. */
struct varint_in {
	const uint8_t *at, *end;
	bool failed;
};

static inline size_t
varint_left(const struct varint_in *i)
{
	return (size_t)(i->end - i->at);
}

static inline uint64_t
varint_get(struct varint_in *i)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64 && i->at < i->end; shift += 7) {
		uint8_t byte = *i->at++;

		if (shift == 63 && byte > 1)
			break;
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return v;
	}
	i->failed = true;
	return 0;
}

/* Refuses what is above `most`. */
static inline uint32_t
varint_get32(struct varint_in *i, uint32_t most)
{
	uint64_t v = varint_get(i);

	if (v > most) {
		i->failed = true;
		return 0;
	}
	return (uint32_t)v;
}

static inline const uint8_t *
varint_get_bytes(struct varint_in *i, size_t len)
{
	const uint8_t *at = i->at;

	if (i->failed || len > varint_left(i)) {
		i->failed = true;
		return NULL;
	}
	i->at += len;
	return at;
}

static inline uint64_t
varint_get64(struct varint_in *i)
{
	const uint8_t *at = varint_get_bytes(i, 8);

	return at == NULL ? 0 : get_le64(at);
}

static inline uint8_t
varint_get8(struct varint_in *i)
{
	const uint8_t *at = varint_get_bytes(i, 1);

	return at == NULL ? 0 : *at;
}

#endif
