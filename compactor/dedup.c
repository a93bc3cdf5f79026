/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table in memory; where it is full it becomes a sorted file (a run) and starts
 * again. Four runs of one size become one of the next, so that few have to be
 * looked at. A filter tells most of what is in none; else it is one page a run.
 */
#include "compactor/dedup.h"

#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/le.h"
#include "format/os.h"

#define REF_BITS 48u
#define REF_MASK (((uint64_t)1 << REF_BITS) - 1)
#define FIRST_BITS 12u
#define PAGE 256u /* entries read at once */
#define BUFFER (PAGE * 16u)
#define MERGED 4u /* runs of a level that become one */
#define FILE_NAME "dedup.tmp"

struct dedup_run {
	int fd;
	unsigned level;
	uint64_t count;
	uint64_t *fences; /* `high` of the first entry of each page */
};

static int
no_memory(struct tape_error *err)
{
	return error_set(err, TAPE_ERR_NOMEM, NULL, 0,
			 "no memory to compare the contents of scopes");
}

void
dedup_init(struct dedup *d, uint64_t memory, int dir)
{
	memset(d, 0, sizeof *d);
	d->dir = dir;
	d->most_bits = FIRST_BITS;
	while (d->most_bits < 40 &&
	       sizeof(struct dedup_entry) << (d->most_bits + 1) <= memory / 4)
		d->most_bits++;
	d->filter_bits = 9; /* of words: half of what the table takes */
	while (d->filter_bits < 40 && UINT64_C(8) << (d->filter_bits + 1) <= memory / 8)
		d->filter_bits++;
}

static void
run_release(struct dedup_run *r)
{
	os_close(&r->fd);
	free(r->fences);
}

void
dedup_release(struct dedup *d)
{
	for (size_t i = 0; i < d->run_count; i++)
		run_release(&d->runs[i]);
	free(d->runs);
	free(d->filter);
	free(d->entries);
	memset(d, 0, sizeof *d);
}

/* ---- in memory ---- */

static bool
same(const struct dedup_entry *e, uint64_t high, uint64_t low)
{
	return e->high == high && e->low >> REF_BITS == low >> REF_BITS;
}

/* The hash is spread well enough: its first bits are the place. */
static struct dedup_entry *
place(const struct dedup *d, uint64_t high, uint64_t low)
{
	uint64_t at = high >> (64 - d->bits), mask = ((uint64_t)1 << d->bits) - 1;

	while (d->entries[at].low != 0 && !same(&d->entries[at], high, low))
		at = (at + 1) & mask;
	return &d->entries[at];
}

static bool
full(const struct dedup *d)
{
	return d->entries == NULL || d->count * 10 >= (UINT64_C(8) << d->bits);
}

static int
grow(struct dedup *d, struct tape_error *err)
{
	struct dedup bigger = *d;

	bigger.bits = d->entries == NULL ? FIRST_BITS : d->bits + 1;
	bigger.entries = calloc((size_t)1 << bigger.bits, sizeof *bigger.entries);
	if (bigger.entries == NULL)
		return no_memory(err);
	for (uint64_t i = 0; d->entries != NULL && i < (uint64_t)1 << d->bits; i++)
		if (d->entries[i].low != 0)
			*place(&bigger, d->entries[i].high, d->entries[i].low) =
				d->entries[i];
	free(d->entries);
	*d = bigger;
	return 0;
}

/* ---- the filter ---- */

static uint64_t *
filter_word(const struct dedup *d, uint64_t high, uint64_t low, uint64_t *mask)
{
	uint64_t x = (high ^ low >> REF_BITS) * UINT64_C(0x9e3779b97f4a7c15);

	x ^= x >> 29;
	*mask = (uint64_t)1 << (x & 63) | (uint64_t)1 << (x >> 6 & 63) |
		(uint64_t)1 << (x >> 12 & 63);
	return &d->filter[(x * UINT64_C(0xff51afd7ed558ccd)) >> (64 - d->filter_bits)];
}

static bool
filter_has(const struct dedup *d, uint64_t high, uint64_t low)
{
	uint64_t mask, word = *filter_word(d, high, low, &mask);

	return (word & mask) == mask;
}

/* ---- runs written ---- */

struct run_writer {
	struct dedup_run run;
	int fd;
	size_t fence_cap, pending;
	struct dedup_entry buffer[BUFFER];
};

static int
write_failed(int r, struct tape_error *err)
{
	return error_io(err, r, FILE_NAME, "cannot write down which contents there are");
}

static int
writer_open(const struct dedup *d, struct run_writer **out, struct tape_error *err)
{
	struct run_writer *w = calloc(1, sizeof *w);
	int r;

	if (w == NULL)
		return no_memory(err);
	w->run.fd = w->fd = -1;
	r = os_create(d->dir, FILE_NAME, &w->fd);
	if (r == 0) {
		r = os_open_read(d->dir, FILE_NAME, &w->run.fd);
		(void)os_unlink(d->dir, FILE_NAME);
	}
	if (r != 0) {
		os_close(&w->fd);
		free(w);
		return write_failed(r, err);
	}
	*out = w;
	return 0;
}

static int
writer_flush(struct run_writer *w, struct tape_error *err)
{
	int r = w->pending == 0 ? 0
				: os_write_all(w->fd, w->buffer,
					       w->pending * sizeof *w->buffer, NULL);

	w->pending = 0;
	return r == 0 ? 0 : write_failed(r, err);
}

static int
writer_add(struct run_writer *w, const struct dedup_entry *e, struct tape_error *err)
{
	struct dedup_run *run = &w->run;

	if (run->count % PAGE == 0) {
		size_t page = (size_t)(run->count / PAGE);

		if (page == w->fence_cap) {
			size_t cap = page == 0 ? 64 : page * 2;
			uint64_t *more = realloc(run->fences, cap * sizeof *more);

			if (more == NULL)
				return no_memory(err);
			run->fences = more;
			w->fence_cap = cap;
		}
		run->fences[page] = e->high;
	}
	run->count++;
	w->buffer[w->pending++] = *e;
	return w->pending < BUFFER ? 0 : writer_flush(w, err);
}

/* The run is the caller's where r is 0; in any case the writer goes. */
static int
writer_close(struct run_writer *w, int r, struct dedup_run *out, struct tape_error *err)
{
	if (r == 0)
		r = writer_flush(w, err);
	os_close(&w->fd);
	if (r == 0)
		*out = w->run;
	else
		run_release(&w->run);
	free(w);
	return r;
}

/* ---- from the table to a run ---- */

/* By fingerprint alone. */
static bool
precedes(const struct dedup_entry *a, const struct dedup_entry *b)
{
	return a->high != b->high ? a->high < b->high
				  : a->low >> REF_BITS < b->low >> REF_BITS;
}

static bool
less(const struct dedup_entry *a, const struct dedup_entry *b)
{
	return a->high != b->high ? a->high < b->high : a->low < b->low;
}

/*
 * The table is in order already but for entries that had to move on: those few
 * that went past its end to its beginning, and those within a cluster.
 */
static void
sort_table(struct dedup *d)
{
	uint64_t cap = (uint64_t)1 << d->bits, n = 0, wrapped = 0;
	struct dedup_entry *e = d->entries;

	while (wrapped < cap && e[wrapped].low != 0 && e[wrapped].high >> 63 != 0)
		wrapped++;
	if (wrapped == cap || wrapped > 1024)
		wrapped = 0; /* never for hashes; the sort below is right all the same */
	for (uint64_t i = wrapped; i < cap; i++)
		if (e[i].low != 0) {
			struct dedup_entry moved = e[i];

			e[i].low = 0;
			e[wrapped + n++] = moved;
		}
	/* Those first ones belong behind all others: a turn by `wrapped` places. */
	if (wrapped != 0) {
		struct dedup_entry first[1024];

		memcpy(first, e, wrapped * sizeof *e);
		memmove(e, e + wrapped, n * sizeof *e);
		memcpy(e + n, first, wrapped * sizeof *e);
		n += wrapped;
	}
	for (uint64_t i = 1; i < n; i++) {
		struct dedup_entry one = e[i];
		uint64_t k = i;

		for (; k > 0 && less(&one, &e[k - 1]); k--)
			e[k] = e[k - 1];
		e[k] = one;
	}
}

static int
keep_run(struct dedup *d, const struct dedup_run *run, struct tape_error *err)
{
	struct dedup_run *more = realloc(d->runs, (d->run_count + 1) * sizeof *more);

	if (more == NULL)
		return no_memory(err);
	d->runs = more;
	more[d->run_count++] = *run;
	return 0;
}

static int
spill(struct dedup *d, struct tape_error *err)
{
	struct run_writer *w;
	struct dedup_run run;
	int r;

	if (d->filter == NULL)
		d->filter = calloc((size_t)1 << d->filter_bits, sizeof *d->filter);
	if (d->filter == NULL)
		return no_memory(err);
	r = writer_open(d, &w, err);
	if (r != 0)
		return r;
	sort_table(d);
	for (uint64_t i = 0; i < d->count && r == 0; i++) {
		const struct dedup_entry *e = &d->entries[i];
		uint64_t mask, *word = filter_word(d, e->high, e->low, &mask);

		*word |= mask;
		r = writer_add(w, e, err);
	}
	r = writer_close(w, r, &run, err);
	if (r != 0)
		return r;
	r = keep_run(d, &run, err);
	if (r != 0) {
		run_release(&run);
		return r;
	}
	memset(d->entries, 0, sizeof *d->entries << d->bits);
	d->count = 0;
	return 0;
}

/* ---- several runs become one ---- */

struct run_reader {
	const struct dedup_run *run;
	uint64_t at; /* entries taken from the file */
	size_t next, count;
	struct dedup_entry buffer[BUFFER];
};

static int
read_entries(const struct dedup_run *run, uint64_t first, struct dedup_entry *to,
	     size_t count, struct tape_error *err)
{
	size_t bytes = count * sizeof *to;
	int64_t got = os_pread(run->fd, to, bytes, first * sizeof *to);

	if (got < 0 || (uint64_t)got != bytes)
		return error_io(err, got < 0 ? (int)got : -5, FILE_NAME,
				"cannot read back which contents there are");
	return 0;
}

/* 1 = reader->buffer[reader->next] is the next entry, 0 = no more. */
static int
reader_fill(struct run_reader *r, struct tape_error *err)
{
	uint64_t left = r->run->count - r->at;
	int status;

	if (r->next < r->count)
		return 1;
	if (left == 0)
		return 0;
	r->count = left < BUFFER ? (size_t)left : BUFFER;
	r->next = 0;
	status = read_entries(r->run, r->at, r->buffer, r->count, err);
	r->at += r->count;
	return status == 0 ? 1 : status;
}

/* A run has a fingerprint once; where several have it, what the latest says holds. */
static int
merge_into(struct run_reader *readers, struct run_writer *w, struct tape_error *err)
{
	struct dedup_entry last = { 0 }; /* no entry has a low of 0 */

	for (;;) {
		struct run_reader *least = NULL;
		struct dedup_entry *e;
		int r;

		for (unsigned i = 0; i < MERGED; i++) {
			struct run_reader *x = &readers[i];

			r = reader_fill(x, err);
			if (r < 0)
				return r;
			if (r == 1 &&
			    (least == NULL ||
			     !precedes(&least->buffer[least->next], &x->buffer[x->next])))
				least = x;
		}
		if (least == NULL)
			return 0;
		e = &least->buffer[least->next++];
		if (last.low != 0 && same(&last, e->high, e->low))
			continue;
		last = *e;
		r = writer_add(w, e, err);
		if (r != 0)
			return r;
	}
}

static int
merge_latest(struct dedup *d, struct tape_error *err)
{
	struct dedup_run *from = &d->runs[d->run_count - MERGED], made;
	struct run_reader *readers = calloc(MERGED, sizeof *readers);
	struct run_writer *w = NULL;
	int r = readers == NULL ? no_memory(err) : writer_open(d, &w, err);

	for (unsigned i = 0; r == 0 && i < MERGED; i++)
		readers[i].run = &from[i];
	if (r == 0) {
		r = merge_into(readers, w, err);
		r = writer_close(w, r, &made, err);
	}
	free(readers);
	if (r != 0)
		return r;
	made.level = from->level + 1;
	for (unsigned i = 0; i < MERGED; i++)
		run_release(&from[i]);
	d->run_count -= MERGED - 1;
	d->runs[d->run_count - 1] = made;
	return 0;
}

static int
make_room(struct dedup *d, struct tape_error *err)
{
	int r;

	if (!full(d))
		return 0;
	if (d->entries == NULL || d->bits < d->most_bits)
		return grow(d, err);
	r = spill(d, err);
	while (r == 0 && d->run_count >= MERGED &&
	       d->runs[d->run_count - MERGED].level == d->runs[d->run_count - 1].level)
		r = merge_latest(d, err);
	return r;
}

/* ---- looking ---- */

/* 1 = found: *ref. */
static int
run_find(const struct dedup_run *run, uint64_t high, uint64_t low, uint64_t *ref,
	 struct tape_error *err)
{
	uint64_t pages = (run->count + PAGE - 1) / PAGE, lo = 0, hi = pages;
	struct dedup_entry page[PAGE];

	/* Pages before the first that begins at `high` or later: it may end with it. */
	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;

		if (run->fences[mid] < high)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (lo -= lo != 0; lo < pages && run->fences[lo] <= high; lo++) {
		uint64_t left = run->count - lo * PAGE;
		size_t count = left < PAGE ? (size_t)left : PAGE, a = 0, b = count;
		int r = read_entries(run, lo * PAGE, page, count, err);

		if (r != 0)
			return r;
		while (a < b) {
			size_t mid = a + (b - a) / 2;

			if (page[mid].high < high)
				a = mid + 1;
			else
				b = mid;
		}
		for (; a < count && page[a].high == high; a++)
			if (same(&page[a], high, low)) {
				*ref = (page[a].low & REF_MASK) - 1;
				return 1;
			}
	}
	return 0;
}

int
dedup_find(struct dedup *d, const struct tape_hash *hash, uint64_t *ref, bool *fresh,
	   struct tape_error *err)
{
	uint64_t high = get_le64(hash->byte);
	uint64_t low = (uint64_t)get_le16(hash->byte + 8) << REF_BITS;
	struct dedup_entry *e;
	int r = make_room(d, err);

	if (r != 0)
		return r;
	*fresh = false;
	e = place(d, high, low);
	if (e->low != 0) {
		*ref = (e->low & REF_MASK) - 1;
		return 0;
	}
	if (d->run_count != 0 && filter_has(d, high, low))
		for (size_t i = d->run_count; i-- > 0;) {
			r = run_find(&d->runs[i], high, low, ref, err);
			if (r != 0)
				return r == 1 ? 0 : r;
		}
	*fresh = true;
	e->high = high;
	e->low = low | (*ref + 1);
	d->count++;
	return 0;
}

/* What a run says is older, and is not looked at any more. */
int
dedup_replace(struct dedup *d, const struct tape_hash *hash, uint64_t ref,
	      struct tape_error *err)
{
	uint64_t high = get_le64(hash->byte);
	uint64_t low = (uint64_t)get_le16(hash->byte + 8) << REF_BITS;
	struct dedup_entry *e;
	int r = make_room(d, err);

	if (r != 0)
		return r;
	e = place(d, high, low);
	d->count += e->low == 0;
	e->high = high;
	e->low = low | (ref + 1);
	return 0;
}
