/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/recording.h"

#include <check.h>
#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/block.h"
#include "format/os.h"
#include "format/segment.h"
#include "format/tapedir.h"
#include "tests/support/tmpdir.h"

const char *recording_dir;

static const char *const variables[] = {
	"TAPE_SYNC",	     "TAPE_COMMIT",	     "TAPE_COMMIT_SCOPES",
	"TAPE_COMMIT_BYTES", "TAPE_COMMIT_MS",	     "TAPE_BLOBS",
	"TAPE_BLOB_BUDGET",  "TAPE_BLOB_STORE",	     "TAPE_DEDUP",
	"TAPE_INLINE_MAX",   "TAPE_EMBED_MAX",	     "TAPE_DIR",
	"SLURM_PROCID",	     "SLURM_JOB_ID",	     "PMI_RANK",
	"PMIX_RANK",	     "OMPI_COMM_WORLD_RANK",
};

/* Thousands of tapes are made and synced: memory is enough for what is tested. */
static void
choose_tmpdir(void)
{
	if (!getenv("TMPDIR") && access("/dev/shm", R_OK | W_OK | X_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 1);
}

void
recording_setup(void)
{
	choose_tmpdir();
	for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
		unsetenv(variables[i]);
	os_fault_set(NULL, NULL);
	ck_assert_int_eq(chdir(tmpdir_make()), 0);
	recording_dir = "run.tape";
}

void
recording_teardown(void)
{
	os_fault_set(NULL, NULL);
	ck_assert_int_eq(chdir("/"), 0);
	tmpdir_remove();
}

static void
keep_quiet(void *user, const char *message)
{
	(void)user;
	(void)message;
}

/*
 * Without Check where it records, here and below: what a child of a test says to Check is
 * cut if a kill comes while it says so, and then the run cannot be read any more.
 */
static void
need(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "recording: %s\n", what);
	abort();
}

struct tape *
recording_open(const char *settings)
{
	struct tape_options options = { .size = sizeof options, .on_error = keep_quiet };
	char text[400], name[64];

	snprintf(text, sizeof text, "%s", settings);
	for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
		char *value = strchr(word, '=');

		need(value, "a setting without a value");
		*value++ = '\0';
		snprintf(name, sizeof name, "TAPE_%s", word);
		for (char *c = name; *c; c++)
			if (*c >= 'a' && *c <= 'z')
				*c = (char)(*c - 32);
		setenv(name, value, 1);
	}
	return tape_open(recording_dir, &options);
}

int
recording_put(struct tape *t, int64_t number)
{
	struct tape_build *b = tape_build_begin(t, "row");

	(void)tape_build_i64(b, "i", TAPE_NUL, number);
	return tape_build_end(b);
}

void
recording_fill(unsigned char *data, size_t size, unsigned seed)
{
	uint32_t x = seed * 2654435761u + 12345u;

	for (size_t i = 0; i < size; i++) {
		x = x * 1664525u + 1013904223u;
		data[i] = (unsigned char)(x >> 24);
	}
}

int
recording_put_blob(struct tape *t, int64_t number, unsigned seed, size_t size)
{
	struct tape_build *b = tape_build_begin(t, "row");
	unsigned char *data = malloc(size);
	struct tape_nd nd = { .data = data, .dtype = "u1", .ndim = 1, .dims = { size } };

	need(data, "no memory for a blob");
	recording_fill(data, size, seed);
	(void)tape_build_i64(b, "i", TAPE_NUL, number);
	(void)tape_build_u64(b, "seed", TAPE_NUL, seed);
	(void)tape_build_nd(b, "b", TAPE_NUL, &nd, 1);
	free(data);
	return tape_build_end(b);
}

/* ---- forking ---- */

static bool is_child;

/* LeakSanitizer asks. A child has none of the threads that it would stop and scan. */
int __lsan_is_turned_off(void);

int
__lsan_is_turned_off(void)
{
	return is_child;
}

static bool
sleeps(const char *thread)
{
	char path[64], text[512] = "";
	FILE *file;
	char *state;

	snprintf(path, sizeof path, "/proc/self/task/%.20s/stat", thread);
	file = fopen(path, "r");
	if (!file)
		return true; /* it has ended */
	(void)!fgets(text, sizeof text, file);
	fclose(file);
	state = strrchr(text, ')');
	return state && state[1] == ' ' && state[2] == 'S';
}

static bool
others_sleep(void)
{
	DIR *dir = opendir("/proc/self/task");
	bool all = true;

	ck_assert_ptr_nonnull(dir);
	for (struct dirent *entry = readdir(dir); entry && all; entry = readdir(dir))
		if (entry->d_name[0] != '.' && atoi(entry->d_name) != gettid())
			all = sleeps(entry->d_name);
	closedir(dir);
	return all;
}

pid_t
recording_fork(void)
{
	pid_t pid;

	while (!others_sleep())
		sched_yield();
	pid = fork();
	if (pid == 0)
		is_child = true;
	return pid;
}

/* ---- reading ---- */

static void
on_report(void *user, const struct tape_report *report)
{
	struct recording *read = user;

	if (report->kind != TAPE_DAMAGE_MET) {
		read->notes++;
		return;
	}
	read->damage++;
	snprintf(read->report, sizeof read->report, "%s: %s", report->file,
		 report->message);
}

static bool
blob_is_right(const struct tape_scope *scope, int64_t index, unsigned seed)
{
	struct tape_error err = { 0 };
	struct tape_blob *blob = NULL;
	unsigned char *want = NULL, *got = NULL;
	bool same = false;
	uint64_t size;

	if (tape_blob_open(scope, (size_t)index, &blob, &err) < 0)
		return false;
	size = tape_blob_size(blob);
	want = malloc(size + 1);
	got = malloc(size + 1);
	ck_assert(want && got);
	recording_fill(want, size, seed);
	same = tape_blob_read(blob, got, size, 0, &err) == (int64_t)size &&
	       memcmp(want, got, size) == 0;
	free(want);
	free(got);
	tape_blob_close(blob);
	return same;
}

static void
look(struct recording *read, const struct tape_scope *scope)
{
	int64_t i = tape_scope_var_find(scope, "i"), b = tape_scope_var_find(scope, "b");
	int64_t seed = tape_scope_var_find(scope, "seed");

	ck_assert_int_ge(i, 0);
	read->numbers = realloc(read->numbers, (read->count + 1) * sizeof *read->numbers);
	ck_assert_ptr_nonnull(read->numbers);
	read->numbers[read->count++] = tape_scope_var(scope, (size_t)i).value->as.i;
	read->links += tape_scope_link(scope).seq != 0;
	if (b >= 0 &&
	    !blob_is_right(scope, b,
			   (unsigned)tape_scope_var(scope, (size_t)seed).value->as.u))
		read->bad_blobs++;
}

static void
count_sessions(struct tape_reader *reader, struct recording *read)
{
	struct tape_info *info = NULL;

	ck_assert_int_eq(tape_info_read(reader, &info, NULL), 0);
	read->sessions = info->session_count;
	for (size_t i = 0; i < info->session_count; i++)
		read->closed += info->sessions[i].state == TAPE_CLOSED;
	tape_info_free(info);
}

struct recording
recording_read(void)
{
	struct recording read = { 0 };
	struct tape_reader_options options = { .size = sizeof options,
					       .on_report = on_report,
					       .user = &read };
	struct tape_reader *reader = NULL;
	struct tape_query *query = NULL;
	struct tape_cursor *cursor = NULL;
	const struct tape_scope *scope;
	struct tape_error err = { 0 };
	int r;

	ck_assert_msg(tape_reader_open(recording_dir, &options, &reader, &err) == 0, "%s",
		      err.message);
	ck_assert_int_eq(tape_query_compile("", &query, &err), 0);
	ck_assert_int_eq(tape_find(reader, query, NULL, &cursor, &err), 0);
	while ((r = tape_cursor_next(cursor, &scope, &err)) == 1)
		look(&read, scope);
	ck_assert_msg(r == 0, "%s", err.message);
	count_sessions(reader, &read);
	tape_cursor_close(cursor);
	tape_query_free(query);
	tape_reader_close(reader);
	return read;
}

void
recording_release(struct recording *read)
{
	free(read->numbers);
	*read = (struct recording){ 0 };
}

size_t
recording_times(const struct recording *read, int64_t number)
{
	size_t times = 0;

	for (size_t i = 0; i < read->count; i++)
		times += read->numbers[i] == number;
	return times;
}

struct listing {
	char path[600];
	size_t files;
};

static int
list_one(void *user, const char *name)
{
	struct listing *listing = user;
	size_t len = strlen(listing->path);
	struct os_stat st;

	snprintf(listing->path + len, sizeof listing->path - len, "/%s", name);
	ck_assert_int_eq(os_stat(OS_CWD, listing->path, &st), 0);
	if (st.directory)
		ck_assert_int_eq(os_list(OS_CWD, listing->path, list_one, listing), 0);
	else
		listing->files++;
	listing->path[len] = '\0';
	return 0;
}

size_t
recording_files(const char *below)
{
	struct listing listing = { .files = 0 };

	snprintf(listing.path, sizeof listing.path, "%s/%s", recording_dir, below);
	ck_assert_int_eq(os_list(OS_CWD, listing.path, list_one, &listing), 0);
	return listing.files;
}

static void
frames_in(const char *path, void (*see)(void *user, const struct scan_event *event),
	  void *user)
{
	struct segment_scan *scan = NULL;
	struct scan_event event;
	struct block_source source;
	struct os_stat st;
	int fd = -1;

	ck_assert_int_eq(os_open_read(OS_CWD, path, &fd), 0);
	ck_assert_int_eq(os_fstat(fd, &st), 0);
	source = block_from_fd(&fd, st.size);
	ck_assert_int_eq(segment_scan_open(&source, NULL, 0, &scan, NULL), 0);
	while (segment_scan_next(scan, &event, NULL) == 1)
		if (event.kind == SCAN_FRAME)
			see(user, &event);
	segment_scan_close(scan);
	os_close(&fd);
}

static void
each_frame(void (*see)(void *user, const struct scan_event *event), void *user)
{
	struct tapedir dir = { .fd = -1 };
	struct tapedir_session *sessions = NULL;
	size_t count = 0;
	char path[700];

	ck_assert_int_eq(tapedir_open(recording_dir, &dir, NULL), 0);
	ck_assert_int_eq(tapedir_list(&dir, &sessions, &count, NULL), 0);
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < sessions[i].log_count; k++) {
			snprintf(path, sizeof path, "%s/%s/%06u.log", recording_dir,
				 sessions[i].path, (unsigned)sessions[i].logs[k]);
			frames_in(path, see, user);
		}
	tapedir_free_sessions(sessions, count);
	tapedir_close(&dir);
}

static void
see_mark(void *user, const struct scan_event *event)
{
	*(size_t *)user += (event->frame.contents & HAS_MARK) != 0;
}

size_t
recording_marks(void)
{
	size_t marks = 0;

	each_frame(see_mark, &marks);
	return marks;
}

/* What a frame's header says of its records is what they are. */
static void
check_header(const struct frame *frame, const uint8_t *payload)
{
	struct record rec = { 0 };
	uint32_t records = 0, scopes = 0;
	unsigned contents = 0;
	size_t at = 0;

	while (record_next(payload, frame->payload_bytes, &at, &rec) == 1) {
		records++;
		scopes += record_has_seq(rec.kind);
		contents |= record_contents(rec.kind);
	}
	ck_assert_uint_eq(frame->records, records);
	ck_assert_uint_eq(frame->scopes, scopes);
	ck_assert_uint_eq(frame->contents, contents);
}

static void
see_fill(void *user, const struct scan_event *event)
{
	struct recording_groups *groups = user;
	uint64_t end = event->frame.offset + FRAME_HEADER + event->frame.payload_bytes;
	struct record rec = { 0 };
	size_t at = 0;

	if (event->frame.kind != FRAME_END)
		check_header(&event->frame, event->payload);
	if (event->frame.scopes != 0 && (event->frame.flags & FRAME_LAST)) {
		groups->count++;
		groups->whole += end % 65536 == 0;
	}
	groups->bytes += FRAME_HEADER + event->frame.payload_bytes;
	while (record_next(event->payload, event->frame.payload_bytes, &at, &rec) == 1)
		groups->filled += rec.kind == RECORD_PAD ? rec.len : 0;
}

struct recording_groups
recording_groups(void)
{
	struct recording_groups groups = { 0 };

	each_frame(see_fill, &groups);
	return groups;
}
