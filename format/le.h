/* SPDX-License-Identifier: Apache-2.0 */
/* Little-endian integers in byte buffers: the only way bytes on disk become numbers. */
#ifndef TAPE_FORMAT_LE_H
#define TAPE_FORMAT_LE_H

#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "tape is not ported to big-endian machines: see docs/format/README.md"
#endif

static inline void
put_le16(void *p, uint16_t v)
{
	memcpy(p, &v, sizeof v);
}

static inline void
put_le32(void *p, uint32_t v)
{
	memcpy(p, &v, sizeof v);
}

static inline void
put_le64(void *p, uint64_t v)
{
	memcpy(p, &v, sizeof v);
}

static inline uint16_t
get_le16(const void *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

static inline uint32_t
get_le32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

static inline uint64_t
get_le64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

#endif
