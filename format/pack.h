/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container of packs (scopes.pack, index.pack, blobs-*.pack): a header,
 * sections that follow each other without gaps, a trailer that names the root
 * section. docs/format/pack.md is normative.
 */
#ifndef TAPE_FORMAT_PACK_H
#define TAPE_FORMAT_PACK_H

#include <stdbool.h>

#include "format/block.h"
#include "tape/value.h"

#define PACK_HEADER 64u
#define PACK_SECTION_HEADER 48u
#define PACK_TRAILER 64u
/* Raw or stored bytes of one section. */
#define PACK_SECTION_MAX (64u << 20)

enum pack_kind { PACK_SCOPES = 1, PACK_INDEX = 2, PACK_BLOBS = 3 };
enum pack_encoding { PACK_STORED = 0, PACK_ZSTD = 1 };

struct pack_id {
	uint8_t tape[16];
	uint8_t uid
		[16]; /* of the generation, or of a blob pack: what its content follows from */
	uint8_t kind; /* enum pack_kind */
};

/* A section as its header has it. */
struct pack_section {
	uint64_t offset; /* of its header, in the file */
	uint16_t kind;	 /* of the pack kind at hand; 0xffff is the trailer's own */
	uint8_t encoding;
	uint32_t number, part; /* which one of its kind: block, group, column */
	uint32_t stored, raw;  /* bytes */
	uint64_t check;	       /* of the stored bytes */
};

/* Bytes that grow; all zero is empty. pack_bytes_release frees. */
struct pack_bytes {
	uint8_t *data;
	size_t len, cap;
};
int pack_bytes_reserve(struct pack_bytes *b, size_t more); /* 0 or TAPE_ERR_NOMEM */
int pack_bytes_add(struct pack_bytes *b, const void *data, size_t len);
void pack_bytes_release(struct pack_bytes *b);
/* Byte `at` of them; never NULL, also where there are none yet. */
static inline const uint8_t *
pack_bytes_at(const struct pack_bytes *b, size_t at)
{
	return b->data == NULL ? (const uint8_t *)"" : b->data + at;
}

/* ---- making sections, from any thread ---- */

struct pack_codec;			 /* zstd contexts of one thread */
struct pack_codec *pack_codec_new(void); /* NULL: no memory */
void pack_codec_free(struct pack_codec *codec);
/* Bytes that these would compress to, roughly: for choosing between encodings. */
size_t pack_codec_guess(struct pack_codec *codec, const void *data, size_t len);
/*
 * Compresses `raw` at `level` (0 = store) and appends header and payload of a
 * section to *out, its offset and checksums still open: pack_writer_add fills
 * them. What does not shrink by a 32nd is stored. TAPE_ERR_NOMEM, LIMIT.
 */
int pack_section_make(struct pack_codec *codec, int level, uint16_t kind, uint32_t number,
		      uint32_t part, const void *raw, size_t raw_len,
		      struct pack_bytes *out, struct tape_error *err);

/* ---- writing a pack, by one thread ---- */

struct pack_writer;
/* The file is created (O_EXCL) as `name` in directory `dir`; header written. */
int pack_writer_open(int dir, const char *name, const struct pack_id *id,
		     struct pack_writer **out, struct tape_error *err);
/* Where the next section will begin. */
uint64_t pack_writer_offset(const struct pack_writer *w);
/*
 * Appends sections made by pack_section_make (any number, back to back in
 * *made): fills offsets and checksums in place, writes. The offset of the first
 * goes to *offset (may be NULL). After an error nothing more may be added.
 */
int pack_writer_add(struct pack_writer *w, struct pack_bytes *made, uint64_t *offset,
		    struct tape_error *err);
/* Trailer, fsync. *size and *hash (of the whole file) for MANIFEST. Closes in any case. */
int pack_writer_finish(struct pack_writer *w, uint64_t root_offset, uint64_t *size,
		       struct tape_hash *hash, struct tape_error *err);
/* Closes without finishing; the file stays for the caller to remove. NULL is fine. */
void pack_writer_drop(struct pack_writer *w);

/* ---- reading: any number of threads, each with a codec of its own ---- */

struct pack_reader {
	struct block_source source;
	struct pack_id id;
	uint64_t seed;
	uint64_t root;	   /* offset of the root section */
	uint64_t sections; /* how many, with the root */
	const char *file;  /* for errors; borrowed */
};
/*
 * Verifies header and trailer. expect NULL = any; its uid of zeros = any uid.
 * TAPE_ERR_DAMAGED, TOO_NEW, IO. *out on success only; nothing to close.
 */
int pack_reader_open(const struct block_source *source, const char *file,
		     const struct pack_id *expect, struct pack_reader *out,
		     struct tape_error *err);
/* Header of the section at `offset`, verified. */
int pack_section_header(const struct pack_reader *r, uint64_t offset,
			struct pack_section *out, struct tape_error *err);
/*
 * Reads, verifies and decompresses a section into *raw (replaced, its memory
 * reused). `kind` must be its kind. One pread where `hint` (stored bytes with
 * header, 0 = unknown) is right. TAPE_ERR_DAMAGED names file and offset.
 * *read_bytes (may be NULL) is raised by the bytes read from the file.
 */
int pack_section_read(const struct pack_reader *r, struct pack_codec *codec,
		      uint64_t offset, uint32_t hint, uint16_t kind,
		      struct pack_section *section, struct pack_bytes *raw,
		      uint64_t *read_bytes, struct tape_error *err);
/* Walks all sections by their headers: *offset starts as PACK_HEADER. 1, 0 = trailer reached. */
int pack_section_next(const struct pack_reader *r, uint64_t *offset,
		      struct pack_section *out, struct tape_error *err);

#endif
