/* SPDX-License-Identifier: Apache-2.0 */
/* Hints are made of what a session has: for a file, or for the memory of whoever asks. */
#ifndef TAPE_SEARCH_SEENMAKE_H
#define TAPE_SEARCH_SEENMAKE_H

#include <stdbool.h>

#include "format/hintfile.h"
#include "format/tapedir.h"
#include "search/source.h"

/* One that is being made; file.first_seq is set before. */
struct seenmake {
	struct hintfile file;
	uint64_t *entries; /* file.count of them */
	size_t cap;
	bool failed; /* no memory */
};

/*
 * Adds scopes lo..hi that have a content of their own; of a generation only those that
 * its fingerprints do not tell of. The seq it got to: *ended, or what follows does not
 * fit into this hint.
 */
uint64_t seenmake_walk(struct seenmake *m, struct source *source, uint64_t lo,
		       uint64_t hi, bool *ended);
/* The whole hash of a scope; false: it is lost, cannot be read, or is of bytes that are kept nowhere. */
bool seenmake_hash(struct source *source, const struct source_record *rec,
		   struct tape_hash *out);
/* The hash that a generation has a fingerprint of, of bytes that are kept nowhere, too. */
bool seenmake_print(struct source *source, const struct source_record *rec,
		    struct tape_hash *out);
/* Room for one more in a list; false: no memory. */
bool seenmake_grow(void **list, size_t *cap, size_t count, size_t size);

/*
 * Writes the hint of a log segment that has ended, in whose place these seqs are. What
 * goes wrong leaves no hint, or one that is ignored. 0 or an enum tape_status.
 */
int seenmake_hint(const struct tapedir *dir, const uint64_t session[2], uint32_t number,
		  uint64_t first_seq, uint64_t next_seq, struct tape_error *err);

#endif
