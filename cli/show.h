/* SPDX-License-Identifier: Apache-2.0 */
/* A scope as text: JSON, a line, a row of CSV. */
#ifndef TAPE_CLI_SHOW_H
#define TAPE_CLI_SHOW_H

#include "cli/keys.h"
#include "cli/terms.h"

enum show_format { SHOW_LINE, SHOW_JSONL, SHOW_CSV, SHOW_CAT };

struct show {
	struct out *out;
	struct out line; /* a line while it is made, and measured */
	enum show_format format;
	struct keys keys;
	const struct tape_marks *marks; /* borrowed, for KEY_MARK; NULL: there are none */
	struct terms terms;		/* what the query tests: shown first in a line */
	char end;			/* after each scope: newline or NUL */
	bool tty;			/* for a person: header, cutting, local time */
	bool utc, colour;
	size_t columns;
	/* The session of the last scope, and its text. */
	uint64_t session[2];
	char session_text[TAPE_SESSION_TEXT];
	bool session_known;
	/* CSV: names of the columns that are variables. */
	char **column;
	size_t column_count, column_cap;
};

void show_release(struct show *show);
/*
 * A copy for another thread, which shows to memory: what was chosen is shared,
 * and outlives it. show_copy_release frees what is its own.
 */
void show_copy(const struct show *show, struct show *copy, struct out *out);
void show_copy_release(struct show *copy);
/* Session text of the scope's session is brought up to date by this. */
void show_pos(struct show *show, struct out *out, const struct tape_pos *pos);

/* One scope and its end; `show->out` takes it. */
void show_scope(struct show *show, const struct tape_scope *scope);

/* What the formats are made of. */
void show_json(struct show *show, const struct tape_scope *scope);
void show_line(struct show *show, const struct tape_scope *scope);
void show_csv(struct show *show, const struct tape_scope *scope);
/* One record field as bare text. */
void show_field(struct show *show, struct out *out, const struct tape_scope *scope,
		enum key_field field);
/* CSV: takes the names of a scope's variables into the columns; sort and print them. */
void show_csv_learn(struct show *show, const struct tape_scope *scope);
void show_csv_header(struct show *show);
/* Takes the columns that another one has learnt. */
void show_csv_join(struct show *show, const struct show *from);

/* Bytes as people say them: "12.3 MB". */
#define SHOW_BYTES 24
const char *show_bytes(uint64_t bytes, char text[SHOW_BYTES]);
/* A moment for people, local or UTC: the date and time, or the time alone. */
enum show_clock { SHOW_DATE, SHOW_CLOCK };
#define SHOW_WHEN 64
const char *show_when(int64_t time_ns, bool utc, enum show_clock clock,
		      char text[SHOW_WHEN]);

#endif
