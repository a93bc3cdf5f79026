/* SPDX-License-Identifier: Apache-2.0 */
#include "librecord/blobs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/hash.h"
#include "format/le.h"
#include "format/os.h"
#include "format/path.h"
#include "format/segment.h"
#include "librecord/bloblog.h"
#include "librecord/known.h"
#include "librecord/report.h"
#include "librecord/rules.h"
#include "librecord/session.h"
#include "search/reader.h"
#include "search/snapshot.h"

/* Loose blobs that wait for their fsync; more are synced at once. */
#define MAX_PENDING 4096u
/* How many of the newest waiting blobs a new one is compared with. */
#define LOOK_BACK 64u

struct pending {
	struct tape_hash hash;
	uint64_t size;
};

struct blobs {
	pthread_mutex_t
		sync_lock; /* one sync at a time: whoever returns from one has all; before lock */
	pthread_mutex_t lock; /* everything below; taken after a stage's lock */
	struct known known;   /* loose and logged */
	struct bloblog log;
	struct pending *pending;
	size_t count, cap;
	bool dirs[256]; /* blobs/XX with names that are not synced */
	bool dirs_any, top;
	_Atomic uint64_t held; /* bytes that wait in RAM */
	_Atomic uint64_t lost; /* blobs that were stored, and did not reach the disk */
};

int
blobs_new(struct tape *t)
{
	t->blobs = calloc(1, sizeof *t->blobs);
	if (!t->blobs)
		return TAPE_ERR_NOMEM;
	pthread_mutex_init(&t->blobs->sync_lock, NULL);
	pthread_mutex_init(&t->blobs->lock, NULL);
	bloblog_init(&t->blobs->log);
	return 0;
}

void
blobs_release(struct tape *t)
{
	struct blobs *b = t->blobs;

	pthread_mutex_lock(&b->lock);
	bloblog_release(&b->log);
	free(b->pending);
	b->pending = NULL;
	b->count = b->cap = 0;
	pthread_mutex_unlock(&b->lock);
}

void
blobs_lock(struct tape *t)
{
	pthread_mutex_lock(&t->blobs->lock);
}

void
blobs_unlock(struct tape *t)
{
	pthread_mutex_unlock(&t->blobs->lock);
}

void
blobs_after_fork(struct tape *t)
{
	struct blobs *b = t->blobs;

	/* The parent syncs what it wrote; the child's session knows nothing yet. */
	pthread_mutex_init(&b->sync_lock, NULL);
	bloblog_release(&b->log);
	bloblog_init(&b->log);
	known_clear(&b->known);
	b->count = 0;
	atomic_store(&b->lost, 0);
	b->dirs_any = false;
	memset(b->dirs, 0, sizeof b->dirs);
	atomic_store(&b->held, 0);
}

void
blobs_unhold(struct tape *t, uint64_t bytes)
{
	atomic_fetch_sub(&t->blobs->held, bytes);
}

uint64_t
blobs_lost(const struct tape *t)
{
	return atomic_load(&t->blobs->lost);
}

/* Nothing may count on what a blob segment lost. The lock is held. */
static void
take_log_losses(struct blobs *b)
{
	if (b->log.lost == 0)
		return;
	known_clear(&b->known);
	atomic_fetch_add(&b->lost, b->log.lost);
	b->log.lost = 0;
}

void
blobs_drop(struct tape *t, struct part *part)
{
	blobs_unhold(t, part->big_bytes);
	part_free_bigs(part);
}

/* ---- loose files ---- */

int
blobs_create_tmp(struct tape *t, char *path, size_t cap, int *fd)
{
	uint64_t random[2];
	int r = os_random(random, sizeof random);

	if (r < 0)
		return r;
	snprintf(path, cap, PATH_BLOBS_TMP "/%016llx%016llx",
		 (unsigned long long)random[0], (unsigned long long)random[1]);
	r = os_create(t->dir.fd, path, fd);
	if (r == -ENOENT) {
		(void)os_mkdir(t->dir.fd, PATH_BLOBS);
		(void)os_mkdir(t->dir.fd, PATH_BLOBS_TMP);
		r = os_create(t->dir.fd, path, fd);
	}
	return r;
}

/* blobs/XX may not be there yet. */
static int
rename_blob(struct tape *t, const char *tmp, const char *path)
{
	char dir[PATH_BLOB_TEXT];
	char *slash;
	int r = os_rename(t->dir.fd, tmp, t->dir.fd, path);

	if (r != -ENOENT)
		return r;
	memcpy(dir, path, sizeof dir);
	slash = strrchr(dir, '/');
	if (slash)
		*slash = '\0';
	r = os_mkdir(t->dir.fd, dir);
	if (r < 0 && r != -EEXIST)
		return r;
	blobs_lock(t);
	t->blobs->top = true;
	blobs_unlock(t);
	return os_rename(t->dir.fd, tmp, t->dir.fd, path);
}

static void sync_loose(struct tape *t, const struct pending *blob,
		       struct tape_reader **reader);

/* Remembers what the next sync has to care for. data: its bytes too, not its name only. */
static void
note_unsynced(struct tape *t, const struct tape_hash *hash, uint64_t size, bool data)
{
	struct blobs *b = t->blobs;
	const struct pending blob = { *hash, size };
	struct tape_reader *reader = NULL;
	bool full, kept;

	if (t->conf.sync == SYNC_NONE)
		return;
	blobs_lock(t);
	b->dirs[hash->byte[0]] = true;
	b->dirs_any = true;
	if (data && b->count == b->cap) {
		size_t cap = b->cap ? b->cap * 2 : 64;
		struct pending *more = reallocarray(b->pending, cap, sizeof *more);

		if (more) {
			b->pending = more;
			b->cap = cap;
		}
	}
	kept = data && b->count < b->cap;
	if (kept)
		b->pending[b->count++] = blob;
	full = kept && b->count >= MAX_PENDING;
	blobs_unlock(t);
	if (full)
		(void)blobs_sync(t); /* names that are not safe stay in the list */
	if (data && !kept) {	     /* no memory to do it later */
		sync_loose(t, &blob, &reader);
		tape_reader_close(reader);
	}
}

int
blobs_adopt(struct tape *t, const char *tmp, int *fd, const struct tape_hash *hash,
	    uint64_t size)
{
	char path[PATH_BLOB_TEXT];
	int r = 0;

	path_blob(hash, path);
	if (t->conf.sync == SYNC_COMMIT)
		r = os_fdatasync(*fd);
	if (r == -EINVAL)
		r = 0; /* nothing to sync there */
	os_close(fd);
	if (r >= 0)
		r = rename_blob(t, tmp, path);
	if (r < 0) {
		(void)os_unlink(t->dir.fd, tmp);
		return r;
	}
	note_unsynced(t, hash, size, t->conf.sync != SYNC_COMMIT);
	return 0;
}

static int
write_loose(struct tape *t, const struct tape_hash *hash, const void *data, size_t len)
{
	char tmp[64];
	int fd = -1;
	int r = blobs_create_tmp(t, tmp, sizeof tmp, &fd);

	if (r < 0)
		return r;
	r = os_write_all(fd, data, len, NULL);
	if (r < 0) {
		os_close(&fd);
		(void)os_unlink(t->dir.fd, tmp);
		return r;
	}
	return blobs_adopt(t, tmp, &fd, hash, len);
}

/* True if the file holds exactly this blob. */
static bool
verify_loose(const struct tape *t, const struct tape_hash *hash, uint64_t size,
	     bool touch)
{
	static const size_t chunk = 64u << 10;
	char path[PATH_BLOB_TEXT];
	struct os_stat st, now;
	struct hash_stream *stream = NULL;
	uint8_t *buf = NULL;
	uint64_t at = 0;
	bool same = false;
	int fd = -1;

	path_blob(hash, path);
	if (os_open_read(t->dir.fd, path, &fd) < 0)
		return false;
	if (os_fstat(fd, &st) < 0 || st.size != size)
		goto out;
	/* Young again, first of all: whoever tidies up must not take it for forgotten. */
	if (touch)
		(void)os_touch(fd);
	stream = hash_stream_new();
	buf = malloc(chunk);
	if (!stream || !buf)
		goto out;
	hash_stream_reset(stream);
	while (at < size) {
		int64_t got = os_pread(fd, buf, chunk, at);

		if (got <= 0)
			goto out;
		hash_stream_add(stream, buf, (size_t)got);
		at += (uint64_t)got;
	}
	struct tape_hash found = hash_stream_end(stream);

	same = hash_equal(&found, hash);
	/* Somebody may have tidied it up before it was touched. */
	if (same && touch)
		same = os_stat(t->dir.fd, path, &now) == 0 && now.inode == st.inode;
out:
	hash_stream_free(stream);
	free(buf);
	os_close(&fd);
	return same;
}

static int
store_loose(struct tape *t, const struct tape_hash *hash, const void *data, size_t len)
{
	char path[PATH_BLOB_TEXT];
	struct os_stat st;

	path_blob(hash, path);
	if (os_stat(t->dir.fd, path, &st) >= 0 && verify_loose(t, hash, len, true)) {
		note_unsynced(t, hash, len, true);
		return 0;
	}
	return write_loose(t, hash, data, len);
}

/* ---- storing ---- */

int
blobs_store(struct tape *t, const struct tape_hash *hash, const void *data, size_t len,
	    struct body_hint *place)
{
	struct blobs *b = t->blobs;
	bool logged = t->conf.blob_store == STORE_LOG && len <= LIMIT_EMBED;
	char text[TAPE_HASH_TEXT], cause[128];
	bool known;
	int r;

	blobs_lock(t);
	known = known_find(&b->known, hash, place);
	blobs_unlock(t);
	if (known)
		return 0;
	*place = (struct body_hint){ .segment = BODY_NO_SEGMENT };
	if (logged) {
		blobs_lock(t);
		r = bloblog_append(t, &b->log, hash, data, len, place);
		take_log_losses(b);
		blobs_unlock(t);
	} else {
		r = store_loose(t, hash, data, len);
	}
	if (r < 0) {
		tape_hash_text(hash, text);
		recorder_error(t,
			       "cannot write blob %s of %zu bytes: %s; its scope is lost",
			       text, len, os_strerror(r, cause, sizeof cause));
		return r;
	}
	blobs_lock(t);
	known_add(&b->known, hash, *place);
	blobs_unlock(t);
	return 0;
}

static int
grow(void **data, size_t *cap, size_t need, size_t size)
{
	size_t more = *cap ? *cap * 2 : 16;
	void *to;

	if (need <= *cap)
		return 0;
	if (more < need)
		more = need;
	to = reallocarray(*data, more, size);
	if (!to)
		return -ENOMEM;
	*data = to;
	*cap = more;
	return 0;
}

static int
add_fixup(struct stage *stage, size_t hint_at, size_t blob_at)
{
	if (grow((void **)&stage->fixups, &stage->fixup_cap, stage->fixup_count + 1,
		 sizeof *stage->fixups) < 0)
		return -ENOMEM;
	stage->fixups[stage->fixup_count++] = (struct stage_fixup){ hint_at, blob_at };
	return 0;
}

/* A BLOB record behind the others of the stage. */
static int
embed(struct stage *stage, const void *data, size_t len, const struct tape_hash *hash,
      size_t hint_at)
{
	size_t at = stage->blob_len ? stage->blob_len : FRAME_HEADER;
	size_t size = BLOB_PREFIX + len;

	if (grow((void **)&stage->blobs, &stage->blob_cap, at + size, 1) < 0 ||
	    add_fixup(stage, hint_at, at) < 0)
		return -ENOMEM;
	record_blob_prefix_write(stage->blobs + at, hash, len);
	memcpy(stage->blobs + at + BLOB_PREFIX, data, len);
	stage->blob_len = at + size;
	return 0;
}

static bool
holds(const struct stage *stage, const struct tape_hash *hash, size_t *index)
{
	size_t from = stage->big_count > LOOK_BACK ? stage->big_count - LOOK_BACK : 0;

	for (size_t i = from; i < stage->big_count; i++)
		if (hash_equal(&stage->bigs[i].hash, hash)) {
			*index = i;
			return true;
		}
	return false;
}

/* Keeps the bytes until the commit. */
static int
hold(struct tape *t, struct stage *stage, const void *data, size_t len,
     const struct tape_hash *hash, size_t hint_at)
{
	size_t index = stage->big_count;
	uint8_t *copy;

	if (!holds(stage, hash, &index)) {
		if (atomic_fetch_add(&t->blobs->held, len) + len > t->conf.blob_budget) {
			blobs_unhold(t, len);
			recorder_error(
				t,
				"blobs=at-commit would hold more than blob_budget "
				"(%llu bytes) in memory: commit more often, raise "
				"blob_budget, or set blobs=immediate; a scope is lost",
				(unsigned long long)t->conf.blob_budget);
			return -ENOBUFS;
		}
		copy = malloc(len);
		if (!copy || grow((void **)&stage->bigs, &stage->big_cap, index + 1,
				  sizeof *stage->bigs) < 0) {
			free(copy);
			blobs_unhold(t, len);
			return -ENOMEM;
		}
		memcpy(copy, data, len);
		stage->bigs[stage->big_count++] = (struct stage_big){ *hash, copy, len };
		stage->big_bytes += len;
	}
	return t->conf.blob_store == STORE_LOG
		       ? add_fixup(stage, hint_at, PART_BIG | index)
		       : 0;
}

int
blob_stage(struct tape *t, struct stage *stage, const struct policy *policy,
	   const void *data, size_t len, const struct tape_hash *hash, size_t hint_at)
{
	struct body_hint place;
	int r;

	if (len <= policy->embed_max) {
		r = embed(stage, data, len, hash, hint_at);
	} else if (policy->blobs == BLOBS_AT_COMMIT) {
		r = hold(t, stage, data, len, hash, hint_at);
	} else {
		r = blobs_store(t, hash, data, len, &place);
		if (r == 0) {
			put_le32(stage->records + hint_at, place.segment);
			put_le64(stage->records + hint_at + 4, place.offset);
		}
		return r < 0 ? -1 : 0;
	}
	if (r == -ENOMEM)
		recorder_error(
			t, "out of memory: a blob of %zu bytes and its scope are lost",
			len);
	return r < 0 ? -1 : 0;
}

int
blobs_flush(struct tape *t, struct part *part)
{
	size_t kept = 0;
	struct body_hint place;
	int r = 0;

	if (part->big_count == 0)
		return 0;
	for (size_t i = 0; r == 0 && i < part->big_count; i++)
		r = blobs_store(t, &part->bigs[i].hash, part->bigs[i].data,
				part->bigs[i].len, &place);
	for (size_t i = 0; r == 0 && i < part->fixup_count; i++) {
		struct stage_fixup *fixup = &part->fixups[i];
		const struct stage_big *big;

		if (!(fixup->blob_at & PART_BIG)) {
			part->fixups[kept++] = *fixup;
			continue;
		}
		big = &part->bigs[fixup->blob_at & ~PART_BIG];
		/* Known by now, unless another blob pushed it out: then it is stored again. */
		r = blobs_store(t, &big->hash, big->data, big->len, &place);
		put_le32(part->records + fixup->hint_at, place.segment);
		put_le64(part->records + fixup->hint_at + 4, place.offset);
	}
	if (r == 0)
		part->fixup_count = kept;
	blobs_drop(t, part);
	return r;
}

/* ---- to disk ---- */

static void
lose_blob(struct tape *t, const struct tape_hash *hash, int why)
{
	char text[TAPE_HASH_TEXT], cause[128];

	/* Nothing may count on it any more. */
	blobs_lock(t);
	known_clear(&t->blobs->known);
	blobs_unlock(t);
	atomic_fetch_add(&t->blobs->lost, 1);
	tape_hash_text(hash, text);
	recorder_lost(t, 1);
	recorder_error(t, "blob %s did not reach the disk: %s", text,
		       os_strerror(why, cause, sizeof cause));
}

/* Whoever compacts takes a file away once a generation has its bytes, on the disk. */
static bool
was_packed(struct tape *t, const struct pending *blob, struct tape_reader **reader)
{
	if (!*reader && reader_open_at(&t->dir, NULL, reader, NULL) != 0) {
		*reader = NULL;
		return false;
	}
	return generations_hold_blob(*reader, &blob->hash, blob->size);
}

/* *reader: opened where it is needed, for the next one too. */
static void
sync_loose(struct tape *t, const struct pending *blob, struct tape_reader **reader)
{
	char path[PATH_BLOB_TEXT];
	int fd = -1;
	int r;

	path_blob(&blob->hash, path);
	r = os_open_read(t->dir.fd, path, &fd);
	if (r >= 0)
		r = os_fsync(fd);
	os_close(&fd);
	if (r >= 0 || r == -EINVAL || (r == -ENOENT && was_packed(t, blob, reader)))
		return;
	/* What the disk refused may still be whole; what does not read back is gone. */
	if (verify_loose(t, &blob->hash, blob->size, false))
		recorder_warn(t, "%s: fsync failed; the file reads back whole", path);
	else
		lose_blob(t, &blob->hash, r);
}

/* What could not be synced stays in the lists, for the next time. 0 or the negative errno. */
static int
sync_dirs(struct tape *t, const bool dirs[256], bool top)
{
	struct blobs *b = t->blobs;
	int bad = 0;

	for (unsigned i = 0; i < 256; i++) {
		char path[16];
		int r;

		if (!dirs[i])
			continue;
		snprintf(path, sizeof path, PATH_BLOBS "/%02x", i);
		r = os_fsync_dir(t->dir.fd, path);
		/* Emptied by a compaction, and gone: no name is left to be safe. */
		if (r >= 0 || r == -EINVAL || r == -ENOENT)
			continue;
		bad = r;
		blobs_lock(t);
		b->dirs[i] = b->dirs_any = true;
		blobs_unlock(t);
	}
	if (top) {
		int r = os_fsync_dir(t->dir.fd, PATH_BLOBS);

		if (r < 0 && r != -EINVAL && r != -ENOENT) {
			bad = r;
			blobs_lock(t);
			b->top = true;
			blobs_unlock(t);
		}
	}
	return bad;
}

static int
sync_all(struct tape *t)
{
	struct blobs *b = t->blobs;
	struct tape_reader *reader = NULL;
	struct pending *pending;
	size_t count;
	bool dirs[256], any, top;
	int bad, bad_dirs = 0;

	blobs_lock(t);
	pending = b->pending;
	count = b->count;
	memcpy(dirs, b->dirs, sizeof dirs);
	any = b->dirs_any;
	top = b->top;
	b->pending = NULL;
	b->count = b->cap = 0;
	memset(b->dirs, 0, sizeof b->dirs);
	b->dirs_any = b->top = false;
	bad = bloblog_sync(t, &b->log);
	take_log_losses(b);
	blobs_unlock(t);
	for (size_t i = 0; i < count; i++)
		sync_loose(t, &pending[i], &reader);
	tape_reader_close(reader);
	free(pending);
	if (any || top)
		bad_dirs = sync_dirs(t, dirs, top);
	return bad < 0 ? bad : bad_dirs;
}

int
blobs_sync(struct tape *t)
{
	int r;

	report_hold();
	pthread_mutex_lock(&t->blobs->sync_lock);
	r = sync_all(t);
	pthread_mutex_unlock(&t->blobs->sync_lock);
	report_tell(t);
	return r;
}

void
blobs_end(struct tape *t)
{
	blobs_lock(t);
	bloblog_end(t, &t->blobs->log);
	take_log_losses(t->blobs);
	blobs_unlock(t);
}
