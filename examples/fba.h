/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flux balance analysis of one strain: the fluxes v that satisfy S v = 0 and the limits,
 * and maximise growth, by GLPK's simplex, warm from the solve before.
 */
#ifndef EXAMPLES_FBA_H
#define EXAMPLES_FBA_H

#include <glpk.h>

#include "network.h"

/* MAX_ATP and MIN_FLUX choose among the fluxes of near-maximal growth. */
enum objective { MAX_GROWTH, MAX_ATP, MIN_FLUX, OBJECTIVES };

/* Up to LP_INFEASIBLE the fluxes are an answer. */
enum lp_status { LP_OPTIMAL, LP_INFEASIBLE, LP_UNBOUNDED, LP_FAILED };

/* What a strain may take from the medium in this step, mmol/gDW/h. */
struct limits {
	double glc, o2, ac;
	double pfl; /* of pyruvate formate-lyase, which oxygen switches off */
};

struct fba {
	const struct network *net;
	enum objective objective;
	glp_prob *growth;     /* max growth: its basis starts the next step's solve */
	glp_prob *second;     /* ATP or flux at that growth; ATP alone for the starving */
	struct limits solved; /* of the last solve; negative before the first */
	enum lp_status status;
	double flux[REACTIONS_MAX]; /* mmol/gDW/h */
	unsigned long solves;	    /* simplex calls so far */
};

/* `net` is borrowed until fba_release(). GLPK aborts the program without memory. */
void fba_init(struct fba *fba, const struct network *net, enum objective objective);
void fba_release(struct fba *fba);

/*
 * Fluxes and status for these limits. Nothing is solved where the limits have moved by
 * less than the solver can tell. LP_INFEASIBLE means that the uptake does not pay for
 * maintenance: the cells then burn all they get and do not grow. On any other failure
 * the fluxes are zero.
 */
void fba_solve(struct fba *fba, const struct limits *lim);

/* "growth", "atp", "minflux"; "optimal", "infeasible", "unbounded", "failed". */
const char *fba_objective_name(enum objective objective);
const char *fba_status_name(enum lp_status status);

#endif
