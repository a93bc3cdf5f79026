/* SPDX-License-Identifier: Apache-2.0 */
/* A recorder under test, and what it has put on its tape as text. */
#ifndef TESTS_SUPPORT_RECORDED_H
#define TESTS_SUPPORT_RECORDED_H

#include "tape/record.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Opens a recorder on a fresh tape in a directory of its own; `settings` are
 * lines for the [tape] section ("" = the defaults). Errors are kept for
 * recorded_errors, not printed.
 */
struct tape *recorded_open(const char *settings);
/* Where the first tape is. */
const char *recorded_dir(void);
/* A second recorder on a tape of its own beside the first: name it by number. */
struct tape *recorded_open_beside(int number);
/* Closes what is open and removes everything. */
void recorded_teardown(void);

/*
 * Commits, and gives every scope of the tape in order, those of the library too, a line each:
 *	outer/inner name=3 name[unit]=1.5 text='abc'
 * i64 3, u64 3u, f64 1.5, f32 1.5f, bool true, c16 (1.0,2.0), c8 (1.0,2.0)f, null,
 * absent:too-large, bytes x'00ff', arrays f8[2,3](1 2 3 4 5 6), Fortran order
 * f8F[...], blobs with "blob:" in front, hash:SIZE. Damage fails the test. Valid until the
 * next call.
 */
const char *recorded(void);
const char *recorded_beside(int number);
/* The lines of recorded() whose label path begins with `path`. */
const char *recorded_under(const char *path);
/* Where the last scope that recorded() has read came from. */
const char *recorded_last_file(void);
const char *recorded_last_func(void);
/* How many scopes are on the tape. */
unsigned recorded_count(void);
/* How often `text` stands in the manifest (warnings, notes). */
unsigned recorded_said(const char *text);
/* Fails the test if a time is before the one before it, or outside the bounds (ns). */
void recorded_check_times(int64_t from, int64_t to);
/* What went to on_error: how often, and the last message. */
unsigned recorded_errors(void);
const char *recorded_error(void);

#ifdef __cplusplus
}
#endif
#endif
