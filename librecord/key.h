/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of results: docs/format/hash.md section 4. They need no recorder. */
#ifndef TAPE_LIBRECORD_KEY_H
#define TAPE_LIBRECORD_KEY_H

#include "librecord/capture.h"

#define KEY_MAGIC "tapekey1"
#define KEY_HEAD 14u /* magic, length of the name, number of parts; then the name */
#define KEY_TAG_KEY 32u
/* Bytes that were hashed are remembered up to here. */
#define KEY_REMEMBERED (64u << 10)

static inline bool
key_none(struct tape_key key)
{
	return (key.lo | key.hi) == 0;
}

/* A part of a key, read from the bytes that were hashed. */
struct key_part {
	const char *name;
	size_t name_len;
	struct tape_value
		value; /* its bytes are borrowed; longer ones are hashed values */
	bool key;      /* a key of its own: value is its 16 bytes */
};
/*
 * What this thread hashed for one of the keys that it made last, borrowed until it makes
 * another; NULL: not known any more.
 */
const uint8_t *key_remembered(struct tape_key key, size_t *len);
/* The name of a key, from the bytes that were hashed. */
const char *key_name(const uint8_t *bytes, size_t len, size_t *name_len);
/* The next part, from *at = 0 on: true, or false at the end. */
bool key_part_next(const uint8_t *bytes, size_t len, size_t *at, struct key_part *out);
/* A value as it stands in a key: appends tag and entry. False: it has no place in one. */
bool key_put_item(struct bytes *out, const struct item *item);

/* ---- making one: for key*.c only ---- */

#define KEY_RING 16u

/* Where the bytes of a key lie that is made. */
struct key_bytes {
	struct tape_key key;
	struct bytes bytes;
};

struct key_piece {
	size_t name, entry; /* offsets in bytes */
	uint32_t name_len, entry_len;
};

struct tape_key_build {
	char name[LIMIT_NAME + 1];
	size_t name_len;
	struct bytes bytes;
	struct key_piece *parts;
	size_t count, cap;
	bool bad;
};

/* What a thread needs for keys; kept until it ends. */
struct key_thread {
	struct key_bytes last[KEY_RING];
	unsigned next;
	struct thread_state loading; /* memory for arrays that are gathered */
	struct tape_key_build build;
};

struct key_thread *key_thread_get(void); /* NULL: no memory */
struct tape_key key_hash(const uint8_t *bytes, size_t len);
/* Room for the bytes of the next key, in place of those of the oldest. */
struct key_bytes *key_next_bytes(struct key_thread *k);
uint64_t key_widen(uint32_t bits); /* of a float */
void key_build_begin(struct tape_key_build *b, const char *name);
/* What follows is a part of this name, up to key_build_part_end. False: it is bad anyway. */
bool key_build_part(struct tape_key_build *b, const char *name, size_t len);
void key_build_part_end(struct tape_key_build *b, bool good);
struct tape_key key_build_end(struct key_thread *k, struct tape_key_build *b);

#endif
