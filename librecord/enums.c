/* SPDX-License-Identifier: Apache-2.0 */
/* Names of enumerators: gathered once, kept as long as the recorder. */
#include <stdlib.h>
#include <string.h>

#include "librecord/capture.h"

#define ENTRY (sizeof(int64_t) + sizeof(uint32_t))

/* One more name, cleaned; without bytes left of it, or of a number that has one, it is left out. */
static void
add(struct bytes *key, int64_t number, const char *name, size_t len, size_t *count)
{
	char text[LIMIT_NAME + 1];
	uint32_t n = (uint32_t)name_clean(name, len, text, NULL, NULL);
	size_t at = 0;

	if (n == 0 || *count == LIMIT_ENUMERATORS)
		return;
	while (!key->failed && at < key->len) {
		int64_t other;
		uint32_t skip;

		memcpy(&other, key->data + at, sizeof other);
		memcpy(&skip, key->data + at + sizeof other, sizeof skip);
		if (other == number)
			return;
		at += ENTRY + skip + 1;
	}
	bytes_put(key, &number, sizeof number);
	bytes_put_u32(key, n);
	bytes_put(key, text, n + 1);
	(*count)++;
}

/* A list whose names lie behind it. */
static struct form_enumerator *
copy(const struct bytes *key, size_t count)
{
	struct form_enumerator *list = malloc(count * sizeof *list + key->len);
	uint8_t *text = (uint8_t *)(list + count);
	size_t at = 0;

	if (!list)
		return NULL;
	memcpy(text, key->data, key->len);
	for (size_t i = 0; i < count; i++) {
		uint32_t n;

		memcpy(&list[i].number, text + at, sizeof list[i].number);
		memcpy(&n, text + at + sizeof list[i].number, sizeof n);
		list[i].name = (const char *)text + at + ENTRY;
		at += ENTRY + n + 1;
	}
	return list;
}

static int
keep(struct tape *t, struct bytes *key, size_t count, struct enumerators *out)
{
	struct form_enumerator *list = NULL;
	uint64_t hash;

	*out = (struct enumerators){ NULL, 0 };
	if (count == 0 || key->failed)
		goto out;
	pthread_mutex_lock(&t->table_lock);
	list = intern_find(&t->forms->enums, key->data, key->len, &hash);
	if (!list) {
		list = copy(key, count);
		/* What is not in the table is kept all the same: somebody points to it. */
		if (list)
			(void)intern_add(&t->forms->enums, key->data, key->len, hash,
					 list);
	}
	pthread_mutex_unlock(&t->table_lock);
	if (list)
		*out = (struct enumerators){ list, (uint32_t)count };
out:
	bytes_release(key);
	return count == 0 || list ? 0 : -1;
}

int
enums_keep(struct tape *t, const struct tape_enumerator *names, size_t count,
	   struct enumerators *out)
{
	struct bytes key = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		if (names[i].name)
			add(&key, names[i].number, names[i].name, strlen(names[i].name),
			    &n);
	return keep(t, &key, n, out);
}

/* As it was written, without what stands before it: mode::fast is "fast". */
static void
add_written(struct bytes *key, int64_t number, const char *piece, size_t len,
	    size_t *count)
{
	char name[LIMIT_NAME + 1];
	const char *last;

	(void)name_from_text(piece, len, name);
	last = strrchr(name, ':');
	last = last ? last + 1 : name;
	add(key, number, last, strlen(last), count);
}

int
enums_of(struct tape *t, const struct tape_enum *e, struct enumerators *out)
{
	struct bytes key = { 0 };
	const char *rest = e->names, *piece;
	size_t n = 0, len;

	for (uint32_t i = 0; i < e->count && name_next_piece(&rest, &piece, &len); i++)
		add_written(&key, e->numbers[i], piece, len, &n);
	return keep(t, &key, n, out);
}

int
enums_of_list(struct tape *t, const char *list, size_t len, struct enumerators *out)
{
	const char *end = list + len;
	struct bytes key = { 0 };
	size_t n = 0;

	while (list < end) {
		const char *equals = memchr(list, '=', (size_t)(end - list));
		const char *comma;

		if (!equals)
			break;
		comma = memchr(equals, ',', (size_t)(end - equals));
		add(&key, (int64_t)strtoull(equals + 1, NULL, 10), list,
		    (size_t)(equals - list), &n);
		list = comma ? comma + 1 : end;
	}
	return keep(t, &key, n, out);
}
