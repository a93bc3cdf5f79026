/* SPDX-License-Identifier: Apache-2.0 */
/* What is on a tape, counted in one walk over all of its sessions. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/error.h"
#include "format/hash.h"
#include "format/limits.h"
#include "format/manifest.h"
#include "format/os.h"
#include "format/path.h"
#include "search/generations.h"
#include "search/info_build.h"
#include "search/reader.h"
#include "search/snapshot.h"
#include "search/superseded.h"

#define STALE_MAX 100u
#define SIZES_BYTES (64u << 20)

const char *
info_text(struct build *b, const char *s, size_t len)
{
	int64_t i = info_keys_put(&b->texts, s, len);

	if (i < 0) {
		b->no_memory = true;
		return "";
	}
	return b->texts.keys[i].bytes;
}

const char *
info_text0(struct build *b, const char *s)
{
	return info_text(b, s, strlen(s));
}

bool
info_grow(void **list, size_t *cap, size_t count, size_t size)
{
	size_t more = *cap == 0 ? 64 : *cap * 2;
	void *bigger;

	if (count < *cap)
		return true;
	bigger = realloc(*list, more * size);
	if (bigger == NULL)
		return false;
	memset((char *)bigger + *cap * size, 0, (more - *cap) * size);
	*list = bigger;
	*cap = more;
	return true;
}

/* ---- notes ---- */

static void
add_note(struct build *b, const char *kind, const char *key, size_t key_len,
	 const char *value, size_t value_len)
{
	char seen[512], name[TAPE_HASH_TEXT];
	struct tape_hash hash = hash_bytes(value, value_len);
	int len;
	size_t before = b->notes.count;
	struct tape_note_info *n;

	/* Long values may differ at their end only. */
	tape_hash_text(&hash, name);
	len = snprintf(seen, sizeof seen, "%s%c%.*s%c%s", kind, 1, (int)key_len, key, 1,
		       name);
	if (len < 0 || info_keys_put(&b->notes, seen, strlen(seen)) < 0 ||
	    !info_grow((void **)&b->note_list, &b->note_cap, b->info.note_count,
		       sizeof *b->note_list)) {
		b->no_memory = true;
		return;
	}
	/* The manifest repeats what the segments say. */
	if (b->notes.count == before)
		return;
	n = &b->note_list[b->info.note_count++];
	memcpy(n->session, b->now->id, sizeof n->session);
	n->kind = kind;
	n->key = info_text(b, key, key_len);
	n->value = info_text(b, value, value_len);
	if (strcmp(kind, "note") == 0)
		b->now->notes++;
	else
		b->now->warnings++;
}

/* ---- what rules left out ---- */

static const char *
member(const struct manifest_member *m, size_t count, const char *key)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(m[i].key, key) == 0)
			return m[i].value;
	return NULL;
}

/* What a count is about: its number, or its texts where there is none. */
static int64_t
sink_number(struct build *b, const char *sink, const char *rule, const char *setting,
	    const char *path)
{
	const char *parts[] = { rule, setting, path };
	size_t len = 1, at = 0;
	int64_t i = -1;
	char *key;

	if (sink != NULL)
		return info_keys_put(&b->sinks, sink, strlen(sink));
	for (size_t k = 0; k < 3; k++)
		len += strlen(parts[k]) + 1;
	key = malloc(len);
	if (key == NULL)
		return -1;
	/* No number begins so. */
	key[at++] = '\n';
	for (size_t k = 0; k < 3; k++) {
		memcpy(key + at, parts[k], strlen(parts[k]) + 1);
		at += strlen(parts[k]) + 1;
	}
	i = info_keys_put(&b->sinks, key, len);
	free(key);
	return i;
}

/* Counts only grow, and are told again and again: the largest is the last. */
static void
add_thinned(struct build *b, const struct manifest_member *m, size_t count)
{
	const char *rule = member(m, count, "rule");
	const char *setting = member(m, count, "setting");
	const char *path = member(m, count, "path");
	const char *sink = member(m, count, "sink");
	const char *broken = member(m, count, "broken");
	const char *why = member(m, count, "why");
	const char *number = broken != NULL ? broken : member(m, count, "thinned");
	uint64_t scopes = strtoull(number, NULL, 10);
	struct tape_thinned_info *t;
	size_t at;
	int64_t i;

	rule = rule == NULL ? "" : rule;
	setting = setting == NULL ? "" : setting;
	path = path == NULL ? "..." : path;
	i = sink_number(b, sink, rule, setting, path);
	if (i < 0) {
		b->no_memory = true;
		return;
	}
	at = b->thinned_from + (size_t)i;
	if (at >= b->info.thinned_count) {
		if (!info_grow((void **)&b->thinned_list, &b->thinned_cap, at,
			       sizeof *b->thinned_list)) {
			b->no_memory = true;
			return;
		}
		b->info.thinned_count++;
		t = &b->thinned_list[at];
		memcpy(t->session, b->now->id, sizeof t->session);
		t->rule = info_text0(b, rule);
		t->setting = info_text0(b, setting);
		t->path = info_text0(b, path);
		t->scopes = 0;
		t->broken = broken != NULL;
		t->why = info_text0(b, why == NULL ? "" : why);
	}
	t = &b->thinned_list[at];
	if (scopes > t->scopes) {
		*(t->broken ? &b->info.broken : &b->info.thinned) += scopes - t->scopes;
		t->scopes = scopes;
	}
}

static int
thinned_line(void *user, const struct manifest_member *m, size_t count)
{
	if (member(m, count, "thinned") != NULL || member(m, count, "broken") != NULL)
		add_thinned(user, m, count);
	return 0;
}

static void
thinned_note(struct build *b, const char *value, size_t len)
{
	struct block_memory memory = { (const uint8_t *)value, len };
	struct block_source source = block_from_memory(&memory);
	struct tape_error err = { 0 };
	uint64_t bad = 0;

	if (manifest_read(&source, thinned_line, b, &bad, &err) == TAPE_ERR_NOMEM)
		b->no_memory = true;
}

static void
segment_note(void *user, const char *key, size_t key_len, const char *value,
	     size_t value_len)
{
	if (key_len > 5 && memcmp(key, "user.", 5) == 0)
		add_note(user, "note", key + 5, key_len - 5, value, value_len);
	else if (key_len == 7 && memcmp(key, "warning", 7) == 0)
		add_note(user, "warning", "", 0, value, value_len);
	else if (key_len == 7 && memcmp(key, "thinned", 7) == 0)
		thinned_note(user, value, value_len);
}

/* ---- the manifest ---- */

/* The items of a list as one text. */
static void
set_list(struct build *b, const struct manifest_member *m, size_t count, const char *key,
	 char between, const char **fact)
{
	size_t len = 0;
	char *all = NULL;

	for (size_t i = 0; i < count; i++)
		len += strcmp(m[i].key, key) == 0 ? strlen(m[i].value) + 1 : 0;
	if (len == 0)
		return;
	all = malloc(len + 1);
	if (all == NULL) {
		b->no_memory = true;
		return;
	}
	len = 0;
	for (size_t i = 0; i < count; i++) {
		size_t n = strlen(m[i].value);

		if (strcmp(m[i].key, key) != 0)
			continue;
		if (len != 0)
			all[len++] = between;
		memcpy(all + len, m[i].value, n);
		for (size_t k = len; k < len + n; k++)
			if (all[k] == between && between == '\n')
				all[k] = ' ';
		len += n;
	}
	*fact = info_text(b, all, len);
	free(all);
}

static void
set_fact(struct build *b, const struct manifest_member *m, size_t count, const char *key,
	 const char **fact)
{
	const char *value = member(m, count, key);

	if (value != NULL)
		*fact = info_text0(b, value);
}

static void
add_set(struct build *b, const char *key, const char *value, const char *label)
{
	struct tape_set_info *s;

	if (!info_grow((void **)&b->set_list, &b->set_cap, b->info.set_count,
		       sizeof *b->set_list)) {
		b->no_memory = true;
		return;
	}
	s = &b->set_list[b->info.set_count++];
	memcpy(s->session, b->now->id, sizeof s->session);
	s->key = info_text0(b, key);
	s->value = info_text0(b, value);
	s->label = info_text0(b, label == NULL ? "" : label);
}

static void
set_number(const struct manifest_member *m, size_t count, const char *key, int64_t *fact)
{
	const char *value = member(m, count, key);

	if (value != NULL && *value != '\0' && strlen(value) < 19 &&
	    strspn(value, "0123456789") == strlen(value))
		*fact = (int64_t)strtoull(value, NULL, 10);
}

/* Who: the first line; git, which may have one of its own. */
static void
session_line(struct build *b, const struct manifest_member *m, size_t count)
{
	struct tape_session_info *s = b->now;
	const char *value;

	set_list(b, m, count, "argv", ' ', &s->argv);
	set_fact(b, m, count, "cwd", &s->cwd);
	set_fact(b, m, count, "user", &s->user);
	set_fact(b, m, count, "git_commit", &s->git_commit);
	set_fact(b, m, count, "git_diff", &s->git_diff);
	set_fact(b, m, count, "git_diff_missing", &s->git_diff_missing);
	set_number(m, count, "git_diff_bytes", &s->git_diff_bytes);
	value = member(m, count, "git_dirty");
	if (value != NULL)
		s->git_dirty = strcmp(value, "true") == 0;
	value = member(m, count, "git_diff_cut");
	s->git_diff_cut |= value != NULL && strcmp(value, "true") == 0;
}

static void
program_line(struct build *b, const struct manifest_member *m, size_t count)
{
	struct tape_session_info *s = b->now;

	set_fact(b, m, count, "program", &s->program);
	set_fact(b, m, count, "build_id", &s->build_id);
	set_fact(b, m, count, "compiler", &s->compiler);
	set_fact(b, m, count, "flags", &s->flags);
	set_fact(b, m, count, "cpu", &s->cpu);
	set_number(m, count, "cpus", &s->cpus);
	set_list(b, m, count, "libraries", '\n', &s->libraries);
	set_list(b, m, count, "env", '\n', &s->environment);
}

static int
manifest_line(void *user, const struct manifest_member *m, size_t count)
{
	struct build *b = user;
	const char *value = member(m, count, "value"), *key;

	if (member(m, count, "session") != NULL ||
	    member(m, count, "git_commit") != NULL) {
		session_line(b, m, count);
	} else if (member(m, count, "program") != NULL ||
		   member(m, count, "cpus") != NULL) {
		program_line(b, m, count);
	} else if ((key = member(m, count, "note")) != NULL && value != NULL) {
		add_note(b, "note", key, strlen(key), value, strlen(value));
	} else if ((key = member(m, count, "warning")) != NULL) {
		add_note(b, "warning", "", 0, key, strlen(key));
	} else if (member(m, count, "thinned") != NULL ||
		   member(m, count, "broken") != NULL) {
		add_thinned(b, m, count);
	} else if ((key = member(m, count, "set")) != NULL && value != NULL) {
		add_set(b, key, value, member(m, count, "label"));
	} else if (member(m, count, "closed") != NULL) {
		set_fact(b, m, count, "closed", &b->now->closed);
		key = member(m, count, "lost");
		b->now->lost = key == NULL ? 0 : strtoull(key, NULL, 10);
	}
	return 0;
}

/* What stands nowhere else (argv, scopes lost) would be missing without a word. */
static int
manifest_failed(struct build *b, const char *path, int negative_errno,
		struct tape_error *err)
{
	if (negative_errno == -ENOENT ||
	    reader_unreadable(b->reader, path, 0, negative_errno,
			      "cannot read the manifest"))
		return 0;
	return error_io(err, negative_errno, path, "cannot read the manifest");
}

/* 1 = there is none. */
static int
read_manifest(struct build *b, const struct tapedir_session *dir, struct tape_error *err)
{
	char path[sizeof dir->path + 32];
	struct tape_error why = { 0 };
	struct block_source source;
	struct os_stat st;
	uint64_t bad = 0;
	int fd = -1, r, status = 0;

	(void)snprintf(path, sizeof path, "%s/" PATH_MANIFEST, dir->path);
	r = os_open_read(b->reader->dir.fd, path, &fd);
	if (r == 0)
		r = os_fstat(fd, &st);
	if (r == 0) {
		source = block_from_fd(&fd, st.size);
		status = manifest_read(&source, manifest_line, b, &bad, &why);
		if (status == TAPE_ERR_IO)
			r = -why.code;
	}
	os_close(&fd);
	if (r == -ENOENT)
		return 1;
	if (r < 0)
		return manifest_failed(b, path, r, err);
	if (status == TAPE_ERR_NOMEM)
		return error_set(err, status, path, why.offset, "%s", why.message);
	return 0;
}

/* The same from a generation, where the session's directory is gone, or what was in it. */
static int
packed_manifest(struct build *b, struct snapshot *snapshot, size_t index,
		struct tape_error *err)
{
	const struct snapshot_session *s = &snapshot->sessions[index];
	struct generations *g = snapshot->generations;
	struct pack_bytes raw = { 0 };
	struct tape_error why = { 0 };
	int r = 0;

	for (size_t i = 0; i < s->generation_count && r == 0; i++) {
		const struct generation *of = &g->items[s->generations[i]];
		struct block_memory memory;
		struct block_source source;
		uint64_t bad = 0;

		r = scopepack_manifest(&of->scopes, generations_codec(g), s->entries[i],
				       &raw, &why);
		if (r == TAPE_ERR_DAMAGED || r == TAPE_ERR_TOO_NEW) {
			reader_report(
				b->reader, TAPE_DAMAGE_MET, why.file, why.offset, 0,
				"%.300s; what the manifest of a session said is lost",
				why.message);
			r = 0;
			continue;
		}
		memory = (struct block_memory){ raw.data, raw.len };
		source = block_from_memory(&memory);
		if (r == 0 && raw.len != 0)
			r = manifest_read(&source, manifest_line, b, &bad, &why);
	}
	pack_bytes_release(&raw);
	if (r != 0 && err != NULL)
		*err = why;
	return r;
}

/* ---- sessions ---- */

static int
walk(struct build *b, struct source *source, struct tape_error *err)
{
	struct source_iter iter = { .lo = 1,
				    .hi = INT64_MAX,
				    .want = info_count_form,
				    .note = segment_note,
				    .user = b };
	struct source_record rec;
	int r = source->ops->begin(source, &iter, err);

	if (r != 0)
		return r;
	while ((r = source->ops->next(source, &rec, err)) == 1) {
		r = info_count_scope(b, source, &rec, err);
		if (r != 0)
			return r;
	}
	return r;
}

static void
copy_facts(struct build *b, const struct source_facts *f)
{
	b->now->name = info_text0(b, f->name);
	b->now->host = info_text0(b, f->host);
	b->now->job = info_text0(b, f->job);
	b->now->library = info_text0(b, f->library);
	b->now->sync = info_text0(b, f->sync);
	b->now->rank = f->rank;
	b->now->pid = f->pid;
	b->now->state = f->state;
	b->now->segments = f->segments;
	b->now->bytes = f->bytes;
}

static void
add_session(struct build *b)
{
	b->info.scopes += b->now->scopes;
	b->info.links += b->now->links;
	b->info.projections += b->now->projections;
	b->info.bookmarks += b->now->bookmarks;
	b->info.superseded += b->now->superseded;
	b->info.segment_bytes += b->now->bytes;
	b->info.session_count++;
}

static int
one_session(struct build *b, struct snapshot *snapshot, size_t index,
	    struct tape_error *err)
{
	const struct tapedir_session *dir = &snapshot->sessions[index].dir;
	struct source *source = NULL;
	int r;

	b->now = &b->sessions[b->info.session_count];
	memcpy(b->now->id, snapshot->sessions[index].id, sizeof b->now->id);
	b->now->name = b->now->host = b->now->job = b->now->library = b->now->sync = "";
	b->now->argv = b->now->cwd = b->now->git_commit = b->now->user = "";
	b->now->program = b->now->build_id = b->now->compiler = b->now->flags = "";
	b->now->cpu = b->now->libraries = b->now->environment = b->now->closed = "";
	b->now->git_diff = b->now->git_diff_missing = "";
	b->now->git_dirty = -1;
	b->now->cpus = b->now->git_diff_bytes = -1;
	b->now->rank = b->now->pid = -1;
	b->now->state = TAPE_LIVE;
	b->current = snapshot->sessions[index].current;
	b->thinned_from = b->info.thinned_count;
	info_keys_release(&b->notes);
	info_keys_release(&b->sinks);
	seqmap_clear(&b->sizes);
	r = snapshot_open(snapshot, index, &source, err);
	if (r < 0)
		return r;
	if (r == 1) {
		source->drop_plan = info_count_fold;
		copy_facts(b, source->ops->facts(source));
		r = b->brief ? 0 : walk(b, source, err);
		source->ops->close(source);
		if (r < 0)
			return r;
	}
	/* Of a directory that may not be looked into it is told once. */
	r = dir->error != 0 ? 0 : dir->path[0] != '\0' ? read_manifest(b, dir, err) : 1;
	if (r == 1)
		r = packed_manifest(b, snapshot, index, err);
	if (r == 0)
		add_session(b);
	return r;
}

static int
by_scopes(const void *a, const void *b)
{
	const struct tape_label_info *x = a, *y = b;

	if (x->scopes != y->scopes)
		return x->scopes < y->scopes ? 1 : -1;
	return strcmp(x->path, y->path);
}

static int
by_name(const void *a, const void *b)
{
	const struct tape_variable_info *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	if (c == 0)
		c = strcmp(x->type, y->type);
	return c != 0 ? c : strcmp(x->unit, y->unit);
}

static void
finish(struct build *b)
{
	b->info.label_count = b->labels.count;
	b->info.variable_count = b->vars.count;
	if (b->label_list != NULL)
		qsort(b->label_list, b->info.label_count, sizeof *b->label_list,
		      by_scopes);
	if (b->var_list != NULL)
		qsort(b->var_list, b->info.variable_count, sizeof *b->var_list, by_name);
	b->info.sessions = b->sessions;
	b->info.labels = b->label_list;
	b->info.variables = b->var_list;
	b->info.notes = b->note_list;
	b->info.thinned_list = b->thinned_list;
	b->info.set_list = b->set_list;
}

/* What is asked for: all; or, brief, one session, the newest where none is named. */
struct wanted {
	bool brief;
	const uint64_t *session;
};

/* The first session to look at; *count is where to stop. */
static size_t
first_wanted(const struct snapshot *snapshot, const struct wanted *wanted, size_t *count)
{
	size_t i = 0;

	if (!wanted->brief || *count == 0)
		return 0;
	if (!wanted->session)
		return *count - 1;
	while (i < *count && memcmp(snapshot->sessions[i].id, wanted->session,
				    sizeof snapshot->sessions[i].id) != 0)
		i++;
	*count = i < *count ? i + 1 : i;
	return i;
}

/* Where each session goes on from: those of one session stand together in a snapshot. */
static int
take_continuations(struct build *b, const struct snapshot *snapshot,
		   struct tape_error *err)
{
	size_t n = snapshot->continuation_count;

	b->continue_list = calloc(n + 1, sizeof *b->continue_list);
	if (b->continue_list == NULL)
		return error_set(err, TAPE_ERR_NOMEM, NULL, 0,
				 "no memory to count a tape");
	for (size_t i = 0; i < n; i++)
		b->continue_list[i] = snapshot->continuations[i].to;
	for (size_t i = 0; i < b->info.session_count; i++) {
		struct tape_session_info *s = &b->sessions[i];

		s->continues = b->continue_list +
			       superseded_from(snapshot, s->id, &s->continue_count);
	}
	return 0;
}

static int
read_once(struct tape_reader *reader, const struct wanted *wanted, struct tape_info **out,
	  struct tape_error *err)
{
	bool brief = wanted->brief;
	struct snapshot *snapshot = NULL;
	size_t count = 0;
	struct build *b;
	int r;

	r = snapshot_take(reader, &snapshot, err);
	if (r != 0)
		return r;
	count = snapshot->count;
	b = calloc(1, sizeof *b);
	if (b != NULL) {
		b->reader = reader;
		b->brief = brief;
		b->sessions = calloc(count + 1, sizeof *b->sessions);
	}
	if (b == NULL || b->sessions == NULL || seqmap_init(&b->sizes, SIZES_BYTES) != 0)
		r = error_set(err, TAPE_ERR_NOMEM, NULL, 0, "no memory to count a tape");
	for (size_t i = first_wanted(snapshot, wanted, &count); r == 0 && i < count;
	     i++) {
		r = one_session(b, snapshot, i, err);
		if (r == 0 && b->no_memory)
			r = error_set(err, TAPE_ERR_NOMEM, NULL, 0,
				      "no memory to count a tape");
	}
	if (r == 0)
		r = take_continuations(b, snapshot, err);
	if (r == 0 && !brief)
		r = info_count_packed(snapshot->generations, &b->info, err);
	snapshot_free(snapshot);
	if (r != 0) {
		tape_info_free(b == NULL ? NULL : &b->info);
		return r;
	}
	memcpy(b->info.tape_id, reader->dir.id, sizeof b->info.tape_id);
	finish(b);
	*out = &b->info;
	return 0;
}

static int
read_info(struct tape_reader *reader, const struct wanted *wanted, struct tape_info **out,
	  struct tape_error *err)
{
	struct tape_error why = { 0 };
	unsigned tries = 0;
	int r;

	if (reader == NULL || out == NULL)
		return error_set(
			err, TAPE_ERR_MISUSE, NULL, 0,
			"tape_info_read needs a reader and a place for the answer");
	/* Files that a compactor replaced meanwhile: then the newer ones are counted. */
	do
		r = read_once(reader, wanted, out, &why);
	while (r < 0 && snapshot_stale(r, &why) && ++tries < STALE_MAX);
	if (r < 0 && err != NULL)
		*err = why;
	return r;
}

int
tape_info_read(struct tape_reader *reader, struct tape_info **out, struct tape_error *err)
{
	return read_info(reader, &(struct wanted){ .brief = false }, out, err);
}

int
tape_info_read_last(struct tape_reader *reader, struct tape_info **out,
		    struct tape_error *err)
{
	return read_info(reader, &(struct wanted){ .brief = true }, out, err);
}

int
tape_info_read_session(struct tape_reader *reader, const uint64_t session[2],
		       struct tape_info **out, struct tape_error *err)
{
	struct tape_info *info = NULL;
	char text[TAPE_SESSION_TEXT];
	int r = read_info(reader, &(struct wanted){ .brief = true, .session = session },
			  &info, err);

	if (r == 0 && info->session_count == 0) {
		tape_info_free(info);
		tape_session_text(session, text);
		return error_set(err, TAPE_ERR_NOT_FOUND, NULL, 0,
				 "the session %s is not on the tape", text);
	}
	if (r == 0)
		*out = info;
	return r;
}

void
tape_info_free(struct tape_info *info)
{
	struct build *b = (struct build *)info;

	if (b == NULL)
		return;
	info_keys_release(&b->texts);
	info_keys_release(&b->labels);
	info_keys_release(&b->vars);
	info_keys_release(&b->notes);
	info_keys_release(&b->sinks);
	info_hashes_release(&b->blobs);
	seqmap_release(&b->sizes);
	free(b->sessions);
	free(b->label_list);
	free(b->var_list);
	free(b->note_list);
	free(b->thinned_list);
	free(b->set_list);
	free(b->continue_list);
	free(b->values);
	free(b->hints);
	free(b);
}
