/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scope of this thread's stage as a scope to bind, for commit=manual: a copy of its
 * record behind the interface of a source, and of the blobs that wait with it.
 */
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/le.h"
#include "librecord/resume.h"
#include "search/scope.h"

/* A blob that waits for the commit. Its index + 1 is the hint's offset. */
struct staged_blob {
	struct tape_hash hash;
	uint8_t *data;
	size_t len;
};

struct staged {
	struct source base; /* first */
	struct source_facts facts;
	struct source_form form; /* borrowed from the recorder, which keeps forms */
	struct tape_scope scope;
	uint8_t *record;
	struct staged_blob *blobs;
	size_t blob_count;
};

static const struct source_facts *
staged_facts(struct source *source)
{
	return &((struct staged *)source)->facts;
}

static int
staged_blob(struct source *source, const struct body_hint *hint,
	    const struct tape_hash *hash, uint64_t size, uint8_t **data,
	    struct tape_error *err)
{
	const struct staged *s = (const struct staged *)source;
	const struct staged_blob *b;

	(void)hash;
	(void)size;
	if (hint->offset == 0 || hint->offset > s->blob_count)
		return error_set(err, TAPE_ERR_NOT_FOUND, NULL, 0, "not staged");
	if (!data)
		return 0;
	b = &s->blobs[hint->offset - 1];
	*data = malloc(b->len ? b->len : 1);
	if (!*data)
		return error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a blob");
	memcpy(*data, b->data, b->len);
	return 0;
}

static bool
staged_excused(struct source *source, const struct source_place *place)
{
	(void)source;
	(void)place;
	return false;
}

static const char *
staged_file(struct source *source, const struct source_place *place)
{
	(void)source;
	(void)place;
	return "";
}

static void
staged_close(struct source *source)
{
	(void)source;
}

static const struct source_ops staged_ops = {
	.facts = staged_facts,
	.lookup = source_lookup_none,
	.blob = staged_blob,
	.excused = staged_excused,
	.file = staged_file,
	.close = staged_close,
};

void
staged_free(struct staged *s)
{
	if (!s)
		return;
	scope_release(&s->scope);
	for (size_t i = 0; i < s->blob_count; i++)
		free(s->blobs[i].data);
	free(s->blobs);
	free(s->record);
	free(s);
}

/* ---- which one ---- */

static bool
fits(const struct form *form, const uint8_t *record, const struct sticky *sticky)
{
	for (uint32_t i = 0; i < sticky->count; i++) {
		const struct item *item = &sticky->items[i];
		struct tape_value v, now;
		int64_t at = form_find(form, item->name, item->name_len);

		if (at < 0)
			return false;
		body_value(form, record + SCOPE_PREFIX, (uint32_t)at, &v, NULL);
		item_value(item, TAPE_INLINE, &now);
		if (!value_same(&v, &now))
			return false;
	}
	return true;
}

/* The last record that fits. Its stage is locked. */
static const uint8_t *
last_of(struct thread_state *ts, const struct context *path, struct rec_form **form)
{
	const struct stage *stage = ts->stage;
	const uint8_t *found = NULL;

	for (size_t at = FRAME_HEADER; at < stage->len;) {
		const uint8_t *record = stage->records + at;
		struct rec_form *f = recorder_form(ts->tape, get_le32(record + 4) >> 8);

		if ((get_le32(record + 4) & 0xff) == RECORD_SCOPE && f->context == path &&
		    fits(&f->form, record, ts->level->sticky)) {
			found = record;
			*form = f;
		}
		at += get_le32(record);
	}
	return found;
}

/* ---- its blobs ---- */

static const uint8_t *
waiting(const struct stage *stage, const struct tape_hash *hash, size_t *len)
{
	struct record rec;
	size_t at = FRAME_HEADER;

	for (size_t i = 0; i < stage->big_count; i++)
		if (memcmp(&stage->bigs[i].hash, hash, sizeof *hash) == 0) {
			*len = stage->bigs[i].len;
			return stage->bigs[i].data;
		}
	while (at < stage->blob_len &&
	       record_next(stage->blobs, stage->blob_len, &at, &rec) == 1)
		if (rec.kind == RECORD_BLOB &&
		    memcmp(&rec.hash, hash, sizeof *hash) == 0) {
			*len = rec.body_len;
			return rec.body;
		}
	return NULL;
}

/* Others are on the tape already. */
static int
keep_blobs(struct staged *s, const struct stage *stage)
{
	size_t count = tape_scope_var_count(&s->scope);

	s->blobs = calloc(count + 1, sizeof *s->blobs);
	if (!s->blobs)
		return -1;
	for (size_t i = 0; i < count; i++) {
		const struct tape_value *v = scope_value(&s->scope, i, NULL);
		struct staged_blob *b = &s->blobs[s->blob_count];
		const uint8_t *data;

		if (v->store != TAPE_AS_BLOB || v->data || v->size == 0)
			continue;
		data = waiting(stage, &v->hash, &b->len);
		if (!data)
			continue;
		b->hash = v->hash;
		b->data = malloc(b->len);
		if (!b->data)
			return -1;
		memcpy(b->data, data, b->len);
		s->scope.hints[i] = (struct body_hint){ 0, ++s->blob_count };
	}
	return 0;
}

/* ---- the whole ---- */

static struct staged *
copy(struct thread_state *ts, struct tape_reader *reader, const uint8_t *record,
     const struct rec_form *form)
{
	struct staged *s = calloc(1, sizeof *s);
	size_t len = get_le32(record);
	struct source_record rec = { .kind = SOURCE_SCOPE };

	if (!s)
		return NULL;
	s->base.ops = &staged_ops;
	s->base.reader = reader;
	s->facts = (struct source_facts){ .name = "",
					  .host = "",
					  .job = "",
					  .library = "",
					  .sync = "",
					  .uid = "",
					  .rank = -1,
					  .pid = -1,
					  .state = TAPE_LIVE };
	memcpy(s->facts.id, ts->tape->session, sizeof s->facts.id);
	s->form.form = form->form;
	s->record = malloc(len);
	if (s->record) {
		memcpy(s->record, record, len);
		rec.of = &s->base;
		rec.time =
			ts->stage->base_time + (int64_t)get_le64(record + RECORD_HEADER);
		rec.form = &s->form;
		rec.body = s->record + SCOPE_PREFIX;
		rec.body_len = len - SCOPE_PREFIX;
	}
	if (!s->record || scope_show(&s->scope, &s->base, &rec, NULL) != 0 ||
	    keep_blobs(s, ts->stage) < 0) {
		staged_free(s);
		return NULL;
	}
	return s;
}

struct staged *
staged_find(struct thread_state *ts, const struct context *path,
	    struct tape_reader *reader, const struct tape_scope **scope, bool *no_memory)
{
	struct rec_form *form = NULL;
	struct staged *s = NULL;
	const uint8_t *record;

	stage_lock(ts->stage);
	record = last_of(ts, path, &form);
	if (record)
		s = copy(ts, reader, record, form);
	stage_unlock(ts->stage);
	*no_memory = record && !s;
	if (s)
		*scope = &s->scope;
	return s;
}
