/* SPDX-License-Identifier: Apache-2.0 */
#include "librecord/writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format/os.h"
#include "format/path.h"
#include "librecord/background.h"
#include "librecord/cache.h"
#include "librecord/cut.h"
#include "librecord/facts.h"
#include "librecord/seen.h"
#include "librecord/session.h"

/* A group never shares a block with another one under sync=commit. */
#define BLOCK 4096u

/*
 * Pages come to the page cache in pieces of a power of two, and a write that fills a
 * whole one of 64 KiB needs a third less time than one across its border (measured).
 */
#define PIECE 65536u
/* So much may be filled up for that: one part in 32. */
#define FILL_MOST (PIECE / 32)

int
writer_new(struct tape *t)
{
	struct writer *w = calloc(1, sizeof *w);

	if (!w)
		return -ENOMEM;
	w->retained_end = &w->retained;
	pthread_cond_init(&w->sync_done, NULL);
	t->writer = w;
	return 0;
}

void
writer_log_put(struct writer_log *log)
{
	if (!log || --log->users > 0)
		return;
	os_close(&log->fd);
	free(log);
}

static void
drop_logs(struct writer *w)
{
	writer_log_put(w->log);
	w->log = NULL;
	while (w->olds) {
		struct writer_log *next = w->olds->next;

		writer_log_put(w->olds);
		w->olds = next;
	}
}

void
writer_release(struct tape *t)
{
	struct writer *w = t->writer;

	drop_logs(w);
	part_put_all(&w->pool, w->retained);
	w->retained = NULL;
	w->retained_end = &w->retained;
	w->retained_bytes = 0;
	part_pool_release(&w->pool);
	group_release(&w->group);
	free(w->continues);
	w->continues = NULL;
	w->continue_count = 0;
	free(w->met.forms);
	w->met = (struct writer_met){ 0 };
}

void
writer_after_fork(struct tape *t)
{
	struct writer *w = t->writer;

	/* A sync that ran in the parent has its own count: it is not here to drop it. */
	if (w->log) {
		w->log->users = 1;
		w->log->next = NULL;
	}
	for (struct writer_log *log = w->olds; log; log = log->next)
		log->users = 1;
	drop_logs(w);
	part_put_all(&w->pool, w->retained);
	w->retained = NULL;
	w->retained_end = &w->retained;
	w->retained_bytes = 0;
	w->next_number = 0;
	w->rolled_count = 0;
	w->continue_count = 0;
	w->rewrite = w->syncing = w->mark_due = w->parents_synced = false;
	w->group_number = w->synced_group = 0;
	w->blobs_told = w->blobs_unlinked = 0;
	known_clear(&w->known);
	pthread_cond_init(&w->sync_done, NULL);
}

/* ---- segments ---- */

/* The FORMs of a segment that is gone: whoever gets its number must give them again. */
static void
forget_forms(struct tape *t, uint32_t number)
{
	pthread_mutex_lock(&t->table_lock);
	for (uint32_t i = 1; i <= t->rec_form_count; i++)
		if (recorder_form(t, i)->defined_in == number + 1)
			recorder_form(t, i)->defined_in = 0;
	pthread_mutex_unlock(&t->table_lock);
}

static void
log_path(const struct tape *t, uint32_t number, char *path, size_t cap)
{
	char name[PATH_SEGMENT_TEXT];

	path_segment(number, false, name);
	session_file(t, name, path, cap);
}

/* Header and first group of a segment in one piece. */
static int
first_bytes(struct tape *t, struct writer_log *log, struct report_notes *buf)
{
	const struct writer *w = t->writer;
	struct segment_id id = { .number = log->number };
	size_t len = w->continue_count * CONTINUE_RECORD;
	struct report_notes notes = { 0 };
	uint8_t *at;
	struct frame frame = { .kind = FRAME_RECORDS,
			       .flags = FRAME_FIRST | FRAME_LAST,
			       .contents = HAS_NOTE,
			       .first_seq = t->next_seq,
			       .base_time = session_now(t),
			       .offset = SEGMENT_HEADER };
	int r = -ENOMEM;

	if (!facts_notes(t, log->number, &notes))
		goto out;
	len += notes.len;
	buf->len = SEGMENT_HEADER + FRAME_HEADER + len;
	buf->data = malloc(buf->len);
	if (!buf->data)
		goto out;
	memcpy(id.tape, t->dir.id, sizeof id.tape);
	id.session[0] = t->session[0];
	id.session[1] = t->session[1];
	segment_header_write(&id, buf->data, &log->key);
	at = buf->data + SEGMENT_HEADER + FRAME_HEADER;
	memcpy(at, notes.data, notes.len);
	at += notes.len;
	for (size_t i = 0; i < w->continue_count; i++)
		at += record_continue_write(at, &w->continues[i]);
	if (w->continue_count)
		frame.contents |= HAS_CONTINUE;
	frame.payload_bytes = (uint32_t)len;
	frame.records = notes.count + (uint32_t)w->continue_count;
	frame_header_write(&log->key, &frame, buf->data + SEGMENT_HEADER + FRAME_HEADER,
			   buf->data + SEGMENT_HEADER);
	r = 0;
out:
	free(notes.data);
	return r;
}

/* Somebody may have removed the directory under us. */
static int
create_log(struct tape *t, const char *path, int *fd)
{
	char dir[SESSION_PATH];
	int r = os_create(t->dir.fd, path, fd);

	if (r != -ENOENT)
		return r;
	session_file(t, "", dir, sizeof dir);
	(void)os_mkdir(t->dir.fd, PATH_SESSIONS);
	(void)os_mkdir(t->dir.fd, dir);
	return os_create(t->dir.fd, path, fd);
}

/* A file without a group of scopes is no loss: its number is used again if it goes away. */
static void
remove_log(struct tape *t, struct writer_log *log)
{
	char path[SESSION_PATH + PATH_SEGMENT_TEXT];

	log_path(t, log->number, path, sizeof path);
	forget_forms(t, log->number);
	if (os_unlink(t->dir.fd, path) >= 0 && t->writer->next_number == log->number + 1)
		t->writer->next_number = log->number;
}

static int
open_log(struct tape *t)
{
	struct writer *w = t->writer;
	struct writer_log *log = calloc(1, sizeof *log);
	struct report_notes buf = { 0 };
	char path[SESSION_PATH + PATH_SEGMENT_TEXT];
	int r = -ENOMEM;

	if (!log)
		return r;
	log->fd = -1;
	log->users = 1;
	log->number = w->next_number;
	r = first_bytes(t, log, &buf);
	if (r < 0)
		goto out;
	log_path(t, log->number, path, sizeof path);
	r = create_log(t, path, &log->fd);
	if (r < 0)
		goto out;
	w->next_number++;
	r = os_write_all(log->fd, buf.data, buf.len, NULL);
	if (r < 0) {
		remove_log(t, log);
		goto out;
	}
	log->offset = buf.len;
	log->frames = 1;
	log->dirty = true;
	w->log = log;
	w->files_dirty = true;
	r = 0;
out:
	if (r < 0)
		writer_log_put(log);
	free(buf.data);
	return r;
}

int
writer_begin(struct tape *t)
{
	return open_log(t);
}

/* The open segment gets no more groups; it is synced with the others if that is asked for. */
static void
retire_log(struct tape *t, bool sync_it)
{
	struct writer *w = t->writer;
	struct writer_log *log = w->log;

	w->log = NULL;
	if (sync_it && log->dirty && t->conf.sync != SYNC_NONE) {
		log->next = w->olds;
		w->olds = log;
	} else {
		writer_log_put(log);
	}
}

static bool
no_space(int r)
{
	return r == -ENOSPC || r == -EDQUOT || r == -EFBIG || r == -ENOMEM;
}

/* After a failed write: what was good stays, the rest is cut off where that works. */
static void
abandon_log(struct tape *t, int why)
{
	struct writer *w = t->writer;
	struct writer_log *log = w->log;

	if (!log)
		return;
	(void)os_truncate(log->fd, log->offset);
	forget_forms(t, log->number);
	if (log->groups == 0) {
		remove_log(t, log);
		retire_log(t, false);
		return;
	}
	/* A device that fails once may have dropped what it took before. */
	if (!no_space(why) && w->retained)
		w->rewrite = true;
	retire_log(t, no_space(why));
}

void
writer_poison(struct tape *t)
{
	struct writer *w = t->writer;

	w->rewrite = w->retained != NULL;
	if (w->log)
		retire_log(t, false);
	while (w->olds) {
		struct writer_log *next = w->olds->next;

		writer_log_put(w->olds);
		w->olds = next;
	}
}

/* For the background thread; where that is far behind, the segment gets no hint. */
static void
note_rolled(struct tape *t, const struct writer_log *log)
{
	struct writer *w = t->writer;

	if (w->rolled_count == WRITER_ROLLED || log->scopes == 0 ||
	    log->scopes >= t->next_seq)
		return;
	w->rolled[w->rolled_count++] = (struct writer_rolled){ t->next_seq - log->scopes,
							       t->next_seq, log->number };
	background_wake(t);
}

int
writer_end(struct tape *t, unsigned reason)
{
	struct writer_log *log = t->writer->log;
	struct end_info end = { .reason = reason };
	uint8_t buf[FRAME_HEADER + END_PAYLOAD];
	struct frame frame = { .kind = FRAME_END,
			       .flags = FRAME_FIRST | FRAME_LAST,
			       .payload_bytes = END_PAYLOAD };
	int r;

	if (!log)
		return 0;
	end.next_seq = t->next_seq;
	end.scopes = log->scopes;
	end.frames = log->frames;
	frame.first_seq = t->next_seq;
	frame.base_time = session_now(t);
	frame.offset = log->offset;
	end_payload_write(&end, buf + FRAME_HEADER);
	frame_header_write(&log->key, &frame, buf + FRAME_HEADER, buf);
	r = os_write_all(log->fd, buf, sizeof buf, NULL);
	if (r < 0) {
		(void)os_truncate(log->fd, log->offset);
		retire_log(t, true);
		return r;
	}
	log->offset += sizeof buf;
	log->dirty = true;
	if (reason == END_ROLLED)
		note_rolled(t, log);
	if (reason == END_CLOSED && t->conf.sync != SYNC_NONE)
		r = os_fdatasync(log->fd);
	retire_log(t, reason == END_ROLLED);
	return r;
}

/* The last one says most: of several about one session it alone counts. */
static int
add_continue(struct writer *w, const struct tape_pos *pos)
{
	struct tape_pos *list;
	size_t n = 0;

	list = realloc(w->continues, (w->continue_count + 1) * sizeof *list);
	if (!list)
		return -ENOMEM;
	w->continues = list;
	for (size_t i = 0; i < w->continue_count; i++)
		if (memcmp(list[i].session, pos->session, sizeof pos->session) != 0)
			list[n++] = list[i];
	list[n++] = *pos;
	w->continue_count = n;
	return 0;
}

int
writer_continue(struct tape *t, const struct tape_pos *pos, size_t count)
{
	struct writer *w = t->writer;
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++)
		r = add_continue(w, &pos[i]);
	if (r < 0)
		return r;
	if (w->log && w->rewrite)
		retire_log(t, true);
	else if (w->log)
		(void)writer_end(t, END_ROLLED);
	return open_log(t);
}

/* ---- groups ---- */

/* An open segment that has room for about so many bytes more. */
static int
ready_log(struct tape *t, uint64_t bytes)
{
	struct writer *w = t->writer;

	/* Seqs go back: that is only allowed where a segment begins. */
	if (w->log && w->rewrite && w->log->groups > 0)
		retire_log(t, true);
	if (w->log && w->log->groups > 0 &&
	    (w->log->offset + bytes > LIMIT_SEGMENT || w->log->form_cost > CUT_FORMS))
		(void)writer_end(t, END_ROLLED);
	return w->log ? 0 : open_log(t);
}

static uint64_t
estimate(const struct part *parts)
{
	uint64_t bytes = 0;

	for (; parts; parts = parts->next)
		bytes += parts->len + parts->blob_len;
	return bytes;
}

/* Of many bytes, or what is filled up would be more than what is there. */
static void
fill_piece(struct writer *w, struct part *parts)
{
	struct group *group = &w->group;
	uint64_t bytes = group_bytes(group);

	while (parts->next)
		parts = parts->next;
	if (bytes >= PIECE / 2)
		group_fill(group, parts, w->log->offset + bytes, PIECE, FILL_MOST);
}

static int
lay_out(struct tape *t, struct part *parts, const struct report_notes *notes)
{
	struct writer *w = t->writer;
	struct group *group = &w->group;
	uint64_t at = w->log->offset;
	uint64_t seq = parts ? parts->first_seq : 0;
	int r = 0;

	group_reset(group);
	if (w->mark_due)
		r = group_add_mark(group, w->mark_segment, w->mark_offset);
	if (r == 0 && notes->count)
		r = group_add_notes(group, notes);
	for (struct part *part = parts; r == 0 && part; part = part->next) {
		part->first_seq = seq;
		r = group_add_scopes(group, t, part, w->log->number);
		seq += part->scopes;
	}
	at += group_head_bytes(group);
	for (struct part *part = parts; r == 0 && part; part = part->next)
		r = group_add_blobs(group, &w->known, part, w->log->number, &at);
	group_relocate(&w->known, parts);
	if (r == 0 && t->conf.sync == SYNC_COMMIT && group_frame_count(group) > 0)
		r = group_add_pad(group, w->log->offset + group_bytes(group), BLOCK);
	else if (r == 0 && parts && t->conf.commit == COMMIT_AUTO)
		fill_piece(w, parts);
	return r;
}

uint64_t
writer_room(const struct tape *t)
{
	const struct writer_log *log = t->writer->log;
	uint64_t end;

	if (!log || t->conf.commit != COMMIT_AUTO || t->conf.commit_bytes < PIECE ||
	    t->conf.sync == SYNC_COMMIT)
		return 0;
	end = (log->offset + t->conf.commit_bytes + PIECE / 8) / PIECE * PIECE;
	return end - log->offset;
}

/* Lays out and writes one group at the end of the open segment. */
static int
write_group(struct tape *t, struct part *parts, const struct report_notes *notes)
{
	struct writer_log *log = t->writer->log;
	struct group *group = &t->writer->group;
	uint64_t first_seq = parts ? parts->first_seq : t->next_seq;
	int r = lay_out(t, parts, notes);

	if (r < 0 || group_frame_count(group) == 0)
		return r;
	log->dirty = true;
	r = group_write(group, log->fd, &log->key, log->offset, first_seq);
	if (r < 0)
		return r;
	log->offset += group_bytes(group);
	log->frames += group_frame_count(group);
	log->scopes += part_scopes(parts);
	log->form_cost += group->form_cost;
	log->groups++;
	t->writer->mark_due = false;
	for (struct part *part = parts; part; part = part->next)
		part->log = log->number;
	return 0;
}

/* True if somebody removed the file: what is in it is gone, all but what we still hold. */
static bool
was_removed(struct tape *t)
{
	struct writer *w = t->writer;
	struct os_stat st;
	uint64_t held = 0, gone;

	if (os_fstat(w->log->fd, &st) < 0 || st.links > 0)
		return false;
	for (const struct part *part = w->retained; part; part = part->next)
		held += part->log == w->log->number ? part->scopes : 0;
	gone = w->log->scopes > held ? w->log->scopes - held : 0;
	recorder_lost(t, gone);
	recorder_error(t,
		       "segment %06u was removed while it was written: %llu scopes in it "
		       "are lost, later ones go to a new segment",
		       (unsigned)w->log->number, (unsigned long long)gone);
	if (gone)
		seen_clear(t->seen);
	known_clear(&w->known);
	w->rewrite = true;
	retire_log(t, false);
	return true;
}

/*
 * Two tries: where we are, then a new segment. While it is tried the new parts
 * hang behind the retained ones, so that both can be written as one group.
 */
static int
write_somewhere(struct tape *t, struct part *parts, const struct report_notes *notes)
{
	struct writer *w = t->writer;
	int r = -EIO;

	*w->retained_end = parts;
	for (int try = 0; try < 2; try++) {
		r = ready_log(t, estimate(parts));
		if (r == 0)
			r = write_group(t, w->rewrite ? w->retained : parts, notes);
		if (r == 0 && group_frame_count(&w->group) > 0 && was_removed(t)) {
			r = -ESTALE;
			continue;
		}
		if (r == 0) {
			w->rewrite = false;
			break;
		}
		abandon_log(t, r);
	}
	*w->retained_end = NULL;
	return r;
}

/* Keeps what a failed fsync would need again. */
static void
retain(struct tape *t, struct part *parts)
{
	struct writer *w = t->writer;

	while (parts) {
		struct part *next = parts->next;

		parts->group = w->group_number;
		parts->sum.known = false;
		part_free_bigs(parts);
		if (t->conf.sync == SYNC_NONE) {
			part_put(&w->pool, parts);
		} else {
			parts = part_trim(&w->pool, parts);
			part_strip(&w->pool, parts);
			parts->next = NULL;
			w->retained_bytes += part_bytes(parts);
			*w->retained_end = parts;
			w->retained_end = &parts->next;
		}
		parts = next;
	}
}

static void
lose(struct tape *t, struct part *parts, int why)
{
	struct writer *w = t->writer;
	uint64_t scopes = part_count_scopes(parts);
	char session[TAPE_SESSION_TEXT], cause[128];

	tape_session_text(t->session, session);
	recorder_lost(t, scopes);
	recorder_error(t,
		       "cannot write to session %s: %s; %llu scopes are lost, what was "
		       "committed before is safe, and recording goes on when it can",
		       session, os_strerror(why, cause, sizeof cause),
		       (unsigned long long)scopes);
	/* Nothing may link or point to what is not there. */
	seen_clear(t->seen);
	known_clear(&w->known);
	cache_lost(t, parts);
	part_put_all(&w->pool, parts);
}

int
writer_commit(struct tape *t, struct part *parts)
{
	struct writer *w = t->writer;
	struct report_notes notes = { 0 };
	int r;

	(void)report_notes_take(t, &notes);
	if (!parts && !notes.count && !w->mark_due && !w->rewrite)
		return 0;
	if (parts)
		parts->first_seq = t->next_seq;
	r = write_somewhere(t, parts, &notes);
	if (r < 0) {
		if (notes.count)
			report_notes_return(t, &notes);
		if (parts)
			lose(t, parts, r);
		return r;
	}
	free(notes.data);
	w->group_number++;
	t->next_seq += part_scopes(parts);
	atomic_store(&t->committed_seq, t->next_seq - 1);
	cache_committed(t, parts);
	retain(t, parts);
	return 0;
}

int
writer_rewrite(struct tape *t)
{
	struct writer *w = t->writer;
	static const struct report_notes none;

	if (!w->rewrite)
		return 0;
	return write_somewhere(t, NULL, &none);
}

void
writer_forget(struct tape *t, uint64_t group)
{
	struct writer *w = t->writer;

	while (w->retained && w->retained->group <= group) {
		struct part *next = w->retained->next;

		w->retained_bytes -= part_bytes(w->retained);
		part_put(&w->pool, w->retained);
		w->retained = next;
	}
	if (!w->retained) {
		w->retained_end = &w->retained;
		w->rewrite = false;
	}
}
