/* SPDX-License-Identifier: Apache-2.0 */
#include "search/seenlook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/hash.h"
#include "format/hintfile.h"
#include "format/index.h"
#include "format/os.h"
#include "format/path.h"
#include "search/content.h"
#include "search/reader.h"
#include "search/snapshot.h"

/* What is read because it has no hint, of segments. */
#define SCAN_BYTES ((uint64_t)64 << 20)
/* A look for what is new is taken at most so often, and for this part of the time. */
#define LOOK_NS INT64_C(1000000000)
#define LOOK_SHARE 20
#define OPEN_HINTS 64u
#define OPEN_SOURCES 8u
/* Memory of each, in a program that has other things to do. */
#define RAW_CACHE ((size_t)2 << 20)
#define PACKED_CACHE ((size_t)8 << 20)

struct hint {
	struct hintfile file;
	char path[sizeof((struct tapedir_session *)0)->path + PATH_SEGMENT_TEXT];
	uint64_t size;
	int fd;	       /* -1: opened when it is asked */
	uint8_t *data; /* of a segment without one: made here */
};

/* A session, and what is known of it. */
struct known {
	uint64_t id[2];
	uint64_t raw_bytes; /* of its segments, when they were last read */
	uint64_t met_seq;   /* up to here it is known what it has */
	uint32_t next_log;  /* the first segment that was not asked for its hint */
	bool skipped;	    /* it had too much to read: hints alone tell of it */
};

struct seenlook {
	struct tape_reader *reader;
	struct snapshot *snapshot; /* NULL: take one */
	int64_t taken_ns, took_ns;
	/* Of the sessions that were asked last, each with its place in the snapshot. */
	struct source *sources[OPEN_SOURCES];
	size_t source_of[OPEN_SOURCES];
	unsigned next_source;
	struct known *known;
	size_t known_count, known_cap;
	struct hint *hints;
	size_t hint_count, hint_cap, open_hints;
	uint64_t scan_bytes; /* that may still be read */
};

int
seenlook_open(const struct tapedir *dir, struct seenlook **out, struct tape_error *err)
{
	struct seenlook *look = calloc(1, sizeof *look);
	int r;

	if (look == NULL)
		return error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a reader");
	look->scan_bytes = SCAN_BYTES;
	r = reader_open_at(dir, NULL, &look->reader, err);
	if (r != 0) {
		free(look);
		return r;
	}
	look->reader->raw_cache = RAW_CACHE;
	look->reader->packed_cache = PACKED_CACHE;
	*out = look;
	return 0;
}

static void
drop_snapshot(struct seenlook *look)
{
	for (size_t i = 0; i < OPEN_SOURCES; i++) {
		if (look->sources[i] != NULL)
			look->sources[i]->ops->close(look->sources[i]);
		look->sources[i] = NULL;
	}
	snapshot_free(look->snapshot);
	look->snapshot = NULL;
}

void
seenlook_close(struct seenlook *look)
{
	if (look == NULL)
		return;
	drop_snapshot(look);
	for (size_t i = 0; i < look->hint_count; i++) {
		os_close(&look->hints[i].fd);
		free(look->hints[i].data);
	}
	free(look->hints);
	free(look->known);
	tape_reader_close(look->reader);
	free(look);
}

/* Room for one more; false: no memory. */
static bool
grow(void **list, size_t *cap, size_t count, size_t size)
{
	size_t more = *cap == 0 ? 16 : *cap * 2;
	void *bigger;

	if (count < *cap)
		return true;
	bigger = reallocarray(*list, more, size);
	if (bigger == NULL)
		return false;
	*list = bigger;
	*cap = more;
	return true;
}

/* ---- scopes ---- */

/* The whole hash of a scope; false: it is lost, cannot be read, or is of bytes that are kept nowhere. */
static bool
hash_of(struct source *source, const struct source_record *rec, struct tape_hash *out)
{
	struct content content;

	return !form_hashes_only(&rec->form->form) &&
	       content_get_canonical(source, rec, &content, NULL) == 0 && !content.lost &&
	       content_check(&content) &&
	       content_hash(&rec->form->form, &content, out, NULL) == 0;
}

/* The session's place in the snapshot, or its count. */
static size_t
find_session(const struct snapshot *s, const uint64_t id[2])
{
	size_t lo = 0, hi = s->count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const uint64_t *at = s->sessions[mid].id;

		if (at[0] < id[0] || (at[0] == id[0] && at[1] < id[1]))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < s->count && memcmp(s->sessions[lo].id, id, 16) == 0 ? lo : s->count;
}

static struct source *
source_of(struct seenlook *look, const uint64_t id[2])
{
	size_t at = find_session(look->snapshot, id);
	unsigned place;

	if (at == look->snapshot->count)
		return NULL;
	for (size_t i = 0; i < OPEN_SOURCES; i++)
		if (look->sources[i] != NULL && look->source_of[i] == at)
			return look->sources[i];
	place = look->next_source++ % OPEN_SOURCES;
	if (look->sources[place] != NULL)
		look->sources[place]->ops->close(look->sources[place]);
	look->sources[place] = NULL;
	if (snapshot_open(look->snapshot, at, &look->sources[place], NULL) != 1)
		return NULL;
	look->source_of[place] = at;
	return look->sources[place];
}

/* Has the scope of that seq this content? */
static bool
is_there(struct seenlook *look, const uint64_t id[2], uint64_t seq,
	 const struct tape_hash *hash)
{
	struct source *source = source_of(look, id);
	struct source_record rec;
	struct tape_hash have;

	return source != NULL && source->ops->lookup(source, seq, &rec, NULL) == 1 &&
	       hash_of(source, &rec, &have) && memcmp(&have, hash, sizeof have) == 0;
}

/* ---- segments without a hint ---- */

/* Calls fn for scopes lo..hi that hold a content of their own; false ends it. The seq it got to. */
static uint64_t
walk(struct source *source, uint64_t lo, uint64_t hi,
     bool (*fn)(void *user, uint64_t seq, const struct tape_hash *hash), void *user)
{
	struct source_iter iter = { .lo = lo, .hi = hi };
	struct source_record rec;
	struct tape_hash hash;
	uint64_t last = lo - 1;

	if (source->ops->begin(source, &iter, NULL) != 0)
		return last;
	while (source->ops->next(source, &rec, NULL) == 1) {
		if ((rec.kind == SOURCE_SCOPE || rec.kind == SOURCE_PROJECTION) &&
		    hash_of(source, &rec, &hash) && !fn(user, rec.seq, &hash))
			break;
		last = rec.seq;
	}
	return last;
}

struct making {
	struct hintfile file;
	uint64_t *entries;
	size_t cap;
	bool failed;
};

static bool
make_one(void *user, uint64_t seq, const struct tape_hash *hash)
{
	struct making *m = user;
	uint64_t at = seq - m->file.first_seq;

	if (at >> HINTFILE_SEQ_BITS != 0)
		return false;
	if (!grow((void **)&m->entries, &m->cap, m->file.count, sizeof *m->entries)) {
		m->failed = true;
		return false;
	}
	m->entries[m->file.count++] = hintfile_entry(hash, at);
	return true;
}

static uint64_t
raw_bytes(const struct snapshot_session *s)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < s->dir.log_count && s->sizes != NULL; i++)
		bytes += s->sizes[i];
	return bytes;
}

/* As if there were a hint of it. */
static void
keep_made(struct seenlook *look, struct making *m)
{
	struct hint hint = { .file = m->file, .fd = -1 };
	size_t len = 0;

	if (m->file.count == 0 ||
	    !grow((void **)&look->hints, &look->hint_cap, look->hint_count,
		  sizeof *look->hints) ||
	    hintfile_make(&m->file, m->entries, &hint.data, &len) != 0)
		return;
	hint.size = len;
	look->hints[look->hint_count++] = hint;
}

/* What the session has beyond its hints and generations. */
static void
scan(struct seenlook *look, const struct snapshot_session *s, struct known *k)
{
	struct making m = { .file = { .count = 0 } };
	uint64_t bytes = raw_bytes(s),
		 more = bytes > k->raw_bytes ? bytes - k->raw_bytes : 0;
	struct source *source;

	if (more == 0 || k->skipped)
		return;
	k->raw_bytes = bytes;
	if (k->met_seq < s->packed_seq)
		k->met_seq = s->packed_seq;
	k->skipped = more > look->scan_bytes;
	if (k->skipped)
		return;
	source = source_of(look, s->id);
	if (source == NULL)
		return;
	look->scan_bytes -= more;
	memcpy(m.file.id.session, s->id, sizeof m.file.id.session);
	m.file.first_seq = k->met_seq + 1;
	k->met_seq = walk(source, k->met_seq + 1, INT64_MAX, make_one, &m);
	m.file.next_seq = k->met_seq + 1;
	keep_made(look, &m);
	free(m.entries);
}

/* ---- hints ---- */

static int
open_hint(struct seenlook *look, struct hint *hint)
{
	struct os_stat st;
	int r;

	if (hint->fd >= 0)
		return 0;
	r = os_open_read(look->reader->dir.fd, hint->path, &hint->fd);
	if (r != 0)
		return r;
	r = os_fstat(hint->fd, &st);
	hint->size = r == 0 ? st.size : 0;
	return 0;
}

static void
shut_hint(struct seenlook *look, struct hint *hint)
{
	if (look->open_hints < OPEN_HINTS)
		look->open_hints++;
	else
		os_close(&hint->fd);
}

/* True: there is one, and it is of this segment. */
static bool
take_hint(struct seenlook *look, const struct snapshot_session *s, uint32_t number)
{
	struct hint hint = { .fd = -1 };
	struct block_source source;
	char name[PATH_SEGMENT_TEXT];
	bool fits;

	path_hint(number, name);
	(void)snprintf(hint.path, sizeof hint.path, "%s/%s", s->dir.path, name);
	if (open_hint(look, &hint) != 0)
		return false;
	source = block_from_fd(&hint.fd, hint.size);
	fits = hintfile_open(&source, &hint.file) == 0 && hint.file.id.number == number &&
	       memcmp(hint.file.id.tape, look->reader->dir.id, 16) == 0 &&
	       memcmp(hint.file.id.session, s->id, sizeof s->id) == 0 &&
	       grow((void **)&look->hints, &look->hint_cap, look->hint_count,
		    sizeof *look->hints);
	if (!fits) {
		os_close(&hint.fd);
		return false;
	}
	shut_hint(look, &hint);
	look->hints[look->hint_count++] = hint;
	return true;
}

/* The segments in a row that have one, from the first on: the rest may be read. */
static void
take_hints(struct seenlook *look, const struct snapshot_session *s, struct known *k)
{
	for (size_t i = 0; i < s->dir.log_count; i++) {
		uint32_t number = s->dir.logs[i];
		const struct hintfile *file;

		if (number < k->next_log)
			continue;
		if (!take_hint(look, s, number))
			break;
		k->next_log = number + 1;
		file = &look->hints[look->hint_count - 1].file;
		if (k->met_seq + 1 >= file->first_seq && k->met_seq < file->next_seq)
			k->met_seq = file->next_seq - 1;
		k->raw_bytes += s->sizes != NULL ? s->sizes[i] : 0;
	}
}

struct asking {
	struct seenlook *look;
	const struct hint *hint;
	const struct tape_hash *hash;
};

static int
ask_one(void *user, uint64_t seq)
{
	const struct asking *a = user;

	return is_there(a->look, a->hint->file.id.session, seq, a->hash);
}

static bool
ask_hints(struct seenlook *look, const struct tape_hash *hash)
{
	uint64_t print = hintfile_print(hash);
	bool found = false;

	for (size_t i = look->hint_count; i-- > 0 && !found;) {
		struct hint *hint = &look->hints[i];
		struct asking asking = { look, hint, hash };
		struct block_memory memory = { hint->data, (size_t)hint->size };
		bool was_open = hint->fd >= 0;
		struct block_source source;

		if (hint->data == NULL && open_hint(look, hint) != 0)
			continue;
		source = hint->data != NULL ? block_from_memory(&memory)
					    : block_from_fd(&hint->fd, hint->size);
		found = hintfile_find(&source, &hint->file, print, ask_one, &asking) == 1;
		if (!was_open)
			os_close(&hint->fd);
	}
	return found;
}

/* ---- generations ---- */

static int
is_content(void *user, const uint8_t fingerprint[FINGERPRINT_BYTES], uint64_t ordinal)
{
	(void)user;
	(void)fingerprint;
	(void)ordinal;
	return 1;
}

/* 80 equal bits are equal content, as they are to whoever made the generation. */
static bool
ask_generations(struct seenlook *look, const struct tape_hash *hash)
{
	struct generations *g = look->snapshot->generations;
	bool found = false;

	for (size_t i = g == NULL ? 0 : g->count; i-- > 0 && !found;) {
		struct tape_error why = { 0 };
		struct index_reader *index;
		int r;

		if (g->items[i].lost || generation_need(g, i, &why) != 0)
			continue;
		index = generation_index(g, i);
		if (index == NULL)
			continue;
		r = index_find_content(index, hash->byte, 8 * FINGERPRINT_BYTES,
				       is_content, NULL, &why);
		if (r < 0)
			generation_index_failed(g, i, r, &why);
		found = r == 1;
	}
	return found;
}

/* ---- what is new ---- */

static struct known *
known_of(struct seenlook *look, const uint64_t id[2])
{
	for (size_t i = look->known_count; i-- > 0;)
		if (memcmp(look->known[i].id, id, sizeof look->known[i].id) == 0)
			return &look->known[i];
	if (!grow((void **)&look->known, &look->known_cap, look->known_count,
		  sizeof *look->known))
		return NULL;
	look->known[look->known_count] = (struct known){ .id = { id[0], id[1] } };
	return &look->known[look->known_count++];
}

static void
look_again(struct seenlook *look)
{
	int64_t now = os_monotonic_ns();

	drop_snapshot(look);
	if (snapshot_take(look->reader, &look->snapshot, NULL) != 0)
		look->snapshot = NULL;
	for (size_t i = 0; look->snapshot != NULL && i < look->snapshot->count; i++) {
		const struct snapshot_session *s = &look->snapshot->sessions[i];
		struct known *k;

		if (s->dir.log_count == 0)
			continue;
		k = known_of(look, s->id);
		if (k == NULL)
			break;
		take_hints(look, s, k);
		scan(look, s, k);
	}
	look->taken_ns = os_monotonic_ns();
	look->took_ns = look->taken_ns - now;
}

static bool
ask(struct seenlook *look, const struct tape_hash *hash)
{
	if (look->snapshot == NULL)
		return false;
	return ask_generations(look, hash) || ask_hints(look, hash);
}

bool
seenlook_find(struct seenlook *look, const struct tape_hash *hash)
{
	int64_t wait = look->took_ns * LOOK_SHARE;

	if (look->snapshot != NULL && ask(look, hash))
		return true;
	if (look->snapshot != NULL &&
	    os_monotonic_ns() - look->taken_ns < (wait > LOOK_NS ? wait : LOOK_NS))
		return false;
	look_again(look);
	return ask(look, hash);
}

/* ---- making a hint ---- */

static int
write_hint(const struct tape_reader *reader, const char *dir, uint32_t number,
	   struct making *m, struct tape_error *err)
{
	char path[sizeof((struct tapedir_session *)0)->path + PATH_SEGMENT_TEXT];
	char name[PATH_SEGMENT_TEXT];
	uint8_t *data = NULL;
	size_t len = 0;
	int fd = -1, r;

	if (hintfile_make(&m->file, m->entries, &data, &len) != 0)
		return error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a hint");
	path_hint(number, name);
	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	r = os_create(reader->dir.fd, path, &fd);
	if (r == 0)
		r = os_write_all(fd, data, len, NULL);
	if (r < 0 && fd >= 0)
		(void)os_unlink(reader->dir.fd, path);
	os_close(&fd);
	free(data);
	return r < 0 ? error_io(err, r, path, "cannot write it") : 0;
}

int
seenlook_hint(const struct tapedir *dir, const uint64_t session[2], uint32_t number,
	      uint64_t first_seq, uint64_t next_seq, struct tape_error *err)
{
	struct making m = { .file = { .first_seq = first_seq, .next_seq = next_seq } };
	struct tape_reader *reader = NULL;
	struct snapshot *snapshot = NULL;
	struct source *source = NULL;
	size_t at;
	int r = reader_open_at(dir, NULL, &reader, err);

	if (r != 0)
		return r;
	memcpy(m.file.id.tape, dir->id, sizeof m.file.id.tape);
	memcpy(m.file.id.session, session, sizeof m.file.id.session);
	m.file.id.number = number;
	r = snapshot_take_between(reader, session, session, &snapshot, err);
	if (r != 0)
		goto out;
	at = find_session(snapshot, session);
	if (at == snapshot->count || snapshot_open(snapshot, at, &source, err) != 1) {
		r = error_set(err, TAPE_ERR_NOT_FOUND, NULL, 0, "the session is gone");
		goto out;
	}
	(void)walk(source, first_seq, next_seq - 1, make_one, &m);
	source->ops->close(source);
	r = m.failed ? error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a hint")
		     : write_hint(reader, snapshot->sessions[at].dir.path, number, &m,
				  err);
out:
	free(m.entries);
	snapshot_free(snapshot);
	tape_reader_close(reader);
	return r;
}
