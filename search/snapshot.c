/* SPDX-License-Identifier: Apache-2.0 */
#include "search/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/os.h"
#include "format/path.h"
#include "search/packed.h"
#include "search/raw.h"
#include "search/reader.h"
#include "search/spliced.h"
#include "search/superseded.h"

static int
no_memory(struct tape_error *err)
{
	return error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory to list the sessions");
}

bool
snapshot_stale(int status, const struct tape_error *err)
{
	return status == TAPE_ERR_NOT_FOUND ||
	       (status == TAPE_ERR_IO && (err->code == ENOENT || err->code == ESTALE));
}

static int
order(const uint64_t a[2], const uint64_t b[2])
{
	if (a[0] != b[0])
		return a[0] < b[0] ? -1 : 1;
	return a[1] < b[1] ? -1 : a[1] > b[1];
}

/* ---- which sessions there are ---- */

static int
by_id(const void *a, const void *b)
{
	const struct snapshot_session *x = a, *y = b;

	return order(x->id, y->id);
}

size_t
snapshot_find(const struct snapshot *s, const uint64_t id[2])
{
	struct snapshot_session key;
	const struct snapshot_session *one;

	memcpy(key.id, id, sizeof key.id);
	one = s->count == 0 ? NULL
			    : bsearch(&key, s->sessions, s->count, sizeof key, by_id);
	return one == NULL ? s->count : (size_t)(one - s->sessions);
}

/* All sessions of generations and of directories, each once. */
static int
list_sessions(struct snapshot *s, struct tapedir_session *dirs, size_t dir_count,
	      struct tape_error *err)
{
	struct generations *g = s->generations;
	size_t most = dir_count, n = 0;

	for (size_t i = 0; i < g->count; i++)
		most += g->items[i].manifest.input_count +
			(g->items[i].scopes_ready ? g->items[i].scopes.session_count : 0);
	s->sessions = calloc(most + 1, sizeof *s->sessions);
	if (s->sessions == NULL)
		return no_memory(err);
	for (size_t i = 0; i < dir_count; i++) {
		memcpy(s->sessions[n].id, dirs[i].id, sizeof dirs[i].id);
		s->sessions[n++].dir = dirs[i];
		memset(&dirs[i], 0, sizeof dirs[i]); /* the lists are the session's now */
	}
	for (size_t i = 0; i < g->count; i++)
		for (uint32_t k = 0;
		     g->items[i].scopes_ready && k < g->items[i].scopes.session_count;
		     k++)
			memcpy(s->sessions[n++].id, g->items[i].scopes.sessions[k].id,
			       16);
	s->count = n;
	/* Stable where it counts: one with a directory comes before its twins. */
	for (size_t i = 0; i < n; i++)
		s->sessions[i].packed_seq = i;
	return 0;
}

static int
by_id_then_place(const void *a, const void *b)
{
	const struct snapshot_session *x = a, *y = b;
	int c = by_id(a, b);

	if (c != 0)
		return c;
	return x->packed_seq < y->packed_seq ? -1 : 1;
}

static void
unite(struct snapshot *s)
{
	size_t n = 0;

	if (s->count != 0)
		qsort(s->sessions, s->count, sizeof *s->sessions, by_id_then_place);
	for (size_t i = 0; i < s->count; i++)
		if (n == 0 || order(s->sessions[n - 1].id, s->sessions[i].id) != 0)
			s->sessions[n++] = s->sessions[i];
	s->count = n;
	for (size_t i = 0; i < n; i++) {
		s->sessions[i].packed_seq = 0;
		if (s->sessions[i].dir.id[0] == 0)
			memcpy(s->sessions[i].dir.id, s->sessions[i].id, 16);
	}
}

static struct snapshot_session *
find_session(struct snapshot *s, const uint64_t id[2])
{
	size_t at = snapshot_find(s, id);

	return at < s->count ? &s->sessions[at] : NULL;
}

/* ---- which generation has what of them ---- */

static int
add_generation(struct snapshot_session *s, uint32_t generation, uint32_t entry,
	       struct tape_error *err)
{
	size_t n = s->generation_count + 1;
	uint32_t *g = realloc(s->generations, n * sizeof *g), *e;

	s->generations = g == NULL ? s->generations : g;
	e = realloc(s->entries, n * sizeof *e);
	s->entries = e == NULL ? s->entries : e;
	if (g == NULL || e == NULL)
		return no_memory(err);
	s->generations[n - 1] = generation;
	s->entries[n - 1] = entry;
	s->generation_count = n;
	return 0;
}

static int
place_generations(struct snapshot *s, struct tape_error *err)
{
	struct generations *g = s->generations;
	int r = 0;

	for (uint32_t i = 0; i < g->count && r == 0; i++) {
		const struct scopepack *p = &g->items[i].scopes;

		for (uint32_t k = 0;
		     r == 0 && g->items[i].scopes_ready && k < p->session_count; k++) {
			struct snapshot_session *one = find_session(s, p->sessions[k].id);

			r = add_generation(one, i, k, err);
			if (p->sessions[k].last_seq > one->packed_seq)
				one->packed_seq = p->sessions[k].last_seq;
		}
	}
	return r;
}

static int
input_order(const void *a, const void *b)
{
	const struct generation_input *x = *(const struct generation_input *const *)a;
	const struct generation_input *y = *(const struct generation_input *const *)b;
	int c = order(x->session, y->session);

	if (c != 0)
		return c;
	return x->log_first < y->log_first ? -1 : x->log_first > y->log_first;
}

static int
place_inputs(struct snapshot *s, struct tape_error *err)
{
	struct generations *g = s->generations;
	size_t count = 0, n = 0;

	for (size_t i = 0; i < g->count; i++)
		count += g->items[i].manifest.input_count;
	s->inputs = malloc((count + 1) * sizeof *s->inputs);
	if (s->inputs == NULL)
		return no_memory(err);
	for (size_t i = 0; i < g->count; i++)
		for (size_t k = 0; k < g->items[i].manifest.input_count; k++)
			s->inputs[n++] = &g->items[i].manifest.inputs[k];
	qsort(s->inputs, n, sizeof(*s->inputs), input_order);
	for (size_t i = 0; i < n;) {
		struct snapshot_session *one = find_session(s, s->inputs[i]->session);
		size_t from = i;

		while (i < n &&
		       order(s->inputs[i]->session, s->inputs[from]->session) == 0)
			i++;
		if (one == NULL)
			continue;
		one->inputs = s->inputs + from;
		one->input_count = i - from;
		for (; from < i; from++)
			if (s->inputs[from]->last_seq > one->packed_seq)
				one->packed_seq = s->inputs[from]->last_seq;
	}
	return 0;
}

/* ---- what is raw ---- */

static bool
replaced(const struct snapshot_session *s, uint32_t number, bool blob)
{
	for (size_t i = 0; i < s->input_count; i++) {
		const struct generation_input *in = s->inputs[i];
		uint32_t first = blob ? in->blob_first : in->log_first;
		uint32_t count = blob ? in->blob_count : in->log_count;

		if (number >= first && number - first < count)
			return true;
	}
	return false;
}

static void
leave_out_replaced(struct snapshot_session *s)
{
	struct tapedir_session *d = &s->dir;
	size_t n = 0;

	for (size_t i = 0; i < d->log_count; i++)
		if (!replaced(s, d->logs[i], false))
			d->logs[n++] = d->logs[i];
	d->log_count = n;
	n = 0;
	for (size_t i = 0; i < d->blob_log_count; i++)
		if (!replaced(s, d->blob_logs[i], true))
			d->blob_logs[n++] = d->blob_logs[i];
	d->blob_log_count = n;
}

static int
take_sizes(struct snapshot *s, struct snapshot_session *one, struct tape_error *err)
{
	const struct tapedir_session *dir = &one->dir;
	char name[PATH_SEGMENT_TEXT];
	struct os_stat st;
	int fd = -1, r;

	one->sizes = calloc(dir->log_count + 1, sizeof *one->sizes);
	if (one->sizes == NULL)
		return no_memory(err);
	if (dir->log_count == 0)
		return 0;
	r = os_open_dir(s->reader->dir.fd, dir->path, false, &fd);
	for (size_t i = 0; i < dir->log_count; i++) {
		int o = r;

		path_segment(dir->logs[i], false, name);
		if (r == 0)
			o = os_stat(fd, name, &st);
		/* What cannot be looked at cannot be opened either, and is told then. */
		one->sizes[i] = o == 0 ? st.size : UINT64_MAX;
	}
	os_close(&fd);
	return 0;
}

int
snapshot_refresh(struct snapshot *s, size_t index, struct tape_error *err)
{
	struct snapshot_session *one = &s->sessions[index];
	size_t before = one->dir.log_count;
	uint32_t last = before != 0 ? one->dir.logs[before - 1] : 0;
	int r = tapedir_list_session(&s->reader->dir, &one->dir, err);

	if (r != 0)
		return r;
	leave_out_replaced(one);
	free(one->sizes);
	one->sizes = NULL;
	if (one->dir.log_count < before ||
	    (before != 0 && one->dir.logs[before - 1] != last))
		return error_set(err, TAPE_ERR_NOT_FOUND, NULL, 0,
				 "segments of a session are gone");
	return take_sizes(s, one, err);
}

/* ---- the whole ---- */

static int
take(struct snapshot *s, const uint64_t lo[2], const uint64_t hi[2],
     struct tape_error *err)
{
	struct tapedir_session *dirs = NULL;
	size_t dir_count = 0;
	int r = generations_get(s->reader, &s->generations, err);

	if (r == 0)
		r = tapedir_list(&s->reader->dir, &dirs, &dir_count, err);
	if (r == 0)
		r = list_sessions(s, dirs, dir_count, err);
	tapedir_free_sessions(dirs, dir_count);
	if (r != 0)
		return r;
	unite(s);
	r = place_generations(s, err);
	if (r == 0)
		r = place_inputs(s, err);
	for (size_t i = 0; i < s->count && r == 0; i++) {
		leave_out_replaced(&s->sessions[i]);
		if (order(s->sessions[i].id, lo) >= 0 &&
		    order(s->sessions[i].id, hi) <= 0)
			r = take_sizes(s, &s->sessions[i], err);
	}
	return r == 0 ? superseded_find(s, err) : r;
}

void
snapshot_free(struct snapshot *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; s->sessions != NULL && i < s->count; i++) {
		free(s->sessions[i].dir.logs);
		free(s->sessions[i].dir.blob_logs);
		free(s->sessions[i].sizes);
		free(s->sessions[i].generations);
		free(s->sessions[i].entries);
	}
	free(s->sessions);
	free(s->inputs);
	free(s->continuations);
	generations_release(s->generations);
	free(s);
}

int
snapshot_take_between(struct tape_reader *reader, const uint64_t lo[2],
		      const uint64_t hi[2], struct snapshot **out, struct tape_error *err)
{
	/* What is listed may be replaced while it is listed. */
	for (int tries = 0; tries < 100; tries++) {
		struct snapshot *s = calloc(1, sizeof *s);
		int r;

		if (s == NULL)
			return no_memory(err);
		s->reader = reader;
		r = take(s, lo, hi, err);
		if (r == 0 && !generations_changed(s->generations)) {
			*out = s;
			return 0;
		}
		snapshot_free(s);
		/* A segment that was there a moment ago: it was compacted. */
		if (r != 0 && r != TAPE_ERR_NOT_FOUND)
			return r;
	}
	return error_set(err, TAPE_ERR_BUSY, NULL, 0,
			 "the tape is compacted faster than it can be listed; try again");
}

int
snapshot_take(struct tape_reader *reader, struct snapshot **out, struct tape_error *err)
{
	static const uint64_t lo[2], hi[2] = { UINT64_MAX, UINT64_MAX };

	return snapshot_take_between(reader, lo, hi, out, err);
}

/* ---- opening ---- */

static int
open_packed(struct snapshot *s, const struct snapshot_session *one,
	    struct spliced_part *parts, size_t *count, struct tape_error *err)
{
	int r = 0;

	for (size_t i = 0; i < one->generation_count && r == 0; i++) {
		struct generation *g = &s->generations->items[one->generations[i]];
		struct spliced_part *part = &parts[*count];

		if (g->lost)
			continue;
		r = packed_open(s->generations, one->generations[i], one->entries[i],
				&part->source, err);
		if (r != 0)
			break;
		part->first = g->scopes.sessions[one->entries[i]].first_seq;
		part->last = g->scopes.sessions[one->entries[i]].last_seq;
		++*count;
	}
	return r;
}

static int
open_raw(struct snapshot *s, struct snapshot_session *one, struct spliced_part *parts,
	 size_t *count, struct tape_error *err)
{
	struct raw_rest rest = { .log = 0, .seq = one->packed_seq + 1 };
	struct spliced_part *part = &parts[*count];
	int r;

	for (size_t i = 0; i < one->input_count; i++)
		if (one->inputs[i]->log_first + one->inputs[i]->log_count > rest.log)
			rest.log = one->inputs[i]->log_first + one->inputs[i]->log_count;
	r = raw_open(s->reader, &one->dir, one->sizes, &rest, &part->source, err);
	if (r != 1)
		return r;
	part->first = one->packed_seq + 1;
	part->last = UINT64_MAX;
	++*count;
	return 0;
}

int
snapshot_open(struct snapshot *s, size_t index, struct source **out,
	      struct tape_error *err)
{
	struct snapshot_session *one = &s->sessions[index];
	struct spliced_part *parts = calloc(one->generation_count + 1, sizeof *parts);
	size_t count = 0, packed;
	int r;

	if (parts == NULL)
		return no_memory(err);
	r = open_packed(s, one, parts, &count, err);
	packed = count;
	if (r == 0 && !s->reader->packed_only &&
	    (one->dir.log_count != 0 || one->dir.error != 0))
		r = open_raw(s, one, parts, &count, err);
	if (r == 0 && count == 1) {
		*out = parts[0].source;
	} else if (r == 0 && count > 1) {
		r = spliced_open(s->reader, parts, count, out, err);
		for (size_t i = 0; i < packed && r == 0; i++)
			packed_part_of(parts[i].source, *out);
	} else {
		for (size_t i = 0; i < count; i++)
			parts[i].source->ops->close(parts[i].source);
	}
	free(parts);
	return r < 0 ? r : count != 0;
}

bool
snapshot_extend(struct snapshot *s, size_t index, struct source *source)
{
	const struct snapshot_session *one = &s->sessions[index];

	return raw_extend(source, one->sizes) || spliced_extend(source, one->sizes);
}
