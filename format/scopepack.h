/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scope packs: occurrences and contents of scopes in blocks of columns.
 * docs/format/scopes.md is normative.
 *
 * A block holds up to 65,536 occurrences that follow each other in tape order,
 * as rows ordered by (context, session, seq), and those contents that occur
 * there for the first time, in row order. Both are cut into groups of 8,192
 * rows; a column of a group is one section of the pack.
 *
 * A content is the canonical part of a body (docs/format/values.md section 3).
 * Values of more than 64 bytes are there by hash, dtype and dims; their bytes
 * are in the blob packs, however they were recorded: the form's store says how
 * they are shown.
 */
#ifndef TAPE_FORMAT_SCOPEPACK_H
#define TAPE_FORMAT_SCOPEPACK_H

#include "format/column.h"
#include "format/form.h"
#include "format/pack.h"

#define BLOCK_ROWS 65536u
#define GROUP_ROWS 8192u
#define BLOCK_GROUPS (BLOCK_ROWS / GROUP_ROWS)

/* Sections of a scope pack. number = block, part = group << 24 | column or form section. */
enum scopepack_section {
	SCOPES_ROOT = 1,
	SCOPES_FORMS = 2, /* FORM records, at most 1 MiB a section unless one is longer */
	SCOPES_SESSIONS = 3, /* the table of sessions */
	SCOPES_MANIFEST = 4, /* manifest.jsonl of a session, number = session */
	SCOPES_BLOCK = 5,    /* header of a block, the last of its sections */
	SCOPES_ROWS = 6,     /* occurrence column */
	SCOPES_CONTENT = 7,  /* content column */
};

/* A content reference: ordinal in this generation, or in the foreign[F - 1]-th. */
#define CONTENT_LOST UINT64_MAX /* a link whose target did not survive */
#define CONTENT_ORDINAL_BITS 48u
#define CONTENT_FOREIGN(ref) ((uint32_t)((ref) >> CONTENT_ORDINAL_BITS))
#define CONTENT_ORDINAL(ref) ((ref) & (((uint64_t)1 << CONTENT_ORDINAL_BITS) - 1))

/* Kinds of occurrences, as in enum source_kind. */
enum row_kind { ROW_SCOPE = 0, ROW_BOOKMARK = 1, ROW_LINK = 2, ROW_PROJECTION = 3 };
/* Occurrence columns, each a u64 or less per row. */
enum row_column {
	ROWS_SESSION = 0, /* u32 index into the table of sessions */
	ROWS_SEQ = 1,	  /* u64 */
	ROWS_TIME = 2,	  /* i64 */
	ROWS_FORM = 3,	  /* u32 */
	ROWS_KIND = 4,	  /* u8 */
	ROWS_TARGET =
		5, /* u64: seq minus target, modulo 2^64; 0 where the kind has none */
	ROWS_CONTENT = 6, /* u64 content reference */
	ROWS_COLUMNS = 7
};
extern const uint8_t scopepack_row_widths[ROWS_COLUMNS];

/* ---- what a pack has besides blocks ---- */

/* Key of a record without a seq that is kept as it stood: u64 seq of the next scope, then the record. */
#define SCOPEPACK_RECORD ".record"

struct scopepack_note {
	const char *key;
	uint32_t key_len;
	const char *value;
	uint32_t value_len;
};
struct scopepack_session {
	uint64_t id[2];
	uint64_t first_seq, last_seq; /* in this pack; 0, 0 = none */
	uint64_t rows, links, projections, bookmarks;
	int64_t first_time, last_time;
	uint8_t state; /* enum tape_session_state as of compaction; LIVE = more may follow */
	uint64_t
		excused_from; /* seqs from here on: a crash excuses what is missing; UINT64_MAX = none */
	uint64_t segments, bytes;     /* raw, replaced */
	struct scopepack_note *notes; /* NOTE records, in order */
	size_t note_count;
	uint64_t manifest; /* offset of its SCOPES_MANIFEST section, 0 = none */
};
/* A column of contents: variables of one name and type. */
struct scopepack_column {
	const char *name;
	uint32_t name_len;
	uint8_t type; /* enum tape_type */
};
struct scopepack_block_info {
	uint64_t start;	       /* file offset of its first section */
	uint64_t header;       /* file offset of its SCOPES_BLOCK section */
	uint32_t header_bytes; /* of that section, with its header */
	uint32_t rows, contents;
	uint64_t first_content;		      /* ordinal of its first content */
	uint32_t first_session, last_session; /* indexes, by tape order */
	uint64_t first_seq, last_seq; /* of its first and last row in tape order */
	int64_t min_time, max_time;
};

/* ---- writing ---- */

struct block_row {
	uint32_t session, form;
	uint64_t seq, target, content;
	int64_t time;
	uint8_t kind;
};
struct block_content {
	uint32_t form;
	uint32_t len;
	const uint8_t *canonical; /* checked: body_check passed on the whole body */
};
/* What the encoder of a block needs; the same for all of them, read only meanwhile. */
struct scopepack_forms {
	const struct form *const *forms; /* by number; [0] unused */
	const uint32_t *contexts;	 /* context number of a form, by form number */
	const uint32_t *const
		*columns; /* by form number: column id of each var, name order */
	uint32_t form_count, column_count;
};
struct block_encoder; /* one per thread */
struct block_encoder *block_encoder_new(int level);
void block_encoder_free(struct block_encoder *e);
/*
 * Encodes a block: rows in (context, session, seq) order, contents in row order
 * of their first occurrence, ordinals from first_content on. *made (replaced)
 * is for pack_writer_add; info is filled but for start and header (relative
 * to the block's first section: header only). TAPE_ERR_NOMEM.
 */
int block_encode(struct block_encoder *e, const struct scopepack_forms *forms,
		 uint32_t number, const struct block_row *rows, uint32_t row_count,
		 const struct block_content *contents, uint32_t content_count,
		 uint64_t first_content, struct pack_bytes *made,
		 struct scopepack_block_info *info, struct tape_error *err);

/* Root, tables. Forms by number from 1; foreign generations by uid. */
struct scopepack_tables {
	const struct form *const *forms; /* [0] unused */
	uint32_t form_count;		 /* of forms, without [0] */
	struct scopepack_column *columns;
	uint32_t column_count;
	struct scopepack_session *sessions; /* in tape order */
	uint32_t session_count;
	struct scopepack_block_info *blocks;
	uint32_t block_count;
	const uint8_t (*foreign)[16];
	uint32_t foreign_count;
	uint64_t rows, contents;
};
/* Adds what follows the blocks and gives the root's offset for pack_writer_finish. */
int scopepack_write_tables(struct pack_writer *w, struct pack_codec *codec, int level,
			   const struct scopepack_tables *tables, uint64_t *root,
			   struct tape_error *err);

/* ---- reading ---- */

struct scopepack {
	struct pack_reader pack;
	struct form *forms; /* [form_count + 1], by number */
	uint32_t
		*contexts; /* by form number; contexts are numbered by their first form */
	uint32_t **form_columns; /* by form number: column id of each var, name order */
	uint32_t form_count, context_count;
	struct scopepack_column *columns; /* in order of their first form and variable */
	uint32_t column_count;
	struct scopepack_session *sessions;
	uint32_t session_count;
	struct scopepack_block_info *blocks;
	uint32_t block_count;
	uint8_t (*foreign)[16];
	uint32_t foreign_count;
	uint64_t rows, contents;
	void *memory[4];
};
/* Reads root, forms, sessions. Everything is checked: offsets, orders, numbers, sums. */
int scopepack_open(const struct block_source *source, const char *file,
		   const struct pack_id *expect, struct pack_codec *codec,
		   struct scopepack *out, struct tape_error *err);
void scopepack_close(struct scopepack *p); /* all zero is fine */
/* The block that a content of this pack belongs to. */
uint32_t scopepack_block_of(const struct scopepack *p, uint64_t ordinal);
/* manifest.jsonl of a session, or nothing (raw->len 0). */
int scopepack_manifest(const struct scopepack *p, struct pack_codec *codec,
		       uint32_t session, struct pack_bytes *raw, struct tape_error *err);

/* Set in `bytes` of a column that stands in the block's header; `offset` is its place there. */
#define BLOCK_INLINE 0x80000000u
/* Columns of at most so many bytes do. */
#define BLOCK_INLINE_MAX 64u

struct block_run { /* rows of one context, one behind the other */
	uint32_t context, first_row, rows;
};
struct block_chunk { /* a content column in a group */
	uint32_t column;
	uint32_t count;	 /* of values: rows of the group whose form has it */
	uint64_t offset; /* in the file */
	uint32_t bytes;	 /* of the section, with header */
	/* Of its numbers (bool, i64, u64, f64, f32 only), NaN left out: as i64, u64 or f64 bits. */
	bool has_range, has_nan;
	uint64_t min, max;
};
struct block_group {
	uint32_t first, count; /* content rows of the block */
	uint64_t forms_offset; /* u32 form per content row */
	uint32_t forms_bytes;
	struct block_chunk *chunks; /* by column id, ascending */
	uint32_t chunk_count;
};
struct block_rows {
	uint32_t first, count;
	uint64_t offset[ROWS_COLUMNS];
	uint32_t bytes[ROWS_COLUMNS];
	uint64_t min_seq, max_seq;
	int64_t min_time, max_time;
	uint32_t min_session, max_session;
	uint64_t min_content,
		max_content; /* of references other than CONTENT_LOST; min > max = none */
	bool links;	     /* any row of kind LINK or PROJECTION? */
};
struct scopepack_block {
	uint32_t number;
	struct block_run *runs;
	uint32_t run_count;
	struct block_rows rows[BLOCK_GROUPS];
	uint32_t rows_groups;
	struct block_group groups[BLOCK_GROUPS];
	uint32_t group_count;
	struct pack_bytes raw;	    /* what the inline columns stand in */
	struct block_chunk *chunks; /* of all groups */
	uint32_t run_cap, chunk_cap;
};
/* Reads the header of a block into *out (all zero, or of an earlier call: memory is reused). */
int scopepack_block_read(const struct scopepack *p, struct pack_codec *codec,
			 uint32_t number, struct scopepack_block *out,
			 uint64_t *read_bytes, struct tape_error *err);
void scopepack_block_release(struct scopepack_block *b);
/* One occurrence column of a group: widths as in enum row_column. Values are checked (indexes below their counts). */
int scopepack_rows_read(const struct scopepack *p, struct pack_codec *codec,
			const struct scopepack_block *b, uint32_t group,
			enum row_column which, struct column_memory *m,
			struct column *out, uint64_t *read_bytes, struct tape_error *err);
/* Forms of the contents of a group, u32 each, checked. */
int scopepack_group_forms(const struct scopepack *p, struct pack_codec *codec,
			  const struct scopepack_block *b, uint32_t group,
			  struct column_memory *m, struct column *out,
			  uint64_t *read_bytes, struct tape_error *err);
/* A content column. Fixed width: the values; variable: canonical entries (each checked by body_check later). */
int scopepack_chunk_read(const struct scopepack *p, struct pack_codec *codec,
			 const struct scopepack_block *b, uint32_t group,
			 const struct block_chunk *chunk, struct column_memory *m,
			 struct column *out, uint64_t *read_bytes,
			 struct tape_error *err);
/*
 * The same for one row alone (of a chunk: its row-th value), appended to *to: of
 * most codecs nothing else is laid out.
 */
int scopepack_rows_value(const struct scopepack *p, struct pack_codec *codec,
			 const struct scopepack_block *b, uint32_t group,
			 enum row_column which, uint32_t row, struct column_memory *m,
			 struct pack_bytes *to, uint64_t *read_bytes,
			 struct tape_error *err);
int scopepack_form_value(const struct scopepack *p, struct pack_codec *codec,
			 const struct scopepack_block *b, uint32_t group, uint32_t row,
			 struct column_memory *m, struct pack_bytes *to,
			 uint64_t *read_bytes, struct tape_error *err);
int scopepack_chunk_value(const struct scopepack *p, struct pack_codec *codec,
			  const struct scopepack_block *b, uint32_t group,
			  const struct block_chunk *chunk, uint32_t row,
			  struct column_memory *m, struct pack_bytes *to,
			  uint64_t *read_bytes, struct tape_error *err);
/* NULL: the group has no such column. */
const struct block_chunk *block_group_chunk(const struct block_group *g, uint32_t column);
/* A whole block, back as it was encoded; row->target is the seq again. All zero is empty, memory is reused. */
struct block_all {
	struct scopepack_block block;
	struct block_row *rows;
	uint32_t row_count;
	struct block_content *contents; /* not checked: body_check each */
	uint32_t content_count;
	struct pack_bytes arena;
	struct column_memory memory;
	size_t *starts;
	struct used *used;
	uint32_t used_cap;
};
int block_decode(const struct scopepack *p, struct pack_codec *codec, uint32_t number,
		 struct block_all *all, struct tape_error *err);
/*
 * The contents of one group alone: all->contents[GROUP_ROWS * group] and those behind
 * it; nothing else of *all counts then but all->block.
 */
int block_decode_contents(const struct scopepack *p, struct pack_codec *codec,
			  uint32_t number, uint32_t group, struct block_all *all,
			  struct tape_error *err);
void block_all_release(struct block_all *all);
/* Width in a body of values of a type: 0 for variable ones. TAPE_NULL has width 0 and no chunks. */
unsigned scopepack_width(unsigned type);

#endif
