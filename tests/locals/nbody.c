/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies in an array of structures; nested loops, a shadowed name, a VLA. */
#include "common.h"

#define N 5

struct body {
	double x[3], v[3];
	double mass;
	char name[8];
	unsigned fixed : 1;
	int kind : 3;
};

static double
energy(struct tape *t, const struct body *body, int n)
{
	double kinetic = 0, potential = 0;
	const float soft = 0.25f;

	for (int i = 0; i < n; i++) {
		const struct body one = body[i];
		double speed = 0;

		for (int k = 0; k < 3; k++)
			speed += one.v[k] * one.v[k];
		kinetic += 0.5 * one.mass * speed;
		for (int j = 0; j < i; j++) {
			double d2 = (double)soft;

			for (int k = 0; k < 3; k++) {
				double d = one.x[k] - body[j].x[k];

				d2 += d * d;
			}
			potential -= one.mass * body[j].mass / d2;
		}
		HERE(t, "body", n, kinetic, potential, soft, i, speed, one.x, one.v,
		     one.mass, one.name, TAPE_AS("one.fixed", (unsigned)one.fixed),
		     TAPE_AS("one.kind", (int)one.kind));
	}
	HERE(t, "energy", n, kinetic, potential, soft);
	return kinetic + potential;
}

static void
push(struct tape *t, struct body all[], int n, double dt)
{
	static long calls;
	double force[n][3];
	long double total = 0;

	calls++;
	for (int i = 0; i < n; i++)
		for (int k = 0; k < 3; k++)
			force[i][k] = 0;
	for (int i = 0; i < n; i++)
		for (int j = 0; j < n; j++) {
			double r = 0.25;

			if (i == j)
				continue;
			for (int k = 0; k < 3; k++) {
				double r = all[j].x[k] - all[i].x[k]; /* another r */

				force[i][k] += all[j].mass * r;
				total += (long double)r;
				if (i == 1 && j == 0 && k == 1)
					HERE(t, "inner", n, dt, calls, i, j, k, r, total,
					     GRID("force", force, n, 3));
			}
			r += 1;
			if (i == 2 && j == 3)
				HERE(t, "outer", n, dt, calls, i, j, r, total,
				     GRID("force", force, n, 3));
		}
	for (int i = 0; i < n; i++)
		for (int k = 0; k < 3; k++) {
			all[i].v[k] += dt * force[i][k];
			all[i].x[k] += dt * all[i].v[k];
		}
}

int
main(int argc, char **argv)
{
	struct tape *t = tape_open(argv[argc - 1], NULL);
	struct body all[N] = { { .mass = 1, .name = "sun", .fixed = 1, .kind = -2 } };
	uint64_t seed = 88172645463325252u;
	double e0 = 0, drift;
	bool first = true;

	for (int i = 0; i < N; i++) {
		all[i].mass = 1 + uniform(&seed);
		for (int k = 0; k < 3; k++)
			all[i].x[k] = uniform(&seed);
	}
	for (int step = 0; step < 40; step++) {
		double e = energy(t, all, N);

		if (first)
			e0 = e;
		first = false;
		drift = (e - e0) / e0;
		HERE(t, "step", argc, seed, e0, drift, first, step, e,
		     TAPE_AS("all.mass", TAPE_STRIDED(&all[0].mass, N, sizeof all[0])),
		     TAPE_AS("all.x",
			     TAPE_ND((&(struct tape_nd){
				     .data = all[0].x,
				     .dtype = "f8",
				     .ndim = 2,
				     .dims = { N, 3 },
				     .strides = { sizeof all[0], sizeof(double) } }))),
		     TAPE_AS("all.v",
			     TAPE_ND((&(struct tape_nd){
				     .data = all[0].v,
				     .dtype = "f8",
				     .ndim = 2,
				     .dims = { N, 3 },
				     .strides = { sizeof all[0], sizeof(double) } }))),
		     TAPE_AS("all.name", TAPE_ND((&(struct tape_nd){
						 .data = all[0].name,
						 .dtype = "i1",
						 .ndim = 2,
						 .dims = { N, 8 },
						 .strides = { sizeof all[0], 1 } }))));
		push(t, all, N, 0.01);
	}
	return tape_close(t) < 0;
}
