/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/packed.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/hash.h"
#include "format/le.h"
#include "format/os.h"

#define FIRST_FORMS 3u
#define BLOBS 40u
#define BODY_MAX 512u

struct making {
	struct packed_made *out;
	uint64_t state;
	struct form *forms; /* [0] unused */
	const struct form **list;
	uint32_t *contexts;
	uint32_t **columns;
	uint32_t form_count, column_count;
	struct scopepack_forms tables;
	struct scopepack_block_info *infos;
	uint64_t seq, content_cap;
};

static uint32_t
draw(struct making *m, uint32_t below)
{
	m->state ^= m->state << 13;
	m->state ^= m->state >> 7;
	m->state ^= m->state << 17;
	return (uint32_t)(m->state >> 32) % below;
}

/* ---- forms ---- */

static void
build_form(struct making *m, uint32_t number, const char *const *labels, size_t count)
{
	const struct form_var step[] = { { .name = "i", .unit = "", .type = TAPE_I64 },
					 { .name = "kind", .unit = "", .type = TAPE_STR },
					 { .name = "ok", .unit = "", .type = TAPE_BOOL },
					 { .name = "x", .unit = "", .type = TAPE_F64 } };
	const struct form_var io[] = { { .name = "data",
					 .unit = "",
					 .type = TAPE_BYTES_T,
					 .store = TAPE_AS_BLOB },
				       { .name = "i", .unit = "", .type = TAPE_I64 } };
	struct form_var vars[4];
	size_t n = number == 2 ? 2 : 4;

	memcpy(vars, number == 2 ? io : step, n * sizeof *vars);
	for (size_t i = 0; i < n; i++)
		vars[i].name_len = (uint32_t)strlen(vars[i].name);
	ck_assert_int_eq(form_build(number, "a.c", number, "f", labels, count, vars, n,
				    &m->forms[number], NULL),
			 0);
}

/* Columns as a reader numbers them: i, kind, ok, x, data. */
static void
number_form(struct making *m, uint32_t number)
{
	static const uint32_t step[] = { 0, 1, 2, 3 }, io[] = { 4, 0 };

	m->list[number] = &m->forms[number];
	m->contexts[number] = number - 1;
	m->columns[number] = (uint32_t *)(uintptr_t)(number == 2 ? io : step);
}

static void
make_forms(struct making *m, uint32_t labels)
{
	static const char *const solve[] = { "solve", "step" }, *const io[] = { "io" },
				 *const twice[] = { "solve", "solve" };

	m->form_count = FIRST_FORMS + labels;
	m->column_count = 5;
	m->forms = calloc(m->form_count + 1, sizeof *m->forms);
	m->list = calloc(m->form_count + 1, sizeof(*m->list));
	m->contexts = calloc(m->form_count + 1, sizeof *m->contexts);
	m->columns = calloc(m->form_count + 1, sizeof(*m->columns));
	ck_assert(m->forms != NULL && m->list != NULL && m->contexts != NULL &&
		  m->columns != NULL);
	build_form(m, 1, solve, 2);
	build_form(m, 2, io, 1);
	build_form(m, 3, twice, 2);
	for (uint32_t i = 0; i < labels; i++) {
		char name[32];
		const char *list[] = { name };

		(void)snprintf(name, sizeof name, "l%u", (unsigned)i);
		build_form(m, FIRST_FORMS + 1 + i, list, 1);
	}
	for (uint32_t f = 1; f <= m->form_count; f++)
		number_form(m, f);
	m->tables = (struct scopepack_forms){ m->list, m->contexts,
					      (const uint32_t *const *)m->columns,
					      m->form_count, m->column_count };
}

/* ---- contents ---- */

static size_t
lay_out(struct making *m, uint32_t form, struct packed_content *c, uint8_t *body)
{
	static const char *const kinds[] = { "explicit", "implicit", "", "none at all" };
	struct tape_value v[4] = { 0 };
	size_t canonical = 0;
	int64_t size;

	for (unsigned i = 0; i < 4; i++)
		v[i].type =
			m->forms[form].vars[i < m->forms[form].var_count ? i : 0].type;
	if (form == 2) {
		c->has_blob = true;
		c->blob = m->out->blobs[draw(m, BLOBS)];
		v[0].size = 1000;
		v[0].store = TAPE_AS_BLOB;
		v[0].has_hash = 1;
		v[0].hash = c->blob;
		v[1].as.i = (int64_t)m->out->content_count;
	} else {
		v[0].as.i = (int64_t)m->out->content_count;
		v[1].data = kinds[draw(m, 4)];
		v[1].size = strlen(v[1].data);
		v[2].as.i = draw(m, 100) != 0;
		v[3].as.f = draw(m, 600);
	}
	size = body_write(&m->forms[form], v, NULL, body, BODY_MAX, &canonical, NULL);
	ck_assert_int_gt(size, 0);
	c->form = form;
	c->hash = body_hash(&m->forms[form], body, canonical);
	return canonical;
}

static struct packed_content *
new_content(struct making *m, uint32_t block, uint32_t row)
{
	struct packed_made *out = m->out;

	if (out->content_count == m->content_cap) {
		m->content_cap = m->content_cap == 0 ? 1024 : m->content_cap * 2;
		out->contents =
			realloc(out->contents, m->content_cap * sizeof *out->contents);
		ck_assert_ptr_nonnull(out->contents);
	}
	memset(&out->contents[out->content_count], 0, sizeof *out->contents);
	out->contents[out->content_count].block = block;
	out->contents[out->content_count].row = row;
	return &out->contents[out->content_count];
}

/* ---- blocks ---- */

/* The first of its block; of the first block, or none at all, now and then. */
static uint64_t
repeated(uint32_t block, uint32_t i, uint64_t first)
{
	if (i % 50 == 29)
		return CONTENT_LOST;
	return block != 0 && i % 50 == 49 ? i % 7 : first;
}

/* Contexts follow each other; every tenth row repeats something. */
static void
fill_block(struct making *m, uint32_t block, struct block_row *rows,
	   struct block_content *contents, uint8_t *arena, uint32_t *content_count)
{
	uint32_t count = m->out->block_rows;
	uint64_t first = m->out->content_count;

	*content_count = 0;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t form = 1 + (uint32_t)((uint64_t)i * m->form_count / count);
		struct block_row *r = &rows[i];

		memset(r, 0, sizeof *r);
		r->form = form;
		r->seq = ++m->seq;
		r->time = (int64_t)r->seq * 1000;
		if (form == 1 && i % 10 == 9) {
			r->kind = ROW_LINK;
			r->target = r->seq - i;
			r->content = repeated(block, i, first);
			continue;
		}
		struct packed_content *c = new_content(m, block, *content_count);
		uint8_t *body = arena + (size_t)i * BODY_MAX;

		contents[*content_count].len = (uint32_t)lay_out(m, form, c, body);
		contents[*content_count].form = form;
		contents[(*content_count)++].canonical = body;
		r->content = m->out->content_count++;
	}
}

static void
write_block(struct making *m, struct pack_writer *w, struct block_encoder *e,
	    uint32_t block, struct block_row *rows, struct block_content *contents,
	    uint8_t *arena)
{
	struct pack_bytes made = { 0 };
	uint64_t offset = 0, first = m->out->content_count;
	uint32_t content_count;

	fill_block(m, block, rows, contents, arena, &content_count);
	ck_assert_int_eq(block_encode(e, &m->tables, block, rows, m->out->block_rows,
				      contents, content_count, first, &made,
				      &m->infos[block], NULL),
			 0);
	ck_assert_int_eq(pack_writer_add(w, &made, &offset, NULL), 0);
	m->infos[block].start = offset;
	m->infos[block].header += offset;
	pack_bytes_release(&made);
}

static void
finish_scopes(struct making *m, struct pack_writer *w)
{
	struct scopepack_session session = { .id = { UINT64_C(1795000000000000), 7 },
					     .excused_from = UINT64_MAX,
					     .first_seq = m->seq != 0,
					     .last_seq = m->seq,
					     .rows = m->seq,
					     .last_time = (int64_t)m->seq * 1000 };
	struct scopepack_tables t = { .forms = m->list,
				      .form_count = m->form_count,
				      .sessions = &session,
				      .session_count = 1,
				      .blocks = m->infos,
				      .block_count = m->out->blocks,
				      .rows = m->seq,
				      .contents = m->out->content_count };
	struct pack_codec *codec = pack_codec_new();
	struct tape_hash hash;
	uint64_t root, size;

	ck_assert_ptr_nonnull(codec);
	ck_assert_int_eq(scopepack_write_tables(w, codec, 3, &t, &root, NULL), 0);
	ck_assert_int_eq(pack_writer_finish(w, root, &size, &hash, NULL), 0);
	pack_codec_free(codec);
}

static void
make_scopes(struct making *m, int dir)
{
	uint32_t count = m->out->block_rows;
	struct block_row *rows = malloc(count * sizeof *rows);
	struct block_content *contents = malloc(count * sizeof *contents);
	uint8_t *arena = malloc((size_t)count * BODY_MAX);
	struct block_encoder *e = block_encoder_new(3);
	struct pack_writer *w = NULL;

	m->infos = calloc(m->out->blocks, sizeof *m->infos);
	ck_assert(rows != NULL && contents != NULL && arena != NULL && e != NULL &&
		  m->infos != NULL);
	ck_assert_int_eq(pack_writer_open(dir, "scopes.pack", &m->out->id, &w, NULL), 0);
	for (uint32_t b = 0; b < m->out->blocks; b++)
		write_block(m, w, e, b, rows, contents, arena);
	finish_scopes(m, w);
	block_encoder_free(e);
	free(rows);
	free(contents);
	free(arena);
}

/* ---- blobs ---- */

static void
make_blobs(struct making *m, int dir)
{
	uint8_t data[1000];
	struct blobpack_pool *pool = blobpack_pool_new(3, 1);
	struct tape_hash hash;
	uint64_t size;

	m->out->blobs = calloc(BLOBS, sizeof *m->out->blobs);
	ck_assert(m->out->blobs != NULL && pool != NULL);
	for (uint32_t p = 0; p < 2; p++) {
		struct blobpack_writer *w = NULL;
		char name[48];

		m->out->packs[p][1] = p;
		(void)snprintf(name, sizeof name, "blobs-0-%u.pack", (unsigned)p);
		ck_assert_int_eq(blobpack_writer_open(dir, name, m->out->id.tape,
						      m->out->id.uid, pool, &w, NULL),
				 0);
		for (uint32_t i = 0; i < BLOBS / 2; i++) {
			memset(data, (int)(p * BLOBS + i), sizeof data);
			put_le32(data, m->out->id.tape[0]);
			hash = hash_bytes(data, sizeof data);
			m->out->blobs[m->out->blob_count++] = hash;
			ck_assert_int_eq(
				blobpack_writer_add(w, &hash, 0, data, sizeof data, NULL),
				0);
		}
		ck_assert_int_eq(blobpack_writer_finish(w, &size, &hash, NULL), 0);
	}
	blobpack_pool_free(pool);
}

void
packed_make(int dir, uint32_t seed, uint32_t blocks, uint32_t rows, uint32_t labels,
	    struct packed_made *out)
{
	struct making m = { .out = out,
			    .state = ((uint64_t)seed << 16 | 1) *
				     UINT64_C(0x9e3779b97f4a7c15) };

	memset(out, 0, sizeof *out);
	out->id.kind = PACK_SCOPES;
	memset(out->id.tape, 3, sizeof out->id.tape);
	memset(out->id.uid, 4, sizeof out->id.uid);
	out->blocks = blocks;
	out->block_rows = rows;
	make_forms(&m, labels);
	make_blobs(&m, dir);
	make_scopes(&m, dir);
	for (uint32_t f = 1; f <= m.form_count; f++)
		form_release(&m.forms[f]);
	free(m.forms);
	free(m.list);
	free(m.contexts);
	free(m.columns);
	free(m.infos);
}

void
packed_made_release(struct packed_made *m)
{
	free(m->contents);
	free(m->blobs);
	memset(m, 0, sizeof *m);
}

void
packed_scopes_open(int dir, const struct packed_made *m, struct packed_scopes *out)
{
	struct block_source source;
	struct os_stat st;

	memset(out, 0, sizeof *out);
	ck_assert_int_eq(os_open_read(dir, "scopes.pack", &out->fd), 0);
	ck_assert_int_eq(os_fstat(out->fd, &st), 0);
	source = block_from_fd(&out->fd, st.size);
	out->codec = pack_codec_new();
	ck_assert_ptr_nonnull(out->codec);
	ck_assert_int_eq(scopepack_open(&source, "scopes.pack", &m->id, out->codec,
					&out->scopes, NULL),
			 0);
}

void
packed_scopes_close(struct packed_scopes *s)
{
	scopepack_close(&s->scopes);
	pack_codec_free(s->codec);
	os_close(&s->fd);
}
