/* SPDX-License-Identifier: Apache-2.0 */
/* What a session says about itself, and whether its writer is still there. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/hash.h"
#include "format/manifest.h"
#include "format/os.h"
#include "format/path.h"
#include "search/raw.h"
#include "search/reader.h"

void
raw_facts_note(struct raw_session *s, const struct record *note)
{
	facts_note(&s->about, note->note_key, note->note_key_len,
		   (const char *)note->body, note->body_len);
}

/* ---- alive? ---- */

static int
manifest_fact(void *user, const struct manifest_member *members, size_t count)
{
	struct raw_session *s = user;

	for (size_t i = 0; i < count; i++)
		facts_note(&s->about, members[i].key, strlen(members[i].key),
			   members[i].value, strlen(members[i].value));
	return 1;
}

/* The first frame may have been lost; the manifest's first line says the same. */
static int
ask_manifest(struct raw_session *s, struct tape_error *err)
{
	struct block_source source;
	char path[sizeof s->dir->path + 32] = "";
	struct os_stat st;
	uint64_t bad = 0;
	int fd = -1, r = 0;

	(void)snprintf(path, sizeof path, "%s/" PATH_MANIFEST, s->dir->path);
	if (os_open_read(s->base.reader->dir.fd, path, &fd) != 0)
		return 0;
	if (os_fstat(fd, &st) == 0) {
		source = block_from_fd(&fd, st.size < 65536 ? st.size : 65536);
		r = manifest_read(&source, manifest_fact, s, &bad, err);
	}
	os_close(&fd);
	/* Nothing in a manifest is needed. */
	return r == TAPE_ERR_NOMEM ? r : 0;
}

static bool
owner_alive(const struct raw_session *s)
{
	const struct tape_reader *reader = s->base.reader;
	uint64_t ticks;
	int r;

	if (s->about.boot_id[0] == '\0' || reader->boot_id[0] == '\0')
		return true; /* nothing is known: it may run */
	if (strcmp(s->about.boot_id, reader->boot_id) != 0)
		return strcmp(s->about.facts.host, reader->host) != 0;
	/* Containers share the boot id, but each has processes of its own. */
	if (s->about.facts.host[0] != '\0' &&
	    strcmp(s->about.facts.host, reader->host) != 0)
		return true;
	if (s->about.facts.pid <= 0 || s->about.facts.pid > UINT32_MAX)
		return true;
	r = os_pid_start((uint32_t)s->about.facts.pid, &ticks);
	if (r != 0)
		return r != -ESRCH && r != -ENOENT;
	return !s->about.have_pid_start || ticks == s->about.pid_start;
}

int
raw_facts_gone(struct tape_reader *reader, struct tapedir_session *dir, bool began,
	       bool *gone, struct tape_error *err)
{
	struct raw_session s = { .base.reader = reader, .dir = dir };
	char path[sizeof dir->path + 32];
	struct os_stat st;
	int r;

	(void)snprintf(path, sizeof path, "%s/" PATH_MANIFEST, dir->path);
	*gone = false;
	if (os_stat(reader->dir.fd, path, &st) == -ENOENT) {
		*gone = !began && dir->blob_log_count == 0;
		return 0;
	}
	facts_init(&s.about, dir->id);
	r = ask_manifest(&s, err);
	if (r == 0 && s.about.no_memory)
		r = error_set(err, TAPE_ERR_NOMEM, dir->path, 0,
			      "no memory for the session");
	if (r == 0)
		*gone = !owner_alive(&s);
	facts_release(&s.about);
	return r;
}

/* Does the last segment end with an END frame of reason "closed"? */
static int
ends_closed(struct raw_session *s, bool *closed, struct tape_error *err)
{
	struct raw_segment *g = &s->segments[s->segment_count - 1];
	uint8_t buf[FRAME_HEADER + END_PAYLOAD];
	struct frame frame;
	struct end_info end;
	int64_t got;
	int r;

	*closed = false;
	if (g->bad)
		return 0;
	r = raw_segment_open(s, s->segment_count - 1, err);
	if (g->bad)
		return 0;
	if (r != 0 || g->size < SEGMENT_HEADER + sizeof buf)
		return r;
	got = os_pread(g->fd, buf, sizeof buf, g->size - sizeof buf);
	if (got < 0)
		return reader_unreadable(s->base.reader, g->path, g->size, (int)got,
					 "cannot read the end of the segment")
			       ? 0
			       : error_io(err, (int)got, g->path,
					  "cannot read the end of the segment");
	*closed = got == (int64_t)sizeof buf &&
		  frame_header_read(&g->key, buf, g->size - sizeof buf, &frame) &&
		  frame.kind == FRAME_END && frame.payload_bytes == END_PAYLOAD &&
		  hash_check(buf + FRAME_HEADER, END_PAYLOAD, g->key.seed) ==
			  frame.payload_check &&
		  end_payload_read(buf + FRAME_HEADER, END_PAYLOAD, &end) == 0 &&
		  end.reason == END_CLOSED;
	return 0;
}

/* True if the session got longer since the snapshot: then its owner was alive at that time. */
static bool
grew(struct raw_session *s)
{
	const struct raw_segment *g = &s->segments[s->segment_count - 1];
	struct os_stat st;
	char name[PATH_SEGMENT_TEXT], path[sizeof s->dir->path + PATH_SEGMENT_TEXT + 1];

	if (g->fd >= 0 && os_fstat(g->fd, &st) == 0 && st.size != g->size)
		return true;
	path_segment(g->number + 1, false, name);
	(void)snprintf(path, sizeof path, "%s/%s", s->dir->path, name);
	return os_stat(s->base.reader->dir.fd, path, &st) == 0;
}

int
raw_facts_state(struct raw_session *s, struct tape_error *err)
{
	const struct raw_segment *last = &s->segments[s->segment_count - 1];
	bool closed;
	int r = ends_closed(s, &closed, err);

	if (r != 0)
		return r;
	if (s->about.boot_id[0] == '\0')
		r = ask_manifest(s, err);
	if (r == 0 && s->about.no_memory)
		r = error_set(err, TAPE_ERR_NOMEM, s->dir->path, 0,
			      "no memory for the session");
	if (r != 0)
		return r;
	s->about.facts.state = TAPE_LIVE;
	if (closed) {
		s->about.facts.state = TAPE_CLOSED;
		s->owner_gone = true;
	} else if (!owner_alive(s) && !grew(s)) {
		s->about.facts.state = TAPE_KILLED;
		s->owner_gone = true;
		reader_report(s->base.reader, TAPE_NOTE_MET, last->path, last->size, 0,
			      "the session ended without being closed (killed?); it is "
			      "complete up to its last commit");
	}
	return 0;
}

/* ---- what a crash excuses ---- */

static int
read_mark(struct raw_session *s, size_t segment, struct tape_error *err)
{
	struct raw_segment *g = &s->segments[segment];
	struct raw_view view = { .segment = UINT32_MAX };
	struct frame h;
	const uint8_t *payload;
	struct record rec;
	size_t at = 0, was = 0;
	int r = 0;

	for (size_t i = g->frame_count; i-- > 0;) {
		if (g->frames[i].offset != g->mark_frame)
			continue;
		r = raw_frame_read(s, segment, &g->frames[i], &view, &h, &payload, err);
		while (r == 1 && record_next(payload, h.payload_bytes, &at, &rec) == 1 &&
		       at != was) {
			was = at;
			if (rec.kind != RECORD_MARK)
				continue;
			s->mark_segment = rec.mark_segment;
			s->mark_offset = rec.mark_offset;
		}
		break;
	}
	free(view.buf);
	return r < 0 ? r : 0;
}

/*
 * Looks for it from the end. Whoever asks holds things that are borrowed from
 * loaded segments, so none of those is dropped meanwhile, and what is loaded
 * here is not kept.
 */
static void
find_mark(struct raw_session *s)
{
	struct tape_error err = { 0 };
	bool found = false;
	int r = 0;

	s->mark_known = true;
	s->keep_all = true;
	for (size_t i = s->segment_count; i-- > 0 && r == 0 && !found;) {
		struct raw_segment *g = &s->segments[i];
		bool was_loaded = g->loaded;

		r = raw_segment_load(s, i, &err);
		found = r == 0 && g->mark_frame != 0;
		if (found)
			r = read_mark(s, i, &err);
		if (g->loaded && !was_loaded)
			raw_segment_drop(s, i);
	}
	s->keep_all = false;
}

bool
raw_facts_excused(struct source *source, const struct source_place *place)
{
	struct raw_session *s = (struct raw_session *)source;
	uint32_t number = s->segments[place->part].number;

	if (s->about.facts.state != TAPE_KILLED)
		return false;
	if (!s->mark_known)
		find_mark(s);
	return number > s->mark_segment ||
	       (number == s->mark_segment && place->offset >= s->mark_offset);
}
