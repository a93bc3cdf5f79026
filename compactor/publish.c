/* SPDX-License-Identifier: Apache-2.0 */
/* From a work directory to a live generation, and what goes then. docs/format/generation.md section 5. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compactor/compaction.h"
#include "format/error.h"
#include "format/generation_text.h"
#include "format/hash.h"
#include "format/path.h"

static int
make_dir(struct compaction *c, const char *path)
{
	int r = os_mkdir(c->reader->dir.fd, path);

	if (r == 0)
		r = os_fsync_dir(c->reader->dir.fd, ".");
	if (r != 0 && r != -EEXIST)
		return error_io(c->err, r, path, "cannot make the directory");
	return 0;
}

void
publish_host(const struct compaction *c, char host[64])
{
	size_t n = 0;

	for (const char *p = c->reader->host; *p != '\0' && n < 63; p++)
		host[n++] = (*p >= '0' && *p <= '9') || (*p >= 'A' && *p <= 'Z') ||
					    (*p >= 'a' && *p <= 'z') || *p == '.'
				    ? *p
				    : '_';
	host[n] = '\0';
}

static void
work_name(struct compaction *c)
{
	char host[64];
	uint8_t random[4] = { 0 };

	publish_host(c, host);
	(void)os_random(random, sizeof random);
	(void)snprintf(c->work, sizeof c->work, PATH_GEN "/tmp-%s-%u-%02x%02x%02x%02x",
		       host, (unsigned)os_getpid(), random[0], random[1], random[2],
		       random[3]);
}

int
publish_begin(struct compaction *c)
{
	int r = make_dir(c, PATH_GEN);

	if (r == 0)
		r = make_dir(c, PATH_LIVE);
	if (r != 0)
		return r;
	work_name(c);
	r = os_mkdir(c->reader->dir.fd, c->work);
	if (r == 0)
		r = os_open_dir(c->reader->dir.fd, c->work, false, &c->work_fd);
	return r == 0 ? 0
		      : error_io(c->err, r, c->work, "cannot make the work directory");
}

int
publish_add_file(struct compaction *c, const char *name, uint64_t size,
		 const struct tape_hash *hash)
{
	struct generation_manifest *m = &c->manifest;
	struct generation_file *more =
		realloc(m->files, (m->file_count + 1) * sizeof *more);

	if (more == NULL)
		return compaction_no_memory(c);
	m->files = more;
	memset(&more[m->file_count], 0, sizeof *more);
	(void)snprintf(more[m->file_count].name, sizeof more->name, "%s", name);
	more[m->file_count].size = size;
	more[m->file_count].hash = *hash;
	m->file_count++;
	return 0;
}

/* ---- MANIFEST ---- */

static int
by_name(const void *a, const void *b)
{
	const struct generation_file *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int
input_order(const void *a, const void *b)
{
	const struct generation_input *x = a, *y = b;

	if (x->session[0] != y->session[0])
		return x->session[0] < y->session[0] ? -1 : 1;
	if (x->session[1] != y->session[1])
		return x->session[1] < y->session[1] ? -1 : 1;
	return x->log_first < y->log_first ? -1 : x->log_first > y->log_first;
}

/* Runs of one session that follow each other become one. */
static void
join_inputs(struct generation_manifest *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->input_count; i++) {
		struct generation_input *last = n == 0 ? NULL : &m->inputs[n - 1];
		const struct generation_input *in = &m->inputs[i];

		if (last == NULL ||
		    memcmp(last->session, in->session, sizeof in->session) != 0 ||
		    last->log_first + last->log_count != in->log_first ||
		    (last->blob_count != 0 && in->blob_count != 0)) {
			m->inputs[n++] = *in;
			continue;
		}
		last->log_count += in->log_count;
		if (in->blob_count != 0) {
			last->blob_first = in->blob_first;
			last->blob_count = in->blob_count;
		}
		if (last->first_seq == 0)
			last->first_seq = in->first_seq;
		if (in->last_seq != 0)
			last->last_seq = in->last_seq;
		last->bytes += in->bytes;
		last->complete |= in->complete;
	}
	m->input_count = n;
}

static int
list_inputs(struct compaction *c)
{
	struct generations *g = c->snapshot->generations;
	struct generation_manifest *m = &c->manifest;
	size_t most = c->part_count;

	for (size_t i = c->keep; i < g->count; i++)
		most += g->items[i].manifest.input_count;
	m->inputs = malloc((most + 1) * sizeof *m->inputs);
	if (m->inputs == NULL)
		return compaction_no_memory(c);
	for (size_t i = c->keep; i < g->count; i++)
		for (size_t k = 0; k < g->items[i].manifest.input_count; k++)
			m->inputs[m->input_count++] = g->items[i].manifest.inputs[k];
	for (size_t i = 0; i < c->part_count; i++)
		if (c->parts[i].raw)
			m->inputs[m->input_count++] = c->parts[i].input;
	qsort(m->inputs, m->input_count, sizeof *m->inputs, input_order);
	join_inputs(m);
	return 0;
}

/* A whole file, on disk before this returns. */
static int
write_file(struct compaction *c, int dir, const char *name, const char *text, size_t len)
{
	int fd = -1, r = os_create(dir, name, &fd);

	if (r == 0)
		r = os_write_all(fd, text, len, NULL);
	if (r == 0)
		r = os_fsync(fd);
	os_close(&fd);
	return r == 0 ? 0 : error_io(c->err, r, name, "cannot write the file");
}

/* What a reader will make of the file, written again, has to be what it was written from. */
static int
read_back(struct compaction *c, int dir, const char *name, const char *text, size_t len)
{
	struct generation_manifest m = { 0 };
	struct live_list live = { 0 };
	bool manifest = dir == c->work_fd;
	char *there = NULL, *again = NULL;
	size_t there_len = 0, again_len = 0;
	int r = text_load(dir, name, &there, &there_len, NULL, c->err);

	if (r == 0 && manifest) {
		r = generation_manifest_parse(there, there_len, name, &m, c->err);
		if (r == 0)
			r = generation_manifest_write(&m, &again, &again_len, c->err);
	} else if (r == 0) {
		r = live_list_parse(there, there_len, name, &live, c->err);
		if (r == 0)
			r = live_list_write(&live, &again, &again_len, c->err);
	}
	if (r == 0 && (there_len != len || memcmp(there, text, len) != 0 ||
		       again_len != len || memcmp(again, text, len) != 0))
		r = error_set(c->err, TAPE_ERR_DAMAGED, name, 0,
			      "the file does not read back as it was written");
	generation_manifest_release(&m);
	live_list_release(&live);
	free(there);
	free(again);
	return r;
}

static int
write_manifest(struct compaction *c, struct tape_hash *hash)
{
	struct generation_manifest *m = &c->manifest;
	char *text = NULL;
	size_t len = 0;
	int r;

	memcpy(m->tape, c->reader->dir.id, sizeof m->tape);
	memcpy(m->uid, c->uid, sizeof m->uid);
	qsort(m->files, m->file_count, sizeof *m->files, by_name);
	r = list_inputs(c);
	if (r == 0)
		r = generation_manifest_write(m, &text, &len, c->err);
	if (r != 0)
		return r;
	*hash = hash_bytes(text, len);
	r = write_file(c, c->work_fd, "MANIFEST", text, len);
	if (r == 0)
		r = read_back(c, c->work_fd, "MANIFEST", text, len);
	free(text);
	if (r != 0)
		return r;
	r = os_fsync_dir(c->reader->dir.fd, c->work);
	return r == 0 ? 0
		      : error_io(c->err, r, c->work,
				 "cannot bring the generation to disk");
}

/* ---- names ---- */

static int
highest(void *user, const char *name)
{
	uint64_t *most = user, n;
	uint32_t hash;

	if (generation_parse_name(name, &n, &hash) && n > *most)
		*most = n;
	return 0;
}

static int
next_number(struct compaction *c, uint64_t *number)
{
	const struct live_list *live = &c->snapshot->generations->live;
	int r = os_list(c->reader->dir.fd, PATH_GEN, highest, number);

	if (r != 0)
		return error_io(c->err, r, PATH_GEN, "cannot list the generations");
	for (size_t i = 0; i < live->count; i++)
		(void)highest(number, live->generations[i].name);
	++*number;
	return 0;
}

static int
rename_work(struct compaction *c, const struct tape_hash *hash, char *name)
{
	char path[GENERATION_NAME + 8];
	uint64_t number = 0;
	int r = next_number(c, &number);

	if (r != 0)
		return r;
	(void)snprintf(name, GENERATION_NAME, "%llu-%02x%02x%02x%02x",
		       (unsigned long long)number % 1000000000000000000ull, hash->byte[0],
		       hash->byte[1], hash->byte[2], hash->byte[3]);
	(void)snprintf(path, sizeof path, PATH_GEN "/%s", name);
	os_close(&c->work_fd);
	r = os_rename(c->reader->dir.fd, c->work, c->reader->dir.fd, path);
	if (r != 0)
		return error_io(c->err, r, path, "cannot rename the generation");
	(void)snprintf(c->work, sizeof c->work, "%s", path);
	r = os_fsync_dir(c->reader->dir.fd, PATH_GEN);
	return r == 0 ? 0 : error_io(c->err, r, PATH_GEN, "cannot bring a name to disk");
}

/* ---- live list ---- */

static void
describe(struct compaction *c, const struct tape_hash *hash, const char *name,
	 struct live_generation *g)
{
	const struct generation_manifest *m = &c->manifest;

	memset(g, 0, sizeof *g);
	(void)snprintf(g->name, sizeof g->name, "%s", name);
	g->manifest = *hash;
	g->scopes = m->scopes;
	g->contents = m->contents;
	g->first_time = m->first_time;
	g->last_time = m->last_time;
	if (m->input_count != 0) {
		memcpy(g->first_session, m->inputs[0].session, sizeof g->first_session);
		memcpy(g->last_session, m->inputs[m->input_count - 1].session,
		       sizeof g->last_session);
	}
	for (size_t i = 0; i < m->file_count; i++)
		g->bytes += m->files[i].size;
	memcpy(g->label_filter, c->filter, sizeof g->label_filter);
}

/*
 * Others may have published this number and a higher one, and removed this one
 * again: then the list that was just linked counts for nobody. Or they built on
 * it: then what it lists counts. Which of the two is left to the next run, and
 * nothing is removed by this one. -EEXIST.
 */
static int
overtaken(struct compaction *c, const char *path, uint64_t number)
{
	uint64_t highest = 0;
	int r = live_list_number(c->reader->dir.fd, &highest, NULL);

	if (r != 0)
		return -EIO; /* not known: nothing may be removed */
	if (highest <= number)
		return 0;
	(void)os_unlink(c->reader->dir.fd, path);
	c->work[0] = '\0';
	return -EEXIST;
}

/* The next live list: 0, TAPE_ERR_BUSY. */
static int
link_live(struct compaction *c, const char *text, size_t len, uint64_t number)
{
	char temporary[128], path[64];
	uint8_t random[4] = { 0 };
	struct os_stat mine, there;
	int dir = c->reader->dir.fd, r;

	(void)os_random(random, sizeof random);
	(void)snprintf(temporary, sizeof temporary, PATH_LIVE "/tmp-%u-%02x%02x%02x%02x",
		       (unsigned)os_getpid(), random[0], random[1], random[2], random[3]);
	(void)snprintf(path, sizeof path, PATH_LIVE "/%llu", (unsigned long long)number);
	r = write_file(c, dir, temporary, text, len);
	if (r == 0)
		r = read_back(c, dir, temporary, text, len);
	if (r != 0) {
		(void)os_unlink(dir, temporary);
		return r;
	}
	r = os_link(dir, temporary, dir, path);
	/* A request that was sent twice fails although it was done. */
	if (r != 0 && os_stat(dir, temporary, &mine) == 0 &&
	    os_stat(dir, path, &there) == 0 && mine.inode == there.inode)
		r = 0;
	(void)os_unlink(dir, temporary);
	if (r == 0)
		r = overtaken(c, path, number);
	if (r == -EEXIST)
		return error_set(c->err, TAPE_ERR_BUSY, path, 0,
				 "another compactor was faster; this one leaves the tape "
				 "as it is");
	if (r != 0) {
		/* Unless it is certain that nobody counts on it the generation stays. */
		if (os_stat(dir, path, &there) != -ENOENT)
			c->work[0] = '\0';
		return error_io(c->err, r, path, "cannot publish the live list");
	}
	/* From here on readers count on the generation, whatever else fails. */
	c->work[0] = '\0';
	r = os_fsync_dir(dir, PATH_LIVE);
	return r == 0 ? 0
		      : error_io(c->err, r, PATH_LIVE,
				 "cannot bring the live list to disk");
}

static int
write_live(struct compaction *c, const struct tape_hash *hash, const char *name)
{
	const struct live_list *old = &c->snapshot->generations->live;
	struct live_list live = { .number = old->number + 1 };
	char *text = NULL;
	size_t len = 0;
	int r;

	/* What was found unreferenced stays so until it is looked at again. */
	live.unreferenced = old->unreferenced;
	live.unreferenced_count = old->unreferenced_count;
	live.generations = calloc(c->keep + 1, sizeof *live.generations);
	if (live.generations == NULL)
		return compaction_no_memory(c);
	for (size_t i = 0; i < c->keep; i++)
		live.generations[i] = old->generations[i];
	describe(c, hash, name, &live.generations[c->keep]);
	live.count = c->keep + 1;
	r = live_list_write(&live, &text, &len, c->err);
	if (r == 0)
		r = link_live(c, text, len, live.number);
	free(text);
	free(live.generations);
	return r;
}

int
publish(struct compaction *c)
{
	struct tape_hash hash;
	char name[GENERATION_NAME];
	int r = write_manifest(c, &hash);

	if (r == 0)
		r = rename_work(c, &hash, name);
	if (r == 0)
		r = write_live(c, &hash, name);
	if (r != 0)
		return r;
	(void)snprintf(c->result->generation, sizeof c->result->generation, "%s", name);
	return 0;
}

int
publish_unreferenced(struct compaction *c, const struct live_blob *blobs, size_t count)
{
	struct live_list live = { 0 }, next;
	char *text = NULL;
	size_t len = 0;
	int r = live_list_read(c->reader->dir.fd, &live, c->err);

	if (r != 0 || live.number == 0)
		return r;
	next = live;
	next.number++;
	next.unreferenced = (struct live_blob *)(uintptr_t)blobs;
	next.unreferenced_count = count;
	r = live_list_write(&next, &text, &len, c->err);
	if (r == 0)
		r = link_live(c, text, len, next.number);
	free(text);
	live_list_release(&live);
	return r;
}
