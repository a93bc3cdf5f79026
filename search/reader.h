/* SPDX-License-Identifier: Apache-2.0 */
/* An open tape, and the one place from which damage and notes are told. */
#ifndef TAPE_SEARCH_READER_H
#define TAPE_SEARCH_READER_H

#include "format/tapedir.h"
#include "tape/search.h"

struct tape_reader {
	struct tapedir dir;
	void (*on_report)(void *user, const struct tape_report *report);
	void *user;
	uint64_t damage;
	uint64_t met;	     /* how often damage was met, told before or not */
	uint64_t unreadable; /* how often the system refused to read */
	/* Places that were told, as hashes: open addressing, 0 = free. */
	uint64_t *told;
	size_t told_count, told_cap;
	/* Of this machine, for telling live sessions from dead ones; "" = unknown. */
	char boot_id[37], host[256];
	bool untrusted;	  /* no file of it is taken for what its owner says */
	bool superseded;  /* what other sessions supersede is shown */
	bool packed_only; /* raw parts of sessions are left out */
	struct tape_read_stats stats;
	struct generations *generations; /* the newest that were looked at, or NULL */
	/* Of a thread that works for another reader: what it has to tell goes there. */
	void (*collect)(void *user, const struct tape_report *report, uint64_t place);
	void *collect_user;
	/* How often something was told as damage that may go better the next time. */
	uint64_t passing;
	/* Segments that say of no continuation, as hashes: open addressing, 0 = free. */
	uint64_t *looked;
	size_t looked_count, looked_cap;
	size_t raw_cache, packed_cache; /* bytes, 0 = as a reader that is alone */
	struct raw_shared *raw_shared;	/* of threads that work for one cursor, or NULL */
};

/* As tape_reader_open, of a tape that is open; dir may be closed afterwards. */
int reader_open_at(const struct tapedir *dir, const struct tape_reader_options *options,
		   struct tape_reader **out, struct tape_error *err);
/* Tells it unless that place was told before. `kind` is an enum tape_report_kind. */
void reader_report(struct tape_reader *reader, int kind, const char *file,
		   uint64_t offset, uint64_t bytes, const char *format, ...)
	__attribute__((format(printf, 6, 7)));
/* The same for what counts as told at `place` rather than at its offset. */
void reader_report_once(struct tape_reader *reader, int kind, const char *file,
			uint64_t place, uint64_t offset, uint64_t bytes,
			const char *format, ...) __attribute__((format(printf, 7, 8)));

/*
 * A file or directory of the tape could not be opened or read. True: it was
 * told as damage, with `what` and what to do, and the rest can still be
 * answered. False: the machine is out of memory or descriptors, or the file is
 * gone (-ENOENT); that is for the caller.
 */
bool reader_unreadable(struct tape_reader *reader, const char *file, uint64_t offset,
		       int negative_errno, const char *what);

#endif
