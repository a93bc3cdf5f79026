/* SPDX-License-Identifier: Apache-2.0 */
/* The state of the source tree: commit, and what was changed since. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/hash.h"
#include "format/limits.h"
#include "format/os.h"
#include "format/path.h"
#include "librecord/facts.h"

/* A close waits for them at most. */
#define GIT_WAIT_MS 200
#define DIFF_WAIT_MS 400

/* Cuts `dir` back to the directory that holds a .git; false if there is none. */
static bool
find_work_tree(char *dir, size_t cap)
{
	size_t len = strlen(dir);

	while (len > 0) {
		struct os_stat st;

		if (len + sizeof "/.git" > cap)
			return false;
		memcpy(dir + len, "/.git", sizeof "/.git");

		bool found = os_stat(OS_CWD, dir, &st) >= 0;

		dir[len] = '\0';
		if (found)
			return true;
		while (len > 0 && dir[len - 1] != '/')
			len--;
		if (len > 0)
			len--;
		dir[len] = '\0';
	}
	return false;
}

/* Under its name once it is complete; sessions with the same changes share it. */
static int
keep_diff(struct tape *t, const char *name, const char *diff, size_t len)
{
	char path[sizeof PATH_DIFFS + TAPE_HASH_TEXT], tmp[sizeof path + 24];
	struct os_stat st;
	uint64_t random = 0;
	int fd = -1, r;

	snprintf(path, sizeof path, PATH_DIFFS "/%s", name);
	if (os_stat(t->dir.fd, path, &st) == 0 && st.regular && st.size == len)
		return 0;
	r = os_mkdir(t->dir.fd, PATH_DIFFS);
	if (r < 0 && r != -EEXIST)
		return r;
	(void)os_random(&random, sizeof random);
	snprintf(tmp, sizeof tmp, "%s.%016llx", path, (unsigned long long)random);
	r = os_create(t->dir.fd, tmp, &fd);
	if (r < 0)
		return r;
	r = os_write_all(fd, diff, len, NULL);
	if (r >= 0 && t->conf.sync != SYNC_NONE)
		r = os_fsync(fd);
	os_close(&fd);
	if (r >= 0)
		r = os_rename(t->dir.fd, tmp, t->dir.fd, path);
	if (r < 0)
		(void)os_unlink(t->dir.fd, tmp);
	return r;
}

static void
line_diff(struct tape *t, const char *dir, struct json_line *line)
{
	const char *const argv[] = { "git",	      "--no-optional-locks",
				     "diff",	      "--no-color",
				     "--no-ext-diff", "--no-textconv",
				     "HEAD",	      NULL };
	char *diff = malloc(LIMIT_DIFF + 2);
	char name[TAPE_HASH_TEXT], cause[128];
	struct tape_hash hash;
	bool cut;
	size_t len;
	int r = diff ? os_run(argv, dir, diff, LIMIT_DIFF + 2, DIFF_WAIT_MS) : -ENOMEM;

	len = r == 0 ? strlen(diff) : 0;
	cut = len > LIMIT_DIFF;
	len = cut ? LIMIT_DIFF : len;
	if (r == 0) {
		hash = hash_bytes(diff, len);
		tape_hash_text(&hash, name);
		r = keep_diff(t, name, diff, len);
	}
	free(diff);
	if (r != 0) {
		json_line_text(line, "git_diff_missing",
			       r > 0 ? "git diff failed"
				     : os_strerror(r, cause, sizeof cause));
		return;
	}
	json_line_text(line, "git_diff", name);
	json_line_int(line, "git_diff_bytes", (int64_t)len);
	if (cut)
		json_line_bool(line, "git_diff_cut", true);
}

void
facts_git(struct tape *t)
{
	const char *const head[] = { "git", "rev-parse", "--verify", "HEAD", NULL };
	const char *const status[] = { "git",	 "--no-optional-locks",
				       "status", "--porcelain",
				       "-uno",	 NULL };
	char dir[4096 + 8], commit[80], changes[4];
	struct json_line line = { 0 };
	int r;

	if (!facts_first_rank(t))
		return;
	snprintf(dir, sizeof dir, "%s", facts_cwd(t));
	if (!find_work_tree(dir, sizeof dir))
		return;
	if (os_run(head, dir, commit, sizeof commit, GIT_WAIT_MS) != 0)
		return;
	commit[strspn(commit, "0123456789abcdef")] = '\0';
	if (strlen(commit) < 40)
		return;
	json_line_begin(&line);
	json_line_text(&line, "git_commit", commit);
	r = os_run(status, dir, changes, sizeof changes, GIT_WAIT_MS);
	if (r == 0)
		json_line_bool(&line, "git_dirty", changes[0] != '\0');
	if (r == 0 && changes[0] != '\0')
		line_diff(t, dir, &line);
	json_line_end(&line);
	report_line(t, &line);
	json_line_release(&line);
}
