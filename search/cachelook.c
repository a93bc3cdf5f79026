/* SPDX-License-Identifier: Apache-2.0 */
#include "search/cachelook.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/hash.h"
#include "format/index.h"
#include "format/os.h"
#include "format/path.h"
#include "format/segment.h"
#include "search/cachelook_in.h"

/* A writer leaves a segment without an end where a write failed: seldom looked for. */
#define LOOK_FOR_NEXT 8u
/* A directory whose time is so young may change once more within its clock's tick. */
#define YOUNG_NS INT64_C(2000000000)
/* Generations that are replaced while they are asked. */
#define FIND_TRIES 20u

/* A session, and how far its entries are known. */
struct seen {
	uint64_t id[2];
	char *path; /* relative to the tape */
	uint32_t segment;
	uint64_t offset, size; /* of it: where to go on, and its size then */
	struct form *forms;    /* of entries, as the segment defines them */
	size_t form_count, form_cap;
	uint64_t listed; /* the look that saw its name */
	unsigned idle;	 /* looks without anything new */
	bool begun, done;
	bool told; /* that it cannot be read */
};

int
cachelook_open(const struct tapedir *dir, const struct tape_reader_options *options,
	       struct cachelook **out, struct tape_error *err)
{
	struct cachelook *look = calloc(1, sizeof *look);
	int r;

	if (look == NULL)
		return error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a cache");
	look->live_mtime = INT64_MIN;
	r = reader_open_at(dir, options, &look->reader, err);
	if (r != 0) {
		cachelook_close(look);
		return r;
	}
	*out = look;
	return 0;
}

static void
drop_forms(struct seen *s)
{
	for (size_t i = 0; i < s->form_count; i++)
		form_release(&s->forms[i]);
	s->form_count = 0;
}

static void
seen_release(struct seen *s)
{
	drop_forms(s);
	free(s->forms);
	free(s->path);
}

void
cachelook_close(struct cachelook *look)
{
	if (look == NULL)
		return;
	for (size_t i = 0; i < look->count; i++)
		seen_release(&look->sessions[i]);
	free(look->sessions);
	cachelook_close_source(look);
	generations_release(look->generations);
	tape_reader_close(look->reader);
	free(look);
}

/* ---- what cannot be read ---- */

static bool
passing(int status, const struct tape_error *why)
{
	return status == TAPE_ERR_NOMEM || why->code == ENOMEM || why->code == EMFILE ||
	       why->code == ENFILE;
}

/* Said once of a session (NULL: of all of them), and once for whatever the machine has no room for. */
static int
tell_unreadable(struct cachelook *look, struct seen *s, int status,
		const struct tape_error *why)
{
	bool *told = s != NULL && !passing(status, why) ? &s->told : &look->told;
	const char *file = why->file[0] != '\0' ? why->file
			   : s != NULL		? s->path
						: PATH_SESSIONS;

	if (!*told)
		reader_report(look->reader, TAPE_DAMAGE_MET, file, why->offset, 0,
			      "%.300s; results that others have stored there are not "
			      "found until it can be read",
			      status == TAPE_ERR_NOMEM ? "no memory" : why->message);
	*told = true;
	return status;
}

static int
unreadable(struct cachelook *look, struct seen *s, int negative_errno, const char *file)
{
	struct tape_error why = { 0 };

	(void)error_io(&why, negative_errno, file, "cannot read it");
	return tell_unreadable(look, s, TAPE_ERR_IO, &why);
}

/* ---- which sessions there are ---- */

/* Where it is, or would be. */
static size_t
seen_at(const struct cachelook *look, const uint64_t id[2])
{
	size_t lo = 0, hi = look->count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (cachelook_compare(look->sessions[mid].id, id) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int
add_seen(struct cachelook *look, size_t at, const uint64_t id[2], const char *path)
{
	size_t cap = look->cap == 0 ? 32 : look->cap * 2;
	struct seen *more;
	char *copy;

	if (look->count == look->cap) {
		more = reallocarray(look->sessions, cap, sizeof *more);
		if (more == NULL)
			return TAPE_ERR_NOMEM;
		look->sessions = more;
		look->cap = cap;
	}
	copy = strdup(path);
	if (copy == NULL)
		return TAPE_ERR_NOMEM;
	memmove(look->sessions + at + 1, look->sessions + at,
		(look->count - at) * sizeof *look->sessions);
	look->sessions[at] = (struct seen){ .id = { id[0], id[1] },
					    .path = copy,
					    .listed = look->looks };
	look->count++;
	return 0;
}

static int
visit(void *user, const char *name)
{
	struct cachelook *look = user;
	char path[320];
	uint64_t id[2];
	size_t at;
	bool session = path_parse_session(name, id);
	int n = snprintf(path, sizeof path, PATH_SESSIONS "/%s%s%s",
			 look->above ? look->above : "", look->above ? "/" : "", name);

	if (n < 0 || (size_t)n >= sizeof path)
		return 0;
	if (!session) {
		if (look->above != NULL)
			return 0;
		look->above = name;
		n = os_list(look->reader->dir.fd, path, visit, look);
		look->above = NULL;
		/* A file that is none of ours, or a directory that went. */
		if (n < 0 && n != -ENOTDIR && n != -ELOOP && n != -ENOENT)
			look->status = unreadable(look, NULL, n, path);
		return 0;
	}
	at = seen_at(look, id);
	if (at < look->count && cachelook_compare(look->sessions[at].id, id) == 0)
		look->sessions[at].listed = look->looks;
	else if (add_seen(look, at, id, path) != 0)
		look->status = TAPE_ERR_NOMEM;
	return 0;
}

/* Where they could not all be listed, nothing is known to be gone. */
static int
list_sessions(struct cachelook *look)
{
	size_t to = 0;
	int r;

	look->status = 0;
	look->looks++;
	r = os_list(look->reader->dir.fd, PATH_SESSIONS, visit, look);
	if (r < 0 && r != -ENOENT)
		look->status = unreadable(look, NULL, r, PATH_SESSIONS);
	if (look->status != 0)
		return look->status;
	/* Compacted and removed: generations have what it held. */
	for (size_t i = 0; i < look->count; i++)
		if (look->sessions[i].listed == look->looks)
			look->sessions[to++] = look->sessions[i];
		else
			seen_release(&look->sessions[i]);
	look->count = to;
	return 0;
}

/* ---- a segment ---- */

struct reading {
	struct cachelook *look;
	struct seen *s;
	cachelook_fn *fn;
	void *user;
	bool whole;
};

static int
take_form(struct seen *s, const struct record *record)
{
	struct tape_error ignored;
	struct form form, *more;
	size_t cap = s->form_cap == 0 ? 4 : s->form_cap * 2;
	int r = form_decode(record->data + RECORD_HEADER, record->len - RECORD_HEADER,
			    record->form, &form, &ignored);

	if (r != 0)
		return r == TAPE_ERR_NOMEM ? r : 0;
	for (size_t i = 0; i < s->form_count; i++)
		if (s->forms[i].number == record->form) {
			form_release(&form); /* the first definition holds */
			return 0;
		}
	if (!cached_form(&form)) {
		form_release(&form);
		return 0;
	}
	if (s->form_count == s->form_cap) {
		more = reallocarray(s->forms, cap, sizeof *more);
		if (more == NULL) {
			form_release(&form);
			return TAPE_ERR_NOMEM;
		}
		s->forms = more;
		s->form_cap = cap;
	}
	s->forms[s->form_count++] = form;
	return 0;
}

static int
take_scope(const struct reading *r, const struct frame *frame, uint64_t seq,
	   const struct record *record)
{
	struct cachelook_entry e = { .pos = { { r->s->id[0], r->s->id[1] }, seq },
				     .body = record->body,
				     .len = record->body_len };
	struct tape_error ignored;
	struct tape_hash key;
	size_t canonical;
	unsigned flags;

	for (size_t i = 0; i < r->s->form_count; i++) {
		e.form = &r->s->forms[i];
		if (e.form->number != record->form)
			continue;
		if (__builtin_add_overflow(frame->base_time, record->time_delta, &e.time))
			return 0;
		if (body_check(e.form, e.body, e.len, &canonical, &ignored) != 0 ||
		    !cached_read(e.form, e.body, canonical, &key, &flags))
			return 0;
		e.key = cached_key(key.byte);
		e.again = flags & CACHED_AGAIN;
		e.dropped = flags & CACHED_DROPPED;
		return r->fn(r->user, &e);
	}
	return 0;
}

/* Only scopes that a CACHE or CACHE_DROP record stands behind. */
static int
take_frame(const struct reading *r, const struct scan_event *event)
{
	const struct frame *frame = &event->frame;
	struct record record, scope = { 0 };
	uint64_t seq = frame->first_seq, scope_seq = 0;
	size_t at = 0, before = 0;
	int got, status = 0;

	while (status == 0) {
		got = record_next(event->payload, frame->payload_bytes, &at, &record);
		if (got == 0 || (got < 0 && at == before))
			break;
		before = at;
		if (got < 0)
			continue;
		if (record.kind == RECORD_FORM)
			status = take_form(r->s, &record);
		if (record.kind == RECORD_CACHE || record.kind == RECORD_CACHE_DROP) {
			if (scope_seq != 0 && (record.kind == RECORD_CACHE_DROP ||
					       record.target == scope_seq))
				status = take_scope(r, frame, scope_seq, &scope);
			/* CACHE behind CACHE_DROP, of one scope. */
			scope_seq = 0;
		}
		if (record_has_seq(record.kind)) {
			scope = record;
			scope_seq = record.kind == RECORD_SCOPE ? seq : 0;
			seq++;
		}
	}
	return status;
}

/* What is new in the open segment. *ended: it has an END frame. */
static int
scan_segment(const struct reading *r, int fd, uint64_t size, bool *ended, bool *closed,
	     struct tape_error *why)
{
	struct seen *s = r->s;
	struct segment_id expect = { .number = s->segment };
	struct block_source source = block_from_fd(&fd, size);
	struct segment_scan *scan = NULL;
	struct scan_event event;
	struct end_info end;
	int got = 0, status = 0;

	memcpy(expect.tape, r->look->reader->dir.id, sizeof expect.tape);
	memcpy(expect.session, s->id, sizeof expect.session);
	status = segment_scan_open(&source, &expect, HAS_CACHE | HAS_FORM, &scan, why);
	if (status != 0)
		return status == TAPE_ERR_NOMEM || status == TAPE_ERR_IO ? status : 0;
	if (s->offset != 0)
		segment_scan_seek(scan, s->offset);
	while (status == 0 && (got = segment_scan_next(scan, &event, why)) == 1) {
		if (event.kind == SCAN_TAIL)
			break;
		if (event.kind != SCAN_FRAME)
			continue;
		if (event.payload != NULL)
			status = take_frame(r, &event);
		if (status == 0 && (event.frame.flags & FRAME_LAST) != 0)
			s->offset = event.frame.offset + FRAME_HEADER +
				    event.frame.payload_bytes;
	}
	if (status == 0 && got < 0)
		status = got;
	*ended = segment_scan_ended(scan, &end);
	*closed = *ended && end.reason == END_CLOSED;
	segment_scan_close(scan);
	return status;
}

/* ---- a session ---- */

/* The first segment from `from` on that is there; 1, 0 = none, negative. */
static int
next_segment(const struct reading *r, uint32_t from)
{
	struct cachelook *look = r->look;
	struct seen *s = r->s;
	struct tapedir_session listed = { .id = { s->id[0], s->id[1] } };
	struct tape_error why = { 0 };
	int found = 0;

	(void)snprintf(listed.path, sizeof listed.path, "%s", s->path);
	found = tapedir_list_session(&look->reader->dir, &listed, &why);
	if (found != 0) /* it may have been compacted, and be gone */
		return why.code == ENOENT ? 0 : tell_unreadable(look, s, found, &why);
	for (size_t i = 0; i < listed.log_count && found == 0; i++)
		if (listed.logs[i] >= from) {
			drop_forms(s);
			s->segment = listed.logs[i];
			s->offset = s->size = 0;
			found = 1;
		}
	free(listed.logs);
	free(listed.blob_logs);
	return found;
}

static void
segment_path(const struct seen *s, char *path, size_t cap)
{
	char name[PATH_SEGMENT_TEXT];

	path_segment(s->segment, false, name);
	(void)snprintf(path, cap, "%s/%s", s->path, name);
}

/* A segment that has not been read as far as it goes; as scan_one. */
static int
read_on(const struct reading *r, const char *path)
{
	struct seen *s = r->s;
	struct tape_error why = { 0 };
	bool ended = false, closed = false;
	struct os_stat st;
	int fd = -1, status;

	status = os_open_read(r->look->reader->dir.fd, path, &fd);
	if (status == 0)
		status = os_fstat(fd, &st);
	if (status != 0) {
		os_close(&fd);
		return status == -ENOENT ? next_segment(r, s->segment + 1)
					 : unreadable(r->look, s, status, path);
	}
	status = scan_segment(r, fd, st.size, &ended, &closed, &why);
	os_close(&fd);
	if (status != 0) {
		if (why.file[0] == '\0')
			(void)snprintf(why.file, sizeof why.file, "%s", path);
		return tell_unreadable(r->look, s, status, &why);
	}
	s->size = st.size;
	s->done = closed;
	return (ended || r->whole) && !closed ? next_segment(r, s->segment + 1) : 0;
}

/* 1 = there may be more in the next segment, 0 = that was all, negative. */
static int
scan_one(const struct reading *r)
{
	struct seen *s = r->s;
	char path[360];
	struct os_stat st;
	int status;

	segment_path(s, path, sizeof path);
	status = os_stat(r->look->reader->dir.fd, path, &st);
	if (status == -ENOENT)
		return next_segment(r, s->segment + 1);
	if (status != 0)
		return unreadable(r->look, s, status, path);
	if (st.size == s->size)
		return r->whole || ++s->idle % LOOK_FOR_NEXT == 0
			       ? next_segment(r, s->segment + 1)
			       : 0;
	s->idle = 0;
	return read_on(r, path);
}

static int
scan_session(const struct reading *r)
{
	struct seen *s = r->s;
	int status = 1;

	if (!s->begun) {
		status = next_segment(r, 0);
		s->begun = status == 1;
	}
	while (s->begun && !s->done && status == 1)
		status = scan_one(r);
	return status < 0 ? status : 0;
}

/* ---- generations, as they come ---- */

static bool
has_generation(const struct generations *g, const char *name)
{
	for (size_t i = 0; g != NULL && i < g->count; i++)
		if (!g->items[i].lost && strcmp(g->items[i].name, name) == 0)
			return true;
	return false;
}

static void
count_news(struct cachelook *look, const struct generations *g)
{
	for (size_t i = 0; i < g->count; i++)
		if (g->items[i].scopes_ready &&
		    cached_withdraws(g->items[i].scopes.forms,
				     g->items[i].scopes.form_count) &&
		    !has_generation(look->generations, g->items[i].name)) {
			look->news++;
			return;
		}
}

/* The newest ones. What cannot be had is left for the next time. */
static int
refresh_generations(struct cachelook *look)
{
	struct generations *g = NULL;
	struct tape_error why = { 0 };
	struct os_stat st;
	int r = os_stat(look->reader->dir.fd, "live", &st);

	look->none_live = r == -ENOENT;
	if (r != 0)
		return look->none_live ? 0 : unreadable(look, NULL, r, "live");
	if (look->generations != NULL && st.mtime_ns == look->live_mtime)
		return 0;
	r = generations_get(look->reader, &g, &why);
	if (r != 0)
		return tell_unreadable(look, NULL, r, &why);
	if (g != look->generations)
		count_news(look, g);
	generations_release(look->generations);
	look->generations = g;
	/* Its clock ticks slowly: what is written in the same tick would not be seen. */
	look->live_mtime =
		os_realtime_ns() - st.mtime_ns > YOUNG_NS ? st.mtime_ns : INT64_MIN;
	return 0;
}

uint32_t
cachelook_news(const struct cachelook *look)
{
	return look->news;
}

int
cachelook_scan(struct cachelook *look, const uint64_t own[2], bool whole,
	       cachelook_fn *fn, void *user)
{
	struct reading r = { .look = look, .fn = fn, .user = user, .whole = whole };
	int status = list_sessions(look), other;

	for (size_t i = 0; i < look->count; i++) {
		r.s = &look->sessions[i];
		if (cachelook_compare(r.s->id, own) == 0)
			continue;
		other = scan_session(&r);
		status = status != 0 ? status : other;
	}
	/* Last: what was compacted since the sessions were listed is in them. */
	other = refresh_generations(look);
	return status != 0 ? status : other;
}

/* ---- generations ---- */

struct finding {
	struct cachelook *look;
	size_t generation;
	struct tape_key key;
	cachelook_fn *fn;
	void *user;
};

static int
found(void *user, const struct index_cache_entry *at)
{
	const struct finding *f = user;
	const struct scopepack *p = &f->look->generations->items[f->generation].scopes;
	struct cachelook_entry e = { .key = f->key,
				     .time = at->time,
				     .again = at->flags & CACHED_AGAIN,
				     .dropped = at->flags & CACHED_DROPPED,
				     .packed = true };

	memcpy(e.pos.session, p->sessions[at->session].id, sizeof e.pos.session);
	e.pos.seq = at->seq;
	if (at->form != 0) {
		e.form = &p->forms[at->form];
		e.body = at->canonical;
		e.len = at->len;
	}
	return f->fn(f->user, &e);
}

/* *skipped: not all generations could be asked. */
static int
find_in_all(struct finding *f, const struct tape_hash *key, bool *skipped)
{
	struct generations *g = f->look->generations;
	struct tape_error why = { 0 };
	int r = 0;

	*skipped = false;
	for (size_t i = g == NULL ? 0 : g->count; i-- > 0 && r == 0;) {
		struct index_reader *x = NULL;

		if (!g->items[i].lost && generation_need(g, i, &why) == 0)
			x = generation_index(g, i);
		*skipped |= x == NULL;
		if (x == NULL)
			continue;
		f->generation = i;
		r = index_find_cache(x, key, found, f, &why);
		if (r == TAPE_ERR_DAMAGED || r == TAPE_ERR_TOO_NEW || r == TAPE_ERR_IO) {
			generation_index_failed(g, i, r, &why);
			*skipped = true;
			r = 0;
		}
	}
	return r;
}

int
cachelook_find(struct cachelook *look, struct tape_key key, cachelook_fn *fn, void *user)
{
	struct finding f = { .look = look, .key = key, .fn = fn, .user = user };
	struct tape_hash hash;
	bool skipped;
	int r;

	/* Where there was none at the last look, none is asked for with every key. */
	if (look->generations == NULL && !look->none_live)
		(void)refresh_generations(look);
	cached_key_put(key, hash.byte);
	r = find_in_all(&f, &hash, &skipped);
	/* One that was merged, and went, before it was asked first: what is there now has it all. */
	for (unsigned tries = 0; r == 0 && skipped && tries < FIND_TRIES &&
				 generations_changed(look->generations);
	     tries++) {
		look->live_mtime = INT64_MIN;
		if (refresh_generations(look) != 0)
			break;
		r = find_in_all(&f, &hash, &skipped);
	}
	return r;
}
