/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flips MIB COUNT DIR [SEED]: records a tape of so many MiB, then flips random bits
 * of its segments, many groups at a time, and reads it. What is shown is what was
 * recorded, nothing outside the damaged groups is missing, and what is missing is
 * told with its file and place. A bit of a segment header, or of a frame with a
 * form, may hide the whole segment: those are flipped one by one, and what lies
 * around them is read.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "format/block.h"
#include "format/segment.h"
#include "tape/record.h"
#include "tape/search.h"

#define GROUP 20u
#define AROUND 30u /* scopes that are read on either side */
#define BLOB 3000u
#define SEGMENTS 64u
#define BATCH 2000u

/* A frame, and what may be missing when it is damaged: its group. */
struct place {
	uint64_t offset, lo, hi; /* seqs; hi: behind the last */
	uint64_t from, to;	 /* the bytes of the group */
	bool whole;		 /* or all of the segment */
};
struct segment {
	char path[128]; /* relative to the tape */
	int fd;
	uint64_t size;
	struct place *places;
	size_t count, cap;
};
struct hit {
	size_t segment;
	const struct place *place;
	uint64_t at;
	unsigned bit;
};
struct place_told {
	size_t segment;
	uint64_t from, to;
};
struct told {
	const char *file;
	uint64_t byte;
	unsigned damage;
	bool named;
};

static struct segment segments[SEGMENTS];
static size_t segment_count;
static uint64_t tape_bytes, last_seq;
static struct tape_pos base;
static const char *dir;

static int
fail(const char *what)
{
	fprintf(stderr, "FAILED: %s\n", what);
	return -1;
}

/* ---- recording ---- */

static void
fill(uint8_t *data, uint64_t number)
{
	for (uint64_t k = 0; k < BLOB; k++)
		data[k] = (uint8_t)((number * 31 + k * 7 + k / 251) >> (k % 5));
}

static int
record(uint64_t mib)
{
	struct tape *t = tape_open(dir, NULL);
	uint8_t data[BLOB];
	uint64_t bytes = 0;

	for (uint64_t i = 1; t && bytes < mib << 20; i++) {
		struct tape_build *b = tape_build_begin(t, "row");

		bytes += 35; /* about */
		(void)tape_build_u64(b, "i", 1, i);
		(void)tape_build_f64(b, "x", 1, (double)i * 0.5);
		if (i % 50 == 0) {
			fill(data, i);
			(void)tape_build_bytes(b, "b", 1, data, BLOB);
			bytes += BLOB;
		}
		if (tape_build_end(b) != 0 || (i % GROUP == 0 && tape_commit(t) != 0))
			break;
		last_seq = i;
	}
	return t && tape_close(t) == 0 ? 0 : fail("recording");
}

/* ---- where everything is ---- */

static int
add_place(struct segment *g, struct place place)
{
	if (g->count == g->cap) {
		size_t cap = g->cap * 2 + 1024;
		struct place *more = realloc(g->places, cap * sizeof *more);

		if (!more)
			return fail("no memory");
		g->places = more;
		g->cap = cap;
	}
	g->places[g->count++] = place;
	return 0;
}

/* All frames of a group may hide all of its scopes. */
static int
map_frame(struct segment *g, const struct frame *f, size_t *first)
{
	struct place place = { .offset = f->offset,
			       .lo = f->first_seq,
			       .hi = f->first_seq + f->scopes,
			       .from = f->offset,
			       .to = f->offset + FRAME_HEADER + f->payload_bytes,
			       .whole = (f->contents & HAS_FORM) != 0 };
	int r;

	if (f->flags & FRAME_FIRST)
		*first = g->count;
	r = add_place(g, place);
	for (size_t i = *first; r == 0 && i < g->count; i++) {
		struct place *p = &g->places[i];

		p->hi = place.hi;
		p->to = place.to;
		p->lo = g->places[*first].lo;
		p->from = g->places[*first].from;
	}
	return r;
}

static int
map_segment(struct segment *g)
{
	struct block_source source = block_from_fd(&g->fd, g->size);
	struct place header = { .lo = 1, .hi = last_seq + 1, .whole = true };
	struct segment_scan *scan = NULL;
	struct scan_event event;
	struct place end;
	size_t first = 0;
	int r = segment_scan_open(&source, NULL, 0, &scan, NULL);

	if (r == 0)
		r = add_place(g, header);
	while (r == 0 && (r = segment_scan_next(scan, &event, NULL)) == 1)
		r = event.kind == SCAN_FRAME ? map_frame(g, &event.frame, &first)
					     : fail("the tape is damaged as it is");
	segment_scan_close(scan);
	end = g->places[g->count - 1];
	end.offset = end.from = end.to;
	end.lo = end.hi;
	end.to = g->size;
	end.whole = false;
	for (size_t i = 0; i < g->count; i++) {
		struct place *p = &g->places[i];

		if (p->whole) {
			p->lo = g->count > 1 ? g->places[1].lo : 1;
			p->hi = end.hi;
		}
	}
	return r == 0 && end.offset < g->size ? add_place(g, end) : r;
}

static int
map_tape(void)
{
	char session[TAPE_SESSION_TEXT], full[4096];
	struct stat st;

	tape_session_text(base.session, session);
	for (uint32_t n = 0; n < SEGMENTS; n++) {
		struct segment *g = &segments[n];

		snprintf(g->path, sizeof g->path, "sessions/%s/%06u.log", session, n);
		snprintf(full, sizeof full, "%s/%s", dir, g->path);
		g->fd = open(full, O_RDWR | O_CLOEXEC);
		if (g->fd < 0)
			break;
		if (fstat(g->fd, &st) != 0)
			return fail("fstat");
		g->size = (uint64_t)st.st_size;
		tape_bytes += g->size;
		segment_count++;
		if (map_segment(g) < 0)
			return fail(g->path);
	}
	return segment_count > 0 ? 0 : fail("no segments");
}

/* ---- reading ---- */

static void
on_report(void *user, const struct tape_report *report)
{
	struct told *told = user;

	if (report->kind != TAPE_DAMAGE_MET)
		return;
	told->damage++;
	if (told->file && strcmp(report->file, told->file) == 0 &&
	    report->offset <= told->byte)
		told->named = true;
}

/* 1 = right, 0 = its blob does not verify, below 0 = wrong. */
static int
check_scope(const struct tape_scope *s, uint64_t seq)
{
	int64_t i = tape_scope_var_find(s, "i"), x = tape_scope_var_find(s, "x"),
		b = tape_scope_var_find(s, "b");
	uint8_t data[BLOB], got[BLOB];
	struct tape_blob *blob = NULL;
	int64_t n;

	if (i < 0 || x < 0 || (b >= 0) != (seq % 50 == 0) ||
	    tape_scope_var(s, (size_t)i).value->as.u != seq ||
	    tape_scope_var(s, (size_t)x).value->as.f != (double)seq * 0.5)
		return fail("a wrong value");
	if (b < 0)
		return 1;
	if (tape_blob_open(s, (size_t)b, &blob, NULL) < 0)
		return 0;
	n = tape_blob_read(blob, got, BLOB, 0, NULL);
	fill(data, seq);
	tape_blob_close(blob);
	return n == BLOB && memcmp(data, got, BLOB) == 0 ? 1 : fail("a wrong blob");
}

/* Scopes that are missing or without their blob; below 0 = wrong. */
static int64_t
read_between(struct tape_reader *reader, const struct tape_query *query, uint64_t from,
	     uint64_t to, const struct place *hit)
{
	struct tape_find_options options = { .size = sizeof options,
					     .after = base,
					     .upto = base };
	struct tape_cursor *cursor = NULL;
	const struct tape_scope *s;
	uint64_t expected = from;
	int64_t lost = 0;
	int r, right;

	options.after.seq = from - 1;
	options.upto.seq = to;
	/* A position of seq 0 is none. */
	if (from == 1)
		memset(&options.after, 0, sizeof options.after);
	r = tape_find(reader, query, &options, &cursor, NULL);
	while (r == 0 && (r = tape_cursor_next(cursor, &s, NULL)) == 1) {
		uint64_t seq = tape_scope_pos(s).seq;

		for (; r > 0 && expected < seq; expected++, lost++)
			if (expected < hit->lo || expected >= hit->hi)
				r = fail("a scope outside the damage is missing");
		if (r < 0)
			break;
		right = seq == expected ? check_scope(s, seq) : fail("out of order");
		lost += right == 0;
		expected++;
		r = r < 0 || right < 0 ? -1 : 0;
	}
	for (; r == 0 && expected <= to; expected++, lost++)
		if (expected < hit->lo || expected >= hit->hi)
			r = fail("a scope outside the damage is missing");
	tape_cursor_close(cursor);
	return r < 0 ? -1 : lost;
}

static int64_t
read_around(const struct tape_query *query, const struct place *hit, struct told *told)
{
	struct tape_reader_options options = { .size = sizeof options,
					       .on_report = on_report,
					       .user = told };
	struct tape_reader *reader = NULL;
	uint64_t lo = hit->lo > AROUND ? hit->lo - AROUND : 1;
	uint64_t hi = hit->hi + AROUND < last_seq ? hit->hi + AROUND : last_seq;
	int64_t lost = -1;

	/* Of a damaged segment header the beginning is enough. */
	if (hi > lo + 1000 && told->file)
		hi = lo + 1000;
	if (tape_reader_open(dir, &options, &reader, NULL) == 0)
		lost = read_between(reader, query, lo, hi, hit);
	tape_reader_close(reader);
	return lost;
}

/* ---- flipping ---- */

static const struct place *
place_of(const struct segment *g, uint64_t byte)
{
	size_t lo = 0, hi = g->count;

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		*(g->places[mid].offset <= byte ? &lo : &hi) = mid;
	}
	return &g->places[lo];
}

/* 1 = it was told or cost something, 0 = it changed nothing that was read, -1 = wrong. */
static int
flip(const struct tape_query *query, uint64_t at, unsigned bit)
{
	const struct segment *g = segments;
	struct told told = { 0 };
	uint8_t byte, other;
	int64_t lost;

	for (; at >= g->size; g++)
		at -= g->size;
	told.file = g->path;
	told.byte = at;
	if (pread(g->fd, &byte, 1, (off_t)at) != 1)
		return fail("pread");
	other = (uint8_t)(byte ^ 1u << bit);
	if (pwrite(g->fd, &other, 1, (off_t)at) != 1)
		return fail("pwrite");
	lost = read_around(query, place_of(g, at), &told);
	if (lost > 0 && !told.named)
		lost = fail("something is missing without a word of this file and place");
	if (pwrite(g->fd, &byte, 1, (off_t)at) != 1)
		return fail("pwrite");
	if (lost < 0)
		fprintf(stderr, "%s: bit %u of byte %" PRIu64 "\n", g->path, bit, at);
	return lost < 0 ? -1 : lost > 0 || told.damage > 0;
}

/* Splitmix64: the same numbers everywhere. */
static uint64_t
draw(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* ---- many at a time ---- */

static struct place_told *told_places;
static size_t told_count, told_cap;
static uint8_t *hurt, *lost_seqs; /* by seq */

static void
on_place(void *user, const struct tape_report *report)
{
	struct place_told place = {
		0, report->offset, report->offset + (report->bytes ? report->bytes : 1)
	};

	(void)user;
	while (place.segment < segment_count &&
	       strcmp(segments[place.segment].path, report->file) != 0)
		place.segment++;
	if (report->kind == TAPE_DAMAGE_MET && told_count < told_cap)
		told_places[told_count++] = place;
}

static bool
was_told(const struct hit *hit)
{
	for (size_t i = 0; i < told_count; i++)
		if (told_places[i].segment == hit->segment &&
		    told_places[i].from < hit->place->to &&
		    told_places[i].to > hit->place->from)
			return true;
	return false;
}

static int
missing(uint64_t seq)
{
	lost_seqs[seq] = 1;
	return hurt[seq] ? 0 : fail("a scope outside the damage is missing");
}

static int
read_damaged(const struct tape_query *query)
{
	struct tape_reader_options options = { .size = sizeof options,
					       .on_report = on_place,
					       .user = NULL };
	struct tape_reader *reader = NULL;
	struct tape_cursor *cursor = NULL;
	const struct tape_scope *s;
	uint64_t expected = 1;
	int r, right;

	told_count = 0;
	memset(lost_seqs, 0, last_seq + 1);
	r = tape_reader_open(dir, &options, &reader, NULL);
	if (r == 0)
		r = tape_find(reader, query, NULL, &cursor, NULL);
	while (r == 0 && (r = tape_cursor_next(cursor, &s, NULL)) == 1) {
		uint64_t seq = tape_scope_pos(s).seq;

		r = seq >= expected && seq <= last_seq ? 0 : fail("out of order");
		for (; r == 0 && expected < seq; expected++)
			r = missing(expected);
		right = r == 0 ? check_scope(s, seq) : -1;
		if (right <= 0)
			r = right == 0 ? missing(seq) : -1;
		expected++;
	}
	for (; r == 0 && expected <= last_seq; expected++)
		r = missing(expected);
	tape_cursor_close(cursor);
	tape_reader_close(reader);
	return r;
}

static int
toggle(const struct hit *hit)
{
	int fd = segments[hit->segment].fd;
	uint8_t byte;

	if (pread(fd, &byte, 1, (off_t)hit->at) != 1)
		return fail("pread");
	byte = (uint8_t)(byte ^ 1u << hit->bit);
	return pwrite(fd, &byte, 1, (off_t)hit->at) == 1 ? 0 : fail("pwrite");
}

static int
judge(const struct hit *hits, size_t count, uint64_t *told)
{
	for (size_t i = 0; i < count; i++) {
		const struct hit *hit = &hits[i];
		bool named = was_told(hit), lost = false;

		for (uint64_t seq = hit->place->lo; seq < hit->place->hi; seq++)
			lost = lost || lost_seqs[seq];
		*told += named;
		if (lost && !named) {
			fprintf(stderr, "%s: bit %u of byte %" PRIu64 "\n",
				segments[hit->segment].path, hit->bit, hit->at);
			return fail("something is missing without a word of this place");
		}
	}
	return 0;
}

static int
flip_batch(const struct tape_query *query, const struct hit *hits, size_t count,
	   uint64_t *told)
{
	int r = 0;

	memset(hurt, 0, last_seq + 1);
	for (size_t i = 0; r == 0 && i < count; i++) {
		const struct place *p = hits[i].place;

		memset(hurt + p->lo, 1, p->hi - p->lo);
		r = toggle(&hits[i]);
	}
	if (r == 0)
		r = read_damaged(query);
	if (r == 0)
		r = judge(hits, count, told);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = toggle(&hits[i]);
	return r;
}

static int
flip_all(const struct tape_query *query, uint64_t count, uint64_t seed, uint64_t *done,
	 uint64_t *told)
{
	static struct hit hits[BATCH];
	size_t n = 0;
	int r = 0;

	while (r >= 0 && *done < count) {
		uint64_t at = draw(&seed) % tape_bytes, in = at;
		struct hit *hit = &hits[n];

		*hit = (struct hit){ .bit = (unsigned)(draw(&seed) % 8) };
		for (; in >= segments[hit->segment].size; hit->segment++)
			in -= segments[hit->segment].size;
		hit->at = in;
		hit->place = place_of(&segments[hit->segment], in);
		++*done;
		if (!hit->place->whole) {
			n++;
		} else {
			r = flip(query, at, hit->bit);
			*told += r > 0;
		}
		if (r >= 0 && (n == BATCH || *done == count)) {
			r = flip_batch(query, hits, n, told);
			n = 0;
		}
	}
	return r;
}

static int
flip_many(uint64_t count, uint64_t seed)
{
	struct tape_query *query = NULL;
	uint64_t told = 0, done = 0;
	int r = -1;

	told_cap = 8 * BATCH;
	told_places = malloc(told_cap * sizeof *told_places);
	hurt = malloc(last_seq + 1);
	lost_seqs = malloc(last_seq + 1);
	if (told_places && hurt && lost_seqs && tape_query_compile("", &query, NULL) == 0)
		r = flip_all(query, count, seed, &done, &told);
	tape_query_free(query);
	free(told_places);
	free(hurt);
	free(lost_seqs);
	printf("%" PRIu64 " bits of %" PRIu64 " MiB flipped, %" PRIu64 " told\n", done,
	       tape_bytes >> 20, told);
	return r >= 0 && told > count / 2 ? 0 : -1;
}

/* The tape as it is, and the id of its one session. */
static int
read_whole(void)
{
	struct place none = { 0 };
	struct told told = { 0 };
	struct tape_reader_options options = { .size = sizeof options,
					       .on_report = on_report,
					       .user = &told };
	struct tape_reader *reader = NULL;
	struct tape_query *query = NULL;
	struct tape_cursor *cursor = NULL;
	const struct tape_scope *s;
	int64_t lost = -1;

	if (tape_query_compile("", &query, NULL) == 0 &&
	    tape_reader_open(dir, &options, &reader, NULL) == 0 &&
	    tape_find(reader, query, NULL, &cursor, NULL) == 0 &&
	    tape_cursor_next(cursor, &s, NULL) == 1) {
		base = tape_scope_pos(s);
		lost = read_between(reader, query, 1, last_seq, &none);
	}
	tape_cursor_close(cursor);
	tape_reader_close(reader);
	tape_query_free(query);
	return lost == 0 && told.damage == 0 ? 0 : fail("the whole tape is not whole");
}

int
main(int argc, char **argv)
{
	uint64_t seed;
	int r;

	if (argc != 4 && argc != 5) {
		fputs("usage: flips MIB COUNT DIR [SEED]\n", stderr);
		return 2;
	}
	dir = argv[3];
	seed = argc == 5 ? strtoull(argv[4], NULL, 10) : (uint64_t)time(NULL);
	printf("seed %" PRIu64 "\n", seed);
	fflush(stdout);
	r = record(strtoull(argv[1], NULL, 10));
	if (r == 0)
		r = read_whole();
	if (r == 0)
		r = map_tape();
	if (r == 0)
		r = flip_many(strtoull(argv[2], NULL, 10), seed);
	for (size_t i = 0; i < SEGMENTS; i++) {
		free(segments[i].places);
		if (i < segment_count)
			close(segments[i].fd);
	}
	return r == 0 ? 0 : 1;
}
