/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the first files of the corpus of fuzz_index: make_index DIRECTORY */
#include <stdio.h>
#include <string.h>

#include "format/index_io.h"
#include "format/os.h"
#include "tests/support/packed.h"
#include "tests/support/suite.h"
#include "tests/support/tmpdir.h"

/* "k" and the pack, as fuzz_index takes it. */
static void
put(int from, const char *to, const char *name)
{
	static uint8_t buf[1 << 20] = { 'k' };
	char path[4096];
	int in = -1, out = -1;
	int64_t len;

	ck_assert_int_eq(os_open_read(from, INDEX_PACK, &in), 0);
	len = os_pread(in, buf + 1, sizeof buf - 1, 0);
	ck_assert_int_gt(len, 0);
	(void)snprintf(path, sizeof path, "%s/%s", to, name);
	ck_assert_int_eq(os_create(OS_CWD, path, &out), 0);
	ck_assert_int_eq(os_write_all(out, buf, (size_t)len + 1, NULL), 0);
	os_close(&in);
	os_close(&out);
}

static void
make(const char *to, const char *name, uint32_t blocks, uint32_t rows)
{
	struct packed_made m;
	struct packed_scopes s;
	struct index_output o;
	struct index_input in = { .blob_pack_count = 2 };
	int dir = -1;

	ck_assert_int_eq(os_open_dir(OS_CWD, tmpdir_make(), false, &dir), 0);
	packed_make(dir, 1, blocks, rows, 1, &m);
	packed_scopes_open(dir, &m, &s);
	in.scopes = &s.scopes;
	in.blob_packs = (const uint32_t(*)[2])m.packs;
	ck_assert_int_eq(index_build(dir, INDEX_PACK, INDEX_DIRECTORY_FILE, &m.id, &in, 1,
				     1 << 26, &o, NULL),
			 0);
	put(dir, to, name);
	packed_scopes_close(&s);
	packed_made_release(&m);
	os_close(&dir);
	tmpdir_remove();
}

/* "r" and a section of repeats. */
static void
make_repeats(const char *to)
{
	static const struct index_repeat list[] = {
		{ 3, 9 },
		{ 3, 700 },
		{ 17, 8 },
		{ UINT64_C(1) << 48 | 5, 0 },
		{ CONTENT_LOST, 8 },
	};
	struct pack_bytes out = { 0 };
	char path[4096];
	int fd = -1;

	ck_assert_int_eq(pack_bytes_add(&out, "r", 1), 0);
	ck_assert_int_eq(index_repeats_encode(list, 5, &out), 0);
	(void)snprintf(path, sizeof path, "%s/repeats", to);
	ck_assert_int_eq(os_create(OS_CWD, path, &fd), 0);
	ck_assert_int_eq(os_write_all(fd, out.data, out.len, NULL), 0);
	os_close(&fd);
	pack_bytes_release(&out);
}

static const char *target;

/* Assertions want a test around them. */
START_TEST(corpus_is_written)
{
	make(target, "pack-small", 1, 24);
	make(target, "pack-blocks", 3, 200);
	make(target, "pack-empty", 0, 1);
	make_repeats(target);
}
END_TEST

int
main(int argc, char **argv)
{
	Suite *suite = suite_create("corpus");
	TCase *tc = tcase_create("index");

	if (argc != 2)
		return 2;
	target = argv[1];
	tcase_add_test(tc, corpus_is_written);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
