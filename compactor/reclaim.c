/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loose blobs. Those that a live generation has go at once. Those that nothing
 * refers to go by the rules of docs/format/generation.md section 5: a recorder
 * that is silent for a day may still be about to refer to what it has written.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compactor/compaction.h"
#include "compactor/meetings.h"
#include "format/error.h"
#include "format/limits.h"
#include "format/path.h"

#define REMOVERS 16u
#define REMOVED_AT_ONCE 4096u
#define DEFAULT_GRACE (INT64_C(24) * 3600 * 1000000000)

struct loose {
	struct live_blob blob; /* since_ns 0: it was not found unreferenced before */
	uint64_t size;
	int64_t mtime_ns;
	bool referenced, packed, gone;
};

struct reclaiming {
	struct compaction *c;
	struct generations *set; /* the newest */
	struct loose *items;	 /* in no generation; by hash once all are there */
	size_t count, cap;
	char prefix[3];
	bool failed;	   /* something is not known: nothing goes */
	int64_t now_ns;	   /* by the clock of the file system */
	int64_t oldest_ns; /* when the first session began that may be alive */
};

static int
dir_of(const struct reclaiming *x)
{
	return x->c->reader->dir.fd;
}

/* ---- what there is ---- */

static int
by_hash(const void *a, const void *b)
{
	const struct loose *x = a, *y = b;

	return memcmp(x->blob.hash.byte, y->blob.hash.byte, sizeof x->blob.hash.byte);
}

static struct loose *
find(struct reclaiming *x, const struct tape_hash *hash)
{
	struct loose key = { .blob.hash = *hash };

	return x->count == 0 ? NULL
			     : bsearch(&key, x->items, x->count, sizeof key, by_hash);
}

static int
look_at_blob(void *user, const char *name)
{
	struct reclaiming *x = user;
	char hex[TAPE_HASH_TEXT], path[PATH_BLOB_TEXT];
	struct loose *more, one = { .gone = false };
	struct os_stat st;

	if (strlen(name) != 30)
		return 0;
	(void)snprintf(hex, sizeof hex, "%s%s", x->prefix, name);
	if (!path_parse_hash(hex, &one.blob.hash))
		return 0;
	path_blob(&one.blob.hash, path);
	if (os_stat(dir_of(x), path, &st) != 0 || !st.regular)
		return 0;
	one.size = st.size;
	one.mtime_ns = st.mtime_ns;
	if (x->count == x->cap) {
		size_t cap = x->cap == 0 ? 64 : x->cap * 2;

		more = realloc(x->items, cap * sizeof *more);
		if (more == NULL)
			return -ENOMEM;
		x->items = more;
		x->cap = cap;
	}
	x->items[x->count++] = one;
	return 0;
}

static int
hash_order(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct tape_hash));
}

/* Has a generation these very bytes? One that has others under the name keeps the file for ever. */
static bool
is_packed(struct reclaiming *x, struct loose *one)
{
	const struct compaction *c = x->c;
	const struct tape_hash *hash = &one->blob.hash;
	char path[PATH_BLOB_TEXT];
	int same;

	if (generations_blob(x->set, hash, one->size, NULL, NULL) != 0)
		return false;
	if (c->compared_count != 0 && bsearch(hash, c->compared, c->compared_count,
					      sizeof *hash, hash_order) != NULL)
		return true;
	one->referenced = true;
	same = meetings_loose_is(x->c, x->set, hash, one->size, NULL);
	path_blob(hash, path);
	if (same == 0)
		compaction_event(x->c, path, one->size,
				 "stays: a blob of that name with other bytes is packed");
	return same == 1;
}

struct removing {
	struct reclaiming *x;
	_Atomic size_t next;
};

static void *
remove_some(void *arg)
{
	struct removing *m = arg;
	size_t i;

	while ((i = atomic_fetch_add(&m->next, 1)) < m->x->count) {
		struct loose *one = &m->x->items[i];
		char path[PATH_BLOB_TEXT];

		path_blob(&one->blob.hash, path);
		if (one->packed)
			one->gone = os_unlink(dir_of(m->x), path) == 0;
	}
	return NULL;
}

/*
 * Readers look into packs first, and a recorder that counts on the file finds its
 * blob there too. Removing a file waits for the disk, not for a processor: more
 * threads than there are jobs.
 */
static void
remove_packed(struct reclaiming *x, size_t from)
{
	struct removing m = { .x = x, .next = from };
	pthread_t threads[REMOVERS];
	unsigned jobs = x->c->options.jobs, started = 0;
	size_t left = from;

	for (size_t i = from; i < x->count; i++)
		x->items[i].packed = is_packed(x, &x->items[i]);
	while (jobs > 1 && started + 1 < REMOVERS && started + 1 < 4 * jobs &&
	       started + 1 < (x->count - from) / 16 &&
	       pthread_create(&threads[started], NULL, remove_some, &m) == 0)
		started++;
	(void)remove_some(&m);
	for (unsigned i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	for (size_t i = from; i < x->count; i++) {
		if (x->items[i].gone)
			x->c->result->removed_bytes += x->items[i].size;
		if (!x->items[i].packed)
			x->items[left++] = x->items[i];
	}
	x->count = left;
}

static void
list_loose(struct reclaiming *x)
{
	bool there[256] = { false };
	size_t from = 0;
	char dir[16];

	for (unsigned i = 0; i < 256; i++) {
		int r;

		(void)snprintf(x->prefix, sizeof x->prefix, "%02x", i);
		(void)snprintf(dir, sizeof dir, PATH_BLOBS "/%02x", i);
		r = os_list(dir_of(x), dir, look_at_blob, x);
		x->failed |= r != 0 && r != -ENOENT;
		there[i] = r == 0;
		if (x->set->count != 0 &&
		    (i == 255 || x->count - from >= REMOVED_AT_ONCE)) {
			remove_packed(x, from);
			from = x->count;
		}
	}
	for (size_t i = 0; i < x->count; i++)
		there[x->items[i].blob.hash.byte[0]] = false;
	for (unsigned i = 0; i < 256 && x->set->count != 0; i++) {
		(void)snprintf(dir, sizeof dir, PATH_BLOBS "/%02x", i);
		if (there[i])
			(void)os_rmdir(dir_of(x),
				       dir); /* stays if there is anything else */
	}
	if (x->count != 0)
		qsort(x->items, x->count, sizeof *x->items, by_hash);
}

/* ---- who refers to it ---- */

static bool
may_refer(void *user, struct source_form *form)
{
	const struct form *f = &form->form;

	(void)user;
	for (uint32_t i = 0; i < f->var_count; i++)
		if (f->vars[i].store == TAPE_AS_BLOB)
			return true;
	return false;
}

static int
note_references(struct reclaiming *x, struct source *source, struct source_record *rec)
{
	struct content content;
	int r = content_get(source, rec, &content, x->c->err);

	if (r != 0)
		return r;
	if (!content_check(&content) || content.lost)
		return 0; /* which was reported */
	for (uint32_t i = 0; i < content.form->var_count; i++) {
		struct tape_value v;
		struct loose *one;

		if (content.form->vars[i].store != TAPE_AS_BLOB)
			continue;
		body_value(content.form, content.body, i, &v, NULL);
		one = v.size > CANON_BYTES ? find(x, &v.hash) : NULL;
		if (one != NULL)
			one->referenced = true;
	}
	return 0;
}

/* What is raw of a session: links and projections stand for scopes that are met as well. */
static int
walk_session(struct reclaiming *x, const struct snapshot_session *s,
	     struct source *source)
{
	struct source_iter iter = { .lo = s->packed_seq + 1,
				    .hi = INT64_MAX,
				    .want = may_refer };
	struct source_record rec;
	int r = source->ops->begin(source, &iter, x->c->err);

	while (r == 0 && (r = source->ops->next(source, &rec, x->c->err)) == 1) {
		r = 0;
		if (rec.kind == SOURCE_SCOPE || rec.kind == SOURCE_BOOKMARK)
			r = note_references(x, source, &rec);
	}
	return r;
}

static int
look_at_session(struct reclaiming *x, struct snapshot *snapshot, size_t index)
{
	struct snapshot_session *s = &snapshot->sessions[index];
	int64_t began_ns = s->id[0] < INT64_MAX / 1000 ? (int64_t)s->id[0] * 1000 : 0;
	struct source *source = NULL;
	int state = TAPE_LIVE, r;
	bool gone = false;

	if (plan_is_over(s))
		return 0;
	r = snapshot_open(snapshot, index, &source, x->c->err);
	if (r == 1) {
		state = source->ops->facts(source)->state;
		r = walk_session(x, s, source);
		source->ops->close(source);
	}
	if (r >= 0 && state == TAPE_LIVE)
		r = plan_is_gone(x->c, s, &gone);
	/* One that has not committed yet may have written blobs all the same. */
	if (state == TAPE_LIVE && !gone && !plan_assumed_dead(x->c, s->id) &&
	    began_ns < x->oldest_ns)
		x->oldest_ns = began_ns;
	return r;
}

static void
look_at_sessions(struct reclaiming *x)
{
	struct snapshot *snapshot = NULL;
	int r = snapshot_take(x->c->reader, &snapshot, x->c->err);

	for (size_t i = 0; r == 0 && i < snapshot->count; i++) {
		x->failed |= snapshot->sessions[i].dir.error != 0;
		r = look_at_session(x, snapshot, i);
	}
	snapshot_free(snapshot);
	x->failed |= r != 0 || x->c->reader->met != 0;
}

/* ---- what goes ---- */

/* Nobody alive has written or taken it, and it has been so for long enough. */
static bool
old_enough(const struct reclaiming *x, int64_t since_ns)
{
	int64_t grace =
		x->c->options.grace_ns > 0 ? x->c->options.grace_ns : DEFAULT_GRACE;

	return since_ns < x->oldest_ns && since_ns <= x->now_ns - grace;
}

/*
 * A recorder takes an existing blob by touching it. The name goes first, so
 * that from then on nobody finds it; one touched before that comes back.
 */
static bool
remove_one(struct reclaiming *x, struct loose *one)
{
	char path[PATH_BLOB_TEXT], aside[PATH_BLOB_TEXT + 16];
	struct os_stat st;

	path_blob(&one->blob.hash, path);
	(void)snprintf(aside, sizeof aside, PATH_BLOBS_TMP "/%.2s%s", path + 6, path + 9);
	if (os_rename(dir_of(x), path, dir_of(x), aside) != 0)
		return false;
	if (os_stat(dir_of(x), aside, &st) != 0 || st.mtime_ns != one->mtime_ns) {
		int r = os_link(dir_of(x), aside, dir_of(x), path);

		if (r == 0 || r == -EEXIST)
			(void)os_unlink(dir_of(x), aside);
		return false;
	}
	(void)os_unlink(dir_of(x), aside);
	x->c->result->removed_bytes += one->size;
	compaction_event(x->c, path, one->size, "removed: nothing refers to it");
	return true;
}

static void
remove_unreferenced(struct reclaiming *x)
{
	const struct live_list *live = &x->set->live;

	for (size_t i = 0; i < live->unreferenced_count; i++) {
		struct loose *one = find(x, &live->unreferenced[i].hash);

		if (one == NULL || one->referenced)
			continue;
		one->blob.since_ns = live->unreferenced[i].since_ns;
		if (old_enough(x, one->blob.since_ns) && old_enough(x, one->mtime_ns))
			one->gone = remove_one(x, one);
	}
}

/* Of results that were withdrawn, where nobody is recording who may have met the file. */
static void
remove_let_go(struct reclaiming *x)
{
	struct compaction *c = x->c;

	if (x->oldest_ns != INT64_MAX || c->let_go_count == 0)
		return;
	qsort(c->let_go, c->let_go_count, sizeof *c->let_go, hash_order);
	for (size_t i = 0; i < x->count; i++) {
		struct loose *one = &x->items[i];

		if (!one->referenced && !one->gone &&
		    bsearch(&one->blob.hash, c->let_go, c->let_go_count,
			    sizeof *c->let_go, hash_order) != NULL)
			one->gone = remove_one(x, one);
	}
}

/* The next run has to know what this one found. */
static void
remember(struct reclaiming *x)
{
	struct live_blob *list = malloc((x->count + 1) * sizeof *list);
	size_t n = 0;
	bool fresh = false;

	for (size_t i = 0; list != NULL && i < x->count && n < LIMIT_UNREFERENCED; i++) {
		struct loose *one = &x->items[i];

		if (one->referenced || one->gone)
			continue;
		fresh |= one->blob.since_ns == 0;
		if (one->blob.since_ns == 0)
			one->blob.since_ns = x->now_ns;
		list[n++] = one->blob;
	}
	if (fresh && publish_unreferenced(x->c, list, n) != 0)
		compaction_event(x->c, PATH_LIVE, 0,
				 "cannot note %zu blobs that nothing refers to: %s", n,
				 x->c->err->message);
	free(list);
}

static int
look_at_temporary(void *user, const char *name)
{
	struct reclaiming *x = user;
	char path[128];
	struct os_stat st;

	if (snprintf(path, sizeof path, PATH_BLOBS_TMP "/%s", name) >= (int)sizeof path ||
	    os_stat(dir_of(x), path, &st) != 0 || !st.regular ||
	    !old_enough(x, st.mtime_ns))
		return 0;
	if (os_unlink(dir_of(x), path) == 0) {
		x->c->result->removed_bytes += st.size;
		compaction_event(x->c, path, st.size,
				 "removed: left by a recorder that is gone");
	}
	return 0;
}

/* compact.lock was written when the run began. */
static int64_t
file_system_time(const struct compaction *c)
{
	struct os_stat st;

	return os_stat(c->reader->dir.fd, PATH_LOCK, &st) == 0 ? st.mtime_ns
							       : os_realtime_ns();
}

void
reclaim(struct compaction *c)
{
	struct reclaiming x = { .c = c, .oldest_ns = INT64_MAX };

	x.now_ns = file_system_time(c);
	if (generations_get(c->reader, &x.set, NULL) != 0)
		return;
	list_loose(&x);
	if (x.set->live.number != 0 && !x.failed) {
		look_at_sessions(&x);
		if (!x.failed) {
			remove_unreferenced(&x);
			remove_let_go(&x);
			remember(&x);
			(void)os_list(c->reader->dir.fd, PATH_BLOBS_TMP,
				      look_at_temporary, &x);
		} else if (x.count != 0) {
			compaction_event(
				c, PATH_BLOBS, 0,
				"%zu blobs stay: what refers to them is not known "
				"where the tape is damaged",
				x.count);
		}
	}
	free(x.items);
	generations_release(x.set);
}
