/* SPDX-License-Identifier: Apache-2.0 */
/* A tape under test: made with the test writer, read through the public interface. */
#ifndef TESTS_SUPPORT_READING_H
#define TESTS_SUPPORT_READING_H

#include "tape/search.h"
#include "tests/support/testwriter.h"

extern const char *dir;	       /* of the tape */
extern struct testwriter w;    /* the segment that is being made, of session a */
extern struct form form;       /* number 1, labels run/step, x f64 in K, y i64 */
extern unsigned damage, notes; /* reports so far */
extern char last_report[600];

/* A fixture: an empty tape in a directory of its own. */
void reading_setup(void);
void reading_teardown(void);

/* The shape of `form` under another label. */
void make_form(struct form *f, uint32_t number, const char *label);
/* Begins a segment of a session on another host. */
void begin(uint32_t number, uint64_t first_seq);
/* The same for a session of this machine whose process is gone. */
void begin_killed(uint32_t number, uint64_t first_seq);
/* Adds a scope. */
uint64_t put(double x, int64_t y);
/* Writes the segment to the tape. */
void save(void);
/* A closed session with scopes of y = from..to, x = y / 2, a group each. */
void make_simple(int64_t from, int64_t to);

/* Counts a report; what open_tape gives its readers. */
void on_report(void *user, const struct tape_report *report);
/* A reader that counts its reports. */
struct tape_reader *open_tape(void);
struct tape_cursor *find(struct tape_reader *reader, struct tape_query **query,
			 const char *text, const struct tape_find_options *options);
/* "1 2 3": the seqs found; every variable is looked at. Valid until the next call. */
const char *seqs(const char *text, const struct tape_find_options *options);

#endif
