/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A metabolic network from a text file: species, reactions, and the proof that none of
 * them makes an atom or a charge from nothing. The file format stands at the head of
 * data/ecoli_core.tsv.
 */
#ifndef EXAMPLES_NETWORK_H
#define EXAMPLES_NETWORK_H

#include <stdbool.h>
#include <stddef.h>

enum { SPECIES_MAX = 96, REACTIONS_MAX = 60, ID_MAX = 16, ELEMENTS = 6 };

struct species {
	char id[ID_MAX];
	int atoms[ELEMENTS]; /* C H N O P S */
	int charge;
	int row; /* in the linear program, from 1; 0 for species of the medium */
};

struct reaction {
	char id[ID_MAX];
	double coef[SPECIES_MAX]; /* negative: consumed */
	double lower, upper;	  /* mmol/gDW/h; infinite where there is no bound */
};

/* Reactions the simulation steers or reads. */
enum role { GLUCOSE, OXYGEN, ACETATE, FORMATE_LYASE, MAINTENANCE, BIOMASS, ROLES };

struct network {
	const char *path; /* borrowed, for messages */
	int line;
	size_t n_species, n_reactions;
	int n_rows;
	struct species species[SPECIES_MAX];
	struct reaction reactions[REACTIONS_MAX];
	size_t role[ROLES]; /* index of the reaction */
};

/* False, after a line on stderr that names file, line and cause. */
bool network_read(struct network *net, const char *path);

/* The whole text as a number, within [min, max]; false: it is none. */
bool network_double(const char *text, double min, double max, double *out);
bool network_long(const char *text, long min, long max, long *out);

#endif
