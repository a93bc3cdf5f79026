/* SPDX-License-Identifier: Apache-2.0 */
#include "compactor/earlier.h"

#include <stdlib.h>
#include <string.h>

#include "compactor/longlist.h"
#include "format/error.h"
#include "format/index.h"

struct known_generation {
	uint64_t first;	 /* reference of its first content; its index gave some */
	bool entered;	 /* `first` is set */
	bool told;	 /* that some cannot be read */
	uint64_t *where; /* by group: place of its checks in the list + 1; 0 = not read */
};

struct earlier {
	struct compaction *c;
	struct known_generation *known; /* [c->keep] */
	struct longlist checks;
	struct pack_codec *codec;
	struct block_all all;
};

void
earlier_free(struct earlier *e)
{
	if (e == NULL)
		return;
	for (size_t i = 0; e->known != NULL && i < e->c->keep; i++)
		free(e->known[i].where);
	free(e->known);
	longlist_release(&e->checks);
	pack_codec_free(e->codec);
	block_all_release(&e->all);
	free(e);
}

/* ---- what indexes say ---- */

struct taking {
	struct dedup *table;
	uint64_t first;
	int failed; /* of the table */
	struct tape_error *err;
};

static int
take(void *user, const uint8_t fingerprint[FINGERPRINT_BYTES], uint64_t ordinal)
{
	struct taking *t = user;
	struct tape_hash hash = { { 0 } };
	uint64_t ref = t->first + ordinal;
	bool fresh;

	memcpy(hash.byte, fingerprint, FINGERPRINT_BYTES);
	t->failed = dedup_find(t->table, &hash, &ref, &fresh, t->err);
	return t->failed;
}

/* Fingerprints in order, one section of the index after the other. */
static int
take_all(struct compaction *c, size_t index, struct taking *t)
{
	struct generations *g = c->snapshot->generations;
	struct index_reader *x = generation_index(g, index);
	struct tape_error why = { 0 };
	int r = x == NULL ? 0 : index_each_content(x, NULL, take, t, &why);

	if (t->failed != 0 || r == TAPE_ERR_NOMEM)
		return t->failed != 0 ? t->failed : compaction_no_memory(c);
	/* What was taken of a damaged one is looked at when it is met. */
	if (r != 0)
		generation_index_failed(g, index, r, &why);
	return 0;
}

static bool
readable(const struct generation *item)
{
	return !item->lost && item->scopes_ready;
}

int
earlier_know(struct compaction *c, struct dedup *table, struct earlier **out)
{
	const struct generations *g = c->snapshot->generations;
	struct taking t = { table, EARLIER, 0, c->err };
	struct earlier *e = calloc(1, sizeof *e);
	int r = 0;

	if (e == NULL)
		return compaction_no_memory(c);
	e->c = c;
	longlist_init(&e->checks, sizeof(uint64_t), c->options.memory / 8, c->work_fd);
	e->known = calloc(c->keep + 1, sizeof *e->known);
	e->codec = pack_codec_new();
	if (e->known == NULL || e->codec == NULL)
		r = compaction_no_memory(c);
	/* The newest first: what was damaged before is whole there. */
	for (size_t i = c->keep; r == 0 && i-- > 0;) {
		if (!readable(&g->items[i]))
			continue;
		e->known[i].first = t.first;
		e->known[i].entered = true;
		r = take_all(c, i, &t);
		t.first += g->items[i].scopes.contents;
	}
	if (r != 0) {
		earlier_free(e);
		return r;
	}
	*out = e;
	return 0;
}

void
earlier_find(const struct earlier *e, uint64_t ref, const uint8_t **uid,
	     uint64_t *ordinal)
{
	const struct generations *g = e->c->snapshot->generations;
	size_t i = 0;

	while (!e->known[i].entered || ref < e->known[i].first ||
	       ref - e->known[i].first >= g->items[i].scopes.contents)
		i++;
	*uid = g->items[i].manifest.uid;
	*ordinal = ref - e->known[i].first;
}

/* ---- what their packs say ---- */

static void
tell(struct earlier *e, size_t index, const struct tape_error *why)
{
	const struct generation *item = &e->c->snapshot->generations->items[index];

	if (!e->known[index].told)
		compaction_event(e->c, item->path, 0,
				 "%.300s; contents that cannot be read there are packed "
				 "again where they are met: tape-check --full says more",
				 why->message);
	e->known[index].told = true;
}

/* All contents of a group: one that does not read as a whole has none that can be counted on. */
static int
read_group(struct earlier *e, size_t index, uint32_t block, uint32_t group)
{
	const struct scopepack *p = &e->c->snapshot->generations->items[index].scopes;
	uint32_t first = group * GROUP_ROWS, count = p->blocks[block].contents - first;
	struct known_generation *k = &e->known[index];
	struct tape_error why = { 0 };
	uint64_t *checks;
	int r = block_decode_contents(p, e->codec, block, group, &e->all, &why);

	if (r == TAPE_ERR_NOMEM)
		return compaction_no_memory(e->c);
	count = count < GROUP_ROWS ? count : GROUP_ROWS;
	checks = calloc(GROUP_ROWS, sizeof *checks);
	if (checks == NULL)
		return compaction_no_memory(e->c);
	if (r != 0)
		tell(e, index, &why);
	for (uint32_t i = 0; r == 0 && i < count; i++)
		checks[i] = verify_check_content(p, &e->all.contents[first + i]);
	k->where[(size_t)block * BLOCK_GROUPS + group] = e->checks.count + 1;
	r = longlist_add(&e->checks, checks, GROUP_ROWS, e->c->err);
	free(checks);
	return r;
}

int
earlier_check(struct earlier *e, const uint8_t uid[16], uint64_t ordinal, uint64_t *check)
{
	const struct generations *g = e->c->snapshot->generations;
	const struct scopepack *p;
	uint32_t block, in_block;
	uint64_t *where;
	size_t i = 0;

	*check = 0;
	while (i < e->c->keep && (!readable(&g->items[i]) ||
				  memcmp(g->items[i].manifest.uid, uid, 16) != 0))
		i++;
	if (i == e->c->keep || ordinal >= g->items[i].scopes.contents)
		return 0;
	p = &g->items[i].scopes;
	if (e->known[i].where == NULL) {
		e->known[i].where =
			calloc((size_t)p->block_count * BLOCK_GROUPS, sizeof *where);
		if (e->known[i].where == NULL)
			return compaction_no_memory(e->c);
	}
	block = scopepack_block_of(p, ordinal);
	in_block = (uint32_t)(ordinal - p->blocks[block].first_content);
	where = &e->known[i].where[(size_t)block * BLOCK_GROUPS + in_block / GROUP_ROWS];
	if (*where == 0) {
		int r = read_group(e, i, block, in_block / GROUP_ROWS);

		if (r != 0)
			return r;
	}
	return longlist_get(&e->checks, *where - 1 + in_block % GROUP_ROWS, check,
			    e->c->err);
}
