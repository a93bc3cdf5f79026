/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pipeline of three programs that hand over by the tape: each looks for what the one
 * before has recorded, and says from which scope its own was made.
 *
 *	pipeline TAPE make	noisy signals
 *	pipeline TAPE smooth	the signals, smoothed
 *	pipeline TAPE report	where their greatest values are
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

static void
make(struct tape *t)
{
	static double y[POINTS];
	uint32_t noise = 1;

	TAPE_LABEL(t, "make");
	for (int id = 0; id < SIGNALS; id++) {
		double centre = 200 * (id + 1), dt = 0.01;

		for (int i = 0; i < POINTS; i++) {
			noise = noise * 1664525u + 1013904223u;
			y[i] = exp(-pow((i - centre) / 50, 2)) +
			       0.2 * (noise / 4294967296.0 - 0.5);
		}
		TAPE(t, "signal", id, TAPE_UNIT(dt, "s"),
		     TAPE_UNIT(TAPE_ARRAY(y, POINTS), "V"));
	}
}

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
smooth_one(struct tape *t, const struct tape_scope *scope, const char *from)
{
	double *y = NULL, *out, dt;
	size_t n = 0;
	int id;

	if (!TAPE_BIND(scope, &id, &dt, TAPE_AS("y", TAPE_NEW(&y, &n)))) {
		(void)fprintf(stderr, "pipeline: %s: %s\n", from, tape_bind_error());
		return;
	}
	out = calloc(n, sizeof *out);
	if (out) {
		smoothed(y, out, n);
		TAPE(t, "signal", id, from, TAPE_UNIT(dt, "s"),
		     TAPE_UNIT(TAPE_AS("y", TAPE_ARRAY(out, n)), "V"));
	}
	free(out);
	free(y);
}

static void
report_one(struct tape *t, const struct tape_scope *scope, const char *from)
{
	double *y = NULL, dt;
	size_t n = 0, at = 0;
	int id;

	if (!TAPE_BIND(scope, &id, &dt, TAPE_AS("y", TAPE_NEW(&y, &n))) || n == 0) {
		(void)fprintf(stderr, "pipeline: %s: %s\n", from, tape_bind_error());
		return;
	}
	for (size_t i = 0; i < n; i++)
		at = y[i] > y[at] ? i : at;
	double peak = y[at], when = (double)at * dt;

	TAPE(t, "peak", id, from, TAPE_UNIT(peak, "V"), TAPE_UNIT(when, "s"));
	free(y);
}

typedef void each_fn(struct tape *t, const struct tape_scope *scope, const char *from);

/* Whatever matches is there in full: `from` is a position, as in tape-find _pos=... */
static int
each(const char *dir, const char *text, struct tape *t, each_fn *one)
{
	struct tape_reader *reader = NULL;
	struct tape_query *query = NULL;
	struct tape_cursor *cursor = NULL;
	const struct tape_scope *scope;
	struct tape_error err = { 0 };
	char session[TAPE_SESSION_TEXT], from[TAPE_SESSION_TEXT + 24];
	int r = -1;

	if (tape_reader_open(dir, NULL, &reader, &err) == 0 &&
	    tape_query_compile(text, &query, &err) == 0 &&
	    tape_find(reader, query, NULL, &cursor, &err) == 0)
		while ((r = tape_cursor_next(cursor, &scope, &err)) == 1) {
			struct tape_pos pos = tape_scope_pos(scope);

			tape_session_text(pos.session, session);
			(void)snprintf(from, sizeof from, "%s:%llu", session,
				       (unsigned long long)pos.seq);
			one(t, scope, from);
		}
	if (r < 0)
		(void)fprintf(stderr, "pipeline: %s\n", err.message);
	tape_cursor_close(cursor);
	tape_query_free(query);
	tape_reader_close(reader);
	return r;
}

int
main(int argc, char **argv)
{
	const char *stage = argc > 2 ? argv[2] : "";
	int making = strcmp(stage, "make") == 0, smoothing = strcmp(stage, "smooth") == 0;
	int r = 0;

	if (!making && !smoothing && strcmp(stage, "report") != 0) {
		(void)fprintf(stderr, "usage: pipeline TAPE make|smooth|report\n");
		return 2;
	}
	struct tape *t = tape_open(argv[1], TAPE_OPTIONS(.name = stage));

	if (making) {
		make(t);
	} else if (smoothing) {
		TAPE_LABEL(t, "smooth");
		r = each(argv[1], "make signal {id: int, dt: float, y: f8[*]}", t,
			 smooth_one);
	} else {
		TAPE_LABEL(t, "report");
		r = each(argv[1], "smooth signal {id: int, dt: float, y: f8[*]}", t,
			 report_one);
	}
	return tape_close(t) == 0 && r == 0 ? 0 : 1;
}
