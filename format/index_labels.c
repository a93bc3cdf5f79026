/* SPDX-License-Identifier: Apache-2.0 */
#include "format/index_labels.h"

#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/index_io.h"
#include "format/index_sort.h"

struct label {
	const char *text; /* of a form */
	uint64_t rows;
	uint32_t rank; /* in order of their bytes */
	bool left_out;
};

struct index_labels {
	struct label *labels; /* by rank */
	uint32_t label_count;
	uint32_t *of;	  /* ranks of the labels of each context, one behind the other */
	uint32_t *starts; /* [contexts + 1] in `of` */
	unsigned shift;	  /* so that ranks fill the first bits of what is sorted */
	struct index_sort sort;
	bool left_out;
	/* The next (label, block) that is listed, and the record that was read ahead of it. */
	uint64_t word, rows, ahead[2];
	bool have, have_ahead;
	uint32_t written;
};

static int
no_memory(struct tape_error *err)
{
	return error_set(err, TAPE_ERR_NOMEM, NULL, 0,
			 "no memory for the labels of an index");
}

/* ---- names ---- */

struct named {
	const char *text;
	uint32_t context;
};

static int
by_text(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int r = strcmp(x->text, y->text);

	return r != 0 ? r : (x->context > y->context) - (x->context < y->context);
}

/* Label and context of all paths; contexts are numbered by their first form. */
static int
list_names(const struct scopepack *p, struct named **out, size_t *count)
{
	struct named *names;
	uint32_t context = 0;
	size_t most = 0, n = 0;

	for (uint32_t f = 1; f <= p->form_count; f++)
		if (p->contexts[f] == context) {
			most += p->forms[f].label_count;
			context++;
		}
	names = malloc((most + 1) * sizeof *names);
	if (names == NULL)
		return TAPE_ERR_NOMEM;
	context = 0;
	for (uint32_t f = 1; f <= p->form_count; f++) {
		if (p->contexts[f] != context)
			continue;
		for (uint32_t i = 0; i < p->forms[f].label_count; i++)
			names[n++] = (struct named){ p->forms[f].labels[i], context };
		context++;
	}
	if (n != 0)
		qsort(names, n, sizeof *names, by_text);
	*out = names;
	*count = n;
	return 0;
}

/* Ranks of labels, and those of each context, a label that is twice in a path once. */
static int
rank_names(struct index_labels *l, const struct scopepack *p, struct named *names,
	   size_t count)
{
	uint32_t at = 0;

	l->labels = calloc(count + 1, sizeof *l->labels);
	l->of = malloc((count + 1) * sizeof *l->of);
	l->starts = calloc((size_t)p->context_count + 2, sizeof *l->starts);
	if (l->labels == NULL || l->of == NULL || l->starts == NULL)
		return TAPE_ERR_NOMEM;
	for (size_t i = 0; i < count; i++)
		if (i == 0 || by_text(&names[i - 1], &names[i]) != 0)
			l->starts[names[i].context + 2]++;
	for (uint32_t c = 0; c < p->context_count; c++)
		l->starts[c + 2] += l->starts[c + 1];
	for (size_t i = 0; i < count; i++) {
		if (i == 0 || strcmp(names[i - 1].text, names[i].text) != 0) {
			l->labels[at].text = names[i].text;
			l->labels[at].rank = at;
			at++;
		}
		if (i == 0 || by_text(&names[i - 1], &names[i]) != 0)
			l->of[l->starts[names[i].context + 1]++] = at - 1;
	}
	l->label_count = at;
	return 0;
}

int
index_labels_new(const struct scopepack *p, uint64_t memory, int dir,
		 struct index_labels **out, struct tape_error *err)
{
	struct index_labels *l = calloc(1, sizeof *l);
	struct named *names = NULL;
	size_t count = 0;
	int r;

	if (l == NULL)
		return no_memory(err);
	index_sort_init(&l->sort, 2, memory, dir);
	r = list_names(p, &names, &count);
	if (r == 0)
		r = rank_names(l, p, names, count);
	free(names);
	if (r != 0) {
		index_labels_free(l);
		return no_memory(err);
	}
	l->shift = 31;
	while (l->shift > 0 && (uint64_t)l->label_count << l->shift > UINT32_MAX)
		l->shift--;
	*out = l;
	return 0;
}

void
index_labels_free(struct index_labels *l)
{
	if (l == NULL)
		return;
	index_sort_release(&l->sort);
	free(l->labels);
	free(l->of);
	free(l->starts);
	free(l);
}

/* ---- rows ---- */

int
index_labels_add(struct index_labels *l, uint32_t block,
		 const struct index_label_run *runs, uint32_t count,
		 struct tape_error *err)
{
	int r = 0;

	for (uint32_t i = 0; i < count && r == 0; i++) {
		uint32_t c = runs[i].context;

		for (uint32_t k = l->starts[c]; k < l->starts[c + 1] && r == 0; k++) {
			uint64_t rank = l->of[k];
			uint64_t record[2] = { (rank << l->shift) << 32 | block,
					       runs[i].rows };

			l->labels[rank].rows += runs[i].rows;
			r = index_sort_add(&l->sort, record, 1, err);
		}
	}
	return r;
}

static int
by_rows(const void *a, const void *b)
{
	const struct label *const *x = a, *const *y = b;

	if ((*x)->rows != (*y)->rows)
		return (*x)->rows > (*y)->rows ? -1 : 1;
	return (*x)->rank < (*y)->rank ? -1 : (*x)->rank > (*y)->rank;
}

/* Marks those beyond the commonest. */
static int
leave_out(struct index_labels *l)
{
	struct label **order;

	if (l->label_count <= INDEX_LABELS_MAX)
		return 0;
	order = malloc(l->label_count * sizeof(*order));
	if (order == NULL)
		return TAPE_ERR_NOMEM;
	for (uint32_t i = 0; i < l->label_count; i++)
		order[i] = &l->labels[i];
	qsort(order, l->label_count, sizeof(*order), by_rows);
	for (uint32_t i = INDEX_LABELS_MAX; i < l->label_count; i++) {
		order[i]->left_out = true;
		l->left_out |= order[i]->rows != 0;
	}
	free(order);
	return 0;
}

/* ---- sections ---- */

static uint32_t
rank_of(const struct index_labels *l, uint64_t word)
{
	return (uint32_t)(word >> 32 >> l->shift);
}

static int
read_ahead(struct index_labels *l, struct tape_error *err)
{
	const uint64_t *record;
	int r = index_sort_next(&l->sort, &record, err);

	l->have_ahead = r == 1;
	if (r == 1)
		memcpy(l->ahead, record, sizeof l->ahead);
	return r < 0 ? r : 0;
}

/* The next (label, block) that is listed, its rows added up. */
static int
step(struct index_labels *l, struct tape_error *err)
{
	int r = 0;

	l->have = false;
	while (r == 0 && l->have_ahead && !l->have) {
		l->word = l->ahead[0];
		l->rows = 0;
		l->have = !l->labels[rank_of(l, l->word)].left_out;
		while (r == 0 && l->have_ahead && l->ahead[0] == l->word) {
			l->rows += l->ahead[1];
			r = read_ahead(l, err);
		}
	}
	return r;
}

int
index_labels_finish(struct index_labels *l, struct tape_error *err)
{
	int r = leave_out(l) != 0 ? no_memory(err) : index_sort_finish(&l->sort, err);

	if (r == 0)
		r = read_ahead(l, err);
	return r == 0 ? step(l, err) : r;
}

/* All blocks of the label at hand. */
static int
put_label(struct index_labels *l, struct pack_bytes *raw, struct tape_error *err)
{
	uint32_t rank = rank_of(l, l->word), before = 0;
	const char *text = l->labels[rank].text;
	struct pack_bytes blocks = { 0 };
	struct varint_out list = { &blocks, false }, out = { raw, false };
	uint64_t count = 0;
	int r = 0;

	while (r == 0 && l->have && rank_of(l, l->word) == rank) {
		varint_put(&list, (uint32_t)l->word - before);
		varint_put(&list, l->rows);
		before = (uint32_t)l->word;
		count++;
		r = step(l, err);
	}
	varint_put_text(&out, text, strlen(text));
	varint_put(&out, count);
	varint_put_bytes(&out, blocks.data, blocks.len);
	pack_bytes_release(&blocks);
	l->written++;
	return r == 0 && (out.failed || list.failed) ? no_memory(err) : r;
}

int
index_labels_section(struct index_labels *l, struct pack_bytes *raw, uint8_t *key,
		     size_t *key_len, struct tape_error *err)
{
	const char *text;
	int r = 0;

	if (!l->have)
		return 0;
	text = l->labels[rank_of(l, l->word)].text;
	*key_len = strlen(text) + 1;
	if (*key_len > INDEX_KEY_MAX)
		return error_set(err, TAPE_ERR_LIMIT, NULL, 0, "a label is too long");
	key[0] = INDEX_LABELS;
	memcpy(key + 1, text, *key_len - 1);
	raw->len = 0;
	while (r == 0 && l->have && raw->len < INDEX_SECTION_BYTES)
		r = put_label(l, raw, err);
	return r == 0 ? 1 : r;
}

uint32_t
index_labels_count(const struct index_labels *l)
{
	return l->written;
}

bool
index_labels_left_out(const struct index_labels *l)
{
	return l->left_out;
}
