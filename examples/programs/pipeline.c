/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pipeline of three programs that hand over by the tape: each finds what the one before
 * has recorded by its label and by who recorded it, says from which scope its own was
 * made, and computes only what was not computed before. Where nothing has changed since
 * its last run it does nothing at all.
 *
 *	pipeline TAPE make [NOISE]	noisy signals
 *	pipeline TAPE smooth		the signals, smoothed
 *	pipeline TAPE report		where their greatest values are
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tape/record.h>
#include <tape/search.h>

#define SIGNALS 4
#define POINTS 1000

/* In every key: results of other code are not found. Count it up with the code. */
static const int version = 1;

/* One run of one of the programs. */
struct stage {
	struct tape *t;
	const char *dir, *name;
	struct tape_reader *reader;
	unsigned computed, recalled;
};

/* What the program before handed on. */
struct signal {
	int id;
	double dt, *y;
	size_t n;
	char from[TAPE_POS_TEXT];
	struct tape_hash hash;
};

/* ---- what is on the tape ---- */

typedef int each_fn(const struct tape_scope *scope, void *user);

/* Each scope that matches, the newest first if asked for; 1 from fn ends it. 0 or -1. */
static int
each(struct stage *s, const char *text, const struct tape_find_options *options,
     each_fn *fn, void *user)
{
	struct tape_query *query = NULL;
	struct tape_cursor *cursor = NULL;
	const struct tape_scope *scope;
	struct tape_error err = { 0 };
	int r = -1, done = 0;

	if (tape_query_compile(text, &query, &err) == 0 &&
	    tape_find(s->reader, query, options, &cursor, &err) == 0)
		while (!done && (r = tape_cursor_next(cursor, &scope, &err)) == 1)
			done = fn(scope, user);
	if (r < 0)
		(void)fprintf(stderr, "pipeline: %s\n", err.message);
	tape_cursor_close(cursor);
	tape_query_free(query);
	return r < 0 ? -1 : 0;
}

/* The last scope of a complete run: which one, and what it was made of. */
struct last {
	struct tape_pos pos;
	uint64_t hi, lo;
};

static int
take_last(const struct tape_scope *scope, void *user)
{
	struct last *last = user;
	uint64_t hi, lo;

	if (!TAPE_BIND(scope, &hi, &lo))
		return 0;
	*last = (struct last){ tape_scope_pos(scope), hi, lo };
	return 1;
}

static struct last
last_of(struct stage *s, const char *name)
{
	struct tape_find_options newest = { .size = sizeof newest,
					    .flags = TAPE_FIND_REVERSE };
	struct last last = { .hi = 0 };
	char text[80];

	(void)snprintf(text, sizeof text, "_run=%s done", name);
	(void)each(s, text, &newest, take_last, &last);
	return last;
}

struct signals {
	struct signal item[SIGNALS];
	size_t count;
};

static int
take_signal(const struct tape_scope *scope, void *user)
{
	struct signals *all = user;
	struct signal *one = &all->item[all->count];
	struct tape_pos pos = tape_scope_pos(scope);
	double *y = NULL, dt;
	size_t n = 0;
	int id;

	if (!TAPE_BIND(scope, &id, &dt, TAPE_AS("y", TAPE_NEW(&y, &n)))) {
		(void)fprintf(stderr, "pipeline: %s\n", tape_bind_error());
		return 0;
	}
	*one = (struct signal){
		.id = id, .dt = dt, .y = y, .n = n, .hash = tape_scope_hash(scope)
	};
	tape_pos_text(&pos, one->from);
	return ++all->count == SIGNALS;
}

/* The signals of the last complete run of the program `from`. */
static void
find_signals(struct stage *s, const char *from, struct signals *all)
{
	struct last run = last_of(s, from);
	struct tape_find_options within = { .size = sizeof within, .upto = run.pos };
	char text[80];

	if (run.pos.seq == 0)
		return;
	memcpy(within.after.session, run.pos.session, sizeof run.pos.session);
	(void)snprintf(text, sizeof text, "_run=%s signal {id: int, dt: float, y: f8[*]}",
		       from);
	(void)each(s, text, &within, take_signal, all);
}

/* ---- runs ---- */

/* A key of all that a run depends on. */
static struct tape_key
key_of(struct stage *s, const struct signals *all, double noise)
{
	struct tape_hash hashes[SIGNALS];

	for (size_t i = 0; i < all->count; i++)
		hashes[i] = all->item[i].hash;
	return TAPE_KEY(
		s->name, version, noise,
		TAPE_AS("inputs", TAPE_BYTES(hashes, all->count * sizeof *hashes)));
}

/* Did the last run of this program make the same of the same? */
static int
unchanged(struct stage *s, struct tape_key key)
{
	struct last last = last_of(s, s->name);

	return last.pos.seq != 0 && last.hi == key.hi && last.lo == key.lo;
}

static void
done(struct stage *s, struct tape_key key)
{
	uint64_t hi = key.hi, lo = key.lo;

	TAPE(s->t, "done", hi, lo);
}

/* ---- make ---- */

static void
make_one(struct stage *s, int id, double noise)
{
	static double y[POINTS];
	double centre = 200 * (id + 1), dt = 0.01;
	uint32_t random = (uint32_t)id + 1;
	struct tape_key key = TAPE_KEY("make.signal", version, id, noise);

	if (!TAPE_RECALL(s->t, key, y)) {
		for (int i = 0; i < POINTS; i++) {
			random = random * 1664525u + 1013904223u;
			y[i] = exp(-pow((i - centre) / 50, 2)) +
			       noise * (random / 4294967296.0 - 0.5);
		}
		TAPE_STORE(s->t, key, y);
		s->computed++;
	} else {
		s->recalled++;
	}
	TAPE(s->t, "signal", id, TAPE_UNIT(dt, "s"), TAPE_UNIT(y, "V"));
}

/* ---- smooth ---- */

/* The mean of 51 points. */
static void
smoothed(const double *y, double *out, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t from = i < 25 ? 0 : i - 25, to = i + 25 < n ? i + 25 : n - 1;
		double sum = 0;

		for (size_t k = from; k <= to; k++)
			sum += y[k];
		out[i] = sum / (double)(to - from + 1);
	}
}

static void
smooth_one(struct stage *s, const struct signal *in)
{
	double *out = calloc(in->n, sizeof *out);
	struct tape_key key = TAPE_KEY("smooth.signal", version, TAPE_AS("dt", in->dt),
				       TAPE_AS("y", TAPE_ARRAY(in->y, in->n)));

	if (!out)
		return;
	if (!TAPE_RECALL(s->t, key, TAPE_ARRAY(out, in->n))) {
		smoothed(in->y, out, in->n);
		TAPE_STORE(s->t, key, TAPE_ARRAY(out, in->n));
		s->computed++;
	} else {
		s->recalled++;
	}
	TAPE(s->t, "signal", TAPE_AS("id", in->id), TAPE_AS("from", in->from),
	     TAPE_UNIT(TAPE_AS("dt", in->dt), "s"),
	     TAPE_UNIT(TAPE_AS("y", TAPE_ARRAY(out, in->n)), "V"));
	free(out);
}

/* ---- report ---- */

static void
report_one(struct stage *s, const struct signal *in)
{
	double peak, when;
	struct tape_key key = TAPE_KEY("report.peak", version, TAPE_AS("dt", in->dt),
				       TAPE_AS("y", TAPE_ARRAY(in->y, in->n)));

	if (!TAPE_RECALL(s->t, key, &peak, &when)) {
		size_t at = 0;

		for (size_t i = 0; i < in->n; i++)
			at = in->y[i] > in->y[at] ? i : at;
		peak = in->y[at];
		when = (double)at * in->dt;
		TAPE_STORE(s->t, key, peak, when);
		s->computed++;
	} else {
		s->recalled++;
	}
	TAPE(s->t, "peak", TAPE_AS("id", in->id), TAPE_AS("from", in->from),
	     TAPE_UNIT(peak, "V"), TAPE_UNIT(when, "s"));
}

/* ---- one program ---- */

static void
run(struct stage *s, const struct signals *in, double noise)
{
	TAPE_LABEL(s->t, s->name);
	if (strcmp(s->name, "make") == 0)
		for (int id = 0; id < SIGNALS; id++)
			make_one(s, id, noise);
	for (size_t i = 0; i < in->count; i++)
		(strcmp(s->name, "smooth") == 0 ? smooth_one : report_one)(s,
									   &in->item[i]);
}

static int
stage(struct stage *s, const char *before, double noise)
{
	struct signals in = { .count = 0 };
	struct tape_key key;
	int r = 0;

	if (before)
		find_signals(s, before, &in);
	key = key_of(s, &in, noise);
	if (before && in.count == 0) {
		(void)fprintf(stderr, "pipeline: %s has recorded no signals\n", before);
		r = -1;
	} else if (unchanged(s, key)) {
		(void)printf("%s: nothing has changed\n", s->name);
	} else {
		run(s, &in, noise);
		done(s, key);
		(void)printf("%s: %u computed, %u recalled\n", s->name, s->computed,
			     s->recalled);
	}
	for (size_t i = 0; i < in.count; i++)
		free(in.item[i].y);
	return r;
}

int
main(int argc, char **argv)
{
	struct stage s = { .dir = argc > 1 ? argv[1] : "",
			   .name = argc > 2 ? argv[2] : "" };
	int making = strcmp(s.name, "make") == 0,
	    smoothing = strcmp(s.name, "smooth") == 0;
	double noise = making ? (argc > 3 ? strtod(argv[3], NULL) : 0.2) : 0;
	struct tape_error err = { 0 };
	int r = -1;

	if (!making && !smoothing && strcmp(s.name, "report") != 0) {
		(void)fprintf(stderr,
			      "usage: pipeline TAPE make [NOISE]|smooth|report\n");
		return 2;
	}
	s.t = tape_open(s.dir, TAPE_OPTIONS(.name = s.name));
	if (tape_reader_open(s.dir, NULL, &s.reader, &err) == 0)
		r = stage(&s, making ? NULL : smoothing ? "make" : "smooth", noise);
	else
		(void)fprintf(stderr, "pipeline: %s\n", err.message);
	tape_reader_close(s.reader);
	return tape_close(s.t) == 0 && r == 0 ? 0 : 1;
}
