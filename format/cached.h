/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of the cache: scopes of a label of their own (docs/format/segment.md section 5). */
#ifndef TAPE_FORMAT_CACHED_H
#define TAPE_FORMAT_CACHED_H

#include "format/form.h"

#define CACHE_LABEL "_cache"
#define CACHE_KEY "key"		/* of an entry: 32 digits */
#define CACHE_NAME "name"	/* of the key, where it is known */
#define CACHE_SECONDS "seconds" /* that the computation took, where that is known */
#define CACHE_AGAIN "again"	/* true: it takes the place of what was there before */
#define CACHE_DROPPED "dropped" /* true: no entry, what was there before is withdrawn */
#define CACHE_WHEN "when"	/* its time, so that no two are equal */
#define CACHE_WITHDRAWN "withdrawn" /* true: here stood an entry that was withdrawn */
#define CACHE_IN "in."		    /* before the names of what the key is made of */
#define CACHE_OUT "out."	    /* before the names of results */
/* Of a session, since it said so last: what was found, computed, stored; seconds; keys. */
#define CACHE_HITS "hits"
#define CACHE_COMPUTED "misses"
#define CACHE_STORED "stored"
#define CACHE_SAVED "saved"
#define CACHE_USED "used"

enum cached_flags { CACHED_AGAIN = 1, CACHED_DROPPED = 2 };

/* A key as 16 bytes in print order, as records and the index have it. */
struct tape_key cached_key(const uint8_t bytes[16]);
void cached_key_put(struct tape_key key, uint8_t bytes[16]);
/* May scopes of that form be entries? */
bool cached_form(const struct form *form);
/* May entries of one of the forms with numbers 1 to count withdraw others? */
bool cached_withdraws(const struct form *forms, uint32_t count);
/* Key (16 bytes, print order) and flags of one, from its canonical part. False: it is none. */
bool cached_read(const struct form *form, const uint8_t *canonical, size_t len,
		 struct tape_hash *key, unsigned *flags);
/*
 * One value from a canonical part: bytes longer than 64 are not at hand, and have their
 * hash. TAPE_ERR_DAMAGED.
 */
int cached_value(const struct form *form, const uint8_t *canonical, size_t len,
		 uint32_t index, struct tape_value *out);

#endif
