/* SPDX-License-Identifier: Apache-2.0 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "network.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static const char element_names[] = "CHNOPS";

/* Their ids in the file. */
static const char *const role_ids[ROLES] = { "GLCpts", "O2t",  "ACt",
					     "PFL",    "ATPM", "BIOMASS" };

static bool
network_error(const struct network *net, const char *what, const char *which)
{
	fprintf(stderr, "chemostat: %s:%d: %s '%s'\n", net->path, net->line, what, which);
	return false;
}

bool
network_double(const char *text, double min, double max, double *out)
{
	char *end;

	errno = 0;
	double value = strtod(text, &end);
	if (end == text || *end || errno || !(value >= min && value <= max))
		return false;
	*out = value;
	return true;
}

bool
network_long(const char *text, long min, long max, long *out)
{
	char *end;

	errno = 0;
	long value = strtol(text, &end, 10);
	if (end == text || *end || errno || value < min || value > max)
		return false;
	*out = value;
	return true;
}

static bool
copy_id(char dst[ID_MAX], const char *src)
{
	size_t len = strlen(src);

	if (len == 0 || len >= ID_MAX)
		return false;
	memcpy(dst, src, len + 1);
	return true;
}

/* "C6H11O9P" into counts per element. */
static bool
parse_formula(const char *text, int atoms[ELEMENTS])
{
	while (*text) {
		const char *element = strchr(element_names, *text++);
		long count = 0;

		if (!element)
			return false;
		while (*text >= '0' && *text <= '9' && count < 1000)
			count = 10 * count + (*text++ - '0');
		atoms[element - element_names] += count ? (int)count : 1;
	}
	return true;
}

static struct species *
species_find(struct network *net, const char *id)
{
	for (size_t i = 0; i < net->n_species; i++)
		if (strcmp(net->species[i].id, id) == 0)
			return &net->species[i];
	return NULL;
}

static bool
parse_species(struct network *net, char *fields[], size_t n)
{
	long charge;

	if (n < 5 || net->n_species == SPECIES_MAX)
		return network_error(net, "too few columns or too many species at",
				     fields[0]);
	struct species *sp = &net->species[net->n_species];
	if (!copy_id(sp->id, fields[1]) || species_find(net, fields[1]))
		return network_error(net, "empty, long or repeated id", fields[1]);
	if (!parse_formula(fields[2], sp->atoms))
		return network_error(net, "bad formula", fields[2]);
	if (!network_long(fields[3], -20, 20, &charge))
		return network_error(net, "bad charge", fields[3]);
	sp->charge = (int)charge;
	if (strcmp(fields[4], "cell") == 0)
		sp->row = ++net->n_rows;
	else if (strcmp(fields[4], "medium") != 0)
		return network_error(net, "place is neither cell nor medium:", fields[4]);
	net->n_species++;
	return true;
}

/* "2 atp + h2o -> ..." into coefficients; what stands left of the arrow is negative. */
static bool
parse_equation(struct network *net, char *text, double coef[SPECIES_MAX])
{
	double sign = -1.0, times = 1.0;
	char *state = NULL;

	for (char *word = strtok_r(text, " ", &state); word;
	     word = strtok_r(NULL, " ", &state)) {
		const struct species *sp = species_find(net, word);

		if (sp) {
			coef[sp - net->species] += sign * times;
			times = 1.0;
		} else if (strcmp(word, "->") == 0 || strcmp(word, "<=>") == 0) {
			if (sign > 0.0)
				return network_error(net, "second arrow", word);
			sign = 1.0;
		} else if (strcmp(word, "+") != 0 &&
			   !network_double(word, 1e-6, 1e6, &times)) {
			return network_error(
				net, "neither a species nor a coefficient:", word);
		}
	}
	return sign > 0.0 || network_error(net, "no arrow in equation of", text);
}

/* A reaction that made an atom from nothing would let the cells grow on it. */
static bool
check_balance(const struct network *net, const struct reaction *rx)
{
	for (int e = 0; e <= ELEMENTS; e++) {
		double sum = 0.0;

		for (size_t i = 0; i < net->n_species; i++) {
			const struct species *sp = &net->species[i];
			sum += rx->coef[i] * (e < ELEMENTS ? sp->atoms[e] : sp->charge);
		}
		if (fabs(sum) > 1e-9)
			return network_error(net, "atoms or charge not balanced in",
					     rx->id);
	}
	return true;
}

static bool
parse_reaction(struct network *net, char *fields[], size_t n, bool must_balance)
{
	if (n < 5 || net->n_reactions == REACTIONS_MAX)
		return network_error(net, "too few columns or too many reactions at",
				     fields[0]);
	struct reaction *rx = &net->reactions[net->n_reactions];
	if (!copy_id(rx->id, fields[1]))
		return network_error(net, "empty or long id", fields[1]);
	if (!parse_equation(net, fields[2], rx->coef))
		return false;
	if (!network_double(fields[3], -HUGE_VAL, 1e6, &rx->lower) ||
	    !network_double(fields[4], -1e6, HUGE_VAL, &rx->upper) ||
	    rx->lower > rx->upper)
		return network_error(net, "bad bounds of", rx->id);
	if (must_balance && !check_balance(net, rx))
		return false;
	net->n_reactions++;
	return true;
}

static bool
parse_line(struct network *net, char *text)
{
	char *fields[6];
	size_t n = 0;

	text[strcspn(text, "\r\n")] = '\0';
	if (*text == '#' || *text == '\0')
		return true;
	while (n < ARRAY_LEN(fields) && text)
		fields[n++] = strsep(&text, "\t");
	if (strcmp(fields[0], "met") == 0)
		return parse_species(net, fields, n);
	if (strcmp(fields[0], "rxn") == 0 || strcmp(fields[0], "pseudo") == 0)
		return parse_reaction(net, fields, n, fields[0][0] == 'r');
	return network_error(net, "record is none of met, rxn, pseudo:", fields[0]);
}

static bool
network_roles(struct network *net)
{
	if (net->n_rows == 0)
		return network_error(net, "end of file without a species of the", "cell");
	for (size_t r = 0; r < ROLES; r++) {
		size_t j = 0;

		while (j < net->n_reactions &&
		       strcmp(net->reactions[j].id, role_ids[r]) != 0)
			j++;
		if (j == net->n_reactions)
			return network_error(net, "end of file without reaction",
					     role_ids[r]);
		net->role[r] = j;
	}
	return true;
}

bool
network_read(struct network *net, const char *path)
{
	char text[1024];
	bool ok = true;

	memset(net, 0, sizeof(*net));
	net->path = path;
	FILE *f = fopen(path, "r");
	if (!f) {
		fprintf(stderr, "chemostat: %s: %s (name the network with --network)\n",
			path, strerror(errno));
		return false;
	}
	while (ok && fgets(text, sizeof(text), f)) {
		net->line++;
		if (!strchr(text, '\n') && !feof(f))
			ok = network_error(net, "line holds a NUL or more than",
					   "1022 bytes");
		else
			ok = parse_line(net, text);
	}
	if (ok && ferror(f))
		ok = network_error(net, "reading failed:", strerror(errno));
	(void)fclose(f);
	return ok && network_roles(net);
}
