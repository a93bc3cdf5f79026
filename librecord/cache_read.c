/* SPDX-License-Identifier: Apache-2.0 */
/* Values of results that are not in memory: from the scope of the result, and from blobs. */
#include <string.h>

#include "format/error.h"
#include "format/hash.h"
#include "librecord/cache.h"
#include "librecord/report.h"

void
cache_tell_miss(struct cache *c, const struct cache_entry *e, const char *why)
{
	char text[TAPE_HASH_TEXT], where[TAPE_POS_TEXT];
	struct tape_pos pos = cache_pos(c, e);

	if (e->flags & ENTRY_TOLD)
		return;
	cache_mark(c, e, ENTRY_TOLD);
	tape_key_text(e->key, text);
	tape_pos_text(&pos, where);
	recorder_warn(
		c->tape,
		"cache: the result under the key %s (%s) is not used, it is computed "
		"again: %s",
		text, where, why);
}

/* Where it stands on the tape; what is staged only has to be committed for that. */
static bool
place(struct cache *c, const struct cache_entry *e, struct tape_pos *pos)
{
	struct cache_entry *now;

	*pos = cache_pos(c, e);
	if (pos->seq == 0)
		(void)session_commit_stage(c->tape, c->stage);
	now = cache_find(c, e->key);
	*pos = cache_pos(c, now && now->time == e->time ? now : e);
	cache_put(now);
	return pos->seq != 0;
}

static int
no_look(struct tape_error *err)
{
	return error_set(err, TAPE_ERR_IO, NULL, 0, "the tape cannot be read just now");
}

static int
at_scope(struct cache *c, const struct cache_entry *e, cachelook_scope_fn *fn, void *user,
	 struct tape_error *err)
{
	struct tape_pos pos;
	int r;

	if (!c->look)
		return no_look(err);
	if (!place(c, e, &pos))
		return error_set(err, TAPE_ERR_BUSY, NULL, 0, "it is not committed yet");
	r = cachelook_scope(c->look, &pos, fn, user, err);
	if (r == 0)
		return error_set(err, TAPE_ERR_NOT_FOUND, NULL, 0,
				 "its scope is not on the tape");
	return r;
}

/* ---- a value ---- */

struct wanted {
	const struct cache_name *name;
	const struct tape_value *value;
	uint8_t **out;
	struct tape_error *err;
};

static int
not_its_scope(struct tape_error *err)
{
	return error_set(err, TAPE_ERR_DAMAGED, NULL, 0,
			 "the scope where it should be is another one");
}

static bool
same_value(const struct tape_value *a, const struct tape_value *b)
{
	return a->type == b->type && a->size == b->size && a->has_hash && b->has_hash &&
	       hash_equal(&a->hash, &b->hash);
}

/* 1, or an enum tape_status. */
static int
bytes_of_scope(void *user, const struct tape_scope *scope)
{
	const struct wanted *w = user;
	int r;

	for (size_t i = 0; i < tape_scope_var_count(scope); i++) {
		struct tape_var var = tape_scope_var(scope, i);

		if (var.name_len != w->name->len + sizeof CACHE_OUT - 1 ||
		    memcmp(var.name, CACHE_OUT, sizeof CACHE_OUT - 1) != 0 ||
		    memcmp(var.name + sizeof CACHE_OUT - 1, w->name->name,
			   w->name->len) != 0)
			continue;
		/* The caller has room for this one, and no other. */
		if (!same_value(var.value, w->value))
			break;
		r = bind_scope_bytes((void *)(uintptr_t)scope, i, w->out, w->err);
		return r == 0 ? 1 : r;
	}
	return not_its_scope(w->err);
}

int
cache_read_value(struct cache *c, const struct cache_entry *e, uint32_t index,
		 const struct tape_value *value, uint8_t **out, struct tape_error *err)
{
	struct wanted w = { &e->shape->vars[index], value, out, err };
	int r = c->look ? cachelook_blob(c->look, value, out, err) : no_look(err);

	if (r != 0 && !(e->flags & ENTRY_PACKED))
		r = at_scope(c, e, bytes_of_scope, &w, err);
	return r == 1 ? 0 : r;
}

/* ---- an entry ---- */

struct fetching {
	struct cache *c;
	const struct cache_entry *e;
	struct cache_entry *made;
	struct tape_error *err;
};

static bool
has_key(const struct tape_scope *scope, struct tape_key key)
{
	char text[TAPE_HASH_TEXT];

	tape_key_text(key, text);
	for (size_t i = 0; i < tape_scope_var_count(scope); i++) {
		struct tape_var var = tape_scope_var(scope, i);

		if (strcmp(var.name, CACHE_KEY) == 0)
			return var.value->type == TAPE_STR && var.value->data &&
			       var.value->size == TAPE_HASH_TEXT - 1 &&
			       memcmp(var.value->data, text, TAPE_HASH_TEXT - 1) == 0;
	}
	return false;
}

static int
fetch_scope(void *user, const struct tape_scope *scope)
{
	static const struct tape_hash unknown;
	struct fetching *f = user;

	if (tape_scope_time(scope) != f->e->time || !has_key(scope, f->e->key))
		return not_its_scope(f->err);
	f->made = cache_entry_scope(f->c, f->e->key, scope);
	if (!f->made)
		return error_set(f->err, TAPE_ERR_NOMEM, NULL, 0, "no memory for it");
	if (hash_equal(&f->e->results, &unknown) ||
	    hash_equal(&f->e->results, &f->made->results))
		return 1;
	cache_put(f->made);
	f->made = NULL;
	return not_its_scope(f->err);
}

struct cache_entry *
cache_read_entry(struct cache *c, struct cache_entry *e)
{
	struct tape_error why = { 0 };
	struct fetching f = { .c = c, .e = e, .err = &why };
	int r = at_scope(c, e, fetch_scope, &f, &why);

	if (r == 1) {
		f.made->flags |= e->flags & ENTRY_PACKED;
		f.made->refs++; /* ours, and the table's */
		cache_take(c, e->key, f.made, 0);
	} else if (!cache_damage(r) || !cache_outdated(c, e)) {
		cache_tell_miss(c, e, why.message);
		if (cache_damage(r))
			cache_mark(c, e, ENTRY_DAMAGED);
	}
	cache_put(e);
	return f.made;
}
