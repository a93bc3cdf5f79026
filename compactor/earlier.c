/* SPDX-License-Identifier: Apache-2.0 */
#include "compactor/earlier.h"

#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/index.h"

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
	/* What was taken of a damaged one is right all the same. */
	if (r != 0)
		generation_index_failed(g, index, r, &why);
	return 0;
}

int
earlier_know(struct compaction *c, struct dedup *table, uint64_t **first)
{
	const struct generations *g = c->snapshot->generations;
	struct taking t = { table, EARLIER, 0, c->err };
	uint64_t *list = calloc(c->keep + 1, sizeof *list);
	int r = 0;

	if (list == NULL)
		return compaction_no_memory(c);
	for (size_t i = c->keep; i-- > 0 && r == 0;) {
		if (g->items[i].lost || !g->items[i].scopes_ready)
			continue;
		list[i] = t.first;
		r = take_all(c, i, &t);
		t.first += g->items[i].scopes.contents;
	}
	*first = list;
	return r;
}

void
earlier_find(const struct compaction *c, const uint64_t *first, uint64_t ref,
	     const uint8_t **uid, uint64_t *ordinal)
{
	const struct generations *g = c->snapshot->generations;
	size_t i = 0;

	while (first[i] == 0 || ref < first[i] ||
	       ref - first[i] >= g->items[i].scopes.contents)
		i++;
	*uid = g->items[i].manifest.uid;
	*ordinal = ref - first[i];
}
