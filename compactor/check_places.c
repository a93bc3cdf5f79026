/* SPDX-License-Identifier: Apache-2.0 */
/* The file TAPE, and what lies about that nobody reads. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compactor/check.h"
#include "format/error.h"
#include "format/os.h"
#include "format/pack.h"
#include "format/path.h"
#include "format/segment.h"

/* ---- left over ---- */

static uint64_t
bytes_in(struct check *c, const char *dir)
{
	struct check_names names = { 0 };
	uint64_t bytes = 0;

	(void)check_list(c, dir, &names);
	for (size_t i = 0; i < names.count; i++) {
		char path[512];
		struct os_stat st;

		(void)snprintf(path, sizeof path, "%.200s/%.300s", dir, names.names[i]);
		if (os_stat(c->reader->dir.fd, path, &st) == 0 && st.regular)
			bytes += st.size;
	}
	check_names_release(&names);
	return bytes;
}

static int
in_gen(struct check *c)
{
	const struct generations *g = c->snapshot->generations;
	struct check_names names = { 0 };
	int r = check_list(c, PATH_GEN, &names);

	for (size_t i = 0; i < names.count && r == 0; i++) {
		const char *name = names.names[i];
		char path[300];
		bool listed = false, temporary = strncmp(name, "tmp-", 4) == 0;
		uint64_t number;
		uint32_t hash;

		for (size_t k = 0; k < g->count; k++)
			listed |= strcmp(g->items[k].name, name) == 0;
		/* While the list is not known, any of them may be needed. */
		if (listed ||
		    (!temporary &&
		     (g->list_lost || !generation_parse_name(name, &number, &hash))))
			continue;
		(void)snprintf(path, sizeof path, PATH_GEN "/%.256s", name);
		(void)check_found(c, TAPE_FOUND_LEFTOVER, TAPE_REMEDY_COMPACT, path, 0,
				  bytes_in(c, path), NULL, "%s",
				  temporary ? "being written, or left over from a "
					      "compactor that was stopped"
					    : "the live list does not name this "
					      "generation (any more)");
	}
	check_names_release(&names);
	return r;
}

static int
in_live(struct check *c)
{
	const struct generations *g = c->snapshot->generations;
	struct check_names names = { 0 };
	uint64_t count = 0, bytes = 0;
	int r = check_list(c, PATH_LIVE, &names);

	for (size_t i = 0; i < names.count && r == 0; i++) {
		char path[300], *end;
		unsigned long long number = strtoull(names.names[i], &end, 10);
		struct os_stat st;

		if (*end == '\0' && number >= g->live.number)
			continue;
		(void)snprintf(path, sizeof path, PATH_LIVE "/%.256s", names.names[i]);
		if (os_stat(c->reader->dir.fd, path, &st) != 0)
			continue;
		count++;
		bytes += st.size;
	}
	if (count != 0)
		(void)check_found(c, TAPE_FOUND_LEFTOVER, TAPE_REMEDY_COMPACT, PATH_LIVE,
				  0, bytes, NULL,
				  "%llu files that are not the newest live list",
				  (unsigned long long)count);
	check_names_release(&names);
	return r;
}

static int
in_blobs_tmp(struct check *c)
{
	struct check_names names = { 0 };
	int r = check_list(c, PATH_BLOBS_TMP, &names);

	if (r == 0 && names.count != 0)
		(void)check_found(c, TAPE_FOUND_LEFTOVER, TAPE_REMEDY_COMPACT,
				  PATH_BLOBS_TMP, 0, bytes_in(c, PATH_BLOBS_TMP), NULL,
				  "%zu files: blobs that are being written, or whose "
				  "recorder died",
				  names.count);
	check_names_release(&names);
	return r;
}

int
check_places(struct check *c)
{
	int r = in_gen(c);

	if (r == 0)
		r = in_live(c);
	return r == 0 ? in_blobs_tmp(c) : r;
}

/* ---- the file TAPE ---- */

struct vote {
	int dir;
	uint8_t id[16];
	unsigned count, others; /* files that have it; files that have another */
};

/* The tape id in the header of a segment or pack, whose checksum must be right. */
static void
ask_file(struct vote *v, const char *path)
{
	uint8_t head[SEGMENT_HEADER], id[16];
	struct segment_key key;
	struct segment_id segment;
	struct block_source source;
	struct pack_reader pack;
	struct os_stat st;
	bool known = false;
	int fd = -1;

	if (os_open_read(v->dir, path, &fd) != 0)
		return;
	if (os_pread(fd, head, sizeof head, 0) == (int64_t)sizeof head &&
	    segment_header_read(head, &segment, &key, NULL) == 0) {
		memcpy(id, segment.tape, sizeof id);
		known = true;
	} else if (os_fstat(fd, &st) == 0) {
		source = block_from_fd(&fd, st.size);
		known = pack_reader_open(&source, path, NULL, &pack, NULL) == 0;
		if (known)
			memcpy(id, pack.id.tape, sizeof id);
	}
	os_close(&fd);
	if (!known)
		return;
	if (v->count == 0)
		memcpy(v->id, id, sizeof v->id);
	if (memcmp(v->id, id, sizeof id) == 0)
		v->count++;
	else
		v->others++;
}

/* Some are enough. */
#define VOTES 5u

static int
ask_session(void *user, const char *name)
{
	struct vote *v = user;
	char path[400];

	(void)snprintf(path, sizeof path, PATH_SESSIONS "/%.256s/000000.log", name);
	ask_file(v, path);
	return v->count + v->others >= VOTES;
}

static int
ask_generation(void *user, const char *name)
{
	struct vote *v = user;
	char path[400];

	(void)snprintf(path, sizeof path, "gen/%.256s/scopes.pack", name);
	ask_file(v, path);
	return v->count + v->others >= VOTES;
}

int
check_places_tape(struct check *c, const char *dir, const uint8_t *id)
{
	struct vote v = { .dir = -1 };
	char hex[33], line[64];
	int fd = -1;
	size_t item;

	if (c->reader != NULL)
		v.dir = c->reader->dir.fd;
	else if (os_open_dir(OS_CWD, dir, true, &fd) == 0)
		v.dir = fd;
	else
		return 0;
	if (os_list(v.dir, PATH_SESSIONS, ask_session, &v) <= 0)
		(void)os_list(v.dir, PATH_GEN, ask_generation, &v);
	os_close(&fd);
	if (v.count == 0 || v.others != 0 || (id != NULL && memcmp(id, v.id, 16) == 0))
		return 0;
	for (size_t i = 0; i < 16; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", v.id[i]);
	(void)snprintf(line, sizeof line, "tape 1 %s", hex);
	item = check_found(
		c, TAPE_FOUND_DAMAGE, TAPE_REMEDY_TAPE_FILE, PATH_TAPE, 0, 0,
		"nothing, once it is written anew; until then nothing is shown",
		id == NULL ? "the file does not say that this is a tape, but "
			     "what lies here is of one"
			   : "the file names another tape than all that lies "
			     "here is of");
	if (item != SIZE_MAX)
		c->items[item].line = strdup(line);
	return 1;
}
