/* SPDX-License-Identifier: Apache-2.0 */
#include "librecord/cut.h"

#include <stdlib.h>
#include <string.h>

#include "format/le.h"
#include "librecord/writer.h"

uint64_t
cut_form_cost(const struct form *form)
{
	return 512 + 4 * (uint64_t)form_record_size(form) +
	       128 * (uint64_t)form->var_count;
}

/* ---- where ---- */

/* A place in a part: records before it, and of them bookmarks. */
struct place_in {
	size_t at;
	uint32_t count, bookmarks;
};
struct cuts {
	struct place_in *items;
	size_t count, cap;
	bool failed;
};

static void
add(struct cuts *cuts, struct place_in place)
{
	if (cuts->count == cuts->cap) {
		size_t cap = cuts->cap ? 2 * cuts->cap : 16;
		struct place_in *more = reallocarray(cuts->items, cap, sizeof *more);

		if (!more) {
			cuts->failed = true;
			return;
		}
		cuts->items = more;
		cuts->cap = cap;
	}
	cuts->items[cuts->count++] = place;
}

/* What the group has so far. Forms are marked with its number. */
struct tally {
	uint64_t cost;
	uint32_t round;
};

static void
next_group(struct tape *t, struct tally *tally)
{
	tally->round = ++t->writer->cut_round;
	tally->cost = 0;
}

/* Before which records of a part a group has to begin. */
static void
find_cuts(struct tape *t, const struct part *part, struct tally *tally, struct cuts *cuts)
{
	struct place_in here = { .at = FRAME_HEADER };
	uint32_t last = 0;

	while (here.at < part->len) {
		const uint8_t *record = part->records + here.at;
		uint32_t head = get_le32(record + 4), form = head >> 8;
		struct rec_form *rec =
			form != 0 && form != last ? recorder_form(t, form) : NULL;

		if (rec && rec->met_in != tally->round) {
			uint64_t cost = cut_form_cost(&rec->form);

			if (tally->cost != 0 && tally->cost + cost > CUT_FORMS) {
				add(cuts, here);
				next_group(t, tally);
			}
			rec->met_in = tally->round;
			tally->cost += cost;
		}
		last = form;
		here.at += get_le32(record);
		here.count++;
		here.bookmarks += (head & 0xff) == RECORD_BOOKMARK;
	}
	if (cuts->count)
		add(cuts, here);
}

/* ---- pieces ---- */

/* Of what refers to blobs: the fixups of records before an end, and where their blobs begin. */
struct blobs_in {
	size_t fixup, at;
};

static struct blobs_in
blobs_before(const struct part *part, struct blobs_in from, size_t end)
{
	size_t i = from.fixup;

	while (i < part->fixup_count && part->fixups[i].hint_at < end)
		i++;
	return (struct blobs_in){ i, i < part->fixup_count ? part->fixups[i].blob_at
							   : part->blob_len };
}

/* `room` bytes in front, as in a stage. NULL: no memory. */
static void *
copy(const void *from, size_t len, size_t room)
{
	uint8_t *to = malloc(room + len + 1);

	if (to && len)
		memcpy(to + room, from, len);
	return to;
}

/* False: no memory. */
static bool
copy_blobs(struct part *to, const struct part *part, struct blobs_in from,
	   struct blobs_in end, size_t record)
{
	size_t n = end.fixup - from.fixup, bytes = n ? end.at - from.at : 0;

	if (n == 0)
		return true;
	to->fixups = copy(part->fixups + from.fixup, n * sizeof *to->fixups, 0);
	to->blobs = copy(part->blobs + from.at, bytes, FRAME_HEADER);
	if (!to->fixups || !to->blobs)
		return false;
	to->fixup_count = to->fixup_cap = n;
	to->blob_len = to->blob_cap = FRAME_HEADER + bytes;
	for (size_t i = 0; i < n; i++) {
		to->fixups[i].hint_at -= record - FRAME_HEADER;
		to->fixups[i].blob_at -= from.at - FRAME_HEADER;
	}
	return true;
}

/* Records from..end of a part. NULL: no memory. */
static struct part *
piece(const struct part *part, const struct place_in *from, const struct place_in *end,
      struct blobs_in *blobs)
{
	struct part *to = calloc(1, sizeof *to);
	struct blobs_in behind = blobs_before(part, *blobs, end->at);
	bool hashes = part->hashes && part->hash_cap >= part->count;
	uint32_t n = end->count - from->count;

	if (!to)
		return NULL;
	to->count = n;
	to->bookmarks = end->bookmarks - from->bookmarks;
	to->quiet = part->quiet == part->count ? n : 0;
	to->base_time = part->base_time;
	to->hashed = part->hashed;
	to->told = part->told;
	to->caches = part->caches;
	to->records = copy(part->records + from->at, end->at - from->at, FRAME_HEADER);
	to->len = to->cap = FRAME_HEADER + (end->at - from->at);
	if (hashes)
		to->hashes = copy(part->hashes + from->count, n * sizeof *to->hashes, 0);
	to->hash_cap = to->hashes ? n : 0;
	if (!to->records || (hashes && !to->hashes) ||
	    !copy_blobs(to, part, *blobs, behind, from->at)) {
		part_free(to);
		return NULL;
	}
	*blobs = behind;
	return to;
}

/* The pieces of a part, its cuts ending with its end, or NULL: no memory. */
static struct part *
pieces(const struct part *part, const struct cuts *cuts)
{
	struct place_in from = { .at = FRAME_HEADER };
	struct blobs_in blobs = { 0, part->fixup_count ? part->fixups[0].blob_at : 0 };
	struct part *first = NULL, **end = &first;

	for (size_t i = 0; i < cuts->count; i++) {
		if (cuts->items[i].at == from.at)
			continue; /* it is the part itself that begins a group */
		*end = piece(part, &from, &cuts->items[i], &blobs);
		if (!*end) {
			while (first) {
				struct part *next = first->next;

				part_free(first);
				first = next;
			}
			return NULL;
		}
		(*end)->begins = from.at != FRAME_HEADER;
		end = &(*end)->next;
		from = cuts->items[i];
	}
	return first;
}

struct part *
cut_groups(struct tape *t, struct part *parts)
{
	struct part **at = &parts;
	struct tally tally;

	if (atomic_load(&t->forms_cost) <= CUT_FORMS)
		return parts;
	next_group(t, &tally);
	while (*at) {
		struct part *part = *at, *cut = NULL;
		struct cuts cuts = { 0 };
		bool begins;

		find_cuts(t, part, &tally, &cuts);
		begins = cuts.count != 0 && cuts.items[0].at == FRAME_HEADER;
		if (cuts.count > (begins ? 2u : 1u) && !cuts.failed)
			cut = pieces(part, &cuts);
		free(cuts.items);
		if (cut) {
			*at = cut;
			for (; *at; at = &(*at)->next)
				;
			*at = part->next;
			part_put(&t->writer->pool, part);
		} else {
			at = &part->next;
			cut = part;
		}
		cut->begins = begins;
	}
	return parts;
}
