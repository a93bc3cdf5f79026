/* SPDX-License-Identifier: Apache-2.0 */
/* Blobs: their bytes against their names, and who refers to them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compactor/check.h"
#include "format/error.h"
#include "format/hash.h"
#include "format/os.h"
#include "format/path.h"
#include "search/generations.h"

/* ---- damaged ones ---- */

int
check_blobs_bad(struct check *c, const struct tape_hash *hash, size_t item)
{
	uint32_t *mark;
	bool fresh;

	if (c->bad_count == c->bad_cap) {
		size_t cap = c->bad_cap == 0 ? 16 : c->bad_cap * 2;
		struct check_bad *more = realloc(c->bad, cap * sizeof *more);

		if (more == NULL)
			return check_no_memory(c);
		c->bad = more;
		c->bad_cap = cap;
	}
	mark = check_set_put(&c->bad_set, hash, &fresh);
	if (mark == NULL)
		return check_no_memory(c);
	c->bad[c->bad_count++] =
		(struct check_bad){ .hash = *hash, .item = item, .next = *mark };
	*mark = (uint32_t)c->bad_count;
	return 0;
}

/* ---- loose ones ---- */

/* Calls fn for each file that has the name of a blob. */
static int
each_loose(struct check *c,
	   int (*fn)(struct check *c, const struct tape_hash *hash, const char *path))
{
	struct check_names names = { 0 };
	int r = 0;

	for (unsigned i = 0; i < 256 && r == 0; i++) {
		char dir[16], hex[TAPE_HASH_TEXT], path[PATH_BLOB_TEXT];

		(void)snprintf(dir, sizeof dir, PATH_BLOBS "/%02x", i);
		r = check_list(c, dir, &names);
		for (size_t k = 0; k < names.count && r == 0; k++) {
			struct tape_hash hash;

			if (strlen(names.names[k]) != 30)
				continue;
			(void)snprintf(hex, sizeof hex, "%02x%s", i, names.names[k]);
			if (!path_parse_hash(hex, &hash))
				continue;
			path_blob(&hash, path);
			r = fn(c, &hash, path);
		}
		check_names_release(&names);
	}
	return r;
}

/*
 * A file that is named by what is in it; `what` it is to people. *item: the finding, or
 * SIZE_MAX. 1: it is gone; 0, or an error that ends the check.
 */
static int
verify_named(struct check *c, const struct tape_hash *hash, const char *path,
	     const char *what, size_t *item)
{
	char text[TAPE_HASH_TEXT], lost[TAPE_HASH_TEXT + 32];
	struct tape_error why = { 0 };
	struct tape_hash is;
	uint64_t size;
	int r = check_hash_file(c, path, &is, &size, &why);

	*item = SIZE_MAX;
	if (r == TAPE_ERR_STOPPED || check_fatal(r, &why)) {
		if (r != TAPE_ERR_STOPPED)
			*c->err = why;
		return r;
	}
	if (r != 0 && snapshot_stale(r, &why))
		return 1;
	tape_hash_text(hash, text);
	(void)snprintf(lost, sizeof lost, "%s %s", what, text);
	if (r != 0)
		*item = check_found(c, TAPE_FOUND_DAMAGE, TAPE_REMEDY_RESTORE, path, 0, 0,
				    lost, "%s", why.message);
	else if (!hash_equal(&is, hash))
		*item = check_found(c, TAPE_FOUND_DAMAGE, TAPE_REMEDY_RESTORE, path, 0,
				    size, lost, "the %s's bytes do not match its name",
				    what);
	return 0;
}

static int
verify_loose(struct check *c, const struct tape_hash *hash, const char *path)
{
	size_t item;
	int r = verify_named(c, hash, path, "blob", &item);

	if (r != 0)
		return r == 1 ? 0 : r; /* packed meanwhile */
	c->result->blobs++;
	return item == SIZE_MAX ? 0 : check_blobs_bad(c, hash, item);
}

int
check_blobs_loose(struct check *c)
{
	return each_loose(c, verify_loose);
}

/* Changes of working trees, which manifests refer to. */
int
check_diffs(struct check *c)
{
	struct check_names names = { 0 };
	char path[sizeof PATH_DIFFS + TAPE_HASH_TEXT];
	struct tape_hash hash;
	size_t item;
	int r = check_list(c, PATH_DIFFS, &names);

	for (size_t i = 0; r == 0 && i < names.count; i++) {
		if (!path_parse_hash(names.names[i], &hash))
			continue;
		(void)snprintf(path, sizeof path, PATH_DIFFS "/%s", names.names[i]);
		r = verify_named(c, &hash, path, "diff", &item);
		if (r == 1)
			r = 0;
	}
	check_names_release(&names);
	return r;
}

/* ---- references ---- */

static bool
loose_there(struct check *c, const struct tape_hash *hash, uint64_t size)
{
	char path[PATH_BLOB_TEXT];
	struct os_stat st;

	path_blob(hash, path);
	return os_stat(c->reader->dir.fd, path, &st) == 0 && st.regular &&
	       st.size == size;
}

static bool
loose_whole(struct check *c, const struct tape_hash *hash, uint64_t size)
{
	char path[PATH_BLOB_TEXT];
	struct tape_error why;
	struct tape_hash is;
	uint64_t got;

	path_blob(hash, path);
	return check_hash_file(c, path, &is, &got, &why) == 0 && got == size &&
	       hash_equal(&is, hash);
}

/* 0 = its bytes are somewhere and whole, NOT_FOUND, DAMAGED, or cannot go on. */
static int
look_for(struct check *c, const struct source_record *rec, const struct tape_value *v,
	 const struct body_hint *hint, struct tape_error *why)
{
	bool doubtful = check_set_find(&c->bad_set, &v->hash) != NULL;
	struct tape_error elsewhere = { 0 };
	uint8_t *data = NULL;
	int r = TAPE_ERR_NOT_FOUND, packed;

	if (hint->segment != BODY_NO_SEGMENT) {
		r = rec->of->ops->blob(rec->of, hint, &v->hash, v->size, &data, why);
		free(data);
		data = NULL;
		if (r == 0 || check_fatal(r, why))
			return r;
	}
	packed = generations_find_blob(c->reader, &v->hash, v->size,
				       doubtful ? &data : NULL, &elsewhere);
	free(data);
	if (check_fatal(packed, &elsewhere))
		*why = elsewhere;
	if (packed == 0 || check_fatal(packed, why))
		return packed;
	if (doubtful ? loose_whole(c, &v->hash, v->size)
		     : loose_there(c, &v->hash, v->size))
		return 0;
	/* It may have been packed between the two looks. */
	if (packed == TAPE_ERR_NOT_FOUND &&
	    generations_find_blob(c->reader, &v->hash, v->size, NULL, NULL) == 0)
		return doubtful ? TAPE_ERR_DAMAGED : 0;
	if (packed == TAPE_ERR_NOT_FOUND)
		return r; /* what is wrong where it should be says most */
	*why = elsewhere;
	return packed;
}

static void
name_value(const struct source_record *rec, const char *name, char *text, size_t cap)
{
	struct tape_pos pos = { { 0 }, rec->seq };
	char where[TAPE_POS_TEXT];

	memcpy(pos.session, rec->of->ops->facts(rec->of)->id, sizeof pos.session);
	tape_pos_text(&pos, where);
	(void)snprintf(text, cap, "%.200s of %s", name, where);
}

/* The first scope that a damaged blob takes a value from is named, the others are counted. */
static void
blame(struct check *c, uint32_t bad, bool whole, const struct source_record *rec,
      const char *name)
{
	char value[300];

	name_value(rec, name, value, sizeof value);
	for (; bad != 0; bad = c->bad[bad - 1].next) {
		struct check_bad *b = &c->bad[bad - 1];

		b->whole |= whole;
		if (!whole && b->references++ == 0)
			b->first = strdup(value);
	}
}

/* One that is in no segment, and in no generation, should be a file of its own. */
static void
missing(struct check *c, const struct source_record *rec, const char *name,
	const struct tape_value *v, const struct body_hint *hint, int r,
	const struct tape_error *why)
{
	bool excused = rec->of->ops->excused(rec->of, &rec->place);
	bool nowhere = r == TAPE_ERR_NOT_FOUND, hinted = hint->segment != BODY_NO_SEGMENT;
	char value[300], text[TAPE_HASH_TEXT], path[PATH_BLOB_TEXT];
	const char *file = nowhere && !hinted ? path : why->file;

	path_blob(&v->hash, path);
	if (*file == '\0')
		file = rec->of->ops->file(rec->of, &rec->place);
	tape_hash_text(&v->hash, text);
	name_value(rec, name, value, sizeof value);
	(void)check_found(c, excused ? TAPE_FOUND_NOTE : TAPE_FOUND_DAMAGE,
			  excused ? TAPE_REMEDY_NONE : TAPE_REMEDY_RESTORE, file,
			  hinted && why->offset == 0 ? hint->offset : why->offset, 0,
			  value, "blob %s of %llu bytes: %.300s", text,
			  (unsigned long long)v->size,
			  nowhere ? "it is nowhere on the tape" : why->message);
}

int
check_blobs_reference(struct check *c, const struct source_record *rec, const char *name,
		      const struct tape_value *v, const struct body_hint *hint)
{
	struct tape_error why = { 0 };
	bool fresh = true;
	uint32_t *mark = check_set_put(&c->blobs, &v->hash, &fresh);
	const uint32_t *bad;
	int r;

	c->all_blobs &= mark != NULL;
	if (mark != NULL && *mark == 1)
		return 0;
	bad = check_set_find(&c->bad_set, &v->hash);
	r = look_for(c, rec, v, hint, &why);
	if (r == TAPE_ERR_STOPPED)
		return r;
	if (r != 0 &&
	    (check_fatal(r, &why) || (r == TAPE_ERR_IO && snapshot_stale(r, &why) &&
				      generations_changed(c->snapshot->generations)))) {
		*c->err = why;
		return r;
	}
	if (r == 0 && mark != NULL)
		*mark = 1;
	if (bad != NULL)
		blame(c, *bad, r == 0, rec, name);
	else if (r != 0 && fresh)
		missing(c, rec, name, v, hint, r, &why);
	return 0;
}

/* ---- the end ---- */

static int
unreferenced(struct check *c, const struct tape_hash *hash, const char *path)
{
	struct os_stat st;

	if (check_set_find(&c->blobs, hash) != NULL ||
	    os_stat(c->reader->dir.fd, path, &st) != 0)
		return 0;
	c->result->unreferenced++;
	(void)check_found(c, TAPE_FOUND_UNREFERENCED, TAPE_REMEDY_COMPACT, path, 0,
			  st.size, NULL, "no scope refers to this blob%s",
			  c->result->live_sessions != 0 ? " (yet)" : "");
	return 0;
}

static int
packed_twice(struct check *c, const struct tape_hash *hash, const char *path)
{
	struct os_stat st;

	if (os_stat(c->reader->dir.fd, path, &st) == 0 &&
	    check_set_find(&c->bad_set, hash) == NULL &&
	    generations_find_blob(c->reader, hash, st.size, NULL, NULL) == 0)
		(void)check_found(c, TAPE_FOUND_LEFTOVER, TAPE_REMEDY_COMPACT, path, 0,
				  st.size, NULL, "a generation has this blob");
	else if (c->all_blobs)
		return unreferenced(c, hash, path);
	return 0;
}

static int
count_packed(struct check *c, const char *path)
{
	struct tape_error why = { 0 };
	struct blobpack *pack = NULL;
	uint64_t count = 0, bytes = 0;
	size_t all;
	int fd = -1, r = check_generations_blobs(c, path, &fd, &pack, &why);

	all = r == 0 ? blobpack_count(pack) : 0;
	for (size_t i = 0; i < all; i++) {
		const struct blobpack_entry *e = blobpack_entry_at(pack, i);

		if (check_set_find(&c->blobs, &e->hash) != NULL)
			continue;
		count++;
		bytes += e->size;
	}
	blobpack_close(pack);
	os_close(&fd);
	c->result->unreferenced += count;
	if (count != 0)
		(void)check_found(c, TAPE_FOUND_UNREFERENCED, TAPE_REMEDY_NONE, path, 0,
				  bytes, NULL,
				  "no scope refers to %llu of its %zu blobs any more",
				  (unsigned long long)count, all);
	return r == TAPE_ERR_NOMEM ? check_no_memory(c) : 0;
}

/* ---- what damage of blobs costs, which is known once all scopes were read ---- */

static void
settle_one(struct check *c, const struct check_bad *b, struct check_item *item)
{
	char text[TAPE_HASH_TEXT], more[48] = "";
	char *lost = NULL;

	tape_hash_text(&b->hash, text);
	if (b->references > 1)
		(void)snprintf(more, sizeof more, " and of %llu more scope%s",
			       (unsigned long long)b->references - 1,
			       b->references == 2 ? "" : "s");
	if (asprintf(&lost, "blob %s%s%s%s", text,
		     b->references != 0 ? ": "
		     : b->whole		? ": nothing, another copy is whole"
		     : c->all_blobs	? ", which no scope refers to"
					: "",
		     b->references != 0 && b->first != NULL ? b->first : "", more) < 0)
		return;
	free(item->lost);
	item->lost = lost;
}

static void
settle_many(struct check_bad *b, size_t count, struct check_item *item)
{
	size_t whole = 0, first = count;
	char *lost = NULL;

	for (size_t i = 0; i < count; i++) {
		whole += b[i].whole;
		if (first == count && b[i].first != NULL)
			first = i;
	}
	if (asprintf(&lost, "%zu blobs, %zu of them with another copy that is whole%s%s",
		     count, whole, first == count ? "" : "; the first that is missed: ",
		     first == count ? "" : b[first].first) < 0)
		return;
	free(item->lost);
	item->lost = lost;
}

/* Those of one finding follow each other. */
static void
settle(struct check *c)
{
	for (size_t i = 0, n; i < c->bad_count; i += n) {
		struct check_item *item = &c->items[c->bad[i].item];

		for (n = 1; i + n < c->bad_count && c->bad[i + n].item == c->bad[i].item;)
			n++;
		if (n == 1)
			settle_one(c, &c->bad[i], item);
		else
			settle_many(&c->bad[i], n, item);
	}
}

int
check_blobs_end(struct check *c)
{
	struct generations *g = c->snapshot->generations;
	int r = 0;

	settle(c);
	for (size_t i = 0; c->all_blobs && i < g->count; i++)
		for (size_t k = 0; k < g->items[i].blob_count && r == 0; k++)
			r = count_packed(c, g->items[i].blobs[k].file.path);
	return r == 0 ? each_loose(c, packed_twice) : r;
}
