/* SPDX-License-Identifier: Apache-2.0 */
#include "librecord/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/os.h"
#include "format/path.h"
#include "format/segment.h"
#include "librecord/capture.h"
#include "librecord/session.h"

/* A run that fails for hours must not fill the disk with complaints about a full disk. */
#define MAX_LINES 1000u
#define MAX_WAITING (4u << 20)

struct report {
	int manifest;
	uint32_t error_lines, warning_lines, set_lines;
	struct report_notes waiting;
	bool soft; /* the first error is one of recorder_broken; under error_lock */
	atomic_bool untold; /* the first error waits until no lock is held */
};

static _Thread_local char open_error[1024];
/* How many of the recorder's locks the thread is about to hold. */
static _Thread_local unsigned holding;

int
report_init(struct tape *t)
{
	t->report = calloc(1, sizeof *t->report);
	if (!t->report)
		return TAPE_ERR_NOMEM;
	t->report->manifest = -1;
	return 0;
}

void
report_release(struct tape *t)
{
	pthread_mutex_lock(&t->error_lock);
	os_close(&t->report->manifest);
	free(t->report->waiting.data);
	t->report->waiting = (struct report_notes){ 0 };
	pthread_mutex_unlock(&t->error_lock);
}

void
report_after_fork(struct tape *t)
{
	os_close(&t->report->manifest);
	t->report->waiting.len = 0;
	t->report->waiting.count = 0;
	t->report->error_lines = t->report->warning_lines = 0;
}

void
report_open_manifest(struct tape *t)
{
	char path[SESSION_PATH + sizeof PATH_MANIFEST];
	int fd = -1;
	int r;

	session_file(t, PATH_MANIFEST, path, sizeof path);
	r = os_open_append(t->dir.fd, path, &fd);
	pthread_mutex_lock(&t->error_lock);
	os_close(&t->report->manifest);
	if (r >= 0)
		t->report->manifest = fd;
	pthread_mutex_unlock(&t->error_lock);
}

/* error_lock is held. */
static void
write_line(struct tape *t, struct json_line *line)
{
	if (!line->failed && t->report->manifest >= 0)
		(void)os_write_all(t->report->manifest, line->text, line->len, NULL);
}

void
report_line(struct tape *t, struct json_line *line)
{
	pthread_mutex_lock(&t->error_lock);
	write_line(t, line);
	pthread_mutex_unlock(&t->error_lock);
}

void
report_set(struct tape *t, const char *label, const char *key, const char *value)
{
	struct json_line line = { 0 };
	char now[TAPE_TIME_TEXT];

	report_time(t, now);
	json_line_begin(&line);
	json_line_text(&line, "set", key);
	json_line_text(&line, "value", value);
	json_line_text(&line, "label", label);
	json_line_text(&line, "time", now);
	json_line_end(&line);
	pthread_mutex_lock(&t->error_lock);
	if (t->report->set_lines < MAX_LINES) {
		t->report->set_lines++;
		write_line(t, &line);
	}
	pthread_mutex_unlock(&t->error_lock);
	json_line_release(&line);
}

void
report_time(const struct tape *t, char text[TAPE_TIME_TEXT])
{
	tape_time_text(session_now(t), text);
}

/* error_lock is held. */
static void
write_warning(struct tape *t, const char *message, bool error)
{
	struct json_line line = { 0 };
	char now[TAPE_TIME_TEXT];

	report_time(t, now);
	json_line_begin(&line);
	json_line_text(&line, "warning", message);
	if (error)
		json_line_bool(&line, "error", true);
	json_line_text(&line, "time", now);
	json_line_end(&line);
	write_line(t, &line);
	json_line_release(&line);
}

/* One line, so that two processes do not mix theirs. */
static void
print_line(const char *message)
{
	char line[1100];
	int len = snprintf(line, sizeof line, "tape: %s\n", message);

	if (len > 0)
		(void)os_write_all(
			2, line,
			(size_t)len < sizeof line ? (size_t)len : sizeof line - 1, NULL);
}

static void
tell(struct tape *t)
{
	if (t->on_error)
		t->on_error(t->on_error_user, t->first_error);
	else
		print_line(t->first_error);
}

void
report_hold(void)
{
	holding++;
}

void
report_tell(struct tape *t)
{
	if (--holding == 0 && atomic_load(&t->report->untold) &&
	    atomic_exchange(&t->report->untold, false))
		tell(t);
}

static void error_tell(struct tape *t, bool soft, const char *format, va_list ap)
	__attribute__((format(printf, 3, 0)));

/* What is soft gives way to the first that is not. */
static void
error_tell(struct tape *t, bool soft, const char *format, va_list ap)
{
	char message[sizeof t->first_error];
	bool first;

	vsnprintf(message, sizeof message, format, ap);
	pthread_mutex_lock(&t->error_lock);
	first = t->first_error[0] == '\0' || (t->report->soft && !soft);
	if (first) {
		memcpy(t->first_error, message, sizeof message);
		t->report->soft = soft;
	}
	atomic_fetch_add(&t->errors, 1);
	if (t->report->error_lines++ < MAX_LINES)
		write_warning(t, message, true);
	pthread_mutex_unlock(&t->error_lock);
	if (!first)
		return;
	if (holding)
		atomic_store(&t->report->untold, true);
	else
		tell(t);
}

void
recorder_error(struct tape *t, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	error_tell(t, false, format, ap);
	va_end(ap);
}

void
recorder_broken(struct tape *t, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	error_tell(t, true, format, ap);
	va_end(ap);
}

void
recorder_warn(struct tape *t, const char *format, ...)
{
	char message[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(message, sizeof message, format, ap);
	va_end(ap);

	pthread_mutex_lock(&t->error_lock);
	if (t->report->warning_lines++ < MAX_LINES) {
		write_warning(t, message, false);
		if (t->report->waiting.len < MAX_WAITING)
			(void)report_notes_add(&t->report->waiting, "warning", message);
	}
	pthread_mutex_unlock(&t->error_lock);
}

void
recorder_lost(struct tape *t, uint64_t scopes)
{
	atomic_fetch_add(&t->lost, scopes);
}

/* Keys and values come from users and from the machine: on a tape they are UTF-8. */
static void
note_clean(uint8_t *record, size_t size)
{
	struct record note;
	size_t at = 0;

	if (record_next(record, size, &at, &note) != 1)
		return;
	text_clean((char *)record + (note.note_key - (const char *)record),
		   note.note_key_len);
	text_clean((char *)record + (note.body - record), note.body_len);
}

bool
report_notes_add(struct report_notes *notes, const char *key, const char *value)
{
	size_t size = record_note_size(key, value);

	if (notes->len + size > notes->cap) {
		size_t cap = (notes->len + size) * 2;
		uint8_t *data = realloc(notes->data, cap);

		if (!data)
			return false;
		notes->data = data;
		notes->cap = cap;
	}
	notes->len += record_note_write(notes->data + notes->len, key, value);
	note_clean(notes->data + notes->len - size, size);
	notes->count++;
	return true;
}

bool
report_notes_take(struct tape *t, struct report_notes *out)
{
	bool some;

	pthread_mutex_lock(&t->error_lock);
	some = t->report->waiting.count > 0;
	if (some) {
		*out = t->report->waiting;
		t->report->waiting = (struct report_notes){ 0 };
	}
	pthread_mutex_unlock(&t->error_lock);
	return some;
}

void
report_notes_return(struct tape *t, struct report_notes *notes)
{
	struct report_notes *waiting = &t->report->waiting;

	pthread_mutex_lock(&t->error_lock);
	if (waiting->count == 0) {
		free(waiting->data);
		*waiting = *notes;
	} else {
		free(notes->data); /* newer ones came meanwhile: they are in the manifest */
	}
	pthread_mutex_unlock(&t->error_lock);
	*notes = (struct report_notes){ 0 };
}

/* Copies at most `max` bytes, cut at a character's border. True if it was cut. */
static bool
copy_cut(char *to, const char *text, size_t max)
{
	size_t len = strnlen(text, max + 1);
	bool cut = len > max;

	if (cut)
		for (len = max; len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80;)
			len--;
	memcpy(to, text, len);
	to[len] = '\0';
	return cut;
}

void
tape_note(struct tape *t, const char *key, const char *value)
{
	static const char prefix[] = "user.";
	char name[LIMIT_NAME + 1];
	char now[TAPE_TIME_TEXT];
	struct json_line line = { 0 };
	char *text;
	bool cut, kept;

	if (!t || atomic_load(&t->dead) || !key || !value)
		return;
	text = malloc(strnlen(value, LIMIT_NOTE_VALUE) + 1);
	if (!text) {
		recorder_error(t, "out of memory: the note %.80s is lost", key);
		return;
	}
	session_used(t);
	memcpy(name, prefix, sizeof prefix);
	cut = copy_cut(name + sizeof prefix - 1, key, LIMIT_NAME - (sizeof prefix - 1));
	cut |= copy_cut(text, value, LIMIT_NOTE_VALUE);
	report_time(t, now);
	json_line_begin(&line);
	json_line_text(&line, "note", name + sizeof prefix - 1);
	json_line_text(&line, "value", text);
	json_line_text(&line, "time", now);
	json_line_end(&line);
	pthread_mutex_lock(&t->error_lock);
	write_line(t, &line);
	kept = t->report->waiting.len < MAX_WAITING &&
	       report_notes_add(&t->report->waiting, name, text);
	pthread_mutex_unlock(&t->error_lock);
	json_line_release(&line);
	free(text);
	if (!kept)
		recorder_error(t,
			       "the note %.80s is in the manifest only: more than 4 MiB "
			       "of notes wait for a commit",
			       key);
	if (cut)
		recorder_warn(t, "the note %.80s was cut to the limits of the format",
			      key);
}

void
report_thinned(struct tape *t, struct json_line *line, bool manifest)
{
	pthread_mutex_lock(&t->error_lock);
	if (!line->failed && line->len) {
		if (manifest)
			write_line(t, line);
		line->text[line->len - 1] = '\0'; /* a note has no end of line */
		if (t->report->waiting.len < MAX_WAITING)
			(void)report_notes_add(&t->report->waiting, "thinned",
					       line->text);
	}
	pthread_mutex_unlock(&t->error_lock);
}

void
text_cut(char *to, size_t cap, const char *key, const char *value)
{
	int n = snprintf(to, cap, "%s = ", key);

	(void)copy_cut(to + n, value, cap - 1 - (size_t)n);
}

const char *
tape_error(const struct tape *t)
{
	if (!t)
		return open_error;
	/* Written once, before it is counted. */
	return atomic_load(&t->errors) ? t->first_error : "";
}

uint64_t
tape_lost(const struct tape *t)
{
	return t ? atomic_load(&t->lost) : 0;
}

void
report_open_failed(const struct tape_options *options, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(open_error, sizeof open_error, format, ap);
	va_end(ap);
	if (options && options->size >= sizeof *options && options->on_error)
		options->on_error(options->user, open_error);
	else
		print_line(open_error);
}
