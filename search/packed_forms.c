/* SPDX-License-Identifier: Apache-2.0 */
#include "search/packed_forms.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "format/hash.h"

struct packed_forms {
	const struct scopepack *pack;
	uint32_t *first; /* by context: where its forms begin in by_context */
	uint32_t *by_context;
	bool *alike;
	_Atomic(struct form *) *hashed; /* made when first asked for, by any thread */
};

static void
list_contexts(struct packed_forms *f)
{
	const struct scopepack *p = f->pack;

	for (uint32_t i = 1; i <= p->form_count; i++)
		f->first[p->contexts[i] + 1]++;
	for (uint32_t c = 0; c < p->context_count; c++)
		f->first[c + 1] += f->first[c];
	/* Filled from the back, so that first[c + 1] moves down to where c + 1 begins. */
	for (uint32_t i = p->form_count; i > 0; i--)
		f->by_context[--f->first[p->contexts[i] + 1]] = i;
	memmove(f->first, f->first + 1, p->context_count * sizeof *f->first);
	f->first[p->context_count] = p->form_count;
}

static bool
same_stores(const struct form *a, const struct form *b)
{
	if (a->var_count != b->var_count)
		return false;
	for (uint32_t i = 0; i < a->var_count; i++)
		if (a->vars[i].store != b->vars[i].store)
			return false;
	return true;
}

static int
by_identity(const void *a, const void *b, void *user)
{
	const struct form *forms = user;

	return memcmp(forms[*(const uint32_t *)a].head16.byte,
		      forms[*(const uint32_t *)b].head16.byte, 16);
}

/* Forms of one identity stand together in `order`. */
static void
find_alike(struct packed_forms *f, const uint32_t *order)
{
	const struct form *forms = f->pack->forms;
	uint32_t from = 0, count = f->pack->form_count;

	while (from < count) {
		const struct form *one = &forms[order[from]];
		uint32_t to = from;
		bool alike = true;

		for (; to < count && hash_equal(&forms[order[to]].head16, &one->head16);
		     to++)
			alike = alike && same_stores(one, &forms[order[to]]);
		for (; from < to; from++)
			f->alike[order[from]] = alike;
	}
}

struct packed_forms *
packed_forms_new(const struct scopepack *p)
{
	struct packed_forms *f = calloc(1, sizeof *f);
	uint32_t *order = calloc(p->form_count + 1u, sizeof *order);

	if (f == NULL || order == NULL)
		goto fail;
	f->pack = p;
	f->first = calloc(p->context_count + 2u, sizeof *f->first);
	f->by_context = calloc(p->form_count + 1u, sizeof *f->by_context);
	f->alike = calloc(p->form_count + 1u, sizeof *f->alike);
	f->hashed = calloc(p->form_count + 1u, sizeof *f->hashed);
	if (f->first == NULL || f->by_context == NULL || f->alike == NULL ||
	    f->hashed == NULL)
		goto fail;
	list_contexts(f);
	for (uint32_t i = 0; i < p->form_count; i++)
		order[i] = i + 1;
	qsort_r(order, p->form_count, sizeof *order, by_identity, p->forms);
	find_alike(f, order);
	free(order);
	return f;
fail:
	free(order);
	packed_forms_free(f);
	return NULL;
}

void
packed_forms_free(struct packed_forms *f)
{
	if (f == NULL)
		return;
	for (uint32_t i = 0; f->hashed != NULL && i <= f->pack->form_count; i++) {
		struct form *twin = atomic_load(&f->hashed[i]);

		if (twin != NULL)
			free(twin->vars);
		free(twin);
	}
	free(f->first);
	free(f->by_context);
	free(f->alike);
	free(f->hashed);
	free(f);
}

uint32_t
packed_forms_of(const struct packed_forms *f, uint32_t context, const uint32_t **forms)
{
	*forms = f->by_context + f->first[context];
	return f->first[context + 1] - f->first[context];
}

bool
packed_forms_alike(const struct packed_forms *f, uint32_t form)
{
	return f->alike[form];
}

const struct form *
packed_forms_hashed(struct packed_forms *f, uint32_t form)
{
	const struct form *of = &f->pack->forms[form];
	struct form *twin, *known = NULL;

	if (of->fixed_count == of->var_count)
		return of;
	twin = atomic_load(&f->hashed[form]);
	if (twin != NULL)
		return twin;
	twin = malloc(sizeof *twin);
	if (twin == NULL)
		return NULL;
	*twin = *of;
	twin->vars = malloc((of->var_count + 1u) * sizeof *twin->vars);
	if (twin->vars == NULL) {
		free(twin);
		return NULL;
	}
	memcpy(twin->vars, of->vars, of->var_count * sizeof *twin->vars);
	for (uint32_t i = of->fixed_count; i < of->var_count; i++)
		twin->vars[of->canonical[i]].store = TAPE_AS_HASH;
	if (atomic_compare_exchange_strong(&f->hashed[form], &known, twin))
		return twin;
	free(twin->vars);
	free(twin);
	return known;
}
