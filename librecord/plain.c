/* SPDX-License-Identifier: Apache-2.0 */
#include "librecord/plain.h"

/* A step names this many sources. */
#define SOURCES 128u

/* A fixed-width slot takes a step, or two; those without bytes none. */
static bool
add_fixed(struct layout *l, const struct slot *slot)
{
	struct plain_step step = { slot->from, (uint8_t)(2 * slot->source),
				   (uint16_t)slot->offset };

	if (slot->checked || slot->from == FROM_ITEM || slot->source >= SOURCES ||
	    slot->offset > UINT16_MAX - 8)
		return false;
	if (slot->width == 0)
		return true;
	l->plain_mixed |= slot->from != FROM_WORD;
	l->steps[l->plain_count++] = step;
	if (slot->width == 16) {
		step.word++;
		step.offset = (uint16_t)(step.offset + 8);
		l->steps[l->plain_count++] = step;
	}
	return true;
}

static bool
add_text(struct layout *l, const struct slot *slot, const unsigned char *kinds)
{
	if (slot->from != FROM_ITEM || slot->type != TAPE_STR ||
	    slot->store != TAPE_INLINE || slot->source >= SOURCES ||
	    l->plain_texts == PLAIN_TEXTS ||
	    (kinds[slot->source] != tape_kind_text &&
	     kinds[slot->source] != tape_kind_safe))
		return false;
	l->steps[l->plain_count + l->plain_texts++] =
		(struct plain_step){ FROM_WORD, (uint8_t)(2 * slot->source), 0 };
	return true;
}

void
plain_make(struct layout *l, const unsigned char *kinds, struct plain_step *steps)
{
	uint32_t all = l->fixed_count + l->wide_count;
	bool plain = kinds && !l->dynamic && !l->gated && !l->spread;

	l->steps = steps;
	for (uint32_t i = 0; plain && i < l->fixed_count; i++)
		plain = add_fixed(l, &l->slots[i]);
	for (uint32_t i = l->fixed_count; plain && i < all; i++)
		plain = add_text(l, &l->slots[i], kinds);
	if (!plain)
		l->steps = NULL;
}
