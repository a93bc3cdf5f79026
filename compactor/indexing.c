/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index of what was written, made from the files themselves: each block is
 * read back and compared with what was handed to the encoder on the way.
 */
#include "compactor/indexing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compactor/carry.h"
#include "compactor/longlist.h"
#include "format/error.h"
#include "format/hash.h"

int
indexing_packs(const struct generation_manifest *m, uint32_t (**packs)[2], size_t *count)
{
	uint32_t(*list)[2] = malloc((m->file_count + 1) * sizeof *list);
	size_t n = 0;

	if (list == NULL)
		return TAPE_ERR_NOMEM;
	for (size_t i = 0; i < m->file_count; i++) {
		unsigned bucket = 0, number = 0;

		if (sscanf(m->files[i].name, "blobs-%u-%u.pack", &bucket, &number) != 2)
			continue;
		list[n][0] = bucket;
		list[n++][1] = number;
	}
	*packs = list;
	*count = n;
	return 0;
}

/* What a decoded block leaves until those before it are done: references and checks. */
struct pending {
	uint64_t *refs;	  /* [BLOCK_ROWS] of its rows, then the checks of these */
	uint64_t *checks; /* [BLOCK_ROWS] of its contents */
	uint32_t rows, contents;
};

struct scopes {
	struct compaction *c;
	struct earlier *earlier;
	const struct carry *carry;
	const struct verify_block *blocks;
	const struct scopepack *pack;
	struct pending *pending; /* of block n: n % pending_count */
	uint32_t pending_count;
	uint32_t next;		/* block whose references are looked at */
	struct longlist checks; /* of all contents up to there */
};

static int
no_memory(struct tape_error *err)
{
	return error_set(err, TAPE_ERR_NOMEM, NULL, 0,
			 "no memory to verify what was written");
}

/* By the thread that decoded the block; the one of references is told it in order. */
static int
compare_block(void *user, uint32_t number, const struct block_all *all,
	      struct tape_error *err)
{
	const struct scopes *s = user;
	struct pending *at = &s->pending[number % s->pending_count];
	struct tape_hash digest;

	if (at->refs == NULL)
		at->refs = malloc(BLOCK_ROWS * sizeof *at->refs);
	if (at->checks == NULL)
		at->checks = malloc(BLOCK_ROWS * sizeof *at->checks);
	if (at->refs == NULL || at->checks == NULL ||
	    !verify_digest(all->rows, all->row_count, all->contents, all->content_count,
			   &digest))
		return no_memory(err);
	if (!hash_equal(&digest, &s->blocks[number].digest))
		return error_set(err, TAPE_ERR_DAMAGED, s->pack->pack.file,
				 s->pack->blocks[number].start,
				 "a block does not read back as it was written");
	for (uint32_t i = 0; i < all->row_count; i++)
		at->refs[i] = all->rows[i].content;
	for (uint32_t i = 0; i < all->content_count; i++) {
		const struct block_content *content = &all->contents[i];

		at->checks[i] = verify_check_content(s->pack, content);
		if (!carry_has_all(s->carry, &s->pack->forms[content->form],
				   content->canonical, content->len))
			return error_set(err, TAPE_ERR_DAMAGED, s->pack->pack.file,
					 s->pack->blocks[number].start,
					 "a scope refers to a blob that did not come "
					 "along from a generation that was merged");
	}
	at->rows = all->row_count;
	at->contents = all->content_count;
	return 0;
}

/* From a reference to the check of what it leads to; 0 = nothing that can be read. */
static int
follow(struct scopes *s, uint64_t *ref)
{
	uint64_t ordinal = CONTENT_ORDINAL(*ref);
	uint32_t foreign = CONTENT_FOREIGN(*ref);

	if (*ref == CONTENT_LOST || foreign > s->pack->foreign_count ||
	    (foreign == 0 && ordinal >= s->checks.count)) {
		*ref = 0;
		return 0;
	}
	return foreign == 0 ? longlist_get(&s->checks, ordinal, ref, s->c->err)
			    : earlier_check(s->earlier, s->pack->foreign[foreign - 1],
					    ordinal, ref);
}

/*
 * The rows of the next block have the contents that were read for them: the
 * checks were taken where those came from, and here of what the files say.
 */
static int
compare_references(struct scopes *s)
{
	uint32_t number = s->next++;
	struct pending *at = &s->pending[number % s->pending_count];
	struct tape_hash checks;
	int r = longlist_add(&s->checks, at->checks, at->contents, s->c->err);

	for (uint32_t i = 0; i < at->rows && r == 0; i++)
		r = follow(s, &at->refs[i]);
	if (r != 0)
		return r;
	checks = hash_bytes(at->refs, at->rows * sizeof *at->refs);
	if (hash_equal(&checks, &s->blocks[number].checks))
		return 0;
	return error_set(s->c->err, TAPE_ERR_DAMAGED, s->pack->pack.file,
			 s->pack->blocks[number].start,
			 "a scope does not lead to what was recorded of it");
}

/* Called in the order of blocks, by one thread. */
static int
tell(void *user, uint64_t rows)
{
	struct scopes *s = user;
	int r = compare_references(s);

	if (r != 0)
		return r;
	return compaction_progress(s->c, TAPE_COMPACT_INDEX, rows, s->pack->rows,
				   s->c->bytes_in, 0);
}

/* The finished index, as a reader will open it. */
static int
check_index(struct compaction *c, const struct pack_id *id, const struct scopepack *pack,
	    const struct index_output *made)
{
	struct index_reader *x = NULL;
	int r = index_open(c->work_fd, c->work, id, &made->directory_hash,
			   made->directory_size, true, &x, c->err);

	if (r == 0 && index_directory_trouble(x) != NULL)
		r = error_set(c->err, TAPE_ERR_DAMAGED, c->work, 0,
			      INDEX_DIRECTORY_FILE " does not read back: %s",
			      index_directory_trouble(x));
	if (r == 0)
		r = index_use(x, pack, c->err);
	if (r == 0)
		r = index_check(x, c->err);
	index_close(x);
	return r;
}

static int
build(struct scopes *s, const struct pack_id *id)
{
	struct compaction *c = s->c;
	struct index_input in = {
		.scopes = s->pack, .block = compare_block, .progress = tell, .user = s
	};
	struct index_output made;
	uint32_t(*packs)[2] = NULL;
	int r = indexing_packs(&c->manifest, &packs, &in.blob_pack_count);

	if (r != 0)
		return compaction_no_memory(c);
	in.blob_packs = (const uint32_t(*)[2])packs;
	r = index_build(c->work_fd, INDEX_PACK, INDEX_DIRECTORY_FILE, id, &in,
			c->options.jobs, c->options.memory, &made, c->err);
	free(packs);
	if (r == 0)
		r = check_index(c, id, s->pack, &made);
	if (r == 0)
		r = publish_add_file(c, INDEX_PACK, made.pack_size, &made.pack_hash);
	if (r == 0)
		r = publish_add_file(c, INDEX_DIRECTORY_FILE, made.directory_size,
				     &made.directory_hash);
	return r;
}

static int
verify_and_build(struct compaction *c, struct earlier *earlier, const struct carry *carry,
		 const struct verify_block *blocks, const struct scopepack *pack,
		 const struct pack_id *id)
{
	struct scopes s = {
		.c = c, .earlier = earlier, .carry = carry, .blocks = blocks, .pack = pack
	};
	int r;

	/* As many as index_build may be ahead of what was told: it never comes round. */
	s.pending_count = c->options.jobs + INDEX_BLOCKS_AHEAD + 1;
	s.pending = calloc(s.pending_count, sizeof *s.pending);
	if (s.pending == NULL)
		return compaction_no_memory(c);
	longlist_init(&s.checks, sizeof(uint64_t), c->options.memory / 8, c->work_fd);
	r = build(&s, id);
	longlist_release(&s.checks);
	for (uint32_t i = 0; i < s.pending_count; i++) {
		free(s.pending[i].refs);
		free(s.pending[i].checks);
	}
	free(s.pending);
	return r;
}

int
indexing_scopes(struct compaction *c, struct earlier *earlier, const struct carry *carry,
		const struct verify_block *blocks, size_t count, int fd, uint64_t size,
		const char *path)
{
	struct block_source source = block_from_fd(&fd, size);
	struct pack_id id = { .kind = PACK_SCOPES };
	struct pack_codec *codec = pack_codec_new();
	struct scopepack pack;
	int r;

	if (codec == NULL)
		return compaction_no_memory(c);
	memcpy(id.tape, c->reader->dir.id, sizeof id.tape);
	memcpy(id.uid, c->uid, sizeof id.uid);
	r = scopepack_open(&source, path, &id, codec, &pack, c->err);
	pack_codec_free(codec);
	if (r != 0)
		return r;
	if (pack.block_count != count || pack.rows != c->manifest.scopes)
		r = error_set(c->err, TAPE_ERR_DAMAGED, path, 0,
			      "the pack does not read back as it was written");
	if (r == 0)
		r = verify_and_build(c, earlier, carry, blocks, &pack, &id);
	scopepack_close(&pack);
	return r;
}
