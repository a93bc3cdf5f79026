/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One tape with something of everything, recorded by macros (this file is C and C++) or,
 * with -DPLAIN, by functions: ways.py compares them. The last argument is its directory;
 * with another in front of it nothing is recorded, only asked.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tape/record.h>
#include <tape/search.h>

static struct tape *t;

enum mode { SLOW, FAST };
struct params {
	double alpha;
	struct {
		int nx;
	} grid;
	char name[8];
	enum mode mode;
};
TAPE_DESCRIBE(params, struct params, alpha, grid.nx, name, mode);
TAPE_OPTIONAL(params, name);
TAPE_ENUMS(params, TAPE_NAMES(mode, SLOW, FAST));
static struct params now = { 0.5, { 4 }, "ising", FAST };

#define LENGTH 6
static double series[LENGTH] = { 1, 2, 3, 4, 5, 6 };
static double large[20]; /* over 64 bytes: a value that may be kept elsewhere */
static int evaluated;

/* ---- in the plain way ---- */

#ifdef PLAIN

static struct tape_site *
site_of(const char *names, uint32_t count)
{
	struct tape_site *site = (struct tape_site *)calloc(1, sizeof *site);

	site->version = TAPE_SITE_VERSION;
	site->file = __FILE__;
	site->func = "site_of";
	site->names = names;
	site->count = count;
	return site;
}

static struct tape_build *
with_i64(struct tape_build *b, const char *name, int64_t v)
{
	(void)tape_build_i64(b, name, TAPE_NUL, v);
	return b;
}

static struct tape_build *
with_f64(struct tape_build *b, const char *name, double v)
{
	(void)tape_build_f64(b, name, TAPE_NUL, v);
	return b;
}

static struct tape_build *
with_params(struct tape_build *b, const struct params *p, const char *prefix)
{
	static const struct tape_enumerator modes[] = { { SLOW, "SLOW" },
							{ FAST, "FAST" } };
	char name[40];

	(void)snprintf(name, sizeof name, "%salpha", prefix);
	(void)tape_build_f64(b, name, TAPE_NUL, p->alpha);
	(void)snprintf(name, sizeof name, "%sgrid.nx", prefix);
	(void)tape_build_i64(b, name, TAPE_NUL, p->grid.nx);
	(void)snprintf(name, sizeof name, "%sname", prefix);
	(void)tape_build_str(b, name, TAPE_NUL, p->name, TAPE_NUL);
	(void)snprintf(name, sizeof name, "%smode", prefix);
	(void)tape_build_i64(b, name, TAPE_NUL, p->mode);
	(void)tape_build_enum(b, modes, 2);
	return b;
}

#define I64(label, name, v)                                                              \
	(void)tape_build_end(with_i64(tape_build_begin(t, label), name, v))
#define F64(label, name, v)                                                              \
	(void)tape_build_end(with_f64(tape_build_begin(t, label), name, v))
#define LABEL(name)                                                                      \
	struct tape_guard label_guard __attribute__((cleanup(tape_guard_pop))) =         \
		tape_label_push(t, name)
/* Of one i64. */
#define WITH(n, v)                                                                       \
	static const unsigned char with_kind[] = { tape_kind_i64 };                      \
	const struct tape_word with_word[] = { { (uint64_t)(v), 0 } };                   \
	struct tape_guard with_guard __attribute__((cleanup(tape_guard_pop))) =          \
		tape_with_push(t, site_of(n, 1), with_kind, with_word)

#else

#define I64(label, name, v) TAPE(t, label, TAPE_AS(name, (int64_t)(v)))
#define F64(label, name, v) TAPE(t, label, TAPE_AS(name, (double)(v)))
#define LABEL(name) TAPE_LABEL(t, name)
#define WITH(n, v) TAPE_WITH(t, TAPE_AS(n, (int64_t)(v)))

#endif

/* ---- rules ---- */

static void
rules(void)
{
	LABEL("rules");
	(void)tape_set(t, "^thin$", "every", "3");
	(void)tape_set(t, "^off$", "record", "off");
	(void)tape_set(t, "^when$", "when", "x=2..");
	(void)tape_set(t, "^store", "exclude", ".");
	(void)tape_set(t, "^store", "include", "^keep$");
	(void)tape_set(t, "^contract$", "require", "{x: float}");
	for (int i = 0; i < 4; i++) {
		I64("thin", "i", (evaluated++, i));
		I64("off", "i", i);
		F64("when", "x", i);
		I64("contract", "x", i);
	}
#ifdef PLAIN
	(void)tape_build_end(
		with_i64(with_i64(tape_build_begin(t, "store.x"), "keep", 1), "drop", 2));
#else
	TAPE(t, "store.x", TAPE_AS("keep", 1), TAPE_AS("drop", 2));
#endif
}

/* ---- settings of labels ---- */

static void
settings(void)
{
	uint64_t before = tape_position(t).seq, after;

	(void)tape_set(t, "^big$", "inline_max", "16");
	(void)tape_set(t, "^now$", "commit", "2");
#ifdef PLAIN
	struct tape_nd nd;
	struct tape_build *b = tape_build_begin(t, "big");

	memset(&nd, 0, sizeof nd);
	nd.data = large;
	nd.dtype = "f8";
	nd.ndim = 1;
	nd.dims[0] = 20;
	(void)tape_build_nd(b, "large", TAPE_NUL, &nd, 0);
	(void)tape_build_end(b);
#else
	TAPE(t, "big", large);
#endif
	I64("now", "i", 1);
	after = tape_position(t).seq;
	I64("now", "i", 2);
	(void)printf("committed %d, then %d\n", after > before,
		     tape_position(t).seq > before);
}

/* ---- contexts ---- */

static void
inherits(struct tape_ctx ctx)
{
#ifdef PLAIN
	struct tape_guard guard = tape_inherit_push(t, ctx);

	I64("inherited", "i", 1);
	tape_guard_pop(&guard);
#else
	TAPE_INHERIT(t, ctx);
	I64("inherited", "i", 1);
#endif
}

static void
contexts(void)
{
	struct tape_ctx ctx;

	{
		LABEL("contexts");
		WITH("D", 7);
#ifdef PLAIN
		struct tape_guard run = tape_label_pushf(t, "run:%d", 3);

		I64("iter", "i", 0);
		tape_guard_pop(&run);
#else
		{
			TAPE_LABELF(t, "run:%d", 3);
			I64("iter", "i", 0);
		}
#endif
		ctx = tape_context(t);
	}
	inherits(ctx);
	I64("outside", "i", 2);
}

/* ---- hooks ---- */

static int
no_underscore(const struct tape_view *view, void *arg, void *user)
{
	(void)arg, (void)user;
	return tape_view_variable(view, NULL)[0] == '_' ? TAPE_SELECT_DROP
							: TAPE_SELECT_PASS;
}

static int
twice(const struct tape_view *view, void *arg, void *user)
{
	double x;

	(void)arg, (void)user;
	if (tape_view_number(view, "x", &x))
		(void)tape_build_f64(tape_view_add(view), "twice", TAPE_NUL, 2 * x);
	return 0;
}

static int
answer(const struct tape_view *view, void *arg, void *user)
{
	(void)view;
	*(int *)arg += *(int *)user;
	return 0;
}

static int
count(const struct tape_view *view, void *arg, void *user)
{
	struct tape_counts counts;

	(void)arg;
	memset(&counts, 0, sizeof counts);
	counts.size = sizeof counts;
	(void)tape_view_counts(view, &counts);
	*(int *)user += (int)counts.scopes;
	return 0;
}

static void
hooks(void)
{
	static const char *const where[] = { "^hooks$", NULL };
	int given = 40, got = 2, counted = 0;

	(void)tape_hook(t, TAPE_HOOK_SELECT, where, no_underscore, NULL);
	(void)tape_hook(t, TAPE_HOOK_CAPTURE, where, twice, NULL);
	(void)tape_hook(t, TAPE_HOOK_CALL, where, answer, &given);
	(void)tape_hook(t, TAPE_HOOK_COMMIT, where, count, &counted);
	{
		LABEL("hooks");
#ifdef PLAIN
		(void)tape_build_end(with_i64(
			with_f64(tape_build_begin(t, "seen"), "x", 1.5), "_hidden", 1));
#else
		TAPE(t, "seen", TAPE_AS("x", 1.5), TAPE_AS("_hidden", 1));
#endif
		(void)tape_call(t, "ask", &got);
	}
	(void)tape_commit(t);
	tape_hooks_reset(t);
	(void)printf("called %d, counted %d\n", got, counted);
}

/* ---- tare ---- */

static void
tares(void)
{
	LABEL("tare");
	WITH("seed", 11);
	tape_tare(t, 0);
	I64("without", "i", 1);
	tape_untare(t);
	I64("with", "i", 2);
#ifdef PLAIN
	tape_tare_next(t, 1);
	(void)tape_build_end(with_i64(tape_build_begin(t, "_tare"), "n", 3));
	tape_tare_done(t);
#else
	TAPE_TARE(t, 1, TAPE_AS("n", (int64_t)3));
#endif
	{
		WITH("n", 3);
		I64("same", "i", 3);
	}
	{
		WITH("n", 4);
		I64("changed", "i", 4);
	}
}

/* ---- bookmarks ---- */

static void
bookmarks(void)
{
	LABEL("marks");
	(void)tape_bookmark(t, "begin");
	I64("x", "i", 1);
	(void)tape_bookmark(t, "begin");
	I64("x", "i", 2);
	(void)tape_commit(t);
	(void)tape_bookmark_at(t, "there", tape_position(t));
}

/* ---- redundant scopes ---- */

static void
redundant(void)
{
	(void)tape_set(t, "^sub$", "dedup", "subset");
	for (int i = 0; i < 2; i++) {
#ifdef PLAIN
		struct tape_build *b = with_i64(tape_build_begin(t, "sub"), "i", 1);

		(void)tape_build_end(with_i64(b, "j", 2));
		b = with_i64(tape_build_begin(t, "sub"), "i", 1);
		(void)tape_build_end(with_i64(with_i64(b, "j", 2), "k", 3));
#else
		TAPE(t, "sub", TAPE_AS("i", (int64_t)1), TAPE_AS("j", (int64_t)2));
		TAPE(t, "sub", TAPE_AS("i", (int64_t)1), TAPE_AS("j", (int64_t)2),
		     TAPE_AS("k", (int64_t)3));
#endif
	}
	(void)tape_commit(t);
}

static void
ask(void)
{
	int asked[2];

	for (int i = 0; i < 2; i++) {
#ifdef PLAIN
		struct tape_build *b = with_i64(tape_build_begin(t, "sub"), "i", 1);

		b = with_i64(b, "j", 2 + i);
		asked[i] = tape_build_seen(b);
		tape_build_cancel(b);
#else
		asked[i] = TAPE_SEEN(t, "sub", TAPE_AS("i", (int64_t)1),
				     TAPE_AS("j", (int64_t)2 + i));
#endif
	}
	(void)printf("seen %d %d\n", asked[0], asked[1]);
}

/* ---- assembling ---- */

static void
assembling(void)
{
	enum mode mode = FAST;
#ifdef PLAIN
	static const struct tape_enumerator modes[] = { { SLOW, "SLOW" },
							{ FAST, "FAST" } };
	static const unsigned char kind[] = { tape_kind_i64 };
	const struct tape_word word[] = { { 5, 0 } };
	struct tape_nd nd;
	struct tape_build *b;

	memset(&nd, 0, sizeof nd);
	nd.data = series;
	nd.dtype = "f8";
	nd.ndim = 2;
	nd.dims[0] = 2;
	nd.dims[1] = 3;
	(void)tape_add(t, site_of("added", 1), kind, word);
	b = tape_build_begin(t, "step");
	(void)tape_build_i64(b, "mode", TAPE_NUL, mode);
	(void)tape_build_enum(b, modes, 2);
	(void)tape_build_nd(b, "hashed", TAPE_NUL, &nd, TAPE_AS_HASH);
	(void)tape_build_nd(b, "kept", TAPE_NUL, &nd, 0);
	(void)tape_build_unit(b, "K", TAPE_NUL);
	(void)tape_build_end(b);
#else
	TAPE_ADD(t, TAPE_AS("added", (int64_t)5));
	TAPE(t, "step", TAPE_ENUM(mode, SLOW, FAST),
	     TAPE_AS("hashed", TAPE_HASHED(series, 2, 3)),
	     TAPE_UNIT(TAPE_AS("kept", TAPE_ARRAY(series, 2, 3)), "K"));
#endif
}

/* ---- partials ---- */

static void
partials(void)
{
	(void)tape_describe(t, &params);
	(void)tape_set(t, "^of$", "require", "params");
#ifdef PLAIN
	(void)tape_build_end(with_params(with_params(tape_build_begin(t, "of"), &now, ""),
					 &now, "p."));
#else
	TAPE(t, "of", TAPE_OF(params, &now), TAPE_AS("p", TAPE_OF(params, &now)));
#endif
}

/* The last of them back into the program; by the function as well as by the macro. */
static void
bind(const char *dir)
{
	struct tape_reader *reader = NULL;
	struct tape_query *query = NULL;
	struct tape_cursor *cursor = NULL;
	const struct tape_scope *scope;
	struct params back = { 0, { 0 }, "", SLOW };
	int bound = 0;

	if (tape_reader_open(dir, NULL, &reader, NULL) == 0 &&
	    tape_query_compile("of p.mode=FAST", &query, NULL) == 0 &&
	    tape_find(reader, query, NULL, &cursor, NULL) == 0 &&
	    tape_cursor_next(cursor, &scope, NULL) == 1) {
#ifdef PLAIN
		const struct tape_of of = { &params, &back, "&back", 1 };
		struct tape_named out;

		memset(&out, 0, sizeof out);
		out.value.lo = (uint64_t)(uintptr_t)&of;
		out.kind = tape_kind_of;
		bound = tape_bind(scope, "&back", 1, &out);
#else
		bound = TAPE_BIND(scope, TAPE_OF(params, &back));
#endif
	}
	(void)printf("bound %d: %g %d %s %d\n", bound, back.alpha, back.grid.nx,
		     back.name, (int)back.mode);
	tape_cursor_close(cursor);
	tape_query_free(query);
	tape_reader_close(reader);
}

/* ---- locals, by a list as tape-locals writes them ---- */

#define TAPE_LOCALS_AT_9001 ~, TAPE_LOCALS_LISTED_
#define TAPE_LOCALS_COUNT_9001 3
#define TAPE_LOCALS_NAMES_9001 "i,mode(SLOW=0,FAST=1),p"
#define TAPE_LOCALS_LIST_9001(tape_v_, tape_a_, tape_s_, tape_n_)                        \
	tape_v_(i), tape_v_(mode), tape_a_(5),

static void
locals(int i)
{
	enum mode mode = FAST;
#ifdef PLAIN
	static const unsigned char kinds[] = { tape_kind_i64, tape_kind_i64,
					       tape_kind_absent };
	const struct tape_word words[] = { { (uint64_t)i, 0 },
					   { (uint64_t)mode, 0 },
					   { TAPE_NOT_SELECTED, 0 } };
	struct tape_site *site = site_of("i,mode(SLOW=0,FAST=1),p", 3);

	site->flags = TAPE_SITE_LOCALS;
	tape_record(t, site, "locals", kinds, words);
#else
	const void *p = &i;

	(void)p;
/* clang-format off */
#line 9001
	TAPE_LOCALS(t, "locals");
/* clang-format on */
#endif
}

int
main(int argc, char **argv)
{
	const char *dir = argv[argc - 1];

	t = tape_open(dir, NULL);
	if (argc > 2) {
		ask();
		bind(dir);
		return tape_close(t) != 0;
	}
	rules();
	settings();
	contexts();
	hooks();
	tares();
	bookmarks();
	redundant();
	ask();
	assembling();
	partials();
	locals(9);
	(void)printf("%d errors, evaluated %d\n", *tape_error(t) ? 1 : 0, evaluated);
	if (tape_close(t) != 0)
		return 1;
	bind(dir);
	return 0;
}
