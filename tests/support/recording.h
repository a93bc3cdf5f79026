/* SPDX-License-Identifier: Apache-2.0 */
/* Recording numbered scopes and reading them back, for tests of librecord. */
#ifndef TESTS_SUPPORT_RECORDING_H
#define TESTS_SUPPORT_RECORDING_H

#include <stdbool.h>
#include <sys/types.h>

#include "tape/record.h"
#include "tape/search.h"

extern const char *recording_dir; /* of the tape, in a directory of its own */

/* A fixture: the current directory is a fresh one, no TAPE_* is set, no fault is armed. */
void recording_setup(void);
void recording_teardown(void);

/* A recorder whose first error is kept quiet. `settings`: "sync=none commit=manual", set as TAPE_*. */
struct tape *recording_open(const char *settings);
/* One scope, label "row", i = number. 0 or -1. */
int recording_put(struct tape *t, int64_t number);
/* The same with a variable b: `size` bytes that follow from `seed`. */
int recording_put_blob(struct tape *t, int64_t number, unsigned seed, size_t size);
void recording_fill(unsigned char *data, size_t size, unsigned seed);
/*
 * fork(), once every other thread of the process sleeps: AddressSanitizer has locks
 * of its own, and a child made while another thread holds one never gets memory
 * again. What wakes by the clock can be kept asleep with RECORDING_ASLEEP.
 */
pid_t recording_fork(void);
#define RECORDING_ASLEEP "sync=none commit_ms=86400000"

/* What a reader of the tape meets. */
struct recording {
	int64_t *numbers; /* variable i of each scope, in tape order */
	size_t count, links, sessions, closed;
	unsigned damage, notes;
	size_t bad_blobs; /* a b that does not read, or not as it was put */
	char report[600]; /* the last damage */
};
/* Reads everything; blobs are compared with what recording_put_blob gave. */
struct recording recording_read(void);
void recording_release(struct recording *read);
/* How often a number is there. */
size_t recording_times(const struct recording *read, int64_t number);
/* Files below a directory of the tape ("blobs", "sessions"). */
size_t recording_files(const char *below);
/* MARK records in the segments of all sessions. */
size_t recording_marks(void);
/* Checks what headers of frames say. Groups with scopes, those that end at a multiple of 64 KiB, bytes of frames, those of PAD records. */
struct recording_groups {
	size_t count, whole;
	uint64_t bytes, filled;
};
struct recording_groups recording_groups(void);

#endif
