/* SPDX-License-Identifier: Apache-2.0 */
#include "search/reader.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/hash.h"
#include "format/os.h"
#include "search/snapshot.h"

/* A tape with more damaged places than this may hear of one twice. */
#define TOLD_MAX (1u << 20)

static void tell(struct tape_reader *reader, struct tape_report *report, uint64_t place,
		 const char *format, va_list ap) __attribute__((format(printf, 4, 0)));

/* True if the slot was free: the place is new. */
static bool
told_insert(uint64_t *slots, size_t cap, uint64_t key)
{
	size_t i = (size_t)key & (cap - 1);

	while (slots[i] != 0) {
		if (slots[i] == key)
			return false;
		i = (i + 1) & (cap - 1);
	}
	slots[i] = key;
	return true;
}

static void
told_grow(struct tape_reader *reader)
{
	size_t cap = reader->told_cap == 0 ? 256 : reader->told_cap * 2;
	uint64_t *slots;

	if (reader->told_count * 2 < reader->told_cap || cap > TOLD_MAX)
		return;
	slots = calloc(cap, sizeof *slots);
	if (slots == NULL)
		return;
	for (size_t i = 0; i < reader->told_cap; i++)
		if (reader->told[i] != 0)
			(void)told_insert(slots, cap, reader->told[i]);
	free(reader->told);
	reader->told = slots;
	reader->told_cap = cap;
}

static bool
first_time(struct tape_reader *reader, const char *file, uint64_t offset, int kind)
{
	uint64_t key = hash_check(file, strlen(file), offset * 2 + (unsigned)kind) | 1u;

	told_grow(reader);
	if (reader->told_count + 1 >= reader->told_cap)
		return true;
	if (!told_insert(reader->told, reader->told_cap, key))
		return false;
	reader->told_count++;
	return true;
}

static void
tell(struct tape_reader *reader, struct tape_report *report, uint64_t place,
     const char *format, va_list ap)
{
	char message[512];

	reader->met += report->kind == TAPE_DAMAGE_MET;
	if (!first_time(reader, report->file, place, report->kind))
		return;
	if (report->kind == TAPE_DAMAGE_MET)
		reader->damage++;
	if (reader->on_report == NULL && reader->collect == NULL)
		return;
	vsnprintf(message, sizeof message, format, ap);
	report->message = message;
	if (reader->collect != NULL)
		reader->collect(reader->collect_user, report, place);
	else
		reader->on_report(reader->user, report);
}

void
reader_report(struct tape_reader *reader, int kind, const char *file, uint64_t offset,
	      uint64_t bytes, const char *format, ...)
{
	struct tape_report report = {
		.kind = kind, .file = file, .offset = offset, .bytes = bytes
	};
	va_list ap;

	va_start(ap, format);
	tell(reader, &report, offset, format, ap);
	va_end(ap);
}

void
reader_report_once(struct tape_reader *reader, int kind, const char *file, uint64_t place,
		   uint64_t offset, uint64_t bytes, const char *format, ...)
{
	struct tape_report report = {
		.kind = kind, .file = file, .offset = offset, .bytes = bytes
	};
	va_list ap;

	va_start(ap, format);
	tell(reader, &report, place, format, ap);
	va_end(ap);
}

bool
reader_unreadable(struct tape_reader *reader, const char *file, uint64_t offset,
		  int negative_errno, const char *what)
{
	char cause[80];
	bool refused = negative_errno == -EACCES || negative_errno == -EPERM;

	switch (negative_errno) {
	case -ENOENT:
	case -ENOMEM:
	case -EMFILE:
	case -ENFILE:
		return false;
	default:
		break;
	}
	reader->unreadable++;
	reader_report(reader, TAPE_DAMAGE_MET, file, offset, 0, "%s: %s; %s", what,
		      os_strerror(negative_errno, cause, sizeof cause),
		      refused ? "make it readable (chmod), or ask its owner to"
			      : "look at the disk, or restore it from a copy");
	return true;
}

/* Callers that were compiled before there were flags have none. */
static void
take_options(struct tape_reader *reader, const struct tape_reader_options *options)
{
	const size_t least = offsetof(struct tape_reader_options, flags);

	if (options == NULL || options->size < least)
		return;
	reader->on_report = options->on_report;
	reader->user = options->user;
	if (options->size >= least + sizeof options->flags) {
		reader->untrusted = (options->flags & TAPE_READER_UNTRUSTED) != 0;
		reader->superseded = (options->flags & TAPE_READER_SUPERSEDED) != 0;
	}
}

static struct tape_reader *
new_reader(const struct tape_reader_options *options)
{
	struct tape_reader *reader = calloc(1, sizeof *reader);

	if (reader == NULL)
		return NULL;
	reader->dir.fd = -1;
	take_options(reader, options);
	if (os_boot_id(reader->boot_id) != 0)
		reader->boot_id[0] = '\0';
	if (os_hostname(reader->host, sizeof reader->host) < 0)
		reader->host[0] = '\0';
	return reader;
}

int
reader_open_at(const struct tapedir *dir, const struct tape_reader_options *options,
	       struct tape_reader **out, struct tape_error *err)
{
	struct tape_reader *reader = new_reader(options);
	int r;

	if (reader == NULL)
		return error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a reader");
	memcpy(reader->dir.id, dir->id, sizeof reader->dir.id);
	r = os_open_dir(dir->fd, ".", false, &reader->dir.fd);
	if (r != 0) {
		free(reader);
		return error_io(err, r, ".", "cannot open the tape once more");
	}
	*out = reader;
	return 0;
}

int
tape_reader_open(const char *dir, const struct tape_reader_options *options,
		 struct tape_reader **out, struct tape_error *err)
{
	struct tape_reader *reader;
	int r;

	if (dir == NULL || out == NULL)
		return error_set(err, TAPE_ERR_MISUSE, NULL, 0,
				 "tape_reader_open needs a directory and a place for the "
				 "reader");
	reader = new_reader(options);
	if (reader == NULL)
		return error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a reader");
	r = tapedir_open(dir, &reader->dir, err);
	if (r != 0) {
		free(reader);
		return r;
	}
	*out = reader;
	return 0;
}

void
tape_reader_close(struct tape_reader *reader)
{
	if (reader == NULL)
		return;
	generations_release(reader->generations);
	tapedir_close(&reader->dir);
	free(reader->told);
	free(reader->looked);
	free(reader);
}

uint64_t
tape_reader_damage(const struct tape_reader *reader)
{
	return reader == NULL ? 0 : reader->damage;
}

void
tape_reader_stats(const struct tape_reader *reader, struct tape_read_stats *out)
{
	size_t size = out->size < sizeof *out ? out->size : sizeof *out;

	if (reader == NULL || size < sizeof out->size)
		return;
	memcpy((char *)out + sizeof out->size,
	       (const char *)&reader->stats + sizeof out->size, size - sizeof out->size);
}
