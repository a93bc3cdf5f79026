/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions as their readers see them: which scopes are there, and whether all of each is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compactor/check.h"
#include "format/error.h"
#include "format/hash.h"
#include "format/manifest.h"
#include "format/os.h"
#include "format/path.h"
#include "search/content.h"

#define PROGRESS_EVERY 2048u

struct walk {
	struct check *c;
	struct snapshot_session *session;
	struct source *source;
	uint64_t
		next; /* the seq that comes next if nothing is missing; 0 = the first is not known */
	bool crashed; /* what is missing at the end may never have been there */
	struct tape_value *values;
	struct body_hint *hints;
	size_t cap;
};

static void
ignore_note(void *user, const char *key, size_t key_len, const char *value,
	    size_t value_len)
{
	(void)user;
	(void)key;
	(void)key_len;
	(void)value;
	(void)value_len;
}

/* Positions that damage took: what was wrong with the bytes was told by who read them. */
static void
gap(struct walk *w, uint64_t from, uint64_t to)
{
	char first[TAPE_POS_TEXT], lost[TAPE_POS_TEXT * 2 + 64];
	struct tape_pos pos = { { w->session->id[0], w->session->id[1] }, from };

	tape_pos_text(&pos, first);
	if (from == to)
		(void)snprintf(lost, sizeof lost, "scope %s", first);
	else
		(void)snprintf(lost, sizeof lost, "scopes %s to :%llu", first,
			       (unsigned long long)to);
	w->c->all_blobs = false;
	w->c->result->lost_scopes += to - from + 1;
	(void)check_found(
		w->c, TAPE_FOUND_DAMAGE, TAPE_REMEDY_NONE,
		w->session->dir.path[0] != '\0' ? w->session->dir.path : PATH_GEN, from,
		0, lost, "%llu scopes are missing", (unsigned long long)(to - from + 1));
}

/* ---- one scope ---- */

static bool
room(struct walk *w, size_t count)
{
	if (count <= w->cap)
		return true;
	free(w->values);
	free(w->hints);
	w->values = calloc(count, sizeof *w->values);
	w->hints = calloc(count, sizeof *w->hints);
	w->cap = w->values == NULL || w->hints == NULL ? 0 : count;
	return w->cap != 0;
}

/* Bytes that stand in the scope itself must have the hash that stands there too. */
static void
check_inline(struct walk *w, const struct source_record *rec, const char *name,
	     const struct tape_value *v)
{
	struct tape_hash is = hash_bytes(v->data, (size_t)v->size);
	struct tape_pos pos = { { w->session->id[0], w->session->id[1] }, rec->seq };
	char text[TAPE_POS_TEXT], lost[TAPE_POS_TEXT + 300];

	if (hash_equal(&is, &v->hash))
		return;
	tape_pos_text(&pos, text);
	(void)snprintf(lost, sizeof lost, "%s of %s", name, text);
	(void)check_found(w->c, TAPE_FOUND_DAMAGE, TAPE_REMEDY_RESTORE,
			  rec->of->ops->file(rec->of, &rec->place), rec->place.offset, 0,
			  lost, "the bytes of a value do not match its hash");
}

/* May a value of that form have bytes that stand elsewhere? */
static bool
has_long(const struct form *form)
{
	for (uint32_t i = 0; i < form->var_count; i++)
		if (form->vars[i].type >= TAPE_STR && form->vars[i].store != TAPE_AS_HASH)
			return true;
	return false;
}

static int
check_values(struct walk *w, const struct source_record *rec,
	     const struct content *content)
{
	const struct form *form = &rec->form->form;
	int r = 0;

	if (!room(w, form->var_count))
		return check_no_memory(w->c);
	content_values(content, form, w->values, w->hints);
	for (uint32_t i = 0; i < form->var_count && r == 0; i++) {
		const struct tape_value *v = &w->values[i];

		w->c->all_blobs &= v->type != TAPE_ABSENT || v->absent != TAPE_LOST;
		if (v->type < TAPE_STR || !v->has_hash || v->size == 0 ||
		    form->vars[i].store == TAPE_AS_HASH)
			continue;
		if (v->data != NULL)
			check_inline(w, rec, form->vars[i].name, v);
		else
			r = check_blobs_reference(w->c, rec, form->vars[i].name, v,
						  &w->hints[i]);
	}
	return r;
}

/*
 * A raw link or projection stands for the bytes of a scope, which are checked where it
 * was recorded. A packed one has a content of its own, or shares that of anybody.
 */
static bool
stands_for_checked(const struct source_record *rec)
{
	return (rec->kind == SOURCE_LINK || rec->kind == SOURCE_PROJECTION) &&
	       (rec->generation == 0 || !has_long(&rec->form->form));
}

static int
check_scope(struct walk *w, const struct source_record *rec)
{
	struct content content;
	int r = content_get_canonical(w->source, rec, &content, w->c->err);

	if (r != 0)
		return r;
	if (content.lost || !content_check(&content)) {
		w->c->all_blobs = false;
		return 0;
	}
	return stands_for_checked(rec) ? 0 : check_values(w, rec, &content);
}

/* ---- a session ---- */

static int
walk_all(struct walk *w)
{
	struct source_iter iter = { .lo = 1, .hi = UINT64_MAX, .note = ignore_note };
	struct source_record rec;
	unsigned since = 0;
	int r = w->source->ops->begin(w->source, &iter, w->c->err);

	while (r == 0 && (r = w->source->ops->next(w->source, &rec, w->c->err)) == 1) {
		if (w->next != 0 && rec.seq > w->next)
			gap(w, w->next, rec.seq - 1);
		w->next = rec.seq + 1;
		w->c->result->scopes++;
		r = check_scope(w, &rec);
		if (r == 0 && ++since == PROGRESS_EVERY) {
			since = 0;
			r = check_progress(w->c, 0);
		}
	}
	return r < 0 ? r : 0;
}

/* Headers of frames, forms and notes, and whether seqs follow each other. */
static int
walk_headers(struct walk *w)
{
	struct source_iter iter = { .lo = UINT64_MAX,
				    .hi = UINT64_MAX,
				    .note = ignore_note };
	struct source_record rec;
	int r = w->source->ops->begin(w->source, &iter, w->c->err);

	while (r == 0 && (r = w->source->ops->next(w->source, &rec, w->c->err)) == 1)
		r = 0;
	return r < 0 ? r : 0;
}

/* Raw files that a generation replaces and that are still there. */
static int
replaced_files(struct check *c, const struct snapshot_session *s)
{
	struct check_names names = { 0 };
	uint64_t count = 0, bytes = 0;
	int r = s->dir.path[0] == '\0' ? 0 : check_list(c, s->dir.path, &names);

	for (size_t i = 0; i < names.count && r == 0; i++) {
		char path[sizeof s->dir.path + 300];
		struct os_stat st;
		uint32_t number;
		bool blob, listed = false;

		if (!path_parse_segment(names.names[i], &number, &blob))
			continue;
		for (size_t k = 0; k < s->input_count; k++) {
			const struct generation_input *in = s->inputs[k];
			uint32_t first = blob ? in->blob_first : in->log_first;

			listed |=
				number >= first &&
				number - first < (blob ? in->blob_count : in->log_count);
		}
		(void)snprintf(path, sizeof path, "%s/%s", s->dir.path, names.names[i]);
		if (!listed || os_stat(c->reader->dir.fd, path, &st) != 0)
			continue;
		count++;
		bytes += st.size;
	}
	if (count != 0)
		(void)check_found(c, TAPE_FOUND_LEFTOVER, TAPE_REMEDY_COMPACT,
				  s->dir.path, 0, bytes, NULL,
				  "%llu raw segments that a generation replaces are "
				  "still there",
				  (unsigned long long)count);
	check_names_release(&names);
	return r;
}

/* ---- a session that its manifest says was closed ---- */

static int
find_closed(void *user, const struct manifest_member *members, size_t count)
{
	bool *closed = user;

	for (size_t i = 0; i < count; i++)
		*closed |= strcmp(members[i].key, "closed") == 0;
	return 0;
}

/*
 * A segment whose end was cut off looks like one whose recorder was killed. The
 * manifest, which nothing else depends on, knows better.
 */
static int
cut_off(struct check *c, const struct snapshot_session *s)
{
	char path[sizeof s->dir.path + 32], name[PATH_SEGMENT_TEXT];
	struct block_source source;
	struct os_stat st;
	uint64_t bad = 0;
	bool closed = false;
	int fd = -1, r = 0;

	(void)snprintf(path, sizeof path, "%s/" PATH_MANIFEST, s->dir.path);
	if (os_open_read(c->reader->dir.fd, path, &fd) != 0)
		return 0;
	if (os_fstat(fd, &st) == 0) {
		source = block_from_fd(&fd, st.size);
		r = manifest_read(&source, find_closed, &closed, &bad, c->err);
	}
	os_close(&fd);
	if (r == TAPE_ERR_NOMEM || !closed)
		return r == TAPE_ERR_NOMEM ? r : 0;
	path_segment(s->dir.logs[s->dir.log_count - 1], false, name);
	(void)snprintf(path, sizeof path, "%s/%s", s->dir.path, name);
	(void)check_found(c, TAPE_FOUND_DAMAGE, TAPE_REMEDY_RESTORE, path,
			  s->sizes[s->dir.log_count - 1], 0,
			  "the last scopes of the session",
			  "the session was closed, but the end of its last segment is "
			  "missing");
	return 0;
}

static int
segments(struct check *c, const struct snapshot_session *s, bool ended)
{
	int r = 0;

	for (size_t i = 0; i < s->dir.log_count && r == 0; i++)
		r = check_segment(c, s, s->dir.logs[i], false, s->sizes[i],
				  ended || i + 1 < s->dir.log_count);
	for (size_t i = 0; i < s->dir.blob_log_count && r == 0; i++)
		r = check_segment(c, s, s->dir.blob_logs[i], true, UINT64_MAX,
				  ended || i + 1 < s->dir.blob_log_count);
	return r;
}

static int
one_session(struct check *c, size_t index)
{
	struct snapshot_session *s = &c->snapshot->sessions[index];
	struct walk w = { .c = c, .session = s };
	bool live = false, killed = false;
	int r = snapshot_open(c->snapshot, index, &w.source, c->err);

	if (r == 1) {
		live = w.source->ops->facts(w.source)->state == TAPE_LIVE;
		killed = w.source->ops->facts(w.source)->state == TAPE_KILLED;
		/* Without damage the first seq of a session is 1. */
		w.next = 1;
		r = c->full ? walk_all(&w) : walk_headers(&w);
		w.source->ops->close(w.source);
	}
	c->result->live_sessions += live;
	if (r == 0 && killed && s->dir.log_count != 0)
		r = cut_off(c, s);
	free(w.values);
	free(w.hints);
	if (r == 0 && c->full)
		r = segments(c, s, !live);
	if (r == 0 && !c->full)
		r = check_progress(
			c, w.source == NULL ? 0 : c->total / (c->snapshot->count + 1));
	return r == 0 ? replaced_files(c, s) : r;
}

int
check_sessions(struct check *c)
{
	int r = 0;

	for (size_t i = 0; i < c->snapshot->count && r == 0; i++)
		r = one_session(c, i);
	return r;
}
