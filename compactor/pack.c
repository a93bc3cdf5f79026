/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that takes part, walked once in tape order, goes into packs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compactor/packing.h"
#include "compactor/withdrawn.h"
#include "format/error.h"
#include "format/le.h"
#include "format/limits.h"
#include "format/path.h"
#include "format/segment.h"
#include "search/superseded.h"

#define PROGRESS_ROWS 65536u

/* ---- forms and notes of a session ---- */

/* The number of a form in the new generation is kept where cursors keep their plans. */
static bool
number_form(void *user, struct source_form *form)
{
	struct packing *p = user;
	uint32_t number = forms_number(&p->forms, &form->form);

	if (number == 0)
		p->no_memory = true;
	form->plan = (void *)(uintptr_t)number;
	return true;
}

static void
forget_form(void *plan)
{
	(void)plan;
}

static bool
key_is(const struct scopepack_note *n, const char *key, size_t len)
{
	return n->key_len == len && memcmp(n->key, key, len) == 0;
}

static bool
is_record(const char *key, size_t len)
{
	return len == sizeof SCOPEPACK_RECORD - 1 &&
	       memcmp(key, SCOPEPACK_RECORD, len) == 0;
}

/* Facts stand in every segment: the first of each is kept. */
static bool
note_wanted(const struct scopepack_session *s, const char *key, size_t len)
{
	if ((len >= 5 && memcmp(key, "user.", 5) == 0) ||
	    (len == 7 && memcmp(key, "warning", 7) == 0) ||
	    (len == 7 && memcmp(key, "thinned", 7) == 0) || is_record(key, len))
		return true;
	for (size_t i = 0; i < s->note_count; i++)
		if (key_is(&s->notes[i], key, len))
			return false;
	return true;
}

static char *
copy(const char *text, size_t len)
{
	char *made = malloc(len + 1);

	if (made != NULL) {
		if (len != 0)
			memcpy(made, text, len);
		made[len] = '\0';
	}
	return made;
}

static void
add_note(struct packing *p, const char *key, size_t key_len, const char *value,
	 size_t value_len)
{
	struct scopepack_session *s = p->session;
	struct scopepack_note *notes, *n;

	notes = realloc(s->notes, (s->note_count + 1) * sizeof *notes);
	if (notes == NULL) {
		p->no_memory = true;
		return;
	}
	s->notes = notes;
	n = &notes[s->note_count];
	*n = (struct scopepack_note){ .key = copy(key, key_len),
				      .key_len = (uint32_t)key_len,
				      .value = copy(value, value_len),
				      .value_len = (uint32_t)value_len };
	if (n->key == NULL || n->value == NULL) {
		free((void *)(uintptr_t)n->key);
		free((void *)(uintptr_t)n->value);
		p->no_memory = true;
		return;
	}
	s->note_count++;
}

/*
 * CACHE and CACHE_DROP follow from their scopes, as the index has them; which CONTINUE
 * count is known: keep_continuations().
 */
static bool
known_otherwise(const uint8_t *record)
{
	uint32_t kind = get_le32(record + 4) & 0xff;

	return kind == RECORD_CACHE || kind == RECORD_CACHE_DROP ||
	       kind == RECORD_CONTINUE;
}

/* Of a session as it was recorded, or of a part of it in a generation that is merged. */
static void
take_note(void *user, const char *key, size_t key_len, const char *value,
	  size_t value_len)
{
	struct packing *p = user;

	if (!note_wanted(p->session, key, key_len) ||
	    (is_record(key, key_len) && value_len >= 8 + RECORD_HEADER &&
	     known_otherwise((const uint8_t *)value + 8)))
		return;
	add_note(p, key, key_len, value, value_len);
}

static void
keep_record(struct packing *p, uint64_t seq, const uint8_t *record, size_t len)
{
	uint8_t *value = malloc(len + 8);

	if (value == NULL) {
		p->no_memory = true;
		return;
	}
	put_le64(value, seq);
	memcpy(value + 8, record, len);
	add_note(p, SCOPEPACK_RECORD, sizeof SCOPEPACK_RECORD - 1, (const char *)value,
		 len + 8);
	free(value);
}

/* Records that nobody here reads are kept as they stand. */
static void
take_other(void *user, uint64_t seq, const uint8_t *record, size_t len)
{
	if (!known_otherwise(record))
		keep_record(user, seq, record, len);
}

/* Where the session goes on from, as readers of the tape have it now. */
static void
keep_continuations(struct packing *p)
{
	const struct snapshot *s = p->c->snapshot;
	uint8_t record[CONTINUE_RECORD];
	size_t count, first = superseded_from(s, p->session->id, &count);

	for (size_t i = 0; i < count; i++) {
		(void)record_continue_write(record, &s->continuations[first + i].to);
		keep_record(p, 1, record, sizeof record);
	}
}

/* ---- rows ---- */

static void
count_row(struct packing *p, const struct block_row *row)
{
	struct scopepack_session *s = p->session;
	struct generation_manifest *m = &p->c->manifest;

	if (s->rows == 0) {
		s->first_seq = row->seq;
		s->first_time = s->last_time = row->time;
	}
	s->last_seq = row->seq;
	s->first_time = row->time < s->first_time ? row->time : s->first_time;
	s->last_time = row->time > s->last_time ? row->time : s->last_time;
	s->rows++;
	s->links += row->kind == SOURCE_LINK;
	s->projections += row->kind == SOURCE_PROJECTION;
	s->bookmarks += row->kind == SOURCE_BOOKMARK;
	if (m->scopes == 0 || row->time < m->first_time)
		m->first_time = row->time;
	if (m->scopes == 0 || row->time > m->last_time)
		m->last_time = row->time;
	m->scopes++;
}

/* From which seq on a crash excuses what is missing. */
static void
find_excuse(struct packing *p, const struct source_record *rec)
{
	if (p->excused || p->session->state == TAPE_CLOSED ||
	    !rec->of->ops->excused(rec->of, &rec->place))
		return;
	p->session->excused_from = rec->seq;
	p->excused = true;
}

static int
add_record(struct packing *p, struct source_record *rec)
{
	struct block_row row = { .session = p->session_count,
				 .form = (uint32_t)(uintptr_t)rec->form->plan,
				 .seq = rec->seq,
				 .kind = rec->kind };
	int r;

	row.time = source_time(rec);
	row.target = rec->kind >= SOURCE_LINK ? source_target(rec) : 0;
	if (p->no_memory || row.form == 0)
		return compaction_no_memory(p->c);
	find_excuse(p, rec);
	r = pack_rows_add(p, rec, &row);
	count_row(p, &row);
	return r;
}

/* ---- sessions ---- */

static int
progress(struct packing *p)
{
	if (++p->rows % PROGRESS_ROWS != 0)
		return 0;
	return compaction_progress(p->c, TAPE_COMPACT_PACK, p->rows, 0, p->c->bytes_in,
				   pack_writer_offset(p->writer) +
					   blobs_written(p->blobs));
}

static int
walk(struct packing *p)
{
	struct source_iter iter = { .lo = p->part->lo,
				    .hi = INT64_MAX,
				    .want = number_form,
				    .note = take_note,
				    .other = take_other,
				    .user = p };
	struct source_record rec;
	int r = p->source->ops->begin(p->source, &iter, p->c->err);

	while (r == 0 && (r = p->source->ops->next(p->source, &rec, p->c->err)) == 1) {
		r = add_record(p, &rec);
		if (r == 0)
			r = progress(p);
		if (r != 0)
			return r;
	}
	keep_continuations(p);
	return r < 0 ? r : p->no_memory ? compaction_no_memory(p->c) : 0;
}

/* The whole file into *raw; 1 = done, 0 = there is none. */
static int
read_manifest_file(struct packing *p, const char *path, struct pack_bytes *raw)
{
	struct os_stat st;
	int64_t got = 0;
	int fd = -1, r = os_open_read(p->c->reader->dir.fd, path, &fd);

	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r == 0)
		r = os_fstat(fd, &st);
	if (r == 0 && st.size > PACK_SECTION_MAX)
		r = -EFBIG;
	if (r == 0 && pack_bytes_reserve(raw, (size_t)st.size + 1) != 0)
		r = -ENOMEM;
	if (r == 0)
		got = os_pread(fd, raw->data, (size_t)st.size, 0);
	os_close(&fd);
	if (r == 0 && got < 0)
		r = (int)got;
	raw->len = r == 0 ? (size_t)got : 0;
	return r == 0 ? 1 : r;
}

/* manifest.jsonl of a session, from its directory or from a generation that is merged. */
static int
find_manifest(struct packing *p, struct part *part, struct pack_bytes *raw)
{
	struct compaction *c = p->c;
	const struct snapshot_session *s = &c->snapshot->sessions[part->index];
	char path[sizeof s->dir.path + 32], cause[80];
	int r = 0;

	(void)snprintf(path, sizeof path, "%s/" PATH_MANIFEST, s->dir.path);
	part->kept_manifest = true;
	/* That of a session that goes on is still written. */
	if (part->complete && s->dir.path[0] != '\0')
		r = read_manifest_file(p, path, raw);
	if (r == -ENOMEM)
		return compaction_no_memory(c);
	if (r < 0) {
		part->kept_manifest = false;
		compaction_event(c, path, 0, "stays, it cannot be taken over: %s",
				 os_strerror(r, cause, sizeof cause));
		return 0;
	}
	for (size_t i = 0; r == 0 && i < s->generation_count && raw->len == 0; i++)
		if (s->generations[i] >= c->keep)
			r = scopepack_manifest(
				&c->snapshot->generations->items[s->generations[i]]
					 .scopes,
				p->codec, s->entries[i], raw, c->err);
	return r < 0 ? r : 0;
}

/* manifest.jsonl of a session that is over, or was said to be, as a section. */
static int
keep_manifest(struct packing *p, struct part *part)
{
	struct pack_bytes raw = { 0 }, made = { 0 };
	int r;

	if (part->session == UINT32_MAX)
		return 0;
	r = find_manifest(p, part, &raw);
	if (r == 0 && raw.len != 0) {
		r = pack_section_make(p->codec, p->c->options.level, SCOPES_MANIFEST,
				      part->session, 0, raw.data, raw.len, &made,
				      p->c->err);
		if (r == 0)
			r = pack_writer_add(p->writer, &made,
					    &p->sessions[part->session].manifest,
					    p->c->err);
		part->has_manifest = r == 0;
	}
	pack_bytes_release(&made);
	pack_bytes_release(&raw);
	return r;
}

/* The facts are those of the whole session; parts in generations that stay are counted there. */
static void
leave_out_kept(struct packing *p, const struct snapshot_session *s)
{
	const struct generations *g = p->c->snapshot->generations;

	for (size_t i = 0; i < s->generation_count; i++) {
		const struct scopepack_session *kept;

		if (s->generations[i] >= p->c->keep)
			continue;
		kept = &g->items[s->generations[i]].scopes.sessions[s->entries[i]];
		if (kept->first_seq == 0)
			continue; /* it was not opened */
		p->session->segments -= kept->segments;
		p->session->bytes -= kept->bytes;
	}
}

/*
 * What links lead to may be in generations that stay. Those that have none of
 * its scopes have nothing but notes, which stay there.
 */
static int
open_session(struct packing *p, size_t index)
{
	struct compaction *c = p->c;
	struct snapshot_session *s = &c->snapshot->sessions[index], all = *s;
	const struct generations *g = c->snapshot->generations;
	uint32_t *lists = malloc((2 * s->generation_count + 1) * sizeof *lists);
	int r;

	if (lists == NULL)
		return compaction_no_memory(c);
	s->generations = lists;
	s->entries = lists + all.generation_count;
	s->generation_count = 0;
	for (size_t i = 0; i < all.generation_count; i++) {
		uint32_t in = all.generations[i], entry = all.entries[i];

		if (in < c->keep && g->items[in].scopes.sessions[entry].first_seq == 0)
			continue;
		s->generations[s->generation_count] = in;
		s->entries[s->generation_count++] = entry;
	}
	r = snapshot_open(c->snapshot, index, &p->source, c->err);
	*s = all;
	free(lists);
	return r;
}

static int
one_session(struct packing *p, struct part *part)
{
	struct snapshot_session *s = &p->c->snapshot->sessions[part->index];
	int r;

	part->session = UINT32_MAX;
	p->part = part;
	p->session = &p->sessions[p->session_count];
	p->excused = false;
	memcpy(p->session->id, s->id, sizeof s->id);
	p->session->excused_from = UINT64_MAX;
	r = open_session(p, part->index);
	if (r <= 0)
		return r;
	p->source->drop_plan = forget_form;
	p->session->state = (uint8_t)p->source->ops->facts(p->source)->state;
	p->session->segments = p->source->ops->facts(p->source)->segments;
	p->session->bytes = p->source->ops->facts(p->source)->bytes;
	leave_out_kept(p, s);
	if (!part->complete)
		p->session->state = TAPE_LIVE;
	r = walk(p);
	p->source->ops->close(p->source);
	p->source = NULL;
	part->input.first_seq = part->input.last_seq = 0;
	if (r == 0 && p->session->last_seq > s->packed_seq) {
		part->input.first_seq = s->packed_seq + 1;
		part->input.last_seq = p->session->last_seq;
	}
	part->session = p->session_count++;
	return r;
}

/* ---- the whole ---- */

/* A session that shows damage stays raw: the run begins again without it. */
static int
all_sessions(struct packing *p)
{
	struct compaction *c = p->c;
	int r = 0;

	for (size_t i = 0; i < c->part_count && r == 0; i++) {
		struct part *part = &c->parts[i];
		const uint64_t *id = c->snapshot->sessions[part->index].id;
		uint64_t before = c->reader->met;

		r = one_session(p, part);
		if (r == TAPE_ERR_DAMAGED || r == TAPE_ERR_NOT_FOUND) {
			struct tape_error why = *c->err;

			r = compaction_refuse(c, id, why.message);
		} else if (r == 0 && c->reader->met != before) {
			r = compaction_refuse(c, id, "it is damaged");
		}
	}
	return r;
}

static int
finish_scopes(struct packing *p, struct verify_block **digests, uint32_t *count)
{
	struct compaction *c = p->c;
	struct scopepack_tables t = { .form_count = p->forms.count,
				      .forms = (const struct form *const *)p->forms.forms,
				      .sessions = p->sessions,
				      .session_count = p->session_count,
				      .foreign = (const uint8_t(*)[16])p->foreign,
				      .foreign_count = p->foreign_count,
				      .rows = c->manifest.scopes };
	struct tape_hash hash;
	uint64_t root, size;
	int r = blocks_finish(p->blocks, &t.blocks, digests, count, c->err);

	/* Behind the blocks: where those end up does not depend on who encodes them. */
	for (size_t i = 0; i < c->part_count && r == 0; i++)
		r = keep_manifest(p, &c->parts[i]);
	t.block_count = *count;
	t.contents = c->manifest.contents = blocks_contents(p->blocks);
	if (r == 0)
		r = scopepack_write_tables(p->writer, p->codec, c->options.level, &t,
					   &root, c->err);
	if (r == 0) {
		r = pack_writer_finish(p->writer, root, &size, &hash, c->err);
		p->writer = NULL;
	}
	return r == 0 ? publish_add_file(c, "scopes.pack", size, &hash) : r;
}

static void
release(struct packing *p)
{
	if (p->source != NULL)
		p->source->ops->close(p->source);
	blocks_free(p->blocks);
	carry_free(p->carry);
	blobs_free(p->blobs);
	pack_writer_drop(p->writer);
	pack_codec_free(p->codec);
	forms_release(&p->forms);
	dedup_release(&p->dedup);
	earlier_free(p->earlier);
	for (uint32_t i = 0; p->sessions != NULL && i < p->c->part_count; i++) {
		for (size_t n = 0; n < p->sessions[i].note_count; n++) {
			free((void *)(uintptr_t)p->sessions[i].notes[n].key);
			free((void *)(uintptr_t)p->sessions[i].notes[n].value);
		}
		free(p->sessions[i].notes);
	}
	free(p->sessions);
	free(p->foreign);
	free(p->stand_ins);
	free(p->values);
	free(p->hints);
}

static void
count_labels(struct packing *p)
{
	for (uint32_t i = 0; i < p->forms.context_count; i++) {
		const struct form *f = p->forms.forms[p->forms.context_firsts[i]];

		for (uint32_t l = 0; l < f->label_count; l++)
			live_filter_add(p->c->filter, f->labels[l]);
	}
	for (uint32_t i = 0; i < p->session_count; i++) {
		p->c->manifest.links += p->sessions[i].links;
		p->c->manifest.projections += p->sessions[i].projections;
		p->c->manifest.bookmarks += p->sessions[i].bookmarks;
	}
}

static int
keep_foreign(struct packing *p)
{
	size_t bytes = (size_t)p->foreign_count * 16;

	p->c->manifest.foreign = malloc(bytes + 1);
	if (p->c->manifest.foreign == NULL)
		return compaction_no_memory(p->c);
	if (bytes != 0)
		memcpy(p->c->manifest.foreign, p->foreign, bytes);
	p->c->manifest.foreign_count = p->foreign_count;
	return 0;
}

static void
say_left_out(const struct packing *p)
{
	const unsigned long long results = p->left_out, drops = p->left_out_drops;
	const unsigned long long no_room = withdrawn_no_room(p->c->withdrawn);

	if (results != 0)
		compaction_event(p->c, "cache", 0, "%llu withdrawn result%s left out",
				 results, results == 1 ? " is" : "s are");
	if (drops != 0)
		compaction_event(p->c, "cache", 0,
				 "%llu scope%s left out: what said that results were "
				 "withdrawn has nothing more to say",
				 drops, drops == 1 ? " is" : "s are");
	if (no_room != 0)
		compaction_event(
			p->c, "cache", 0,
			"up to %llu results that were withdrawn stay, for want of "
			"memory: with a larger --memory they go",
			no_room);
}

int
pack_all(struct compaction *c)
{
	struct packing p = { .c = c };
	struct pack_id id = { .kind = PACK_SCOPES };
	struct verify_block *digests = NULL;
	uint32_t count = 0;
	int r;

	memcpy(id.tape, c->reader->dir.id, sizeof id.tape);
	memcpy(id.uid, c->uid, sizeof id.uid);
	dedup_init(&p.dedup, c->options.memory, c->work_fd);
	p.codec = pack_codec_new();
	p.sessions = calloc(c->part_count + 1, sizeof *p.sessions);
	r = p.codec == NULL || p.sessions == NULL ? compaction_no_memory(c) : 0;
	if (r == 0)
		r = pack_writer_open(c->work_fd, "scopes.pack", &id, &p.writer, c->err);
	if (r == 0)
		r = blocks_new(p.writer, &p.forms, c->options.level, c->options.jobs,
			       c->options.memory / 8, c->work_fd, &p.blocks, c->err);
	if (r == 0)
		r = blobs_new(c, &p.blobs);
	if (r == 0)
		r = carry_begin(c, p.blobs, c->withdrawn != NULL, &p.carry);
	if (r == 0 && c->withdrawn != NULL && carry_must(c, p.carry))
		withdrawn_all_here(c->withdrawn);
	if (r == 0)
		r = earlier_know(c, &p.dedup, &p.earlier);
	if (r == 0)
		r = all_sessions(&p);
	if (r == 0)
		r = finish_scopes(&p, &digests, &count);
	if (r == 0)
		r = carry_finish(p.carry);
	if (r == 0)
		r = blobs_finish(p.blobs);
	if (r == 0) {
		count_labels(&p);
		r = keep_foreign(&p);
	}
	dedup_release(&p.dedup); /* the index wants the memory */
	if (r == 0)
		r = blobs_compare(p.blobs);
	if (r == 0)
		r = carry_written(p.carry);
	if (r == 0)
		r = verify_all(c, p.earlier, p.carry, digests, count);
	if (r == 0)
		say_left_out(&p);
	release(&p);
	return r;
}
