/* SPDX-License-Identifier: Apache-2.0 */
#include "librecord/facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/os.h"
#include "format/segment.h"
#include "librecord/conf.h"
#include "search/source.h"

#define FACT_TEXT 64

/* Text as found; "" = unknown. */
struct facts {
	char name[LIMIT_NAME + 1];
	char host[256];
	char boot_id[37];
	char cwd[4096];
	char user[FACT_TEXT], job[FACT_TEXT], step[FACT_TEXT];
	char pid[24], pid_start[24], uid[24];
	char rank[24], size[24], restart[24], array_index[24];
	char resume[TAPE_HASH_TEXT];
	struct json_line program; /* the second line of the manifest */
};

struct fact_source {
	size_t offset;
	bool number;
	const char *variables[8]; /* the first that is set and fits */
};

#define FACT(member) offsetof(struct facts, member)
static const struct fact_source sources[] = {
	{ FACT(rank),
	  true,
	  { "OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "MV2_COMM_WORLD_RANK",
	    "SLURM_PROCID" } },
	{ FACT(size),
	  true,
	  { "OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE", "SLURM_NTASKS" } },
	{ FACT(restart), true, { "SLURM_RESTART_COUNT" } },
	{ FACT(array_index),
	  true,
	  { "SLURM_ARRAY_TASK_ID", "PBS_ARRAY_INDEX", "PBS_ARRAYID", "SGE_TASK_ID" } },
	{ FACT(job),
	  false,
	  { "SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID",
	    "OMPI_MCA_ess_base_jobid" } },
	{ FACT(step), false, { "SLURM_STEP_ID" } },
	{ FACT(user), false, { "USER", "LOGNAME" } },
};

/* A number of at most 18 digits: what a manifest may hold bare. */
static bool
is_number(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && len <= 18 && strspn(text, "0123456789") == len;
}

static void
from_environment(struct facts *facts, const struct fact_source *source)
{
	for (size_t i = 0; i < 8 && source->variables[i]; i++) {
		const char *value = getenv(source->variables[i]);

		if (!value || (source->number && !is_number(value)))
			continue;
		if (strnlen(value, FACT_TEXT) >= (source->number ? 24 : FACT_TEXT))
			continue;
		strncpy((char *)facts + source->offset, value,
			source->number ? 23 : FACT_TEXT - 1);
		return;
	}
}

static void
about_process(struct tape *t)
{
	struct facts *facts = t->facts;
	uint64_t ticks;

	t->pid = os_getpid();
	snprintf(facts->pid, sizeof facts->pid, "%u", (unsigned)t->pid);
	facts->pid_start[0] = '\0';
	if (os_pid_start(t->pid, &ticks) >= 0)
		snprintf(facts->pid_start, sizeof facts->pid_start, "%llu",
			 (unsigned long long)ticks);
}

int
facts_collect(struct tape *t, const char *name)
{
	struct facts *facts = calloc(1, sizeof *facts);

	if (!facts)
		return TAPE_ERR_NOMEM;
	t->facts = facts;
	snprintf(facts->name, sizeof facts->name, "%s", name ? name : "");
	if (os_hostname(facts->host, sizeof facts->host) < 0)
		facts->host[0] = '\0';
	if (os_boot_id(facts->boot_id) < 0)
		facts->boot_id[0] = '\0';
	if (os_cwd(facts->cwd, sizeof facts->cwd) < 0)
		facts->cwd[0] = '\0';
	snprintf(facts->uid, sizeof facts->uid, "%u", (unsigned)os_getuid());
	about_process(t);
	for (size_t i = 0; i < sizeof sources / sizeof *sources; i++)
		from_environment(facts, &sources[i]);
	return 0;
}

void
facts_resume(struct tape *t, const struct tape_hash *request)
{
	if (!t->facts->resume[0])
		tape_hash_text(request, t->facts->resume);
}

void
facts_after_fork(struct tape *t)
{
	t->facts->resume[0] = '\0';
	about_process(t);
}

void
facts_release(struct tape *t)
{
	if (t->facts)
		json_line_release(&t->facts->program);
	free(t->facts);
	t->facts = NULL;
}

void
facts_source(const struct tape *t, struct source_facts *out)
{
	const struct facts *f = t->facts;

	*out = (struct source_facts){ .name = f->name,
				      .host = f->host,
				      .job = f->job,
				      .library = TAPE_VERSION,
				      .sync = "",
				      .uid = f->uid,
				      .rank = f->rank[0] ? strtoll(f->rank, NULL, 10)
							 : -1,
				      .pid = t->pid,
				      .state = TAPE_LIVE };
}

bool
facts_notes(struct tape *t, uint32_t segment, struct report_notes *out)
{
	const struct facts *facts = t->facts;
	char session[TAPE_SESSION_TEXT], number[24], sync[24];
	const struct {
		const char *key, *value;
	} notes[] = {
		{ "session", session },
		{ "name", facts->name },
		{ "host", facts->host },
		{ "boot_id", facts->boot_id },
		{ "pid", facts->pid },
		{ "pid_start", facts->pid_start },
		{ "rank", facts->rank },
		{ "size", facts->size },
		{ "job", facts->job },
		{ "step", facts->step },
		{ "restart", facts->restart },
		{ "array_index", facts->array_index },
		{ "uid", facts->uid },
		{ "library", TAPE_VERSION },
		{ "segment", number },
		{ "sync", sync },
		{ SEGMENT_RESUME, facts->resume },
	};
	bool all = true;

	tape_session_text(t->session, session);
	snprintf(number, sizeof number, "%u", (unsigned)segment);
	conf_sync_text(&t->conf, sync);
	for (size_t i = 0; i < sizeof notes / sizeof *notes; i++)
		if (notes[i].value[0])
			all = all && report_notes_add(out, notes[i].key, notes[i].value);
	return all;
}

static void
line_number(struct json_line *line, const char *key, const char *text)
{
	if (is_number(text))
		json_line_int(line, key, (int64_t)strtoll(text, NULL, 10));
}

static void
line_text(struct json_line *line, const char *key, const char *text)
{
	if (text[0])
		json_line_text(line, key, text);
}

static void
line_argv(struct json_line *line)
{
	static const size_t cap = 64u << 10;
	char *argv = malloc(cap);
	int64_t len = argv ? os_argv(argv, cap - 1) : -1;

	if (len > 0) {
		argv[len] = '\0';
		json_line_list_begin(line, "argv");
		for (int64_t at = 0; at < len; at += (int64_t)strlen(argv + at) + 1)
			json_line_list_item(line, argv + at);
		json_line_list_end(line);
	}
	free(argv);
}

static void
hex(const uint8_t *bytes, size_t count, char *text)
{
	for (size_t i = 0; i < count; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
}

/* ---- the program ---- */

#define LIBRARIES_MOST 500u
#define ENVIRONMENT_MOST 200u
#define ENVIRONMENT_VALUE 4096u

struct libraries {
	struct json_line *line;
	unsigned count;
};

static void
one_library(void *user, const char *path)
{
	struct libraries *l = user;

	if (l->count++ < LIBRARIES_MOST)
		json_line_list_item(l->line, path);
}

/* A name against a pattern in which * is any run of characters. */
static bool
name_matches(const char *pattern, size_t len, const char *name, size_t name_len)
{
	if (len == 0)
		return name_len == 0;
	if (*pattern != '*')
		return name_len && *pattern == *name &&
		       name_matches(pattern + 1, len - 1, name + 1, name_len - 1);
	while (len > 1 && pattern[1] == '*') {
		pattern++;
		len--;
	}
	for (size_t i = 0; i <= name_len; i++)
		if (name_matches(pattern + 1, len - 1, name + i, name_len - i))
			return true;
	return false;
}

static bool
env_wanted(const char *list, const char *name, size_t len)
{
	for (;;) {
		size_t n;

		list += strspn(list, ", \t");
		if (!*list)
			return false;
		n = strcspn(list, ", \t");
		if (name_matches(list, n, name, len))
			return true;
		list += n;
	}
}

extern char **environ;

static void
line_environment(struct json_line *line, const char *list)
{
	char text[ENVIRONMENT_VALUE + 1];
	unsigned count = 0;

	if (!*list || !environ)
		return;
	json_line_list_begin(line, "env");
	for (char **at = environ; *at && count < ENVIRONMENT_MOST; at++) {
		const char *equals = strchr(*at, '=');

		if (!equals || !env_wanted(list, *at, (size_t)(equals - *at)))
			continue;
		snprintf(text, sizeof text, "%s", *at);
		json_line_list_item(line, text);
		count++;
	}
	json_line_list_end(line);
}

void
facts_program(struct tape *t)
{
	struct json_line *line = &t->facts->program;
	struct os_program *p = malloc(sizeof *p);
	struct libraries libraries = { .line = line };
	char cpu[256] = "";

	json_line_begin(line);
	if (p) {
		os_program(p);
		json_line_text(line, "program", p->path);
		line_text(line, "build_id", p->build_id);
		line_text(line, "compiler", p->compiler);
		line_text(line, "flags", p->flags);
		free(p);
	}
	(void)os_cpu_model(cpu, sizeof cpu);
	line_text(line, "cpu", cpu);
	json_line_int(line, "cpus", os_processors());
	json_line_list_begin(line, "libraries");
	os_libraries(one_library, &libraries);
	json_line_list_end(line);
	line_environment(line, t->conf.env);
	json_line_end(line);
}

void
facts_manifest(struct tape *t)
{
	const struct facts *facts = t->facts;
	char session[TAPE_SESSION_TEXT], id[33], started[TAPE_TIME_TEXT];
	struct json_line line = { 0 };

	tape_session_text(t->session, session);
	hex(t->dir.id, 16, id);
	tape_time_text((int64_t)t->session[0] * 1000, started);
	json_line_begin(&line);
	json_line_text(&line, "session", session);
	json_line_text(&line, "tape", id);
	json_line_int(&line, "format", 1);
	line_text(&line, "name", facts->name);
	line_text(&line, "host", facts->host);
	line_text(&line, "boot_id", facts->boot_id);
	line_number(&line, "pid", facts->pid);
	line_number(&line, "pid_start", facts->pid_start);
	line_number(&line, "uid", facts->uid);
	line_text(&line, "user", facts->user);
	line_argv(&line);
	line_text(&line, "cwd", facts->cwd);
	line_number(&line, "rank", facts->rank);
	line_number(&line, "size", facts->size);
	line_text(&line, "job", facts->job);
	line_text(&line, "step", facts->step);
	line_number(&line, "restart", facts->restart);
	line_number(&line, "array_index", facts->array_index);
	json_line_text(&line, "library", TAPE_VERSION);
	json_line_text(&line, "started", started);
	json_line_end(&line);
	report_line(t, &line);
	json_line_release(&line);
	report_line(t, &t->facts->program);
}

void
facts_manifest_closed(struct tape *t)
{
	char now[TAPE_TIME_TEXT];
	struct json_line line = { 0 };

	report_time(t, now);
	json_line_begin(&line);
	json_line_text(&line, "closed", now);
	json_line_int(&line, "scopes", (int64_t)atomic_load(&t->committed_seq));
	json_line_int(&line, "lost", (int64_t)atomic_load(&t->lost));
	json_line_end(&line);
	report_line(t, &line);
	json_line_release(&line);
}

const char *
facts_cwd(const struct tape *t)
{
	return t->facts->cwd;
}

bool
facts_first_rank(const struct tape *t)
{
	return !t->facts->rank[0] || strcmp(t->facts->rank, "0") == 0;
}
