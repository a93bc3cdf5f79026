/* SPDX-License-Identifier: Apache-2.0 */
#include "search/seenmake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/hash.h"
#include "format/os.h"
#include "format/path.h"
#include "search/content.h"
#include "search/reader.h"
#include "search/snapshot.h"

/* Room for one more; false: no memory. */
bool
seenmake_grow(void **list, size_t *cap, size_t count, size_t size)
{
	size_t more = *cap == 0 ? 16 : *cap * 2;
	void *bigger;

	if (count < *cap)
		return true;
	bigger = reallocarray(*list, more, size);
	if (bigger == NULL)
		return false;
	*list = bigger;
	*cap = more;
	return true;
}

bool
seenmake_print(struct source *source, const struct source_record *rec,
	       struct tape_hash *out)
{
	struct content content;

	return content_get_canonical(source, rec, &content, NULL) == 0 && !content.lost &&
	       content_check(&content) &&
	       content_hash(&rec->form->form, &content, out, NULL) == 0;
}

bool
seenmake_hash(struct source *source, const struct source_record *rec,
	      struct tape_hash *out)
{
	return !form_hashes_only(&rec->form->form) && seenmake_print(source, rec, out);
}

/* What has a content of its own; in a generation, what its fingerprints do not tell of. */
static bool
has_content(const struct source_record *rec)
{
	return rec->kind == SOURCE_PROJECTION ||
	       (rec->kind == SOURCE_SCOPE && rec->generation == 0);
}

static bool
add(struct seenmake *m, uint64_t seq, const struct tape_hash *hash)
{
	uint64_t at = seq - m->file.first_seq;

	if (at >> HINTFILE_SEQ_BITS != 0)
		return false;
	m->failed = !seenmake_grow((void **)&m->entries, &m->cap, m->file.count,
				   sizeof *m->entries);
	if (m->failed)
		return false;
	m->entries[m->file.count++] = hintfile_entry(hash, at);
	return true;
}

uint64_t
seenmake_walk(struct seenmake *m, struct source *source, uint64_t lo, uint64_t hi,
	      bool *ended)
{
	struct source_iter iter = { .lo = lo, .hi = hi };
	struct source_record rec;
	struct tape_hash hash;
	uint64_t last = lo - 1;

	*ended = false;
	if (source->ops->begin(source, &iter, NULL) != 0)
		return last;
	while (source->ops->next(source, &rec, NULL) == 1) {
		if (has_content(&rec) && seenmake_hash(source, &rec, &hash) &&
		    !add(m, rec.seq, &hash))
			return last;
		last = rec.seq;
	}
	*ended = true;
	return last;
}

/* ---- files ---- */

static int
write_hint(const struct tape_reader *reader, const char *dir, uint32_t number,
	   struct seenmake *m, struct tape_error *err)
{
	char path[sizeof((struct tapedir_session *)0)->path + PATH_SEGMENT_TEXT];
	char name[PATH_SEGMENT_TEXT];
	uint8_t *data = NULL;
	size_t len = 0;
	int fd = -1, r;

	if (hintfile_make(&m->file, m->entries, &data, &len) != 0)
		return error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a hint");
	path_hint(number, name);
	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	r = os_create(reader->dir.fd, path, &fd);
	if (r == 0)
		r = os_write_all(fd, data, len, NULL);
	if (r < 0 && fd >= 0)
		(void)os_unlink(reader->dir.fd, path);
	os_close(&fd);
	free(data);
	return r < 0 ? error_io(err, r, path, "cannot write it") : 0;
}

int
seenmake_hint(const struct tapedir *dir, const uint64_t session[2], uint32_t number,
	      uint64_t first_seq, uint64_t next_seq, struct tape_error *err)
{
	struct seenmake m = { .file = { .first_seq = first_seq, .next_seq = next_seq } };
	struct tape_reader *reader = NULL;
	struct snapshot *snapshot = NULL;
	struct source *source = NULL;
	size_t at;
	bool ended;
	int r = reader_open_at(dir, NULL, &reader, err);

	if (r != 0)
		return r;
	memcpy(m.file.id.tape, dir->id, sizeof m.file.id.tape);
	memcpy(m.file.id.session, session, sizeof m.file.id.session);
	m.file.id.number = number;
	r = snapshot_take_between(reader, session, session, &snapshot, err);
	if (r != 0)
		goto out;
	at = snapshot_find(snapshot, session);
	if (at == snapshot->count || snapshot_open(snapshot, at, &source, err) != 1) {
		r = error_set(err, TAPE_ERR_NOT_FOUND, NULL, 0, "the session is gone");
		goto out;
	}
	(void)seenmake_walk(&m, source, first_seq, next_seq - 1, &ended);
	source->ops->close(source);
	r = m.failed ? error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory for a hint")
		     : write_hint(reader, snapshot->sessions[at].dir.path, number, &m,
				  err);
out:
	free(m.entries);
	snapshot_free(snapshot);
	tape_reader_close(reader);
	return r;
}
