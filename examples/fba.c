/* SPDX-License-Identifier: Apache-2.0 */
#include "fba.h"

#include <math.h>
#include <string.h>

enum {
	COLUMNS_PER_REACTION = 2, /* forward and backward, so that |v| is linear */
	PIVOTS_MAX = 5000,	  /* a few dozen are usual: past this the solver cycles */
};

/* Share of the attainable growth that cells keep while they maximise ATP. */
static const double atp_growth_share = 0.9;

static int
column(size_t reaction, bool backward)
{
	return (int)reaction * COLUMNS_PER_REACTION + 1 + backward;
}

static void
set_bounds(glp_prob *lp, int col, double lower, double upper)
{
	int kind = isinf(upper) ? GLP_LO : lower < upper ? GLP_DB : GLP_FX;

	glp_set_col_bnds(lp, col, kind, lower, upper);
}

static void
load_column(glp_prob *lp, const struct network *net, size_t j, bool backward)
{
	const struct reaction *rx = &net->reactions[j];
	double sign = backward ? -1.0 : 1.0;
	double value[SPECIES_MAX + 1] = { 0 };
	int row[SPECIES_MAX + 1] = { 0 };
	int n = 0;

	for (size_t i = 0; i < net->n_species; i++) {
		if (rx->coef[i] == 0.0 || net->species[i].row == 0)
			continue;
		row[++n] = net->species[i].row;
		value[n] = sign * rx->coef[i];
	}
	glp_set_mat_col(lp, column(j, backward), n, row, value);
	set_bounds(lp, column(j, backward), fmax(0.0, backward ? -rx->upper : rx->lower),
		   fmax(0.0, backward ? -rx->lower : rx->upper));
}

/* Steady state inside the cell: S v = 0, one row per species of the cell. */
void
fba_init(struct fba *fba, const struct network *net, enum objective objective)
{
	*fba = (struct fba){ .net = net, .objective = objective, .solved.glc = -1.0 };
	fba->growth = glp_create_prob();
	glp_set_obj_dir(fba->growth, GLP_MAX);
	glp_add_rows(fba->growth, net->n_rows);
	for (int i = 1; i <= net->n_rows; i++)
		glp_set_row_bnds(fba->growth, i, GLP_FX, 0.0, 0.0);
	glp_add_cols(fba->growth, (int)net->n_reactions * COLUMNS_PER_REACTION);
	for (size_t j = 0; j < net->n_reactions; j++) {
		load_column(fba->growth, net, j, false);
		load_column(fba->growth, net, j, true);
	}
	glp_scale_prob(fba->growth, GLP_SF_AUTO);
	glp_adv_basis(fba->growth, 0);
	fba->second = glp_create_prob();
	glp_copy_prob(fba->second, fba->growth, GLP_OFF);
	glp_set_obj_coef(fba->growth, column(net->role[BIOMASS], false), 1.0);
}

void
fba_release(struct fba *fba)
{
	glp_delete_prob(fba->growth);
	glp_delete_prob(fba->second);
}

static enum lp_status
lp_status(glp_prob *lp)
{
	switch (glp_get_status(lp)) {
	case GLP_OPT:
		return LP_OPTIMAL;
	case GLP_NOFEAS:
		return LP_INFEASIBLE;
	case GLP_UNBND:
		return LP_UNBOUNDED;
	default:
		return LP_FAILED;
	}
}

/*
 * Warm from the basis of the step before. Only bounds have moved since, so that basis
 * is still dual feasible and the dual simplex needs a few pivots, mostly none. Whatever
 * else comes out is tried once more, by the primal simplex from the unit basis.
 */
static enum lp_status
lp_solve(struct fba *fba, glp_prob *lp)
{
	glp_smcp how;

	glp_init_smcp(&how);
	how.msg_lev = GLP_MSG_OFF;
	how.meth = GLP_DUALP;
	how.it_lim = PIVOTS_MAX;
	fba->solves++;
	if (glp_simplex(lp, &how) == 0 && lp_status(lp) <= LP_INFEASIBLE)
		return lp_status(lp);
	glp_std_basis(lp);
	how.meth = GLP_PRIMAL;
	fba->solves++;
	return glp_simplex(lp, &how) == 0 ? lp_status(lp) : LP_FAILED;
}

static void
fba_limit(const struct fba *fba, glp_prob *lp, const struct limits *lim)
{
	const size_t *role = fba->net->role;

	set_bounds(lp, column(role[GLUCOSE], false), 0.0, lim->glc);
	set_bounds(lp, column(role[OXYGEN], false), 0.0, lim->o2);
	set_bounds(lp, column(role[ACETATE], false), 0.0, lim->ac);
	set_bounds(lp, column(role[FORMATE_LYASE], false), 0.0, lim->pfl);
}

static void
fba_read(struct fba *fba, glp_prob *lp)
{
	for (size_t j = 0; j < fba->net->n_reactions; j++)
		fba->flux[j] = glp_get_col_prim(lp, column(j, false)) -
			       glp_get_col_prim(lp, column(j, true));
}

/* The second program: growth of at least `growth`, maintenance of at least `atp`. */
static enum lp_status
fba_second(struct fba *fba, const struct limits *lim, enum objective what, double growth,
	   double atp)
{
	const size_t *role = fba->net->role;
	glp_prob *lp = fba->second;

	fba_limit(fba, lp, lim);
	set_bounds(lp, column(role[BIOMASS], false), growth, HUGE_VAL);
	set_bounds(lp, column(role[MAINTENANCE], false), atp, HUGE_VAL);
	glp_set_obj_dir(lp, what == MIN_FLUX ? GLP_MIN : GLP_MAX);
	for (int c = 1; c <= glp_get_num_cols(lp); c++)
		glp_set_obj_coef(lp, c, what == MIN_FLUX ? 1.0 : 0.0);
	if (what == MAX_ATP)
		glp_set_obj_coef(lp, column(role[MAINTENANCE], false), 1.0);
	enum lp_status status = lp_solve(fba, lp);
	if (status == LP_OPTIMAL)
		fba_read(fba, lp);
	return status;
}

/*
 * Have the limits moved beyond what the solver can tell? GLPK takes 1e-7 for feasible,
 * so a tenth of that gives the same answer. They are compared with the limits of the
 * last solve, not of the last step: a slow drift does not slip through.
 */
static bool
same_limits(const struct limits *a, const struct limits *b)
{
	const double tolerance = 1e-8;

	return fabs(a->glc - b->glc) <= tolerance && fabs(a->o2 - b->o2) <= tolerance &&
	       fabs(a->ac - b->ac) <= tolerance && fabs(a->pfl - b->pfl) <= tolerance;
}

/* Among the fluxes that grow as fast as can be, or nearly, those of the objective. */
static enum lp_status
fba_refine(struct fba *fba, const struct limits *lim)
{
	double atp = fba->net->reactions[fba->net->role[MAINTENANCE]].lower;
	double growth = fmax(0.0, glp_get_obj_val(fba->growth));

	fba_read(fba, fba->growth);
	if (fba->objective == MAX_ATP)
		return fba_second(fba, lim, MAX_ATP, growth * atp_growth_share, atp);
	/* One part in 1e7 less growth, or rounding could make the second infeasible. */
	if (fba->objective == MIN_FLUX)
		return fba_second(fba, lim, MIN_FLUX, growth * (1.0 - 1e-7), atp);
	return LP_OPTIMAL;
}

void
fba_solve(struct fba *fba, const struct limits *lim)
{
	enum lp_status second = LP_OPTIMAL;

	if (same_limits(lim, &fba->solved))
		return;
	fba->solved = *lim;
	fba_limit(fba, fba->growth, lim);
	fba->status = lp_solve(fba, fba->growth);
	if (fba->status == LP_OPTIMAL)
		second = fba_refine(fba, lim);
	else if (fba->status == LP_INFEASIBLE)
		second = fba_second(fba, lim, MAX_ATP, 0.0, 0.0);
	if (second != LP_OPTIMAL)
		fba->status = LP_FAILED;
	if (fba->status > LP_INFEASIBLE)
		memset(fba->flux, 0, sizeof(fba->flux));
}

const char *
fba_objective_name(enum objective objective)
{
	static const char *const names[OBJECTIVES] = { "growth", "atp", "minflux" };

	return names[objective];
}

const char *
fba_status_name(enum lp_status status)
{
	static const char *const names[] = { "optimal", "infeasible", "unbounded",
					     "failed" };

	return names[status];
}
