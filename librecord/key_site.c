/* SPDX-License-Identifier: Apache-2.0 */
/* TAPE_KEY: from the arguments of a macro to the parts of a key. */
#include <stdlib.h>
#include <string.h>

#include "format/le.h"
#include "librecord/key.h"
#include "librecord/spread.h"
#include "search/partial.h"

#define MOST_FAST 2048u

/*
 * The key of a site whose values are all of fixed width and whose names are those of
 * its text: bytes in which only the values change. Never freed: the site keeps it.
 */
struct key_plan {
	uint32_t len, count;
	const char *name; /* of the key */
	struct key_slot {
		uint16_t argument, at; /* at: the tag */
	} slots[MAX_ARGUMENTS];
	uint8_t bytes[];
};
/* A site that is not so. */
static struct key_plan no_plan;

static void
site_names(const struct tape_site *site, const char **rest)
{
	const char *piece;
	size_t len;

	*rest = site->names;
	if (site->flags & TAPE_SITE_HAS_LABEL)
		(void)name_next_piece(rest, &piece, &len);
}

static bool
put_argument_name(const struct tape_named *named, const char *text, const char *piece,
		  size_t len, char out[2 * LIMIT_NAME + 2])
{
	if (named && named->name && *named->name) {
		(void)name_clean(named->name, strlen(named->name), out, NULL, NULL);
		return true;
	}
	if (named && named->text)
		text = named->text;
	if (text)
		(void)name_from_text(text, strlen(text), out);
	else
		(void)name_from_text(piece, len, out);
	return *out != 0;
}

static const char *
dense_text(unsigned kind, struct tape_word word)
{
	return kind == tape_kind_dense
		       ? ((const struct tape_dense *)(uintptr_t)word.lo)->text
		       : NULL;
}

static void
put_loaded(struct key_thread *k, struct tape_key_build *b, const char *name,
	   unsigned kind, struct tape_word word)
{
	struct item item = { .name = name };
	uint8_t entry[17];

	if (!key_build_part(b, name, strlen(name)))
		return;
	if (kind == tape_kind_key) {
		entry[0] = KEY_TAG_KEY;
		put_le64(entry + 1, __builtin_bswap64(word.hi));
		put_le64(entry + 9, __builtin_bswap64(word.lo));
		bytes_put(&b->bytes, entry, sizeof entry);
		key_build_part_end(b, (word.lo | word.hi) != 0);
		return;
	}
	if (item_load(&k->loading, kind, word, &item) != ITEM_FINE)
		item.type = TAPE_ABSENT;
	key_build_part_end(b, key_put_item(&b->bytes, &item));
}

/* The members of a structure, under its prefix. */
static void
put_members(struct key_thread *k, struct tape_key_build *b, const struct tape_of *of,
	    const char *prefix)
{
	const struct tape_partial *p = of->partial;
	char member[LIMIT_NAME + 1], name[2 * LIMIT_NAME + 2];
	const char *rest;
	struct tape_word *words;
	unsigned char *kinds;

	if (!partial_known(p) || !of->at) {
		b->bad = true;
		return;
	}
	kinds = scratch_take(&k->loading.scratch, p->count);
	words = scratch_take(&k->loading.scratch, p->count * sizeof *words);
	if (!kinds || !words || !spread_members(&k->loading, of, NULL, kinds, words)) {
		b->bad = true;
		return;
	}
	rest = p->members;
	for (uint32_t i = 0; i < p->count; i++) {
		size_t at = strlen(prefix), len;

		len = partial_member_name(&rest, member);
		memcpy(name, prefix, at);
		if (at)
			name[at++] = '.';
		memcpy(name + at, member, len + 1);
		put_loaded(k, b, name, kinds[i], words[i]);
	}
}

static struct tape_key
general(struct key_thread *k, const struct tape_site *site, const char *name,
	const unsigned char *kinds, const struct tape_word *words)
{
	struct tape_key_build *b = &k->build;
	const char *rest, *piece = "?";
	struct tape_key key;
	size_t len = 1;

	key_build_begin(b, name);
	site_names(site, &rest);
	for (uint32_t i = 0; i < site->count && i < MAX_ARGUMENTS; i++) {
		char text[2 * LIMIT_NAME + 2];
		const struct tape_named *named = NULL;
		unsigned kind = kinds[i];
		struct tape_word word = words[i];

		if (!name_next_piece(&rest, &piece, &len))
			b->bad = true;
		if (kind == tape_kind_named) {
			named = (const struct tape_named *)(uintptr_t)word.lo;
			kind = named->kind;
			word = named->value;
		}
		if (kind == tape_kind_of) {
			*text = 0;
			if (named && named->name)
				(void)put_argument_name(named, NULL, "", 0, text);
			put_members(k, b, (const struct tape_of *)(uintptr_t)word.lo,
				    text);
			continue;
		}
		if (!put_argument_name(named, dense_text(kind, word), piece, len, text))
			b->bad = true;
		put_loaded(k, b, text, kind, word);
	}
	key = key_build_end(k, b);
	scratch_reset(&k->loading.scratch);
	return key;
}

static bool
fixed_kinds(const struct tape_site *site, const unsigned char *kinds)
{
	for (uint32_t i = 0; i < site->count; i++)
		if ((kinds[i] == tape_kind_none || kinds[i] > tape_kind_cld) &&
		    kinds[i] != tape_kind_key)
			return false;
	return site->count > 0 && site->count <= MAX_ARGUMENTS;
}

/* Names, and which argument has which, are taken from a key that was made the other way. */
static struct key_plan *
plan_make(const struct tape_site *site, const char *name, const uint8_t *bytes,
	  size_t len)
{
	struct key_plan *plan = NULL;
	size_t at = KEY_HEAD + get_le16(bytes + 8);
	const char *rest, *piece;
	size_t piece_len;

	if (len <= MOST_FAST)
		plan = malloc(sizeof *plan + len);
	if (!plan)
		return NULL;
	memcpy(plan->bytes, bytes, len);
	plan->len = (uint32_t)len;
	plan->count = site->count;
	plan->name = name;
	for (uint32_t i = 0; i < site->count; i++) {
		const uint8_t *text = bytes + at + 2;
		size_t n = get_le16(bytes + at);
		char argument[LIMIT_NAME + 1];
		uint32_t k = 0;

		site_names(site, &rest);
		for (; k < site->count && name_next_piece(&rest, &piece, &piece_len);
		     k++) {
			(void)name_from_text(piece, piece_len, argument);
			if (strlen(argument) == n && memcmp(argument, text, n) == 0)
				break;
		}
		plan->slots[i] = (struct key_slot){ (uint16_t)k, (uint16_t)(at + 2 + n) };
		at += 2 + n;
		switch (bytes[at]) {
		case TAPE_BOOL:
			at += 2;
			break;
		case TAPE_C16:
		case KEY_TAG_KEY:
			at += 17;
			break;
		default:
			at += 9;
			break;
		}
		if (k == site->count) { /* a name that was cut */
			free(plan);
			return NULL;
		}
	}
	return plan;
}

static inline void
fill_slot(uint8_t *at, unsigned kind, struct tape_word w)
{
	switch (kind) {
	case tape_kind_bool:
		at[1] = w.lo != 0;
		break;
	case tape_kind_i64:
		put_le64(at + 1, w.lo);
		break;
	case tape_kind_u64:
		at[0] = w.lo <= INT64_MAX ? TAPE_I64 : TAPE_U64;
		put_le64(at + 1, w.lo);
		break;
	case tape_kind_f32:
		put_le64(at + 1, key_widen((uint32_t)w.lo));
		break;
	case tape_kind_c8:
		put_le64(at + 1, key_widen((uint32_t)w.lo));
		put_le64(at + 9, key_widen((uint32_t)(w.lo >> 32)));
		break;
	case tape_kind_c16:
	case tape_kind_cld:
		put_le64(at + 1, w.lo);
		put_le64(at + 9, w.hi);
		break;
	case tape_kind_key:
		put_le64(at + 1, __builtin_bswap64(w.hi));
		put_le64(at + 9, __builtin_bswap64(w.lo));
		break;
	default:
		put_le64(at + 1, w.lo);
		break;
	}
}

/* False: a key among the parts is none. */
static inline bool
fill(const struct key_plan *plan, const unsigned char *kinds,
     const struct tape_word *words, uint8_t *bytes)
{
	memcpy(bytes, plan->bytes, plan->len);
	for (uint32_t i = 0; i < plan->count; i++) {
		const struct key_slot *slot = &plan->slots[i];
		struct tape_word w = words[slot->argument];

		if (kinds[slot->argument] == tape_kind_key && (w.lo | w.hi) == 0)
			return false;
		fill_slot(bytes + slot->at, kinds[slot->argument], w);
	}
	return true;
}

/* The first time, or under another name. */
static struct tape_key
first(struct key_thread *k, struct tape_site *site, const char *name,
      const unsigned char *kinds, const struct tape_word *words)
{
	struct tape_key key = general(k, site, name, kinds, words);
	const uint8_t *bytes;
	struct key_plan *plan;
	void *none = NULL;
	size_t len;

	if (__atomic_load_n(&site->plans, __ATOMIC_ACQUIRE))
		return key;
	if (!fixed_kinds(site, kinds)) {
		__atomic_store_n(&site->plans, &no_plan, __ATOMIC_RELEASE);
		return key;
	}
	bytes = key_none(key) ? NULL : key_remembered(key, &len);
	plan = bytes ? plan_make(site, name, bytes, len) : NULL;
	if (plan && !__atomic_compare_exchange_n(&site->plans, &none, plan, false,
						 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		free(plan);
	return key;
}

struct tape_key
tape_key_of(struct tape_site *site, const char *name, const unsigned char *kinds,
	    const struct tape_word *words)
{
	struct key_thread *k = key_thread_get();
	const struct key_plan *plan = __atomic_load_n(&site->plans, __ATOMIC_ACQUIRE);
	struct key_bytes *at;

	if (!k || site->version != TAPE_SITE_VERSION)
		return (struct tape_key){ 0, 0 };
	/* A name made at run time may lie where another, longer one did. */
	if (!name || !plan || plan == &no_plan || plan->name != name ||
	    strncmp((const char *)plan->bytes + 10, name, get_le16(plan->bytes + 8)) !=
		    0 ||
	    name[get_le16(plan->bytes + 8)] != 0)
		return first(k, site, name, kinds, words);
	at = key_next_bytes(k);
	if (!bytes_room(&at->bytes, plan->len) ||
	    !fill(plan, kinds, words, at->bytes.data))
		return at->key;
	at->bytes.len = plan->len;
	at->key = key_hash(at->bytes.data, plan->len);
	return at->key;
}
