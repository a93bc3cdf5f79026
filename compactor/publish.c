/* SPDX-License-Identifier: Apache-2.0 */
/* From a work directory to a live generation, and what goes then. docs/format/generation.md section 5. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compactor/compaction.h"
#include "format/error.h"
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

/* A name may hold anything that a host is called: only letters, digits, "-" and "." stay. */
static void
work_name(struct compaction *c)
{
	char host[64];
	uint8_t random[4] = { 0 };
	size_t n = 0;

	for (const char *p = c->reader->host; *p != '\0' && n < sizeof host - 1; p++)
		host[n++] = (*p >= '0' && *p <= '9') || (*p >= 'A' && *p <= 'Z') ||
					    (*p >= 'a' && *p <= 'z') || *p == '.'
				    ? *p
				    : '_';
	host[n] = '\0';
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
	if (r == -EEXIST)
		return error_set(c->err, TAPE_ERR_BUSY, path, 0,
				 "another compactor was faster; what this one made is "
				 "removed");
	if (r != 0)
		return error_io(c->err, r, path, "cannot publish the live list");
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

/* ---- removing ---- */

struct victim {
	int dir;
	const char *path;
};

static int
unlink_one(void *user, const char *name)
{
	struct victim *v = user;
	char path[512];

	(void)snprintf(path, sizeof path, "%s/%s", v->path, name);
	(void)os_unlink(v->dir, path);
	return 0;
}

static void
remove_dir(struct compaction *c, const char *path)
{
	struct victim v = { c->reader->dir.fd, path };

	(void)os_list(v.dir, path, unlink_one, &v);
	(void)os_rmdir(v.dir, path);
}

void
publish_abandon(struct compaction *c)
{
	os_close(&c->work_fd);
	if (c->work[0] != '\0')
		remove_dir(c, c->work);
	c->work[0] = '\0';
}

static bool
unchanged(const struct compaction *c, const struct frozen *f)
{
	struct os_stat now;

	return os_stat(c->reader->dir.fd, f->path, &now) == 0 && now.size == f->st.size &&
	       now.inode == f->st.inode && now.mtime_ns == f->st.mtime_ns;
}

/* Raw files of this run. */
static void
remove_raw(struct compaction *c)
{
	for (size_t i = 0; i < c->frozen.count; i++) {
		const struct frozen *f = &c->frozen.items[i];

		if (!unchanged(c, f))
			compaction_event(c, f->path, f->st.size,
					 "stays: it changed while it was compacted");
		else if (os_unlink(c->reader->dir.fd, f->path) == 0)
			c->result->removed_bytes += f->st.size;
	}
}

static void
remove_range(struct compaction *c, const char *dir, uint32_t first, uint32_t count,
	     bool blob)
{
	char name[PATH_SEGMENT_TEXT], path[512];

	for (uint32_t i = first; i < first + count; i++) {
		struct os_stat st;

		path_segment(i, blob, name);
		(void)snprintf(path, sizeof path, "%s/%s", dir, name);
		if (os_stat(c->reader->dir.fd, path, &st) == 0 && st.regular &&
		    os_unlink(c->reader->dir.fd, path) == 0)
			c->result->removed_bytes += st.size;
	}
}

static void
remove_session(struct compaction *c, const char *dir)
{
	char path[512];

	(void)snprintf(path, sizeof path, "%s/" PATH_MANIFEST, dir);
	(void)os_unlink(c->reader->dir.fd, path);
	(void)os_rmdir(c->reader->dir.fd, dir);
}

/* What earlier generations replace and an earlier run did not get to. */
static void
remove_replaced(struct compaction *c)
{
	for (size_t i = 0; i < c->snapshot->count; i++) {
		const struct snapshot_session *s = &c->snapshot->sessions[i];
		bool complete = false;

		if (s->dir.path[0] == '\0')
			continue;
		for (size_t k = 0; k < s->input_count; k++) {
			const struct generation_input *in = s->inputs[k];

			remove_range(c, s->dir.path, in->log_first, in->log_count, false);
			remove_range(c, s->dir.path, in->blob_first, in->blob_count,
				     true);
			complete |= in->complete;
		}
		if (complete)
			remove_session(c, s->dir.path);
	}
}

/* ---- loose blobs ---- */

struct blob_sweep {
	struct compaction *c;
	struct generations *set;
	char prefix[3];
	struct tape_hash *found;
	size_t count, cap;
};

static int
look_at_blob(void *user, const char *name)
{
	struct blob_sweep *s = user;
	char hex[TAPE_HASH_TEXT], path[PATH_BLOB_TEXT];
	struct tape_hash hash;
	struct os_stat st;

	if (strlen(name) != 30)
		return 0;
	(void)snprintf(hex, sizeof hex, "%s%s", s->prefix, name);
	if (!path_parse_hash(hex, &hash))
		return 0;
	path_blob(&hash, path);
	if (os_stat(s->c->reader->dir.fd, path, &st) != 0 || !st.regular ||
	    generations_blob(s->set, &hash, st.size, NULL, NULL) != 0)
		return 0;
	if (s->count == s->cap) {
		size_t cap = s->cap == 0 ? 64 : s->cap * 2;
		struct tape_hash *more = realloc(s->found, cap * sizeof *more);

		if (more == NULL)
			return 0;
		s->found = more;
		s->cap = cap;
	}
	s->found[s->count++] = hash;
	return 0;
}

/*
 * A loose blob whose bytes are in a live generation goes: readers look there
 * first, and a recorder that counts on the file finds its blob there too.
 */
static void
remove_blobs(struct compaction *c)
{
	struct blob_sweep s = { .c = c };
	char path[PATH_BLOB_TEXT];

	if (generations_get(c->reader, &s.set, NULL) != 0)
		return;
	for (unsigned i = 0; i < 256 && s.set->count != 0; i++) {
		char dir[16];

		(void)snprintf(s.prefix, sizeof s.prefix, "%02x", i);
		(void)snprintf(dir, sizeof dir, PATH_BLOBS "/%02x", i);
		s.count = 0;
		(void)os_list(c->reader->dir.fd, dir, look_at_blob, &s);
		for (size_t k = 0; k < s.count; k++) {
			struct os_stat st;

			path_blob(&s.found[k], path);
			if (os_stat(c->reader->dir.fd, path, &st) == 0 &&
			    os_unlink(c->reader->dir.fd, path) == 0)
				c->result->removed_bytes += st.size;
		}
		if (s.count != 0)
			(void)os_rmdir(c->reader->dir.fd, dir);
	}
	free(s.found);
	generations_release(s.set);
}

/* The manifest of a session that is over is in the generation: its directory is empty then. */
static void
remove_sessions(struct compaction *c)
{
	for (size_t i = 0; i < c->part_count; i++) {
		const struct snapshot_session *s =
			&c->snapshot->sessions[c->parts[i].index];

		if (c->parts[i].raw && c->parts[i].complete && s->dir.path[0] != '\0')
			remove_session(c, s->dir.path);
	}
}

struct sweep {
	struct compaction *c;
	const struct live_list *live;
	char names[256][64];
	size_t count;
};

/* Is the process that made "tmp-HOST-PID-RANDOM" gone for certain? */
static bool
left_over(struct compaction *c, const char *name)
{
	const char *dash = strrchr(name, '-');
	uint64_t start;
	unsigned pid = 0;
	size_t len;

	if (dash == NULL || strncmp(name, "tmp-", 4) != 0)
		return false;
	for (len = (size_t)(dash - name); len > 4 && name[len - 1] != '-'; len--)
		;
	if (sscanf(name + len, "%u", &pid) != 1 || pid == os_getpid())
		return false;
	if (len < 5 || strncmp(name + 4, c->reader->host, len - 5) != 0)
		return false;
	return os_pid_start(pid, &start) == -ESRCH ||
	       os_pid_start(pid, &start) == -ENOENT;
}

static int
look_at_generation(void *user, const char *name)
{
	struct sweep *s = user;
	uint64_t number;
	uint32_t hash;
	bool listed = false;

	if (s->count == sizeof s->names / sizeof s->names[0] || strlen(name) >= 64)
		return 0;
	if (strncmp(name, "tmp-", 4) == 0) {
		if (!left_over(s->c, name))
			return 0;
	} else {
		if (!generation_parse_name(name, &number, &hash))
			return 0;
		for (size_t i = 0; i < s->live->count; i++)
			listed |= strcmp(s->live->generations[i].name, name) == 0;
		if (listed)
			return 0;
	}
	(void)snprintf(s->names[s->count++], 64, "%s", name);
	return 0;
}

static int
look_at_live(void *user, const char *name)
{
	struct sweep *s = user;
	char *end;
	unsigned long long number;

	if (s->count == sizeof s->names / sizeof s->names[0] || strlen(name) >= 64)
		return 0;
	if (strncmp(name, "tmp-", 4) != 0) {
		number = strtoull(name, &end, 10);
		if (*end != '\0' || number == 0 || number >= s->live->number)
			return 0;
	}
	(void)snprintf(s->names[s->count++], 64, "%s", name);
	return 0;
}

/* Only under the lock, and only by a list that was just read: if that fails nothing goes. */
static void
remove_generations(struct compaction *c)
{
	struct sweep *s = calloc(1, sizeof *s);
	struct live_list live = { 0 };
	char path[128];

	if (s == NULL || live_list_read(c->reader->dir.fd, &live, NULL) != 0 ||
	    live.number == 0)
		goto out;
	s->c = c;
	s->live = &live;
	if (os_list(c->reader->dir.fd, PATH_GEN, look_at_generation, s) != 0)
		s->count = 0;
	for (size_t i = 0; i < s->count; i++) {
		(void)snprintf(path, sizeof path, PATH_GEN "/%s", s->names[i]);
		remove_dir(c, path);
	}
	s->count = 0;
	if (os_list(c->reader->dir.fd, PATH_LIVE, look_at_live, s) != 0)
		s->count = 0;
	for (size_t i = 0; i < s->count; i++) {
		(void)snprintf(path, sizeof path, PATH_LIVE "/%s", s->names[i]);
		(void)os_unlink(c->reader->dir.fd, path);
	}
out:
	live_list_release(&live);
	free(s);
}

void
publish_clean(struct compaction *c)
{
	if ((c->options.flags & TAPE_COMPACT_KEEP_RAW) == 0) {
		remove_raw(c);
		remove_sessions(c);
		remove_replaced(c);
		remove_blobs(c);
	}
	remove_generations(c);
}
