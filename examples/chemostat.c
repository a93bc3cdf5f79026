/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two cross-feeding E. coli strains in a chemostat, by dynamic flux balance analysis.
 *
 * At every step each strain solves a linear program over its metabolic network for
 * growth and uptake (R. Mahadevan, J. S. Edwards, F. J. Doyle III (2002) Biophys. J.
 * 83, 1331-1340); biomass, glucose, acetate and oxygen then move one step in time.
 * Strain A takes glucose up fast and spills acetate; strain B, slower on glucose,
 * scavenges that acetate: the polymorphism that evolves in glucose-limited chemostats
 * (R. F. Rosenzweig et al. (1994) Genetics 137, 903-917). README.md has the equations.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <getopt.h>
#include <glpk.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tape/record.h>

#include "fba.h"
#include "network.h"

#ifndef CHEMOSTAT_NETWORK
#define CHEMOSTAT_NETWORK "examples/data/ecoli_core.tsv"
#endif

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* ---- The chemostat -------------------------------------------------------------- */

/* Michaelis-Menten limits of uptake: mmol/gDW/h and mM. */
struct kinetics {
	double glc_max, glc_km;
	double o2_max, o2_km;
	double ac_max, ac_km;
};
TAPE_DESCRIBE(kinetics, struct kinetics, glc_max, glc_km, o2_max, o2_km, ac_max, ac_km);

/*
 * Glucose: about 10 mmol/gDW/h and 0.015 mM after Mahadevan et al. Respiration: A. Varma
 * and B. O. Palsson (1994) Appl. Environ. Microbiol. 60, 3724-3731 measured 15. The
 * strains lie either side of these: A takes up more than its narrow respiratory chain
 * can burn and spills the rest as acetate; B takes up less glucose, respires more, and
 * expresses Acs throughout, as the scavengers of Rosenzweig et al. do. On glucose alone
 * A grows faster than B at every concentration.
 */
static const struct kinetics kinetics_a = { 11.0, 0.015, 10.0, 0.001, 0.0, 0.1 };
static const struct kinetics kinetics_b = { 6.5, 0.015, 20.0, 0.001, 15.0, 0.1 };

static const double o2_saturation = 0.21; /* mM, air, 37 C */
static const double pfl_max = 20.0;	  /* mmol/gDW/h without oxygen */
static const double pfl_ki = 0.001;	  /* mM O2 that halves it */
static const double starvation = 0.05;	  /* 1/h lost where no maintenance is paid */

struct medium {
	double glc, ac, o2; /* mM */
};

struct strain {
	struct kinetics kin;
	struct fba fba;
	double x;		  /* gDW/L */
	double mu, net;		  /* 1/h: growth, and growth less dilution */
	double v_glc, v_o2, v_ac; /* uptake, mmol/gDW/h; negative: secretion */
	const char *lp;		  /* status of the linear program */
	double total;		  /* sum of all |v|, mmol/gDW/h */
	int solves;		  /* of this step; 0: the limits had not moved */
	bool washed_out;
};

struct config {
	const char *tape, *network;
	long runs, steps;
	double dt, kla, feed;
	bool quiet, cache, resume;
	struct tape_key network_key; /* of what is in the file */
};

struct run {
	const struct config *cfg;
	const struct network *net;
	double D, X0;
	enum objective objective;
	struct medium m;
	struct strain a, b;
	double ac_max;
	long infeasible, failed;
};

/*
 * The c that solves  c (1 + dt loss) + dt (wa c/(ka+c) + wb c/(kb+c)) = supply:
 * one backward Euler step of a substrate whose consumers all take what they can. The
 * left side rises and is concave, so Newton from 0 climbs to the root and never passes.
 */
static double
implicit_level(double supply, double dt_loss, double wa, double ka, double wb, double kb)
{
	double c = 0.0;

	for (int i = 0; i < 60; i++) {
		double f = c * (1.0 + dt_loss) + wa * c / (ka + c) + wb * c / (kb + c) -
			   supply;
		double slope = 1.0 + dt_loss + wa * ka / ((ka + c) * (ka + c)) +
			       wb * kb / ((kb + c) * (kb + c));
		double next = c - f / slope;

		if (!(next > c * (1.0 + 1e-15)))
			break;
		c = next;
	}
	return c;
}

static double
saturating(double max, double km, double c)
{
	return max * c / (km + c);
}

static void
strain_solve(struct strain *s, const struct limits *lim, double D)
{
	const struct network *net = s->fba.net;
	const double *flux = s->fba.flux;
	unsigned long before = s->fba.solves;

	fba_solve(&s->fba, lim);
	s->solves = (int)(s->fba.solves - before);
	s->lp = fba_status_name(s->fba.status);
	/* The solver may pass a limit by its tolerance; a substrate may not go below 0. */
	s->v_glc = fmin(flux[net->role[GLUCOSE]], lim->glc);
	s->v_o2 = fmin(flux[net->role[OXYGEN]], lim->o2);
	s->v_ac = fmin(flux[net->role[ACETATE]], lim->ac);
	s->mu = flux[net->role[BIOMASS]];
	if (s->fba.status != LP_OPTIMAL) {
		double need = net->reactions[net->role[MAINTENANCE]].lower;
		s->mu = -starvation *
			(1.0 - fmin(1.0, flux[net->role[MAINTENANCE]] / need));
	}
	s->net = s->mu - D;
	s->total = 0.0;
	for (size_t j = 0; j < net->n_reactions; j++)
		s->total += fabs(flux[j]);
}

/*
 * One step. Levels at its end are estimated as if everybody took all they may, and give
 * the limits; the programs take that or less, and so the levels that follow from what
 * was taken cannot be negative, at any dt. What leaves the medium enters a cell exactly.
 * A goes first: B then sees the acetate that A spills in this very step.
 */
static void
run_step(struct run *r)
{
	double dt = r->cfg->dt, loss = dt * r->D;
	double xa = dt * r->a.x, xb = dt * r->b.x;
	const struct kinetics *ka = &r->a.kin, *kb = &r->b.kin;
	struct medium *m = &r->m;
	double o2_loss = dt * (r->D + r->cfg->kla);
	double glc_in = m->glc + loss * r->cfg->feed;
	double o2_in = m->o2 + o2_loss * o2_saturation;
	double glc = implicit_level(glc_in, loss, xa * ka->glc_max, ka->glc_km,
				    xb * kb->glc_max, kb->glc_km);
	double o2 = implicit_level(o2_in, o2_loss, xa * ka->o2_max, ka->o2_km,
				   xb * kb->o2_max, kb->o2_km);
	double pfl = pfl_max * pfl_ki / (pfl_ki + m->o2);
	struct limits la = { saturating(ka->glc_max, ka->glc_km, glc),
			     saturating(ka->o2_max, ka->o2_km, o2), 0.0, pfl };
	struct limits lb = { saturating(kb->glc_max, kb->glc_km, glc),
			     saturating(kb->o2_max, kb->o2_km, o2), 0.0, pfl };

	strain_solve(&r->a, &la, r->D);
	double ac_in = m->ac - xa * r->a.v_ac;
	double ac = implicit_level(ac_in, loss, xb * kb->ac_max, kb->ac_km, 0.0, 1.0);
	lb.ac = saturating(kb->ac_max, kb->ac_km, ac);
	strain_solve(&r->b, &lb, r->D);

	m->glc = fmax(0.0, (glc_in - xa * r->a.v_glc - xb * r->b.v_glc) / (1.0 + loss));
	m->o2 = fmax(0.0, (o2_in - xa * r->a.v_o2 - xb * r->b.v_o2) / (1.0 + o2_loss));
	m->ac = fmax(0.0, (ac_in - xb * r->b.v_ac) / (1.0 + loss));
	r->a.x *= (1.0 + dt * r->a.mu) / (1.0 + loss);
	r->b.x *= (1.0 + dt * r->b.mu) / (1.0 + loss);
	r->ac_max = fmax(r->ac_max, m->ac);
	r->infeasible +=
		(r->a.fba.status == LP_INFEASIBLE) + (r->b.fba.status == LP_INFEASIBLE);
	r->failed +=
		(r->a.fba.status > LP_INFEASIBLE) + (r->b.fba.status > LP_INFEASIBLE);
}

/* ---- What is recorded ----------------------------------------------------------- */

enum { FLUX_EVERY = 10 };   /* steps between two snapshots of all fluxes */
enum { COMMIT_EVERY = 20 }; /* steps that --resume brings to the tape at once */

/* The run so far, one value per step; fluxes[snapshot][reaction] for each strain. */
struct series {
	size_t n, snapshots;
	double *hours, *xa, *xb, *glc, *ac, *o2, *mua, *mub;
	double *fluxes_a, *fluxes_b;
};

static bool
series_alloc(struct series *ts, long steps, size_t n_reactions)
{
	size_t n = (size_t)steps, cells = (n / FLUX_EVERY + 1) * n_reactions;
	double **columns[] = { &ts->hours, &ts->xa, &ts->xb,  &ts->glc,
			       &ts->ac,	   &ts->o2, &ts->mua, &ts->mub };

	*ts = (struct series){ 0 };
	double *all = calloc(n * ARRAY_LEN(columns) + 2 * cells, sizeof(*all));
	if (!all) {
		fprintf(stderr, "chemostat: no memory for %ld steps\n", steps);
		return false;
	}
	for (size_t k = 0; k < ARRAY_LEN(columns); k++)
		*columns[k] = all + k * n;
	ts->fluxes_a = all + ARRAY_LEN(columns) * n;
	ts->fluxes_b = ts->fluxes_a + cells;
	return true;
}

static void
series_release(struct series *ts)
{
	free(ts->hours); /* the one block that holds all columns */
}

static void
series_push(struct series *ts, const struct run *r, double hours)
{
	size_t width = r->net->n_reactions, i = ts->n++;

	ts->hours[i] = hours;
	ts->xa[i] = r->a.x;
	ts->xb[i] = r->b.x;
	ts->glc[i] = r->m.glc;
	ts->ac[i] = r->m.ac;
	ts->o2[i] = r->m.o2;
	ts->mua[i] = r->a.mu;
	ts->mub[i] = r->b.mu;
	if (i % FLUX_EVERY)
		return;
	memcpy(ts->fluxes_a + ts->snapshots * width, r->a.fba.flux,
	       width * sizeof(double));
	memcpy(ts->fluxes_b + ts->snapshots * width, r->b.fba.flux,
	       width * sizeof(double));
	ts->snapshots++;
}

static void
record_init(struct tape *t, const struct run *r, const char *reaction_ids)
{
	const struct config *cfg = r->cfg;
	const struct strain *a = &r->a, *b = &r->b;
	const struct medium *m = &r->m;

	TAPE(t, "init", TAPE_UNIT(cfg->dt, "h"), cfg->steps, TAPE_UNIT(cfg->kla, "1/h"),
	     TAPE_UNIT(cfg->feed, "mM"), TAPE_UNIT(a->x, "gDW/L"),
	     TAPE_UNIT(b->x, "gDW/L"), TAPE_UNIT(a->kin.glc_max, "mmol/gDW/h"),
	     TAPE_UNIT(a->kin.glc_km, "mM"), TAPE_UNIT(a->kin.o2_max, "mmol/gDW/h"),
	     TAPE_UNIT(b->kin.glc_max, "mmol/gDW/h"), TAPE_UNIT(b->kin.glc_km, "mM"),
	     TAPE_UNIT(b->kin.o2_max, "mmol/gDW/h"),
	     TAPE_UNIT(b->kin.ac_max, "mmol/gDW/h"), TAPE_UNIT(b->kin.ac_km, "mM"),
	     TAPE_UNIT(m->glc, "mM"), TAPE_UNIT(m->ac, "mM"), TAPE_UNIT(m->o2, "mM"),
	     TAPE_AS("network", cfg->network), TAPE_AS("reactions", reaction_ids));
}

static void
record_iter(struct tape *t, const struct run *r, long it, double hours)
{
	const struct strain *a = &r->a, *b = &r->b;
	const struct medium *m = &r->m;

	TAPE(t, "iter", it, TAPE_UNIT(hours, "h"), TAPE_UNIT(m->glc, "mM"),
	     TAPE_UNIT(m->ac, "mM"), TAPE_UNIT(m->o2, "mM"), TAPE_UNIT(a->x, "gDW/L"),
	     TAPE_UNIT(a->mu, "1/h"), TAPE_UNIT(a->net, "1/h"),
	     TAPE_UNIT(a->v_glc, "mmol/gDW/h"), TAPE_UNIT(a->v_o2, "mmol/gDW/h"),
	     TAPE_UNIT(a->v_ac, "mmol/gDW/h"), TAPE_UNIT(a->total, "mmol/gDW/h"), a->lp,
	     a->solves, TAPE_UNIT(b->x, "gDW/L"), TAPE_UNIT(b->mu, "1/h"),
	     TAPE_UNIT(b->net, "1/h"), TAPE_UNIT(b->v_glc, "mmol/gDW/h"),
	     TAPE_UNIT(b->v_o2, "mmol/gDW/h"), TAPE_UNIT(b->v_ac, "mmol/gDW/h"),
	     TAPE_UNIT(b->total, "mmol/gDW/h"), b->lp, b->solves);
}

static void
record_series(struct tape *t, const struct run *r, const struct series *ts)
{
	const struct strain *a = &r->a, *b = &r->b;
	const size_t width = r->net->n_reactions;

	TAPE(t, "store.ts", TAPE_AS("steps", ts->n), TAPE_UNIT(a->x, "gDW/L"),
	     TAPE_UNIT(b->x, "gDW/L"), TAPE_UNIT(a->mu, "1/h"), TAPE_UNIT(b->mu, "1/h"),
	     a->washed_out, b->washed_out, TAPE_AS("glc", TAPE_UNIT(r->m.glc, "mM")),
	     TAPE_AS("ac", TAPE_UNIT(r->m.ac, "mM")),
	     TAPE_AS("ac_max", TAPE_UNIT(r->ac_max, "mM")),
	     TAPE_AS("infeasible", r->infeasible), TAPE_AS("failed", r->failed),
	     TAPE_UNIT(TAPE_BLOB(ts->hours, ts->n), "h"),
	     TAPE_UNIT(TAPE_BLOB(ts->xa, ts->n), "gDW/L"),
	     TAPE_UNIT(TAPE_BLOB(ts->xb, ts->n), "gDW/L"),
	     TAPE_UNIT(TAPE_BLOB(ts->glc, ts->n), "mM"),
	     TAPE_UNIT(TAPE_BLOB(ts->ac, ts->n), "mM"),
	     TAPE_UNIT(TAPE_BLOB(ts->o2, ts->n), "mM"),
	     TAPE_UNIT(TAPE_BLOB(ts->mua, ts->n), "1/h"),
	     TAPE_UNIT(TAPE_BLOB(ts->mub, ts->n), "1/h"),
	     TAPE_UNIT(TAPE_BLOB(ts->fluxes_a, ts->snapshots, width), "mmol/gDW/h"),
	     TAPE_UNIT(TAPE_BLOB(ts->fluxes_b, ts->snapshots, width), "mmol/gDW/h"));
}

/* ---- What was computed before --------------------------------------------------- */

/* Another version of the equations gives other numbers: then this changes, too. */
static const char model_version[] = "1";

/* Everything that a run depends on. */
static struct tape_key
run_key(const struct run *r)
{
	const struct config *cfg = r->cfg;

	return TAPE_KEY("chemostat.run", TAPE_AS("version", model_version),
			TAPE_AS("network", cfg->network_key), TAPE_AS("D", r->D),
			TAPE_AS("X0", r->X0),
			TAPE_AS("objective", fba_objective_name(r->objective)),
			TAPE_AS("steps", cfg->steps), TAPE_AS("dt", cfg->dt),
			TAPE_AS("kla", cfg->kla), TAPE_AS("feed", cfg->feed),
			TAPE_AS("a", TAPE_OF(kinetics, &kinetics_a)),
			TAPE_AS("b", TAPE_OF(kinetics, &kinetics_b)));
}

/* True: the run is as it was when it had been computed, without its steps. */
static bool
run_recall(struct tape *t, struct tape_key key, struct run *r, struct series *ts)
{
	size_t n = (size_t)r->cfg->steps, width = r->net->n_reactions;
	size_t snapshots = (n + FLUX_EVERY - 1) / FLUX_EVERY;
	struct strain *a = &r->a, *b = &r->b;

	if (!TAPE_RECALL(t, key, &a->x, &b->x, &a->mu, &b->mu, &a->washed_out,
			 &b->washed_out, &r->m.glc, &r->m.ac, &r->ac_max, &r->infeasible,
			 &r->failed, TAPE_ARRAY(ts->hours, n), TAPE_ARRAY(ts->xa, n),
			 TAPE_ARRAY(ts->xb, n), TAPE_ARRAY(ts->glc, n),
			 TAPE_ARRAY(ts->ac, n), TAPE_ARRAY(ts->o2, n),
			 TAPE_ARRAY(ts->mua, n), TAPE_ARRAY(ts->mub, n),
			 TAPE_ARRAY(ts->fluxes_a, snapshots, width),
			 TAPE_ARRAY(ts->fluxes_b, snapshots, width)))
		return false;
	ts->n = n;
	ts->snapshots = snapshots;
	return true;
}

static void
run_keep(struct tape *t, struct tape_key key, const struct run *r,
	 const struct series *ts)
{
	size_t width = r->net->n_reactions;
	const struct strain *a = &r->a, *b = &r->b;

	TAPE_STORE(t, key, a->x, b->x, a->mu, b->mu, a->washed_out, b->washed_out,
		   r->m.glc, r->m.ac, r->ac_max, r->infeasible, r->failed,
		   TAPE_ARRAY(ts->hours, ts->n), TAPE_ARRAY(ts->xa, ts->n),
		   TAPE_ARRAY(ts->xb, ts->n), TAPE_ARRAY(ts->glc, ts->n),
		   TAPE_ARRAY(ts->ac, ts->n), TAPE_ARRAY(ts->o2, ts->n),
		   TAPE_ARRAY(ts->mua, ts->n), TAPE_ARRAY(ts->mub, ts->n),
		   TAPE_ARRAY(ts->fluxes_a, ts->snapshots, width),
		   TAPE_ARRAY(ts->fluxes_b, ts->snapshots, width));
}

/* The network is a part of the key by what is in its file. */
static bool
network_key(struct config *cfg)
{
	FILE *file = fopen(cfg->network, "rb");
	static char text[1 << 20];
	size_t n = file ? fread(text, 1, sizeof(text), file) : 0;

	if (!file || n == sizeof(text)) {
		fprintf(stderr, "chemostat: %s: cannot be read as a whole\n",
			cfg->network);
		if (file)
			(void)fclose(file);
		return false;
	}
	(void)fclose(file);
	cfg->network_key = TAPE_KEY("network", TAPE_AS("text", TAPE_BYTES(text, n)));
	return true;
}

/* ---- The sweep ------------------------------------------------------------------ */

/* How far it is, and what it has come to. */
struct totals {
	long next; /* run */
	unsigned long scopes, solves, recalled;
	long infeasible, failed;
};
TAPE_DESCRIBE(totals, struct totals, next, scopes, solves, recalled, infeasible, failed);

static const double sweep_x0[] = { 0.02, 0.2 }; /* gDW/L, both strains together */
static const double sweep_d_min = 0.04, sweep_d_max = 0.68;

/* Objective runs fastest, then X0, then D, which is spread over as many as are asked. */
static void
sweep_point(struct run *r, long i)
{
	const long per_d = (long)ARRAY_LEN(sweep_x0) * OBJECTIVES;
	long n_d = (r->cfg->runs + per_d - 1) / per_d;
	double share = n_d > 1 ? (double)(i / per_d) / (double)(n_d - 1) : 0.0;

	r->objective = (enum objective)(i % OBJECTIVES);
	r->X0 = sweep_x0[i / OBJECTIVES % (long)ARRAY_LEN(sweep_x0)];
	/* To a thousandth: D=0.3 in a query is then the double that was recorded. */
	r->D = round(1000.0 * (sweep_d_min + share * (sweep_d_max - sweep_d_min))) /
	       1000.0;
}

static void
strain_init(struct strain *s, const struct run *r, const struct kinetics *kin)
{
	*s = (struct strain){ .kin = *kin, .x = r->X0 / 2.0, .lp = "none" };
	fba_init(&s->fba, r->net, r->objective);
}

/* Under a hundredth of where it began, and still shrinking. */
static bool
strain_washed_out(const struct strain *s, const struct run *r)
{
	return s->x < 0.01 * r->X0 / 2.0 && s->net < 0.0;
}

static void
run_steps(struct tape *t, struct run *r, struct series *ts)
{
	for (long it = 0; it < r->cfg->steps; it++) {
		double hours = (double)(it + 1) * r->cfg->dt;

		run_step(r);
		record_iter(t, r, it, hours);
		series_push(ts, r, hours);
		/* With --resume nothing is committed but when the program says so. */
		if (r->cfg->resume && (it + 1) % COMMIT_EVERY == 0)
			(void)tape_commit(t);
	}
	r->a.washed_out = strain_washed_out(&r->a, r);
	r->b.washed_out = strain_washed_out(&r->b, r);
}

static bool
run_one(struct tape *t, struct run *r, long i, const char *reaction_ids,
	struct totals *sum)
{
	struct series ts;

	sweep_point(r, i);
	if (!series_alloc(&ts, r->cfg->steps, r->net->n_reactions))
		return false;
	r->m = (struct medium){ .glc = r->cfg->feed, .o2 = o2_saturation };
	strain_init(&r->a, r, &kinetics_a);
	strain_init(&r->b, r, &kinetics_b);

	double D = r->D, X0 = r->X0;
	const char *objective = fba_objective_name(r->objective);
	TAPE_LABELF(t, "run:%ld", i);
	TAPE_WITH(t, TAPE_UNIT(D, "1/h"), TAPE_UNIT(X0, "gDW/L"), objective);
	record_init(t, r, reaction_ids);
	struct tape_key key = { 0, 0 };
	bool known = false;
	if (r->cfg->cache) {
		key = run_key(r);
		known = run_recall(t, key, r, &ts);
	}
	if (!known)
		run_steps(t, r, &ts);
	if (r->cfg->cache && !known && r->failed == 0)
		run_keep(t, key, r, &ts);
	record_series(t, r, &ts);

	if (!r->cfg->quiet)
		printf("run %3ld  D %.3f  X0 %.2f  %-8s A %8.5f  B %8.5f gDW/L  glucose "
		       "%8.4f"
		       "  acetate %7.4f mM  infeasible %ld\n",
		       i, D, X0, objective, r->a.x, r->b.x, r->m.glc, r->m.ac,
		       r->infeasible);
	sum->scopes += 2 + (known ? 0 : (unsigned long)r->cfg->steps);
	sum->recalled += known;
	sum->solves += r->a.fba.solves + r->b.fba.solves;
	sum->infeasible += r->infeasible;
	sum->failed += r->failed;
	fba_release(&r->a.fba);
	fba_release(&r->b.fba);
	series_release(&ts);
	return true;
}

/* "GLCpts,PGI,...": the columns of the recorded flux arrays. */
static void
join_ids(const struct network *net, char *out, size_t size)
{
	size_t at = 0;

	for (size_t j = 0; j < net->n_reactions && at < size; j++)
		at += (size_t)snprintf(out + at, size - at, "%s%s", j ? "," : "",
				       net->reactions[j].id);
}

/* ---- Going on where it was killed ------------------------------------------------ */

/* What makes it that sweep and no other: a part of each of its checkpoints. */
static void
sweep_name(const struct config *cfg, char name[TAPE_HASH_TEXT])
{
	tape_key_text(TAPE_KEY("chemostat.sweep", TAPE_AS("version", model_version),
			       TAPE_AS("network", cfg->network_key),
			       TAPE_AS("runs", cfg->runs), TAPE_AS("steps", cfg->steps),
			       TAPE_AS("dt", cfg->dt), TAPE_AS("kla", cfg->kla),
			       TAPE_AS("feed", cfg->feed)),
		      name);
}

/*
 * Between two runs. All that was recorded since the last one, results for the cache
 * included, is committed with it: it is on the tape as a whole, or not at all.
 */
static bool
sweep_checkpoint(struct tape *t, const struct config *cfg, const struct totals *sum)
{
	char sweep[TAPE_HASH_TEXT];

	sweep_name(cfg, sweep);
	TAPE_WITH(t, sweep);
	TAPE(t, "checkpoint", TAPE_OF(totals, sum));
	return tape_commit(t) == 0;
}

/* Before the first run there is a checkpoint, too: so one that is killed in it counts for nothing. */
static bool
sweep_resume(struct tape *t, const struct config *cfg, struct totals *sum)
{
	char sweep[TAPE_HASH_TEXT];
	int found;

	sweep_name(cfg, sweep);
	{
		TAPE_WITH(t, sweep);
		found = TAPE_RESTORE(t, "checkpoint", TAPE_OF(totals, sum));
	}
	if (found == 0)
		return sweep_checkpoint(t, cfg, sum);
	if (found == 1)
		return tape_resume(t) == 0;
	fprintf(stderr, "chemostat: the sweep cannot go on: %s\n", tape_bind_error());
	return false;
}

static bool
sweep(struct tape *t, const struct config *cfg, const struct network *net)
{
	char reaction_ids[REACTIONS_MAX * ID_MAX + 1];
	struct totals sum = { 0 };

	join_ids(net, reaction_ids, sizeof(reaction_ids));
	TAPE_LABEL(t, "chemostat");
	bool ok = !cfg->resume || sweep_resume(t, cfg, &sum);
	const struct totals before = sum;
	while (ok && sum.next < cfg->runs) {
		struct run r = { .cfg = cfg, .net = net };
		ok = run_one(t, &r, sum.next++, reaction_ids, &sum) &&
		     (!cfg->resume || sweep_checkpoint(t, cfg, &sum));
	}
	if (cfg->resume)
		printf("went on at run %ld of %ld: %lu linear programs solved since\n",
		       before.next, cfg->runs, sum.solves - before.solves);
	if (cfg->cache)
		printf("%lu of %ld runs had been computed before\n", sum.recalled,
		       cfg->runs);
	printf("%lu scopes, %lu linear programs solved, %ld infeasible, %ld failed\n",
	       sum.scopes, sum.solves, sum.infeasible, sum.failed);
	return ok && sum.failed == 0;
}

/* ---- The command ---------------------------------------------------------------- */

static const char help[] =
	"Usage: chemostat [OPTION]...\n"
	"Two cross-feeding E. coli strains in a chemostat, swept over dilution rate,\n"
	"initial biomass and objective; every step is recorded on a tape.\n"
	"\n"
	"  -t, --tape DIR      record here (default: $TAPE_DIR, else record nothing)\n"
	"  -r, --runs N        runs of the sweep (default 54)\n"
	"  -s, --steps N       steps of a run (default 2000)\n"
	"      --dt H          hours per step (default 0.05)\n"
	"      --kla K         oxygen transfer, 1/h (default 150)\n"
	"      --feed C        glucose in the feed, mM (default 10)\n"
	"      --network FILE  the metabolic network\n"
	"                      (default " CHEMOSTAT_NETWORK ")\n"
	"      --cache         take runs from the tape that were computed before, "
	"whatever\n"
	"                      session did; of them no steps are recorded\n"
	"      --resume        leave a checkpoint after each run, and go on from the "
	"newest\n"
	"                      one that this sweep has on the tape\n"
	"  -q, --quiet         print the totals only\n"
	"  -h, --help          show this\n"
	"\n"
	"Exit status: 0 done, 1 a linear program failed or the tape is not whole,\n"
	"2 wrong use.\n";

enum { OPT_DT = 256, OPT_KLA, OPT_FEED, OPT_NETWORK, OPT_CACHE, OPT_RESUME };

static const struct option options[] = {
	{ "tape", required_argument, NULL, 't' },
	{ "runs", required_argument, NULL, 'r' },
	{ "steps", required_argument, NULL, 's' },
	{ "dt", required_argument, NULL, OPT_DT },
	{ "kla", required_argument, NULL, OPT_KLA },
	{ "feed", required_argument, NULL, OPT_FEED },
	{ "network", required_argument, NULL, OPT_NETWORK },
	{ "cache", no_argument, NULL, OPT_CACHE },
	{ "resume", no_argument, NULL, OPT_RESUME },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

/* False: `opt` is not known or its value is out of range. */
static bool
config_set(struct config *cfg, int opt, const char *value)
{
	switch (opt) {
	case 't':
		cfg->tape = value;
		return true;
	case 'r':
		return network_long(value, 1, 1000000, &cfg->runs);
	case 's':
		return network_long(value, 1, 10000000, &cfg->steps);
	case OPT_DT:
		return network_double(value, 1e-6, 1.0, &cfg->dt);
	case OPT_KLA:
		return network_double(value, 0.0, 1e6, &cfg->kla);
	case OPT_FEED:
		return network_double(value, 0.0, 1e4, &cfg->feed);
	case OPT_NETWORK:
		cfg->network = value;
		return true;
	case OPT_CACHE:
		cfg->cache = true;
		return true;
	case OPT_RESUME:
		cfg->resume = true;
		return true;
	case 'q':
		cfg->quiet = true;
		return true;
	default:
		return false;
	}
}

int
main(int argc, char **argv)
{
	struct config cfg = { .network = CHEMOSTAT_NETWORK,
			      .runs = 54,
			      .steps = 2000,
			      .dt = 0.05,
			      .kla = 150.0,
			      .feed = 10.0 };
	static struct network net;
	int opt;

	while ((opt = getopt_long(argc, argv, "t:r:s:qh", options, NULL)) != -1) {
		if (opt == 'h')
			return fputs(help, stdout) < 0 || fflush(stdout) != 0;
		if (config_set(&cfg, opt, optarg))
			continue;
		if (opt != '?')
			fprintf(stderr, "chemostat: '%s' is no number in range\n",
				optarg);
		fprintf(stderr, "chemostat: try --help\n");
		return 2;
	}
	if (optind < argc) {
		fprintf(stderr, "chemostat: '%s' is not an option; try --help\n",
			argv[optind]);
		return 2;
	}
	if (!network_read(&net, cfg.network) ||
	    ((cfg.cache || cfg.resume) && !network_key(&cfg)))
		return 2;
	(void)glp_term_out(GLP_OFF);
	/* A checkpoint and the run before it are one commit: sweep_checkpoint(). */
	if (cfg.resume)
		(void)setenv("TAPE_COMMIT", "manual", 1);
	struct tape *t = cfg.tape ? tape_open(cfg.tape, TAPE_OPTIONS(.name = "chemostat"))
				  : tape_main();
	bool ok = sweep(t, &cfg, &net);
	(void)glp_free_env();
	/* A run whose tape is not whole has failed, whatever it computed. */
	int lost = tape_close(t);
	return fflush(stdout) != 0 || lost != 0 || !ok || (cfg.tape && !t);
}
