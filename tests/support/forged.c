/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/forged.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/hash.h"
#include "format/index.h"
#include "format/os.h"

static void
put_file(int dir, const char *name, const char *text, size_t len)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0666);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
	close(fd);
}

static void
publish(int dir, struct live_list *live, const char *text, size_t len)
{
	struct live_generation *g = &live->generations[live->count - 1];
	char from[64], to[64], name[GENERATION_NAME], *list = NULL;
	size_t list_len = 0;

	g->manifest = hash_bytes(text, len);
	snprintf(name, sizeof name, "%.*s-%02x%02x%02x%02x", (int)strcspn(g->name, "-"),
		 g->name, g->manifest.byte[0], g->manifest.byte[1], g->manifest.byte[2],
		 g->manifest.byte[3]);
	snprintf(from, sizeof from, PATH_GEN "/%s", g->name);
	snprintf(to, sizeof to, PATH_GEN "/%s", name);
	ck_assert_int_eq(renameat(dir, from, dir, to), 0);
	memcpy(g->name, name, sizeof name);
	live->number++;
	ck_assert_int_eq(live_list_write(live, &list, &list_len, NULL), 0);
	snprintf(to, sizeof to, PATH_LIVE "/%llu", (unsigned long long)live->number);
	put_file(dir, to, list, list_len);
	free(list);
}

void
forged_generation(const char *tape, forged_fn *change, void *user)
{
	struct generation_manifest m;
	struct live_list live;
	char path[64], *text = NULL;
	size_t len = 0;
	int dir = open(tape, O_RDONLY | O_DIRECTORY), inside;

	ck_assert_int_ge(dir, 0);
	ck_assert_int_eq(live_list_read(dir, &live, NULL), 0);
	snprintf(path, sizeof path, PATH_GEN "/%s",
		 live.generations[live.count - 1].name);
	ck_assert_int_eq(generation_manifest_read(dir, path + sizeof PATH_GEN, &m, NULL),
			 0);
	inside = openat(dir, path, O_RDONLY | O_DIRECTORY);
	change(user, inside, &m);
	ck_assert_int_eq(generation_manifest_write(&m, &text, &len, NULL), 0);
	put_file(inside, "MANIFEST", text, len);
	close(inside);
	publish(dir, &live, text, len);
	free(text);
	generation_manifest_release(&m);
	live_list_release(&live);
	close(dir);
}

/* ---- indexes ---- */

static struct generation_file *
file_of(struct generation_manifest *m, const char *name)
{
	for (size_t i = 0; i < m->file_count; i++)
		if (strcmp(m->files[i].name, name) == 0)
			return &m->files[i];
	ck_abort_msg("the generation has no %s", name);
	return NULL;
}

static size_t
blob_packs(const struct generation_manifest *m, uint32_t packs[16][2])
{
	size_t n = 0;

	for (size_t i = 0; i < m->file_count && n < 16; i++)
		if (sscanf(m->files[i].name, "blobs-%u-%u.pack", &packs[n][0],
			   &packs[n][1]) == 2)
			n++;
	return n;
}

static void
make_index(void *user, int dir, struct generation_manifest *m)
{
	forged_index_fn *const *change = user;
	struct pack_codec *codec = pack_codec_new();
	struct pack_id id = { .kind = PACK_SCOPES };
	struct tape_error err = { 0 };
	struct block_source source;
	struct index_input in = { 0 };
	struct index_output made;
	struct scopepack pack;
	uint32_t packs[16][2];
	struct stat st;
	int fd = openat(dir, "scopes.pack", O_RDONLY);

	ck_assert_int_eq(fstat(fd, &st), 0);
	source = block_from_fd(&fd, (uint64_t)st.st_size);
	memcpy(id.tape, m->tape, sizeof id.tape);
	memcpy(id.uid, m->uid, sizeof id.uid);
	ck_assert_int_eq(scopepack_open(&source, "scopes.pack", &id, codec, &pack, &err),
			 0);
	(*change)(&pack);
	in.scopes = &pack;
	in.blob_pack_count = blob_packs(m, packs);
	in.blob_packs = (const uint32_t(*)[2])packs;
	ck_assert_int_eq(unlinkat(dir, INDEX_PACK, 0), 0);
	ck_assert_int_eq(unlinkat(dir, INDEX_DIRECTORY_FILE, 0), 0);
	ck_assert_msg(index_build(dir, INDEX_PACK, INDEX_DIRECTORY_FILE, &id, &in, 1,
				  UINT64_C(64) << 20, &made, &err) == 0,
		      "%s", err.message);
	file_of(m, INDEX_PACK)->size = made.pack_size;
	file_of(m, INDEX_PACK)->hash = made.pack_hash;
	file_of(m, INDEX_DIRECTORY_FILE)->size = made.directory_size;
	file_of(m, INDEX_DIRECTORY_FILE)->hash = made.directory_hash;
	scopepack_close(&pack);
	pack_codec_free(codec);
	close(fd);
}

void
forged_index(const char *tape, forged_index_fn *change)
{
	forged_generation(tape, make_index, &change);
}
