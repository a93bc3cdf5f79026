/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A raw session as a source: its log segments, read as they lie.
 *
 * A segment is loaded by one walk over its frame headers, which gives a table
 * of its frames, its forms, and everything that is wrong with it. Scopes are
 * then read frame by frame, forward, backward or at one seq.
 */
#ifndef TAPE_SEARCH_RAW_H
#define TAPE_SEARCH_RAW_H

#include "format/segment.h"
#include "format/tapedir.h"
#include "search/facts.h"

/* Frames may hold records for source_iter.other: bits that are known for it, and unknown ones. */
#define RAW_OTHER (HAS_CACHE | HAS_CONTINUE | 0xfc00u)

struct raw_frame {
	uint64_t offset, first_seq;
	uint32_t payload, scopes;
	uint32_t cached; /* slot of the session's cache + 1, 0 = none */
	uint16_t contents;
};

enum raw_form_state { RAW_FORM_GOOD, RAW_FORM_BAD };
struct raw_form {
	struct source_form base; /* first */
	uint32_t number;
	uint8_t state;	 /* enum raw_form_state */
	bool complained; /* scopes of a bad form are reported once */
	uint64_t defined_at;
};

struct raw_segment {
	uint32_t number;
	char *path;	    /* relative to the tape */
	uint64_t size;	    /* as of the snapshot; UINT64_MAX = as found when opened */
	uint64_t first_seq; /* of its first scope; UINT64_MAX = none */
	uint64_t
		head_seq; /* the next free seq, as its first frame has it; 0 = no frame */
	uint64_t cut;	  /* seqs from here on belong to a later segment */
	uint64_t end;	  /* of its frames; more may follow there. 0: it is not read on */
	int fd;
	bool probed, loaded, bad; /* bad: its header does not verify */
	bool damaged;		  /* something was reported behind its last scope */
	bool damaged_head;	  /* or before its first */
	struct segment_key key;
	struct raw_frame *frames;
	size_t frame_count, frame_cap;
	uint64_t next_seq;	 /* after its last scope; 0 = it has none */
	uint64_t mark_frame;	 /* offset of the last frame with a MARK, 0 = none */
	struct raw_form **forms; /* open addressing by number */
	struct raw_form *recent; /* asked for last: scopes of a form come in runs */
	size_t form_count, form_cap;
	uint64_t form_bytes; /* memory that they take, about */
	uint32_t undefined;  /* of them: used and not defined */
	bool many_forms;     /* told already */
	uint64_t skipped;    /* records of unknown kinds in its frames without scopes */
	uint64_t used;	     /* when it was last needed */
};

/* Bytes of a file, read ahead where reading goes on where it stopped. */
struct raw_view {
	uint8_t *buf;
	size_t cap, len, ahead;
	uint64_t at;
	uint32_t segment; /* index; UINT32_MAX = none */
	bool backward;	  /* reading goes towards the beginning */
};

struct raw_item {
	uint32_t at;	/* of the record in the payload */
	uint32_t index; /* its seq is the frame's first plus this */
};

/* The wanted records of one frame. */
struct raw_items {
	struct raw_item *items;
	size_t count, cap;
};

/* A frame that was read, or the wanted records of one that was walked over. */
struct raw_cached {
	uint32_t segment, frame;
	uint8_t *bytes;		/* NULL = free slot */
	const uint8_t *records; /* in it: the payload, or the wanted records of it */
	size_t len;		/* of these */
	bool wanted;		/* the wanted ones alone */
	struct raw_item *items; /* by index; NULL = not known yet */
	uint32_t *from; /* where they are in `records`; NULL: where in the payload */
	size_t item_count;
	size_t held;
	struct frame header;
};
#define RAW_CACHE_SLOTS 8192u
#define RAW_CACHE_BYTES (16u << 20)

/* Where a session begins whose first segments are in generations. */
struct raw_rest {
	uint32_t log; /* the number its first segment should have */
	uint64_t seq; /* the first seq that should be there; 1 = nothing is before it */
};

struct raw_session {
	struct source base;	     /* first */
	struct tapedir_session *dir; /* borrowed */
	struct raw_segment *segments;
	size_t segment_count;
	struct raw_rest rest;
	struct facts about;
	bool owner_gone;     /* no session and no segment of it grows any more */
	uint64_t form_bytes; /* over all segments */
	bool keep_all;	     /* what is borrowed stays: no segment is dropped */
	uint64_t clock;	     /* ticks at each use, for least-recently-used */
	size_t frames_held;  /* over all segments */

	struct source_iter iter;
	size_t first_segment, last_segment; /* of the walk */
	size_t at_segment, at_frame, at_item;
	bool in_frame;
	struct raw_view view;
	struct raw_items items;
	struct frame frame;
	const uint8_t *payload;
	uint64_t skipped; /* records of unknown kinds beside the scopes of this walk */

	struct raw_cached *cache;
	size_t cache_bytes;
	size_t cache_oldest, cache_hand; /* a ring: what is kept lies between them */
	size_t cache_most;
	struct raw_items cache_items;
	/* Of what threads share (raw_shared.h), what records were given from last. */
	struct raw_shared_frame *looked_up, *recalled;
	/* How often a scope of a frame of which the wanted ones are kept was one of these. */
	uint64_t cache_hits, cache_misses;

	bool mark_known;
	uint32_t mark_segment; /* everything before this place was on disk */
	uint64_t mark_offset;
};

/*
 * Opens a session as of the given sizes (one per log; NULL = as found). 1 =
 * *out is the caller's, 0 = there is nothing of it, negative = error;
 * TAPE_ERR_NOT_FOUND: a segment was removed since it was listed. dir is borrowed.
 */
int raw_open(struct tape_reader *reader, struct tapedir_session *dir,
	     const uint64_t *sizes, const struct raw_rest *rest, struct source **out,
	     struct tape_error *err);

/*
 * The session as of other sizes, of the logs that dir has by now: its last segment is
 * read on from where its frames ended. False: it has other segments, or there is more
 * to tell of than frames that follow, and the source is to be closed.
 */
bool raw_extend(struct source *source, const uint64_t *sizes);

/* So many records of a session were of unknown kinds: what a walk tells at its end. */
void raw_tell_skipped(struct tape_reader *reader, const char *dir, uint64_t count);

/* ---- raw_segment.c ---- */
int raw_segment_open(struct raw_session *s, size_t index, struct tape_error *err);
/* Up to the first scope: first_seq and the session's facts. */
int raw_segment_probe(struct raw_session *s, size_t index, struct tape_error *err);
/* Frames and forms. */
int raw_segment_load(struct raw_session *s, size_t index, struct tape_error *err);
/* Frames and forms behind those that are known. False: the session is of no use any more. */
bool raw_segment_extend(struct raw_session *s, size_t index, uint64_t size);
/* Forgets frames and forms; what was borrowed from them is gone. */
void raw_segment_drop(struct raw_session *s, size_t index);
void raw_segment_release(struct raw_session *s, struct raw_segment *segment);
struct raw_form *raw_segment_form(struct raw_segment *segment, uint32_t number);
/* The form of a record at an offset in the file, or NULL: reported, the record is skipped. */
struct raw_form *raw_segment_use_form(struct raw_session *s, struct raw_segment *segment,
				      uint32_t number, uint64_t offset);

/* ---- raw_frame.c ---- */
/* 1 = the payload, verified, borrowed from the view. 0 = damaged, reported. */
int raw_frame_read(struct raw_session *s, size_t segment, const struct raw_frame *frame,
		   struct raw_view *view, struct frame *header, const uint8_t **payload,
		   struct tape_error *err);
/* Reports the record at `at` of a payload, for which record_next gave r. `stuck`: no further one. */
void raw_frame_bad(struct raw_session *s, const struct raw_segment *segment,
		   const struct frame *header, size_t at, int r, bool stuck);
/* Which records of a payload are shown; filtered by s->iter.want when `filter`. */
int raw_frame_items(struct raw_session *s, size_t segment, const struct frame *header,
		    const uint8_t *payload, bool filter, struct raw_items *items,
		    struct tape_error *err);
/* The record at an item of a frame, which begins at `bytes`. False: nothing to show. */
bool raw_frame_record(struct raw_session *s, size_t segment, const struct frame *header,
		      const uint8_t *bytes, size_t len, const struct raw_item *item,
		      struct source_record *out);

/* ---- raw_cache.c ---- */
int raw_recall(struct source *source, const struct source_key *key,
	       struct source_record *out, struct tape_error *err);
int raw_lookup(struct source *source, uint64_t seq, struct source_record *out,
	       struct tape_error *err);
/*
 * A frame that was just read and verified, and what of it is wanted: it may be the
 * target of links that come, and what other threads ask for.
 */
void raw_cache_keep(struct raw_session *s, size_t segment, struct raw_frame *frame,
		    const struct frame *header, const uint8_t *payload,
		    const struct raw_items *wanted);
void raw_cache_drop_segment(struct raw_session *s, size_t segment);
void raw_cache_release(struct raw_session *s);
void raw_cached_release(struct raw_cached *c);
/* Index of the first frame that has this seq or a later one, or frame_count. */
size_t raw_find_frame(const struct raw_segment *g, uint64_t seq);
/* Index of the segment that has this seq, or segment_count. */
size_t raw_find_segment(const struct raw_session *s, uint64_t seq);

/* ---- raw_facts.c ---- */
void raw_facts_note(struct raw_session *s, const struct record *note);
/* After all segments were probed: closed, live or killed. */
int raw_facts_state(struct raw_session *s, struct tape_error *err);
/*
 * Is nobody recording a session any more whose directory has no segment? `began`:
 * something of it was compacted. Without a manifest either it has not begun: whoever is
 * about to counts as one that comes later, and makes the directory again.
 */
int raw_facts_gone(struct tape_reader *reader, struct tapedir_session *dir, bool began,
		   bool *gone, struct tape_error *err);
bool raw_facts_excused(struct source *source, const struct source_place *place);

#endif
