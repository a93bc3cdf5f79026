/* SPDX-License-Identifier: Apache-2.0 */
/* Making the sections of cached results: records are sorted, their contents wait in a file. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/index_io.h"
#include "format/index_sort.h"
#include "format/os.h"

#define FILE_NAME "index-cache.tmp"
#define SECTION_ENTRIES 512u

struct index_caching {
	struct index_sort sort;
	int dir, write_fd, read_fd; /* -1: nothing was written yet */
	uint64_t written;
	struct index_cache_record next;
	bool has_next, ended;
	struct index_cache_record *records; /* [SECTION_ENTRIES] */
	struct pack_bytes canonical;
};

struct index_caching *
index_caching_new(uint64_t memory, int dir)
{
	struct index_caching *c = calloc(1, sizeof *c);

	if (c == NULL)
		return NULL;
	index_sort_init(&c->sort, INDEX_CACHE_WORDS, memory, dir);
	c->dir = dir;
	c->write_fd = c->read_fd = -1;
	return c;
}

void
index_caching_free(struct index_caching *c)
{
	if (c == NULL)
		return;
	index_sort_release(&c->sort);
	os_close(&c->write_fd);
	os_close(&c->read_fd);
	pack_bytes_release(&c->canonical);
	free(c->records);
	free(c);
}

static int
open_file(struct index_caching *c, struct tape_error *err)
{
	int r;

	if (c->write_fd >= 0)
		return 0;
	r = os_create(c->dir, FILE_NAME, &c->write_fd);
	if (r == -EEXIST) { /* left by somebody who was killed */
		(void)os_unlink(c->dir, FILE_NAME);
		r = os_create(c->dir, FILE_NAME, &c->write_fd);
	}
	if (r == 0)
		r = os_open_read(c->dir, FILE_NAME, &c->read_fd);
	if (c->write_fd >= 0 && os_unlink(c->dir, FILE_NAME) != 0 && r == 0)
		r = -EIO;
	return r == 0 ? 0 : error_io(err, r, FILE_NAME, "cannot make a temporary file");
}

int
index_caching_add(struct index_caching *c, const struct pack_bytes *records,
		  const struct pack_bytes *canonical, struct tape_error *err)
{
	size_t count = records->len / sizeof(struct index_cache_record);
	struct index_cache_record *r = (struct index_cache_record *)(void *)records->data;
	int status;

	if (count == 0)
		return 0;
	for (size_t i = 0; i < count; i++)
		r[i].place += c->written << 16;
	if (canonical->len != 0) {
		status = open_file(c, err);
		if (status != 0)
			return status;
		status = os_write_all(c->write_fd, canonical->data, canonical->len, NULL);
		if (status != 0)
			return error_io(err, status, FILE_NAME,
					"cannot write a temporary file");
		c->written += canonical->len;
	}
	return index_sort_add(&c->sort, (const uint64_t *)(const void *)r, count, err);
}

/* 1 = c->next is the next record, 0 = there is none. */
static int
advance(struct index_caching *c, struct tape_error *err)
{
	const uint64_t *record;
	int r = index_sort_next(&c->sort, &record, err);

	c->has_next = r == 1;
	if (r == 1)
		memcpy(&c->next, record, sizeof c->next);
	return r;
}

int
index_caching_finish(struct index_caching *c, struct tape_error *err)
{
	int r = index_sort_finish(&c->sort, err);

	if (r == 0)
		r = advance(c, err);
	if (r == 1 && c->records == NULL) {
		c->records = malloc(SECTION_ENTRIES * sizeof *c->records);
		if (c->records == NULL)
			return error_set(err, TAPE_ERR_NOMEM, NULL, 0,
					 "no memory to make an index");
	}
	return r < 0 ? r : 0;
}

static int
take_canonical(struct index_caching *c, struct tape_error *err)
{
	size_t len = c->next.place & 0xffff;
	int64_t got;

	if (len == 0)
		return 0;
	if (pack_bytes_reserve(&c->canonical, len) != 0)
		return error_set(err, TAPE_ERR_NOMEM, NULL, 0,
				 "no memory to make an index");
	got = os_pread(c->read_fd, c->canonical.data + c->canonical.len, len,
		       c->next.place >> 16);
	if (got != (int64_t)len)
		return error_io(err, got < 0 ? (int)got : -EIO, FILE_NAME,
				"cannot read a temporary file");
	c->canonical.len += len;
	return 0;
}

int
index_caching_section(struct index_caching *c, struct pack_bytes *raw, uint8_t *key,
		      uint32_t *count, struct tape_error *err)
{
	uint32_t n = 0;
	int r = 0;

	c->canonical.len = 0;
	while (r == 0 && c->has_next && n < SECTION_ENTRIES &&
	       (n == 0 || c->canonical.len + n * 48u < INDEX_SECTION_BYTES)) {
		c->records[n++] = c->next;
		r = take_canonical(c, err);
		if (r == 0)
			r = advance(c, err) < 0 ? TAPE_ERR_IO : 0;
	}
	if (r != 0 || n == 0)
		return r;
	index_cache_key(&c->records[0], key);
	if (index_cache_encode(c->records, n, c->canonical.data, raw) != 0)
		return error_set(err, TAPE_ERR_NOMEM, NULL, 0,
				 "no memory to make an index");
	*count = n;
	return 1;
}
