/* SPDX-License-Identifier: Apache-2.0 */
#include "search/seenlook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/hintfile.h"
#include "format/index.h"
#include "format/le.h"
#include "format/os.h"
#include "format/path.h"
#include "search/reader.h"
#include "search/seenhidden.h"
#include "search/seenmake.h"
#include "search/snapshot.h"
#include "search/superseded.h"

/*
 * What is read because it has no hint, of segments that have none yet. Our own session
 * has a part for itself: the segment that is written, and one whose hint is being made.
 */
#define SCAN_BYTES ((uint64_t)64 << 20)
#define OWN_BYTES ((uint64_t)128 << 20)
/* What a row of a generation counts for. */
#define ROW_BYTES 64u
/*
 * A look for what others have recorded is taken at most so often, and for this part of
 * the time. Our own session is followed as it goes, while it has no more than so many
 * segments.
 */
#define LOOK_NS INT64_C(1000000000)
#define LOOK_SHARE 20
#define OWN_SEGMENTS 64u
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
	uint8_t *data; /* of what has none: made here */
	bool parts;    /* made of projections in generations */
};

/* A raw segment, and how much is known of it. */
struct piece {
	uint32_t number;
	bool hinted; /* by a file */
	bool there;
	uint64_t first_seq, next_seq; /* of its hint */
	uint64_t read;		      /* bytes, where it has none */
	uint64_t met_seq; /* up to here it is known what stands there, and before */
};

/* A session, and what is known of it. */
struct known {
	uint64_t id[2];
	struct piece *pieces; /* ascending */
	size_t count, cap;
	uint64_t
		parts_seq; /* up to here it is known which projections generations have of it */
};

struct seenlook {
	struct tape_reader *reader;
	struct snapshot *snapshot; /* NULL: take one */
	int64_t taken_ns, took_ns;
	int64_t own_ns, own_took_ns; /* the same of our own session */
	uint64_t counts;	     /* the last seq of our own session that does */
	int64_t counts_until;	     /* then it is looked at again */
	/* Of the sessions that were asked last, each with its place in the snapshot. */
	struct source *sources[OPEN_SOURCES];
	size_t source_of[OPEN_SOURCES];
	unsigned next_source;
	struct known *known;
	size_t known_count, known_cap, known_at;
	struct hint *hints;
	size_t hint_count, hint_cap, open_hints;
	struct seenhidden hidden;
	uint64_t scan_bytes, own_bytes; /* that may still be read */
	uint64_t session[2];		/* our own */
	uint64_t own; /* what it had committed when it was looked at last */
};

int
seenlook_open(const struct tapedir *dir, const uint64_t session[2], struct seenlook **out,
	      struct tape_error *err)
{
	struct seenlook *look = calloc(1, sizeof *look);
	int r;

	if (look == NULL)
		return error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a reader");
	look->scan_bytes = SCAN_BYTES;
	look->own_bytes = OWN_BYTES;
	look->counts = CURRENT_ALL;
	memcpy(look->session, session, sizeof look->session);
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

static void
drop_hint(struct seenlook *look, struct hint *hint)
{
	look->open_hints -= hint->fd >= 0;
	os_close(&hint->fd);
	free(hint->data);
}

void
seenlook_close(struct seenlook *look)
{
	if (look == NULL)
		return;
	drop_snapshot(look);
	for (size_t i = 0; i < look->hint_count; i++)
		drop_hint(look, &look->hints[i]);
	free(look->hints);
	for (size_t i = 0; i < look->known_count; i++)
		free(look->known[i].pieces);
	free(look->known);
	seenhidden_release(&look->hidden);
	tape_reader_close(look->reader);
	free(look);
}

/* ---- sessions ---- */

/* They are asked for in the order of the last look. */
static struct known *
find_known(struct seenlook *look, const uint64_t id[2])
{
	for (size_t i = 0; i < look->known_count; i++) {
		size_t at = (look->known_at + i) % look->known_count;

		if (memcmp(look->known[at].id, id, sizeof look->known[at].id) != 0)
			continue;
		look->known_at = at;
		return &look->known[at];
	}
	return NULL;
}

/* NULL: no memory. */
static struct known *
known_of(struct seenlook *look, const uint64_t id[2])
{
	struct known *k = find_known(look, id);

	if (k != NULL || !seenmake_grow((void **)&look->known, &look->known_cap,
					look->known_count, sizeof *look->known))
		return k;
	look->known[look->known_count] = (struct known){ .id = { id[0], id[1] } };
	return &look->known[look->known_count++];
}

/* How much may still be read of a session. */
static uint64_t *
bytes_for(struct seenlook *look, const struct known *k)
{
	return memcmp(k->id, look->session, sizeof k->id) == 0 ? &look->own_bytes
							       : &look->scan_bytes;
}

/* ---- scopes ---- */

static struct source *
source_of(struct seenlook *look, const uint64_t id[2])
{
	size_t at = snapshot_find(look->snapshot, id);
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

/* Is there a scope of that seq that counts, and has it this content? */
static bool
is_there(struct seenlook *look, const uint64_t id[2], uint64_t seq,
	 const struct tape_hash *hash)
{
	const struct tape_pos pos = { { id[0], id[1] }, seq };
	struct source *source = source_of(look, id);
	struct source_record rec;
	struct tape_hash have;

	return source != NULL && !superseded_hides(look->snapshot, &pos) &&
	       source->ops->lookup(source, seq, &rec, NULL) == 1 &&
	       seenmake_hash(source, &rec, &have) &&
	       memcmp(&have, hash, sizeof have) == 0;
}

/* ---- segments without a hint ---- */

static uint32_t
made_count(const struct hint *hint)
{
	return hint->data != NULL ? hint->file.count : 0;
}

/* What was made of the scopes in front, if it is small: it becomes one with this. */
static bool
take_smaller(struct seenlook *look, struct seenmake *m, bool parts)
{
	for (size_t i = look->hint_count; i-- > 0;) {
		struct hint *h = &look->hints[i];
		uint64_t by = m->file.first_seq - h->file.first_seq;

		if (h->data == NULL || h->parts != parts ||
		    h->file.next_seq != m->file.first_seq ||
		    memcmp(h->file.id.session, m->file.id.session, 16) != 0)
			continue;
		if (made_count(h) > 2 * (uint64_t)m->file.count ||
		    (m->file.next_seq - h->file.first_seq) >> HINTFILE_SEQ_BITS != 0)
			return false;
		for (uint32_t j = 0; j < m->file.count; j++)
			m->entries[j] += by;
		m->file.first_seq = h->file.first_seq;
		for (uint32_t j = 0; j < h->file.count; j++) {
			if (!seenmake_grow((void **)&m->entries, &m->cap, m->file.count,
					   sizeof *m->entries))
				return false; /* in both, which is no harm */
			m->entries[m->file.count++] =
				get_le64(h->data + HINTFILE_HEADER + j * HINTFILE_ENTRY);
		}
		drop_hint(look, h);
		*h = look->hints[--look->hint_count];
		return true;
	}
	return false;
}

/* As if there were a hint of it. False: no memory. */
static bool
keep_made(struct seenlook *look, struct seenmake *m, bool parts)
{
	struct hint hint = { .fd = -1, .parts = parts };
	size_t len = 0;

	if (m->file.count == 0)
		return true;
	while (take_smaller(look, m, parts))
		;
	hint.file = m->file;
	if (!seenmake_grow((void **)&look->hints, &look->hint_cap, look->hint_count,
			   sizeof *look->hints) ||
	    hintfile_make(&m->file, m->entries, &hint.data, &len) != 0)
		return false;
	hint.size = len;
	look->hints[look->hint_count++] = hint;
	return true;
}

/* Reads scopes lo..hi of the session, in as many hints as it takes. *met: up to where it is known. */
static bool
scan(struct seenlook *look, const struct snapshot_session *s, uint64_t lo, uint64_t hi,
     bool parts, uint64_t *met)
{
	struct source *source = source_of(look, s->id);
	bool ended = false, fine = source != NULL;

	while (fine && !ended) {
		struct seenmake m = { .file = { .first_seq = lo } };
		uint64_t last;

		memcpy(m.file.id.session, s->id, sizeof m.file.id.session);
		last = seenmake_walk(&m, source, lo, hi, &ended);
		m.file.next_seq = last + 1;
		fine = !m.failed && (ended || last >= lo) && keep_made(look, &m, parts);
		free(m.entries);
		if (fine)
			*met = last;
		lo = last + 1;
	}
	return fine;
}

/* ---- pieces ---- */

/* The size of a segment as of the snapshot. */
static uint64_t
size_of(const struct snapshot_session *s, size_t i)
{
	/* What cannot be looked at has none. */
	return s->sizes == NULL || s->sizes[i] == UINT64_MAX ? 0 : s->sizes[i];
}

/* Pieces for the segments that are there, and for no others. False: no memory. */
static bool
meet_pieces(struct seenlook *look, const struct snapshot_session *s, struct known *k)
{
	size_t from = 0, n = 0;

	for (size_t i = 0; i < k->count; i++) {
		struct piece *p = &k->pieces[i];

		while (from < s->dir.log_count && s->dir.logs[from] < p->number)
			from++;
		p->there = from < s->dir.log_count && s->dir.logs[from] == p->number;
		if (p->there)
			k->pieces[n++] = *p;
		else
			*bytes_for(look, k) += p->read;
	}
	k->count = n;
	for (size_t i = 0; i < s->dir.log_count; i++) {
		if (i < k->count && k->pieces[i].number == s->dir.logs[i])
			continue;
		if (!seenmake_grow((void **)&k->pieces, &k->cap, k->count,
				   sizeof *k->pieces))
			return false;
		memmove(&k->pieces[i + 1], &k->pieces[i],
			(k->count - i) * sizeof *k->pieces);
		k->pieces[i] = (struct piece){ .number = s->dir.logs[i], .there = true };
		k->count++;
	}
	return true;
}

/*
 * Segments from..to-1, between hints, as far as they are not read yet. Its scopes are
 * those behind `lo`, and at most hi.
 */
static void
scan_pieces(struct seenlook *look, const struct snapshot_session *s, struct known *k,
	    size_t from, size_t to, uint64_t lo, uint64_t hi)
{
	uint64_t more = 0, met = lo;

	for (size_t i = from; i < to; i++) {
		uint64_t size = size_of(s, i);

		more += size > k->pieces[i].read ? size - k->pieces[i].read : 0;
		met = k->pieces[i].met_seq > met ? k->pieces[i].met_seq : met;
	}
	if (more == 0 || more > *bytes_for(look, k) || met >= hi ||
	    !scan(look, s, met + 1, hi, false, &met))
		return;
	*bytes_for(look, k) -= more;
	for (size_t i = from; i < to; i++) {
		k->pieces[i].read = size_of(s, i);
		k->pieces[i].met_seq = met;
	}
}

/* What the session has beyond its hints and generations. */
static void
scan_rest(struct seenlook *look, const struct snapshot_session *s, struct known *k)
{
	uint64_t lo = s->packed_seq;

	for (size_t i = 0; i < k->count; i++) {
		size_t from = i;

		while (i < k->count && !k->pieces[i].hinted)
			i++;
		scan_pieces(look, s, k, from, i, lo,
			    i < k->count && k->pieces[i].first_seq > 0
				    ? k->pieces[i].first_seq - 1
				    : INT64_MAX);
		if (i < k->count && k->pieces[i].next_seq > lo)
			lo = k->pieces[i].next_seq - 1;
	}
}

/* ---- projections in generations ---- */

/*
 * Fingerprints are of contents that stand somewhere; a projection's is a part of one.
 * Its rows are looked for where the tables say that there are any.
 */
static void
scan_packed(struct seenlook *look, const struct snapshot_session *s, struct known *k)
{
	struct generations *g = look->snapshot->generations;
	uint64_t rows = 0, met = k->parts_seq;

	for (size_t i = 0; i < s->generation_count; i++) {
		struct generation *of = &g->items[s->generations[i]];
		const struct scopepack_session *entry;

		if (of->lost || of->manifest.projections == 0 ||
		    generation_need(g, s->generations[i], NULL) != 0)
			continue;
		entry = &of->scopes.sessions[s->entries[i]];
		if (entry->projections != 0 && entry->last_seq > k->parts_seq)
			rows += entry->rows;
	}
	if (rows == 0 || rows > *bytes_for(look, k) / ROW_BYTES)
		return;
	if (!scan(look, s, met + 1, s->packed_seq, true, &met))
		return;
	*bytes_for(look, k) -= rows * ROW_BYTES;
	k->parts_seq = s->packed_seq;
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
	       seenmake_grow((void **)&look->hints, &look->hint_cap, look->hint_count,
			     sizeof *look->hints);
	if (!fits) {
		os_close(&hint.fd);
		return false;
	}
	shut_hint(look, &hint);
	look->hints[look->hint_count++] = hint;
	return true;
}

static void
take_hints(struct seenlook *look, const struct snapshot_session *s, struct known *k)
{
	for (size_t i = 0; i < k->count; i++) {
		struct piece *p = &k->pieces[i];
		const struct hintfile *file;

		if (p->hinted || !take_hint(look, s, p->number))
			continue;
		file = &look->hints[look->hint_count - 1].file;
		p->hinted = true;
		p->first_seq = file->first_seq;
		p->next_seq = file->next_seq;
		*bytes_for(look, k) += p->read;
		p->read = 0;
	}
}

/* Is all that was read for a hint told by files, or by fingerprints, by now? */
static bool
told_otherwise(const struct snapshot_session *s, const struct known *k,
	       const struct hintfile *made)
{
	uint64_t from = made->first_seq;

	if (from <= s->packed_seq)
		from = s->packed_seq + 1;
	for (size_t i = 0; i < k->count && from < made->next_seq; i++) {
		const struct piece *p = &k->pieces[i];

		if (p->hinted && p->first_seq <= from && from < p->next_seq)
			from = p->next_seq;
	}
	return from >= made->next_seq;
}

static bool
still_needed(struct seenlook *look, const struct hint *hint)
{
	const struct hintfile *file = &hint->file;
	size_t at = snapshot_find(look->snapshot, file->id.session);
	const struct snapshot_session *s = &look->snapshot->sessions[at];
	const struct known *k = find_known(look, file->id.session);

	if (at == look->snapshot->count || k == NULL)
		return false;
	if (hint->data != NULL)
		return hint->parts || !told_otherwise(s, k, file);
	for (size_t i = 0; i < k->count; i++)
		if (k->pieces[i].number == file->id.number)
			return true;
	return false;
}

static void
drop_hints(struct seenlook *look)
{
	size_t n = 0;

	for (size_t i = 0; i < look->hint_count; i++) {
		if (still_needed(look, &look->hints[i]))
			look->hints[n++] = look->hints[i];
		else
			drop_hint(look, &look->hints[i]);
	}
	look->hint_count = n;
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

/* False: no memory. */
static bool
learn(struct seenlook *look, const struct snapshot_session *s)
{
	struct known *k = known_of(look, s->id);

	if (k == NULL || !meet_pieces(look, s, k))
		return false;
	take_hints(look, s, k);
	scan_rest(look, s, k);
	scan_packed(look, s, k);
	return true;
}

/* How long a look that took so long holds. */
static int64_t
wait_after(int64_t took)
{
	return took * LOOK_SHARE > LOOK_NS ? took * LOOK_SHARE : LOOK_NS;
}

static void
note_counts(struct seenlook *look, const struct snapshot *s, int64_t until)
{
	size_t at = snapshot_find(s, look->session);

	look->counts = at < s->count ? s->sessions[at].current : CURRENT_ALL;
	look->counts_until = until;
}

/* The newest sessions first: what may be read is read of them. */
static void
look_again(struct seenlook *look, int64_t now)
{
	int64_t began = os_monotonic_ns();

	drop_snapshot(look);
	if (snapshot_take(look->reader, &look->snapshot, NULL) != 0)
		look->snapshot = NULL;
	look->known_at = 0;
	look->hidden.fresh = false;
	seenhidden_renew(&look->hidden);
	for (size_t i = look->snapshot != NULL ? look->snapshot->count : 0; i-- > 0;)
		if (!learn(look, &look->snapshot->sessions[i]))
			break;
	if (look->snapshot != NULL)
		drop_hints(look);
	look->took_ns = os_monotonic_ns() - began;
	look->taken_ns = now + look->took_ns;
	if (look->snapshot != NULL)
		note_counts(look, look->snapshot,
			    look->taken_ns + wait_after(look->took_ns));
}

/* The open source of a session has what that has by now, or goes. */
static void
extend_source(struct seenlook *look, size_t at)
{
	for (size_t i = 0; i < OPEN_SOURCES; i++) {
		struct source *source = look->sources[i];

		if (source == NULL || look->source_of[i] != at ||
		    snapshot_extend(look->snapshot, at, source))
			continue;
		source->ops->close(source);
		look->sources[i] = NULL;
	}
}

/* Our own session alone. False: it takes a look at all of them. */
static bool
look_at_own(struct seenlook *look)
{
	size_t at =
		look->snapshot != NULL ? snapshot_find(look->snapshot, look->session) : 0;

	if (look->snapshot == NULL || at == look->snapshot->count)
		return false;
	look->hidden.fresh = false;
	if (snapshot_refresh(look->snapshot, at, NULL) != 0) {
		drop_snapshot(look);
		return false;
	}
	extend_source(look, at);
	return learn(look, &look->snapshot->sessions[at]);
}

static bool
ask(struct seenlook *look, const struct tape_hash *hash)
{
	if (look->snapshot == NULL)
		return false;
	if (!ask_generations(look, hash))
		return ask_hints(look, hash);
	/* What a generation has may be had by scopes alone that are superseded. */
	return !seenhidden_has(&look->hidden, look->snapshot, hash) ||
	       ask_hints(look, hash) ||
	       seenhidden_search(&look->hidden, look->reader, hash);
}

/* Is the content there, now that we have committed more? */
static bool
ask_own(struct seenlook *look, const struct tape_hash *hash, uint64_t own, int64_t now)
{
	const struct known *k = find_known(look, look->session);
	bool many = k != NULL && k->count > OWN_SEGMENTS, found;
	int64_t began;

	if (look->own == own ||
	    (many && now - look->own_ns < look->own_took_ns * LOOK_SHARE))
		return false;
	began = os_monotonic_ns();
	found = look_at_own(look) && ask(look, hash);
	look->own = own;
	look->own_took_ns = os_monotonic_ns() - began;
	look->own_ns = now + look->own_took_ns;
	return found;
}

/* Is what is known so old that others may have superseded it? */
static bool
too_old(const struct seenlook *look, int64_t now)
{
	return look->snapshot == NULL ||
	       now - look->taken_ns >= wait_after(look->took_ns);
}

bool
seenlook_find(struct seenlook *look, const struct tape_hash *hash, uint64_t own,
	      int64_t now)
{
	if (!too_old(look, now) && (ask(look, hash) || ask_own(look, hash, own, now)))
		return true;
	/* Our own session may have been compacted meanwhile. */
	if (!too_old(look, now))
		return false;
	look_again(look, now);
	look->own = own;
	return ask(look, hash);
}

uint64_t
seenlook_counts(struct seenlook *look, int64_t now, int64_t *until)
{
	int64_t began = os_monotonic_ns(), took;
	struct snapshot *s = NULL;

	*until = look->counts_until;
	if (now < look->counts_until)
		return look->counts;
	if (snapshot_take_between(look->reader, look->session, look->session, &s, NULL) !=
	    0)
		s = NULL;
	took = os_monotonic_ns() - began;
	*until = look->counts_until = now + took + wait_after(took);
	if (s != NULL)
		note_counts(look, s, *until);
	snapshot_free(s);
	return look->counts;
}

void
seenlook_forget(struct seenlook *look)
{
	drop_snapshot(look);
	look->counts_until = 0;
}
