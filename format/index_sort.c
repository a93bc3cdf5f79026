/* SPDX-License-Identifier: Apache-2.0 */
#include "format/index_sort.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/os.h"

#define FILE_NAME "index-sort.tmp"
#define LEAST_RECORDS 1024u
#define FIRST_RECORDS 4096u
#define RUN_BUFFER_MIN 4096u
#define RUN_BUFFER_MAX (1u << 20)
#define BUCKET_BITS 18u
#define INSERTION_MAX 48u

struct index_sort_run {
	uint64_t at, end; /* in the file, of what is not in the buffer yet */
	uint64_t *buffer;
	size_t count, next; /* records in it */
};

static int
no_memory(struct tape_error *err)
{
	return error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory to sort an index");
}

void
index_sort_init(struct index_sort *s, unsigned words, uint64_t memory, int dir)
{
	/* Half is for the records, half to sort them into, or to merge. */
	uint64_t most = memory / 2 / (words * sizeof *s->items);

	memset(s, 0, sizeof *s);
	s->words = words;
	s->most = most < LEAST_RECORDS ? LEAST_RECORDS : (size_t)most;
	s->dir = dir;
	s->write_fd = s->read_fd = -1;
}

void
index_sort_release(struct index_sort *s)
{
	for (size_t i = 0; i < s->run_count; i++)
		free(s->runs[i].buffer);
	free(s->runs);
	free(s->items);
	free(s->scratch);
	free(s->heap);
	os_close(&s->write_fd);
	os_close(&s->read_fd);
	index_sort_init(s, s->words, 0, -1);
}

/* ---- in memory ---- */

static bool
less(const uint64_t *a, const uint64_t *b, unsigned words)
{
	for (unsigned i = 0; i + 1 < words; i++)
		if (a[i] != b[i])
			return a[i] < b[i];
	return a[words - 1] < b[words - 1];
}

static int
compare(const void *a, const void *b, void *words)
{
	const unsigned *n = words;

	return less(a, b, *n) ? -1 : less(b, a, *n);
}

static void
insertion(uint64_t *items, size_t count, unsigned words)
{
	uint64_t one[8];
	size_t bytes = words * sizeof *items;

	for (size_t i = 1; i < count; i++) {
		size_t k = i;

		if (!less(items + i * words, items + (i - 1) * words, words))
			continue;
		memcpy(one, items + i * words, bytes);
		while (k > 0 && less(one, items + (k - 1) * words, words)) {
			memcpy(items + k * words, items + (k - 1) * words, bytes);
			k--;
		}
		memcpy(items + k * words, one, bytes);
	}
}

static void
sort_bucket(uint64_t *items, size_t count, unsigned words)
{
	if (count <= INSERTION_MAX)
		insertion(items, count, words);
	else
		qsort_r(items, count, words * sizeof *items, compare, &words);
}

/* Least first word, and by how many bits the greatest is above it. */
static unsigned
first_words(const struct index_sort *s, uint64_t *least)
{
	uint64_t lo = UINT64_MAX, hi = 0;

	for (size_t i = 0; i < s->count; i++) {
		uint64_t v = s->items[i * s->words];

		lo = v < lo ? v : lo;
		hi = v > hi ? v : hi;
	}
	*least = lo;
	return lo >= hi ? 0 : 64 - (unsigned)__builtin_clzll(hi - lo);
}

/* First words are spread about evenly: by them a record is near its place at once. */
static int
sort_items(struct index_sort *s)
{
	uint64_t least, *swap;
	unsigned bits = 1, words = s->words, range = first_words(s, &least), shift;
	uint32_t *starts;

	while (bits < BUCKET_BITS && s->count >> bits > 8)
		bits++;
	shift = range > bits ? range - bits : 0;
	starts = calloc(((size_t)1 << bits) + 1, sizeof *starts);
	if (s->scratch_cap < s->cap) {
		free(s->scratch);
		s->scratch = malloc(s->cap * words * sizeof *s->scratch);
		s->scratch_cap = s->scratch == NULL ? 0 : s->cap;
	}
	if (starts == NULL || (s->scratch == NULL && s->cap != 0)) {
		free(starts);
		return TAPE_ERR_NOMEM;
	}
	for (size_t i = 0; i < s->count; i++)
		starts[((s->items[i * words] - least) >> shift) + 1]++;
	for (size_t b = 1; b <= (size_t)1 << bits; b++)
		starts[b] += starts[b - 1];
	for (size_t i = 0; i < s->count; i++) {
		const uint64_t *from = s->items + i * words;

		memcpy(s->scratch + (size_t)starts[(from[0] - least) >> shift]++ * words,
		       from, words * sizeof *from);
	}
	/* Each start is now where the next bucket begins. */
	for (size_t b = 0, first = 0; b < (size_t)1 << bits; first = starts[b++])
		sort_bucket(s->scratch + first * words, starts[b] - first, words);
	free(starts);
	swap = s->items;
	s->items = s->scratch;
	s->scratch = swap;
	return 0;
}

/* ---- runs ---- */

static int
open_file(struct index_sort *s, struct tape_error *err)
{
	int r;

	if (s->write_fd >= 0)
		return 0;
	r = os_create(s->dir, FILE_NAME, &s->write_fd);
	if (r == -EEXIST) { /* left by somebody who was killed */
		(void)os_unlink(s->dir, FILE_NAME);
		r = os_create(s->dir, FILE_NAME, &s->write_fd);
	}
	if (r == 0)
		r = os_open_read(s->dir, FILE_NAME, &s->read_fd);
	if (s->write_fd >= 0 && os_unlink(s->dir, FILE_NAME) != 0 && r == 0)
		r = -EIO;
	return r == 0 ? 0 : error_io(err, r, FILE_NAME, "cannot make a temporary file");
}

static int
spill(struct index_sort *s, struct tape_error *err)
{
	size_t bytes = s->count * s->words * sizeof *s->items;
	struct index_sort_run *runs = realloc(s->runs, (s->run_count + 1) * sizeof *runs);
	int r;

	if (runs == NULL)
		return no_memory(err);
	s->runs = runs;
	if (sort_items(s) != 0)
		return no_memory(err);
	r = open_file(s, err);
	if (r != 0)
		return r;
	r = os_write_all(s->write_fd, s->items, bytes, NULL);
	if (r != 0)
		return error_io(err, r, FILE_NAME, "cannot write a temporary file");
	memset(&runs[s->run_count], 0, sizeof *runs);
	runs[s->run_count].at = s->written;
	runs[s->run_count++].end = s->written += bytes;
	s->count = 0;
	return 0;
}

static int
grow(struct index_sort *s)
{
	size_t cap = s->cap == 0 ? FIRST_RECORDS : s->cap * 2;
	uint64_t *more;

	cap = cap > s->most ? s->most : cap;
	more = realloc(s->items, cap * s->words * sizeof *more);
	if (more == NULL)
		return TAPE_ERR_NOMEM;
	s->items = more;
	s->cap = cap;
	return 0;
}

int
index_sort_add(struct index_sort *s, const uint64_t *records, size_t count,
	       struct tape_error *err)
{
	while (count != 0) {
		size_t part = s->cap - s->count;

		if (part == 0 && s->cap < s->most) {
			if (grow(s) != 0)
				return no_memory(err);
			continue;
		}
		if (part == 0) {
			int r = spill(s, err);

			if (r != 0)
				return r;
			continue;
		}
		part = part < count ? part : count;
		memcpy(s->items + s->count * s->words, records,
		       part * s->words * sizeof *records);
		s->count += part;
		records += part * s->words;
		count -= part;
	}
	return 0;
}

/* ---- merging ---- */

static const uint64_t *
head(const struct index_sort *s, uint32_t run)
{
	return s->runs[run].buffer + s->runs[run].next * s->words;
}

static int
fill(struct index_sort *s, struct index_sort_run *run, size_t bytes,
     struct tape_error *err)
{
	int64_t got;

	if (bytes > run->end - run->at)
		bytes = (size_t)(run->end - run->at);
	got = bytes == 0 ? 0 : os_pread(s->read_fd, run->buffer, bytes, run->at);
	if (got < 0 || (size_t)got != bytes)
		return error_io(err, got < 0 ? (int)got : -EIO, FILE_NAME,
				"cannot read a temporary file back");
	run->at += bytes;
	run->count = bytes / (s->words * sizeof *run->buffer);
	run->next = 0;
	return 0;
}

static size_t
buffer_bytes(const struct index_sort *s)
{
	size_t record = s->words * sizeof *s->items;
	size_t bytes = s->most * record / s->run_count;

	if (bytes > RUN_BUFFER_MAX)
		bytes = RUN_BUFFER_MAX;
	if (bytes < RUN_BUFFER_MIN)
		bytes = RUN_BUFFER_MIN;
	return bytes / record * record;
}

static void
sift(struct index_sort *s, size_t at)
{
	uint32_t run = s->heap[at];

	for (size_t child; (child = at * 2 + 1) < s->heap_count; at = child) {
		if (child + 1 < s->heap_count &&
		    less(head(s, s->heap[child + 1]), head(s, s->heap[child]), s->words))
			child++;
		if (!less(head(s, s->heap[child]), head(s, run), s->words))
			break;
		s->heap[at] = s->heap[child];
	}
	s->heap[at] = run;
}

int
index_sort_finish(struct index_sort *s, struct tape_error *err)
{
	int r = 0;

	s->at = 0;
	if (s->run_count == 0)
		return s->count == 0 || sort_items(s) == 0 ? 0 : no_memory(err);
	if (s->count != 0)
		r = spill(s, err);
	free(s->items);
	free(s->scratch);
	s->items = s->scratch = NULL;
	s->cap = s->scratch_cap = 0;
	if (r == 0) {
		s->heap = malloc(s->run_count * sizeof *s->heap);
		r = s->heap == NULL ? no_memory(err) : 0;
	}
	for (uint32_t i = 0; i < s->run_count && r == 0; i++) {
		size_t bytes = buffer_bytes(s);

		s->runs[i].buffer = malloc(bytes);
		r = s->runs[i].buffer == NULL ? no_memory(err)
					      : fill(s, &s->runs[i], bytes, err);
		if (r == 0)
			s->heap[s->heap_count++] = i;
	}
	for (size_t i = s->heap_count / 2; r == 0 && i-- > 0;)
		sift(s, i);
	return r;
}

/* The run whose record was given moves on. */
static int
advance(struct index_sort *s, struct tape_error *err)
{
	struct index_sort_run *run = &s->runs[s->heap[0]];

	if (++run->next == run->count) {
		int r = fill(s, run, buffer_bytes(s), err);

		if (r != 0)
			return r;
		if (run->count == 0)
			s->heap[0] = s->heap[--s->heap_count];
	}
	if (s->heap_count != 0)
		sift(s, 0);
	return 0;
}

int
index_sort_next(struct index_sort *s, const uint64_t **record, struct tape_error *err)
{
	int r;

	if (s->run_count == 0) {
		if (s->at == s->count)
			return 0;
		*record = s->items + s->at++ * s->words;
		return 1;
	}
	if (s->at != 0) {
		r = advance(s, err);
		if (r != 0)
			return r;
	}
	s->at = 1;
	if (s->heap_count == 0)
		return 0;
	*record = head(s, s->heap[0]);
	return 1;
}
