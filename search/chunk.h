/* SPDX-License-Identifier: Apache-2.0 */
/* Some scopes that were found in a slice, one behind the other, and what was told between them. */
#ifndef TAPE_SEARCH_CHUNK_H
#define TAPE_SEARCH_CHUNK_H

#include "search/ahead.h"

struct chunk_scope {
	struct tape_pos pos;
	struct source_key key;
	size_t session; /* in the snapshot */
	size_t end;	/* of its text */
};

struct chunk_report {
	size_t before; /* so many scopes of the chunk come first */
	struct tape_report report;
	uint64_t place;
	char *file, *message;
};

enum chunk_state {
	CHUNK_FOUND, /* nothing is made of it yet */
	CHUNK_BUSY,
	CHUNK_READY,
};

struct chunk {
	struct chunk *next;
	enum chunk_state state;
	/* What is left of another chunk: of the one with this number, from 1. */
	uint64_t number, rest_of;
	bool made;   /* by the walk itself, as it found them */
	bool failed; /* what comes behind its scopes could not be had */
	uint32_t count;
	uint32_t
		at; /* where reports that come now belong: so many scopes are before them */
	struct chunk_scope scopes[CHUNK_SCOPES];
	struct chunk_report *reports;
	size_t report_count, report_cap;
	char *text;
	size_t text_len, text_cap;
};

struct chunk *chunk_new(void);	  /* NULL: no memory */
void chunk_free(struct chunk *c); /* NULL is fine */
/* As a new one, which keeps its memory for text unless that is large. */
void chunk_clear(struct chunk *c);
/* 0 or TAPE_ERR_NOMEM. */
int chunk_add_report(struct chunk *c, const struct tape_report *report, uint64_t place);
int chunk_add_text(struct chunk *c, const void *data, size_t len);
/* Drops those behind the first `count`. */
void chunk_drop_reports(struct chunk *c, size_t count);
/* Takes over a report of another chunk; that one has it no more. `before` as in this one. */
int chunk_move_report(struct chunk *c, size_t before, struct chunk_report *from);

#endif
