/* SPDX-License-Identifier: Apache-2.0 */
/* What the notes of a session say about it, whoever read them. */
#ifndef TAPE_SEARCH_FACTS_H
#define TAPE_SEARCH_FACTS_H

#include "search/source.h"

#define FACTS_TEXTS 6u

struct facts {
	struct source_facts facts;
	char *texts[FACTS_TEXTS]; /* what facts points to */
	char boot_id[40];
	uint64_t pid_start;
	bool have_pid_start;
	bool no_memory; /* a fact is missing for want of it */
};

/* Nothing known but the id. */
void facts_init(struct facts *f, const uint64_t id[2]);
/* A note of a segment, or a member of a manifest's first line. */
void facts_note(struct facts *f, const char *key, size_t key_len, const char *value,
		size_t len);
void facts_release(struct facts *f);

#endif
