/* SPDX-License-Identifier: Apache-2.0 */
/* Errors, warnings and notes: the manifest, and NOTE records that wait for the next group. */
#ifndef TAPE_LIBRECORD_REPORT_H
#define TAPE_LIBRECORD_REPORT_H

#include "format/manifest.h"
#include "librecord/recorder.h"

/* NOTE records for a segment, one after another. */
struct report_notes {
	uint8_t *data;
	size_t len, cap;
	uint32_t count;
};

int report_init(struct tape *t);
/*
 * Around code that holds locks: the handler of the first error may call the
 * recorder, fork or exit, so it is called by the outermost report_tell().
 */
void report_hold(void);
void report_tell(struct tape *t);
void report_release(struct tape *t);
/* Opens the session's manifest; its failure is a warning only: nothing needs it. */
void report_open_manifest(struct tape *t);
/* Appends a finished line. Failures are dropped: the manifest is a copy for people. */
void report_line(struct tape *t, struct json_line *line);
/* A rule that the program has added: in the manifest, so many of them. */
void report_set(struct tape *t, const char *label, const char *key, const char *value);
/* A line about scopes that rules left out: as a note, and in the manifest if asked for. */
void report_thinned(struct tape *t, struct json_line *line, bool manifest);
/* "key = value", cut at a character's border to fit. */
void text_cut(char *to, size_t cap, const char *key, const char *value);
/* In a fork's child: the parent's manifest is closed, waiting notes and errors go. */
void report_after_fork(struct tape *t);

/* Adds a NOTE record. False when memory is out. */
bool report_notes_add(struct report_notes *notes, const char *key, const char *value);
/* Hands the waiting notes over (the caller frees data), or returns false if there are none. */
bool report_notes_take(struct tape *t, struct report_notes *out);
/* Puts notes back whose group was lost. */
void report_notes_return(struct tape *t, struct report_notes *notes);

/* The reason why tape_open failed, for tape_error(NULL) of this thread. */
void report_open_failed(const struct tape_options *options, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Fills `text` with the time now as RFC 3339. */
void report_time(const struct tape *t, char text[TAPE_TIME_TEXT]);

#endif
