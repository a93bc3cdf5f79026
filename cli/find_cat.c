/* SPDX-License-Identifier: Apache-2.0 */
/* tape-find --cat: the bytes of a value. */
#include <errno.h>
#include <string.h>

#include "cli/find.h"

#define CAT_CHUNK ((size_t)64 << 10)

static bool
has_bytes(const struct tape_value *value)
{
	return value->type >= TAPE_STR && value->store != TAPE_AS_HASH;
}

static bool
hash_begins(const struct tape_value *value, const char *prefix)
{
	char text[TAPE_HASH_TEXT];

	if (!value->has_hash || !prefix)
		return false;
	tape_hash_text(&value->hash, text);
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* The one that has bytes, or the one blob, or the one that _blob= names. */
static int64_t
choose_variable(const struct find *find, const struct tape_scope *scope)
{
	size_t count = tape_scope_var_count(scope);
	size_t wide = 0, blobs = 0;
	int64_t last_wide = -1, last_blob = -1;

	for (size_t i = 0; i < count; i++) {
		struct tape_var var = tape_scope_var(scope, i);
		if (!has_bytes(var.value) ||
		    !keys_want(&find->show.keys, var.name, var.name_len))
			continue;
		if (hash_begins(var.value, find->show.terms.blob))
			return (int64_t)i;
		wide++;
		last_wide = (int64_t)i;
		if (var.value->store == TAPE_AS_BLOB) {
			blobs++;
			last_blob = (int64_t)i;
		}
	}
	return wide == 1 ? last_wide : blobs == 1 ? last_blob : -1;
}

static int
no_variable(struct find *find, const struct tape_scope *scope)
{
	char pos[TAPE_POS_TEXT];
	struct tape_pos at = tape_scope_pos(scope);
	struct out names;
	size_t count = tape_scope_var_count(scope);

	out_hold(&names);
	for (size_t i = 0; i < count; i++) {
		struct tape_var var = tape_scope_var(scope, i);
		if (has_bytes(var.value) && names.len < 200) {
			out_str(&names, names.len ? ", " : "");
			out_str(&names, var.name);
		}
	}
	out_char(&names, 0);
	tape_pos_text(&at, pos);
	if (find->cat && *find->cat)
		cli_error(&find->cli, "%s has no variable '%s' with bytes", pos,
			  find->cat);
	else
		cli_error(&find->cli, "%s: which variable? --cat=VARIABLE says it", pos);
	cli_hint(&find->cli, "%s%s",
		 names.len > 1 ? "there are: " : "it has none with bytes", names.buf);
	out_release(&names);
	return CLI_FAILED;
}

/* Nothing of it was printed: the rest is still answered, if the machine lets us. */
static int
not_copied(struct find *find, uint64_t damage, const struct tape_error *err)
{
	bool its_own = err->status == TAPE_ERR_DAMAGED ||
		       err->status == TAPE_ERR_NOT_FOUND || err->status == TAPE_ERR_IO;

	/* Told already; only told once, though, where several scopes name a blob. */
	if (its_own && find->cli.damage > damage)
		return CLI_OK;
	if (!its_own || err->code == EMFILE || err->code == ENFILE)
		return cli_fail(&find->cli, find->tape, err);
	(void)cli_fail(&find->cli, find->tape, err);
	find->cli.damage++;
	return CLI_OK;
}

static int
copy_blob(struct find *find, const struct tape_scope *scope, size_t index)
{
	struct out *out = &find->cli.out;
	struct tape_blob *blob = NULL;
	struct tape_error err;
	uint64_t at = 0, damage = find->cli.damage;
	int64_t n = tape_blob_open(scope, index, &blob, &err);

	if (n < 0)
		return not_copied(find, damage, &err);
	while (n >= 0 && at < tape_blob_size(blob) && !out->error) {
		n = tape_blob_read(blob, out_room(out, CAT_CHUNK), CAT_CHUNK, at, &err);
		if (n <= 0)
			break;
		out_add(out, (size_t)n);
		at += (uint64_t)n;
	}
	tape_blob_close(blob);
	if (n < 0)
		return cli_fail(&find->cli, find->tape, &err);
	if (find->null)
		out_char(out, 0);
	return CLI_OK;
}

int
find_cat(struct find *find, const struct tape_scope *scope)
{
	const char *name = find->cat && *find->cat ? find->cat : NULL;
	int64_t index;

	if (!name && find->show.keys.has_fields) {
		show_line(&find->show, scope);
		out_char(&find->cli.out, find->show.end);
		return CLI_OK;
	}
	index = name ? tape_scope_var_find(scope, name) : choose_variable(find, scope);
	if (index < 0 || !has_bytes(tape_scope_var(scope, (size_t)index).value))
		return no_variable(find, scope);
	return copy_blob(find, scope, (size_t)index);
}
