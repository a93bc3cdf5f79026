/* SPDX-License-Identifier: Apache-2.0 */
/* What goes when a generation is live, or when a run failed. docs/format/generation.md section 5. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compactor/compaction.h"
#include "format/error.h"
#include "format/path.h"

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
clean_abandon(struct compaction *c)
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

struct range {
	struct compaction *c;
	const char *dir;
	uint32_t first, count;
	bool blob;
};

static int
remove_in_range(void *user, const char *name)
{
	const struct range *range = user;
	struct compaction *c = range->c;
	char path[512];
	struct os_stat st;
	uint32_t number;
	bool blob;

	if (!path_parse_segment(name, &number, &blob) || blob != range->blob ||
	    number < range->first || number - range->first >= range->count)
		return 0;
	(void)snprintf(path, sizeof path, "%s/%s", range->dir, name);
	if (os_stat(c->reader->dir.fd, path, &st) == 0 && st.regular &&
	    os_unlink(c->reader->dir.fd, path) == 0)
		c->result->removed_bytes += st.size;
	return 0;
}

/* What is there of it: nobody counts to what a MANIFEST says. */
static void
remove_range(struct compaction *c, const char *dir, uint32_t first, uint32_t count,
	     bool blob)
{
	struct range range = { c, dir, first, count, blob };

	if (count != 0)
		(void)os_list(c->reader->dir.fd, dir, remove_in_range, &range);
}

struct hints {
	struct compaction *c;
	const char *dir;
};

static int
remove_hint(void *user, const char *name)
{
	const struct hints *hints = user;
	char path[512], log[PATH_SEGMENT_TEXT];
	struct os_stat st;
	uint32_t number;

	if (!path_parse_hint(name, &number))
		return 0;
	path_segment(number, false, log);
	(void)snprintf(path, sizeof path, "%s/%s", hints->dir, log);
	if (os_stat(hints->c->reader->dir.fd, path, &st) == 0)
		return 0;
	(void)snprintf(path, sizeof path, "%s/%s", hints->dir, name);
	if (os_stat(hints->c->reader->dir.fd, path, &st) == 0 && st.regular)
		(void)os_unlink(hints->c->reader->dir.fd, path);
	return 0;
}

/* Those of segments that are gone. */
static void
remove_hints(struct compaction *c, const char *dir)
{
	struct hints hints = { c, dir };

	(void)os_list(c->reader->dir.fd, dir, remove_hint, &hints);
}

static void
remove_session(struct compaction *c, const char *dir)
{
	char path[512];

	(void)snprintf(path, sizeof path, "%s/" PATH_MANIFEST, dir);
	(void)os_unlink(c->reader->dir.fd, path);
	(void)os_rmdir(c->reader->dir.fd, dir);
}

/* Does a generation that is live now have the session's manifest? Those that were merged do not count. */
static bool
has_manifest(const struct compaction *c, size_t index)
{
	const struct snapshot_session *s = &c->snapshot->sessions[index];
	const struct generations *g = c->snapshot->generations;

	for (size_t i = 0; i < s->generation_count; i++)
		if (s->generations[i] < c->keep &&
		    g->items[s->generations[i]].scopes.sessions[s->entries[i]].manifest !=
			    0)
			return true;
	for (size_t i = 0; i < c->part_count; i++)
		if (c->parts[i].index == index)
			return c->parts[i].has_manifest;
	return false;
}

/* Whoever is about to begin it makes its directory again. */
static bool
never_began(const struct snapshot_session *s)
{
	return s->input_count == 0 && s->generation_count == 0 && s->dir.log_count == 0 &&
	       s->dir.blob_log_count == 0 && s->dir.error == 0;
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
		if (s->input_count != 0)
			remove_hints(c, s->dir.path);
		if (complete && has_manifest(c, i))
			remove_session(c, s->dir.path);
		else if (complete ||
			 never_began(s)) /* it goes if there never was a manifest */
			(void)os_rmdir(c->reader->dir.fd, s->dir.path);
	}
}

/* The manifest of a session that is over is in the generation: but for hints its directory is empty then. */
static void
remove_sessions(struct compaction *c)
{
	for (size_t i = 0; i < c->part_count; i++) {
		const struct snapshot_session *s =
			&c->snapshot->sessions[c->parts[i].index];

		if (!c->parts[i].raw || s->dir.path[0] == '\0')
			continue;
		remove_hints(c, s->dir.path);
		if (c->parts[i].complete && c->parts[i].kept_manifest)
			remove_session(c, s->dir.path);
	}
}

struct sweep {
	struct compaction *c;
	const struct live_list *live;
	uint64_t highest; /* number of a generation listed */
	char names[256][64];
	size_t count;
};

/*
 * Is the process that made "tmp-HOST-PID-RANDOM" gone for certain? Who has the
 * lock is alone on his host; without it a process that is there counts as alive.
 */
static bool
left_over(struct compaction *c, const char *name)
{
	char host[64], expected[80];
	uint64_t start;
	unsigned pid = 0;
	int r, n;

	publish_host(c, host);
	n = snprintf(expected, sizeof expected, "tmp-%s-", host);
	if (strncmp(name, expected, (size_t)n) != 0 || sscanf(name + n, "%u-", &pid) != 1)
		return false;
	if (c->locked)
		return true;
	r = os_pid_start(pid, &start);
	return r == -ESRCH || r == -ENOENT;
}

static int
look_at_generation(void *user, const char *name)
{
	struct sweep *s = user;
	uint64_t number;
	uint32_t hash;

	if (s->count == sizeof s->names / sizeof s->names[0] || strlen(name) >= 64)
		return 0;
	if (strncmp(name, "tmp-", 4) == 0) {
		if (!left_over(s->c, name))
			return 0;
	} else {
		/*
		 * A higher number than all that are listed may be somebody's
		 * who will publish it in a moment.
		 */
		if (!generation_parse_name(name, &number, &hash) || number >= s->highest)
			return 0;
		for (size_t i = 0; i < s->live->count; i++)
			if (strcmp(s->live->generations[i].name, name) == 0)
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
	uint32_t hash;

	if (s == NULL || live_list_read(c->reader->dir.fd, &live, NULL) != 0 ||
	    live.count == 0)
		goto out;
	s->c = c;
	s->live = &live;
	(void)generation_parse_name(live.generations[live.count - 1].name, &s->highest,
				    &hash);
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

/* What readers count on must be on disk before what it replaces goes. */
static bool
on_disk(struct compaction *c)
{
	int r = os_fsync_dir(c->reader->dir.fd, PATH_GEN);

	if (r == 0)
		r = os_fsync_dir(c->reader->dir.fd, PATH_LIVE);
	if (r == 0 || r == -ENOENT) /* without them nothing is replaced */
		return r == 0;
	compaction_event(c, PATH_LIVE, 0,
			 "cannot be brought to disk: nothing is removed");
	return false;
}

void
clean_replaced(struct compaction *c)
{
	if (!on_disk(c))
		return;
	if ((c->options.flags & TAPE_COMPACT_KEEP_RAW) == 0) {
		remove_raw(c);
		remove_sessions(c);
		remove_replaced(c);
		reclaim(c);
	}
	remove_generations(c);
}
