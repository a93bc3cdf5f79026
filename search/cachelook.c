/* SPDX-License-Identifier: Apache-2.0 */
#include "search/cachelook.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/hash.h"
#include "format/index.h"
#include "format/le.h"
#include "format/os.h"
#include "format/path.h"
#include "format/segment.h"
#include "search/reader.h"
#include "search/scope.h"
#include "search/snapshot.h"

/* A writer leaves a segment without an end where a write failed: seldom looked for. */
#define LOOK_FOR_NEXT 8u
/* A directory whose time is so young may change once more within its clock's tick. */
#define YOUNG_NS INT64_C(2000000000)

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
};

struct cachelook {
	struct tape_reader *reader;
	struct seen *sessions; /* in the order of ids */
	size_t count, cap;
	uint64_t looks;
	const char *above; /* while names are listed */
	int status;	   /* of listing */
	struct generations *generations;
	int64_t live_mtime;
	/* The session that scopes were asked of last. */
	struct snapshot *snapshot;
	struct source *source;
	struct tape_scope scope;
	uint64_t opened[2];
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

static void close_source(struct cachelook *look);

void
cachelook_close(struct cachelook *look)
{
	if (look == NULL)
		return;
	for (size_t i = 0; i < look->count; i++)
		seen_release(&look->sessions[i]);
	free(look->sessions);
	close_source(look);
	generations_release(look->generations);
	tape_reader_close(look->reader);
	free(look);
}

/* ---- which sessions there are ---- */

static int
compare_ids(const uint64_t a[2], const uint64_t b[2])
{
	if (a[0] != b[0])
		return a[0] < b[0] ? -1 : 1;
	return (a[1] > b[1]) - (a[1] < b[1]);
}

/* Where it is, or would be. */
static size_t
seen_at(const struct cachelook *look, const uint64_t id[2])
{
	size_t lo = 0, hi = look->count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (compare_ids(look->sessions[mid].id, id) < 0)
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
		(void)os_list(look->reader->dir.fd, path, visit, look);
		look->above = NULL;
		return look->status != 0;
	}
	at = seen_at(look, id);
	if (at < look->count && compare_ids(look->sessions[at].id, id) == 0)
		look->sessions[at].listed = look->looks;
	else
		look->status = add_seen(look, at, id, path);
	return look->status != 0;
}

/* False: it could not be listed, so nothing is known to be gone. */
static bool
list_sessions(struct cachelook *look)
{
	size_t to = 0;

	look->status = 0;
	look->looks++;
	if (os_list(look->reader->dir.fd, PATH_SESSIONS, visit, look) != 0)
		return false;
	/* Compacted and removed: generations have what it held. */
	for (size_t i = 0; i < look->count; i++)
		if (look->sessions[i].listed == look->looks)
			look->sessions[to++] = look->sessions[i];
		else
			seen_release(&look->sessions[i]);
	look->count = to;
	return true;
}

/* ---- a segment ---- */

struct reading {
	struct cachelook *look;
	struct seen *s;
	cachelook_fn *fn;
	void *user;
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

static struct tape_key
key_from(const struct tape_hash *hash)
{
	return (struct tape_key){ .hi = __builtin_bswap64(get_le64(hash->byte)),
				  .lo = __builtin_bswap64(get_le64(hash->byte + 8)) };
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
		e.key = key_from(&key);
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
scan_segment(const struct reading *r, int fd, uint64_t size, bool *ended, bool *closed)
{
	struct seen *s = r->s;
	struct segment_id expect = { .number = s->segment };
	struct block_source source = block_from_fd(&fd, size);
	struct segment_scan *scan = NULL;
	struct tape_error ignored;
	struct scan_event event;
	struct end_info end;
	int got = 0, status = 0;

	memcpy(expect.tape, r->look->reader->dir.id, sizeof expect.tape);
	memcpy(expect.session, s->id, sizeof expect.session);
	status = segment_scan_open(&source, &expect, HAS_CACHE | HAS_FORM, &scan,
				   &ignored);
	if (status != 0)
		return status == TAPE_ERR_NOMEM || status == TAPE_ERR_IO ? status : 0;
	if (s->offset != 0)
		segment_scan_seek(scan, s->offset);
	while (status == 0 && (got = segment_scan_next(scan, &event, &ignored)) == 1) {
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

/* The first segment from `from` on that is there; false: none. */
static bool
next_segment(struct cachelook *look, struct seen *s, uint32_t from)
{
	struct tapedir_session listed = { .id = { s->id[0], s->id[1] } };
	struct tape_error ignored;
	bool found = false;

	(void)snprintf(listed.path, sizeof listed.path, "%s", s->path);
	if (tapedir_list_session(&look->reader->dir, &listed, &ignored) != 0)
		return false;
	for (size_t i = 0; i < listed.log_count && !found; i++)
		if (listed.logs[i] >= from) {
			drop_forms(s);
			s->segment = listed.logs[i];
			s->offset = s->size = 0;
			found = true;
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

/* 1 = there may be more in the next segment, 0 = that was all, negative. */
static int
scan_one(const struct reading *r)
{
	struct seen *s = r->s;
	char path[360];
	bool ended = false, closed = false;
	struct os_stat st;
	int fd = -1, status;

	segment_path(s, path, sizeof path);
	status = os_stat(r->look->reader->dir.fd, path, &st);
	if (status == -ENOENT)
		return next_segment(r->look, s, s->segment + 1);
	if (status != 0)
		return 0;
	if (st.size == s->size) {
		if (++s->idle % LOOK_FOR_NEXT != 0)
			return 0;
		return next_segment(r->look, s, s->segment + 1);
	}
	s->idle = 0;
	status = os_open_read(r->look->reader->dir.fd, path, &fd);
	if (status == 0)
		status = os_fstat(fd, &st);
	if (status != 0) {
		os_close(&fd);
		return 0;
	}
	status = scan_segment(r, fd, st.size, &ended, &closed);
	os_close(&fd);
	if (status != 0)
		return status;
	s->size = st.size;
	s->done = closed;
	return ended && !closed ? next_segment(r->look, s, s->segment + 1) : 0;
}

static int
scan_session(const struct reading *r)
{
	struct seen *s = r->s;
	int status = 1;

	if (!s->begun)
		s->begun = next_segment(r->look, s, 0);
	while (s->begun && !s->done && status == 1)
		status = scan_one(r);
	return status < 0 ? status : 0;
}

/* The newest ones. What cannot be had is left for the next time. */
static void
refresh_generations(struct cachelook *look)
{
	struct generations *g = NULL;
	struct tape_error ignored;
	struct os_stat st;

	if (os_stat(look->reader->dir.fd, "live", &st) != 0)
		return;
	if (look->generations != NULL && st.mtime_ns == look->live_mtime)
		return;
	if (generations_get(look->reader, &g, &ignored) != 0)
		return;
	generations_release(look->generations);
	look->generations = g;
	/* Its clock ticks slowly: what is written in the same tick would not be seen. */
	look->live_mtime =
		os_realtime_ns() - st.mtime_ns > YOUNG_NS ? st.mtime_ns : INT64_MIN;
}

int
cachelook_scan(struct cachelook *look, const uint64_t own[2], cachelook_fn *fn,
	       void *user)
{
	struct reading r = { .look = look, .fn = fn, .user = user };
	int status = 0;

	(void)list_sessions(look);
	for (size_t i = 0; i < look->count && status == 0; i++) {
		r.s = &look->sessions[i];
		if (compare_ids(r.s->id, own) != 0)
			status = scan_session(&r);
	}
	/* Last: what was compacted since the sessions were listed is in them. */
	refresh_generations(look);
	return status;
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

int
cachelook_find(struct cachelook *look, struct tape_key key, cachelook_fn *fn, void *user)
{
	struct finding f = { .look = look, .key = key, .fn = fn, .user = user };
	struct tape_error why = { 0 };
	struct tape_hash hash;
	int r = 0;

	if (look->generations == NULL)
		refresh_generations(look);
	put_le64(hash.byte, __builtin_bswap64(key.hi));
	put_le64(hash.byte + 8, __builtin_bswap64(key.lo));
	for (size_t i = look->generations == NULL ? 0 : look->generations->count;
	     i-- > 0 && r == 0;) {
		struct index_reader *x;

		if (look->generations->items[i].lost ||
		    generation_need(look->generations, i, &why) != 0)
			continue;
		x = generation_index(look->generations, i);
		if (x == NULL)
			continue;
		f.generation = i;
		r = index_find_cache(x, &hash, found, &f, &why);
		if (r == TAPE_ERR_DAMAGED || r == TAPE_ERR_TOO_NEW || r == TAPE_ERR_IO) {
			generation_index_failed(look->generations, i, r, &why);
			r = 0;
		}
	}
	return r;
}

/* ---- values that are not at hand ---- */

/* The session that was asked last stays open, as it was then. */
static void
close_source(struct cachelook *look)
{
	scope_release(&look->scope);
	if (look->source != NULL)
		look->source->ops->close(look->source);
	look->source = NULL;
	snapshot_free(look->snapshot);
	look->snapshot = NULL;
}

/* 1, 0 = there is no such session, negative. */
static int
open_source(struct cachelook *look, const uint64_t session[2], struct tape_error *err)
{
	int r;

	close_source(look);
	r = snapshot_take_between(look->reader, session, session, &look->snapshot, err);
	if (r != 0) {
		look->snapshot = NULL;
		return r;
	}
	for (size_t i = 0; i < look->snapshot->count; i++) {
		if (compare_ids(look->snapshot->sessions[i].id, session) != 0)
			continue;
		r = snapshot_open(look->snapshot, i, &look->source, err);
		if (r != 1)
			look->source = NULL;
		return r;
	}
	return 0;
}

int
cachelook_scope(struct cachelook *look, const struct tape_pos *pos,
		cachelook_scope_fn *fn, void *user, struct tape_error *err)
{
	struct source_record rec;
	int r = 0;

	/* As it was opened, then as it is now: it may have grown, or been compacted. */
	for (unsigned tries = 0; tries < 3; tries++) {
		bool open = look->source != NULL &&
			    compare_ids(look->opened, pos->session) == 0;

		r = open && tries == 0 ? 1 : open_source(look, pos->session, err);
		memcpy(look->opened, pos->session, sizeof look->opened);
		if (r == 1)
			r = look->source->ops->lookup(look->source, pos->seq, &rec, err);
		if (r == 1)
			r = scope_show(&look->scope, look->source, &rec, NULL) == 0
				    ? 1
				    : TAPE_ERR_NOMEM;
		if (r == 1 || r == TAPE_ERR_NOMEM)
			break;
		close_source(look);
	}
	return r == 1 ? fn(user, &look->scope) : r;
}

static int
read_loose(struct cachelook *look, const struct tape_value *v, uint8_t **out,
	   struct tape_error *err)
{
	char path[PATH_BLOB_TEXT];
	struct tape_hash hash;
	struct os_stat st;
	uint8_t *data = NULL;
	int64_t got = 0;
	int fd = -1, r;

	path_blob(&v->hash, path);
	r = os_open_read(look->reader->dir.fd, path, &fd);
	if (r == 0)
		r = os_fstat(fd, &st);
	if (r == -ENOENT)
		return error_set(err, TAPE_ERR_NOT_FOUND, path, 0,
				 "there is no such blob");
	if (r != 0) {
		os_close(&fd);
		return error_io(err, r, path, "cannot open the blob");
	}
	if (st.size == v->size)
		data = malloc((size_t)v->size + 1);
	if (data != NULL)
		got = os_pread(fd, data, (size_t)v->size, 0);
	os_close(&fd);
	if (st.size == v->size && data == NULL)
		return error_set(err, TAPE_ERR_NOMEM, path, 0, "no memory for the blob");
	if (got < 0) {
		free(data);
		return error_io(err, (int)got, path, "cannot read the blob");
	}
	if (data != NULL && got == (int64_t)v->size)
		hash = hash_bytes(data, (size_t)v->size);
	if (data == NULL || got != (int64_t)v->size || !hash_equal(&hash, &v->hash)) {
		free(data);
		return error_set(err, TAPE_ERR_DAMAGED, path, 0,
				 "the blob is not what its name says; restore the file "
				 "from a copy");
	}
	*out = data;
	return 0;
}

int
cachelook_blob(struct cachelook *look, const struct tape_value *value, uint8_t **out,
	       struct tape_error *err)
{
	struct tape_error packed = { 0 };
	uint8_t *data = NULL, *more;
	int r = generations_find_blob(look->reader, &value->hash, value->size, &data,
				      &packed);
	int loose;

	if (r == 0) {
		more = realloc(data, (size_t)value->size + 1);
		if (more == NULL) {
			free(data);
			return error_set(err, TAPE_ERR_NOMEM, NULL, 0,
					 "no memory for the blob");
		}
		*out = more;
		return 0;
	}
	if (r == TAPE_ERR_NOMEM) {
		if (err != NULL)
			*err = packed;
		return r;
	}
	loose = read_loose(look, value, out, err);
	if (loose == 0 || r == TAPE_ERR_NOT_FOUND)
		return loose;
	/* The one that says most about why. */
	if (err != NULL)
		*err = packed;
	return r;
}
