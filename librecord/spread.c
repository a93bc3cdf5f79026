/* SPDX-License-Identifier: Apache-2.0 */
/* TAPE_OF: one argument that is several variables, the members of a structure. */
#include <stdio.h>
#include <string.h>

#include "librecord/spread.h"
#include "search/partial.h"

const struct tape_of *
spread_of(unsigned kind, struct tape_word word)
{
	if (kind == tape_kind_named) {
		const struct tape_named *n =
			(const struct tape_named *)(uintptr_t)word.lo;

		kind = n->kind;
		word = n->value;
	}
	return kind == tape_kind_of ? (const struct tape_of *)(uintptr_t)word.lo : NULL;
}

bool
spread_count(const unsigned char *kinds, const struct tape_word *words, uint32_t count,
	     uint32_t *total)
{
	*total = 0;
	for (uint32_t i = 0; i < count; i++) {
		const struct tape_of *of = spread_of(kinds[i], words[i]);

		if (of && !partial_known(of->partial))
			return false;
		*total += of ? of->partial->count : 1;
	}
	return true;
}

/* ---- from memory to a word ---- */

static uint64_t
load_unsigned(const void *at, size_t size)
{
	uint8_t one;
	uint16_t two;
	uint32_t four;
	uint64_t eight;

	switch (size) {
	case 1:
		memcpy(&one, at, 1);
		return one;
	case 2:
		memcpy(&two, at, 2);
		return two;
	case 4:
		memcpy(&four, at, 4);
		return four;
	default:
		memcpy(&eight, at, 8);
		return eight;
	}
}

static uint64_t
load_signed(const void *at, size_t size)
{
	uint64_t v = load_unsigned(at, size);
	unsigned shift = size < 8 ? (unsigned)(64 - 8 * size) : 0;

	return (uint64_t)((int64_t)(v << shift) >> shift);
}

static struct tape_word
load_long_double(const void *at, bool complex)
{
	long double parts[2] = { 0, 0 };
	double rounded[2];
	struct tape_word word;

	memcpy(parts, at, complex ? sizeof parts : sizeof parts[0]);
	rounded[0] = (double)parts[0];
	rounded[1] = (double)parts[1];
	memcpy(&word, rounded, sizeof word);
	if (!complex)
		word.hi = 0;
	return word;
}

struct tape_word
word_load(unsigned kind, size_t size, const void *at)
{
	struct tape_word word = { 0, 0 };
	const char *text;

	switch (kind) {
	case tape_kind_bool: /* what was never set may be anything */
		word.lo = load_unsigned(at, size) != 0;
		break;
	case tape_kind_i64:
		word.lo = load_signed(at, size);
		break;
	case tape_kind_ld:
	case tape_kind_cld:
		return load_long_double(at, kind == tape_kind_cld);
	case tape_kind_text:
		memcpy(&text, at, sizeof text);
		word = (struct tape_word){ (uint64_t)(uintptr_t)text, UINT64_MAX };
		break;
	case tape_kind_f64:
	case tape_kind_f32:
	case tape_kind_c16:
	case tape_kind_c8:
		memcpy(&word, at, size < sizeof word ? size : sizeof word);
		break;
	default:
		word.lo = load_unsigned(at, size);
		break;
	}
	return word;
}

/* False: no memory. */
static bool
load_array(struct thread_state *ts, const struct partial_shape *shape, const void *at,
	   unsigned char *kind, struct tape_word *word)
{
	struct tape_dense *dense;

	*word = (struct tape_word){ (uint64_t)(uintptr_t)at, shape->size };
	*kind = shape->text ? (unsigned char)tape_kind_text : shape->kind;
	if (shape->ndim == 1)
		return true;
	dense = scratch_take(&ts->scratch, sizeof *dense);
	if (!dense)
		return false;
	*dense = (struct tape_dense){ .data = at,
				      .dtype = shape->dtype,
				      .ndim = shape->ndim };
	memcpy(dense->dims, shape->dims, sizeof dense->dims);
	*kind = tape_kind_dense;
	word->lo = (uint64_t)(uintptr_t)dense;
	return true;
}

static bool
load_member(struct thread_state *ts, const struct tape_of *of,
	    const struct tape_member *member, unsigned char *kind, struct tape_word *word)
{
	const void *base = of->at;
	struct partial_shape shape;
	const uint8_t *at;

	*kind = tape_kind_none; /* a null */
	if (!base || !partial_member_shape(member, &shape))
		return true;
	at = (const uint8_t *)base + member->offset;
	if (shape.ndim != 0)
		return load_array(ts, &shape, at, kind, word);
	*word = word_load(shape.kind, shape.size, at);
	/* With names it is an i64 if it fits one, as that of TAPE_ENUM. */
	*kind = shape.kind == TAPE_MEMBER_ENUM ||
				(shape.kind == tape_kind_u64 && word->lo <= INT64_MAX &&
				 partial_member_names(of->partial, member) != NULL)
			? (unsigned char)tape_kind_i64
			: shape.kind;
	return true;
}

/* ---- names made at run time ---- */

/* A member whose prefix or unit may differ from call to call is named each time. */
static bool
name_member(struct thread_state *ts, const struct tape_named *prefix, const char *member,
	    unsigned char *kind, struct tape_word *word)
{
	struct tape_named *named = scratch_take(&ts->scratch, sizeof *named);
	size_t cap = prefix->name ? strlen(prefix->name) + strlen(member) + 2 : 1;
	char *name = scratch_take(&ts->scratch, cap);

	if (!named || !name)
		return false;
	*named = (struct tape_named){ .unit = prefix->unit,
				      .value = *word,
				      .kind = *kind,
				      .dynamic = prefix->dynamic & 3 };
	if (prefix->name && *prefix->name) {
		snprintf(name, cap, "%s.%s", prefix->name, member);
		named->name = name;
	}
	*kind = tape_kind_named;
	*word = (struct tape_word){ (uint64_t)(uintptr_t)named, 0 };
	return true;
}

bool
spread_members(struct thread_state *ts, const struct tape_of *of,
	       const struct tape_named *prefix, unsigned char *kinds,
	       struct tape_word *words)
{
	const struct tape_member *members = of->partial->list();
	const char *rest = of->partial->members;
	bool named = prefix && prefix->dynamic & 3;
	char name[LIMIT_NAME + 1];

	for (uint32_t i = 0; i < of->partial->count; i++) {
		words[i] = (struct tape_word){ 0, 0 };
		if (!load_member(ts, of, &members[i], &kinds[i], &words[i]))
			return false;
		if (!named)
			continue;
		(void)partial_member_name(&rest, name);
		if (!name_member(ts, prefix, name, &kinds[i], &words[i]))
			return false;
	}
	return true;
}

bool
spread_args(struct thread_state *ts, const struct plan *plan, struct spread *args)
{
	unsigned char *kinds = scratch_take(&ts->scratch, plan->count);
	struct tape_word *words =
		scratch_take(&ts->scratch, plan->count * sizeof(*words));
	uint32_t at = 0;

	if (!kinds || !words)
		return false;
	for (uint32_t i = 0; i < plan->argument_count; i++) {
		const struct tape_of *of = spread_of(args->kinds[i], args->words[i]);
		const struct tape_named *named =
			args->kinds[i] == tape_kind_named
				? (const struct tape_named *)(uintptr_t)args->words[i].lo
				: NULL;

		if ((of ? of->partial : NULL) != plan->vars[at].of)
			return false; /* described otherwise than the first time */
		if (!of) {
			kinds[at] = args->kinds[i];
			words[at++] = args->words[i];
			continue;
		}
		if (!spread_members(ts, of, named, kinds + at, words + at))
			return false;
		at += of->partial->count;
	}
	*args = (struct spread){ kinds, words };
	return true;
}

struct item *
spread_items(struct thread_state *ts, const struct plan *plan,
	     struct item items[MAX_ARGUMENTS])
{
	return plan->count <= MAX_ARGUMENTS
		       ? items
		       : scratch_take(&ts->scratch, plan->count * sizeof(*items));
}
