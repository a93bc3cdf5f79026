/* SPDX-License-Identifier: Apache-2.0 */
/* How the values of a scope become the bytes of its body. */
#ifndef TAPE_LIBRECORD_BODY_H
#define TAPE_LIBRECORD_BODY_H

#include "format/le.h"
#include "format/limits.h"
#include "librecord/plain.h"

/* Where the values of one scope are. */
struct values {
	const struct tape_word *words;
	const unsigned char *kinds;
	struct item *items; /* by source; loaded as far as the layout needs them */
	const struct sticky *sticky;
	const int64_t *time; /* NULL: now */
	bool passed;	     /* the query at its gate was asked */
};

enum outcome {
	OUTCOME_DONE = 0,
	OUTCOME_OTHER, /* not of this layout's types or names: find another */
	OUTCOME_NO_MEMORY,
	OUTCOME_TOO_LARGE,
	OUTCOME_THINNED, /* its query does not match */
	OUTCOME_BLOB,	 /* reported by whoever keeps blobs */
};

/* Of a record: against that of its frame. */
static inline int64_t
time_delta(int64_t time, int64_t base)
{
	int64_t delta;

	if (__builtin_sub_overflow(time, base, &delta))
		delta = time < base ? INT64_MIN : INT64_MAX;
	return delta;
}

static inline const struct item *
slot_item(const struct values *v, const struct slot *slot)
{
	return slot->from == FROM_STICKY ? &v->sticky->items[slot->source]
					 : &v->items[slot->source];
}

/* The variable of a slot, whole: name, unit, value. */
static inline void
slot_load(const struct layout *l, const struct values *v, const struct slot *slot,
	  struct item *item)
{
	const struct form_var *var = &l->form->form.vars[slot->var];

	if (slot->from == FROM_WORD)
		*item = (struct item){ .value = v->words[slot->source] };
	else if (slot->from == FROM_NAMED)
		*item = (struct item){ .value = ((const struct tape_named *)(uintptr_t)v
							 ->words[slot->source]
							 .lo)
							->value };
	else
		*item = *slot_item(v, slot);
	item->name = var->name;
	item->name_len = var->name_len;
	item->unit = var->unit;
	item->unit_len = (uint32_t)strlen(var->unit);
	item->enums = (struct enumerators){ var->enumerators, var->enumerator_count };
	item->type = slot->type;
	item->store = slot->loaded;
	item->found = item->local = item->hidden = false;
}

/* ---- wide values ---- */

static inline size_t
item_canonical_size(const struct item *item)
{
	size_t head = item->type == TAPE_ARRAY_T ? 12 + 8 * (size_t)item->ndim : 8;

	return head + (item->size > CANON_BYTES ? 16 : (size_t)item->size);
}

/* `store` is the layout's: a hook may want it other than the item has it. */
static inline size_t
item_tail_size(const struct item *item, unsigned store)
{
	if (item->size <= CANON_BYTES || store == TAPE_AS_HASH)
		return 0;
	return store == TAPE_INLINE ? (size_t)item->size : 12;
}

static inline size_t
item_canonical_write(const struct item *item, uint8_t *p)
{
	uint8_t *start = p;

	put_le64(p, item->size);
	p += 8;
	if (item->type == TAPE_ARRAY_T) {
		put_le32(p, (uint32_t)item->dtype | (uint32_t)item->ndim << 8 |
				    (uint32_t)item->fortran << 16);
		memcpy(p + 4, item->dims, 8 * (size_t)item->ndim);
		p += 4 + 8 * (size_t)item->ndim;
	}
	if (item->size > CANON_BYTES) {
		memcpy(p, item->hash.byte, 16);
		return (size_t)(p + 16 - start);
	}
	copy_short(p, item->data, (size_t)item->size);
	return (size_t)(p + item->size - start);
}

/* ---- the body ---- */

static inline void
write_fixed(const struct layout *l, const struct values *v, uint8_t *body)
{
	for (uint32_t i = 0; i < l->fixed_count; i++) {
		const struct slot *slot = &l->slots[i];
		const struct tape_word *w;

		if (slot->from == FROM_WORD)
			w = &v->words[slot->source];
		else if (slot->from == FROM_NAMED)
			w = &((const struct tape_named *)(uintptr_t)v->words[slot->source]
				      .lo)
				     ->value;
		else
			w = &slot_item(v, slot)->value;
		switch (slot->width) {
		case 1:
			body[slot->offset] = (uint8_t)w->lo;
			break;
		case 4:
			put_le32(body + slot->offset, (uint32_t)w->lo);
			break;
		case 8:
			put_le64(body + slot->offset, w->lo);
			break;
		case 16:
			put_le64(body + slot->offset, w->lo);
			put_le64(body + slot->offset + 8, w->hi);
			break;
		default:
			break; /* null has no bytes */
		}
	}
}

static inline size_t
wide_canonical(const struct layout *l, const struct values *v)
{
	size_t size = l->fixed_bytes;

	for (uint32_t i = 0; i < l->wide_count; i++)
		size += item_canonical_size(slot_item(v, &l->slots[l->fixed_count + i]));
	return size;
}

/* Bounded by LIMIT_RECORD, or SIZE_MAX. */
static inline size_t
wide_tail(const struct layout *l, const struct values *v)
{
	size_t size = 0;

	for (uint32_t i = 0; i < l->wide_count; i++) {
		const struct slot *slot = &l->slots[l->fixed_count + i];
		size_t tail = item_tail_size(slot_item(v, slot), slot->store);

		if (tail > LIMIT_RECORD || size + tail > LIMIT_RECORD)
			return SIZE_MAX;
		size += tail;
	}
	return size;
}

/* `keep` false: the blob is left where it is, for now, and there need be no stage. */
static inline int
write_hint(struct stage *stage, const struct policy *policy, const struct item *item,
	   uint8_t *p, bool keep)
{
	put_le32(p, BODY_NO_SEGMENT);
	put_le64(p + 4, 0);
	if (item->on_tape || !keep)
		return 0;
	return blob_stage(stage->tape, stage, policy, item->data, (size_t)item->size,
			  &item->hash, (size_t)(p - stage->records));
}

static inline int
write_tails(struct stage *stage, const struct layout *l, const struct values *v,
	    uint8_t *p, bool keep)
{
	for (uint32_t i = 0; i < l->wide_count; i++) {
		const struct slot *slot = &l->slots[l->fixed_count + i];
		const struct item *item = slot_item(v, slot);

		if (item->size <= CANON_BYTES || slot->store == TAPE_AS_HASH)
			continue;
		if (slot->store == TAPE_INLINE) {
			memcpy(p, item->data, (size_t)item->size);
			p += item->size;
			continue;
		}
		if (write_hint(stage, l->policy, item, p, keep) < 0)
			return -1;
		p += 12;
	}
	return 0;
}

#endif
