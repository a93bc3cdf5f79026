/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/tmpdir.h"

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char made[4096];

const char *
tmpdir_make(void)
{
	const char *base = getenv("TMPDIR");
	char path[4096];

	if (!base || base[0] != '/')
		base = "/tmp";
	int n = snprintf(path, sizeof path, "%s/tape-test-XXXXXX", base);

	ck_assert_msg(n > 0 && (size_t)n < sizeof path, "TMPDIR is too long");
	ck_assert_msg(mkdtemp(path) != NULL, "cannot make %s: %m", path);
	snprintf(made, sizeof made, "%s", path);
	return made;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)ftw;
	if (type == FTW_DNR || type == FTW_NS)
		return 0; /* a test that took permissions away gives them back itself */
	return remove(path) == 0 ? 0 : 1;
}

void
tmpdir_remove(void)
{
	if (made[0] == '\0')
		return;
	nftw(made, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	made[0] = '\0';
}
