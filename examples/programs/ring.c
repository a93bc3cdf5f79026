/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pulse that travels round a ring of cells, in equal blocks on the ranks of MPI. All
 * ranks record on one tape, each in a session of its own: nothing is sent for it.
 *
 *	mpirun -n 4 ring TAPE
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

#include <tape/record.h>

#define CELLS 64

/* One step of upwind differences with a Courant number of 1: everything moves by one cell. */
static void
move(double *u, int n, int rank, int ranks)
{
	double last = u[n - 1], first = 0;

	(void)MPI_Sendrecv(&last, 1, MPI_DOUBLE, (rank + 1) % ranks, 0, &first, 1,
			   MPI_DOUBLE, (rank + ranks - 1) % ranks, 0, MPI_COMM_WORLD,
			   MPI_STATUS_IGNORE);
	for (int i = n - 1; i > 0; i--)
		u[i] = u[i - 1];
	u[0] = first;
}

static void
run(struct tape *t, double *u, int n, int rank, int ranks)
{
	TAPE_LABEL(t, "ring");
	TAPE_WITH(t, rank, TAPE_AS("first", rank * n));
	for (int i = 0; i < n; i++)
		u[i] = rank * n + i < 8 ? rank * n + i + 1 : 0;
	for (int step = 0; step <= CELLS; step++) {
		double mass = 0, total = 0;

		if (step > 0)
			move(u, n, rank, ranks);
		for (int i = 0; i < n; i++)
			mass += u[i];
		(void)MPI_Reduce(&mass, &total, 1, MPI_DOUBLE, MPI_SUM, 0,
				 MPI_COMM_WORLD);
		TAPE(t, "block", step, mass, TAPE_ARRAY(u, n));
		/* On the other ranks there is nothing to say. */
		TAPE(rank == 0 ? t : NULL, "total", step, total);
	}
}

int
main(int argc, char **argv)
{
	int rank = 0, ranks = 1, failed = 1;
	struct tape *t;
	double *u;

	(void)MPI_Init(&argc, &argv);
	(void)MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	(void)MPI_Comm_size(MPI_COMM_WORLD, &ranks);
	u = calloc(CELLS, sizeof *u);
	if (argc > 1 && u && CELLS % ranks == 0) {
		t = tape_open(argv[1], NULL);
		run(t, u, CELLS / ranks, rank, ranks);
		failed = tape_close(t) != 0;
	} else if (rank == 0) {
		(void)fprintf(stderr, "usage: mpirun -n RANKS ring TAPE; RANKS divides "
				      "64\n");
	}
	free(u);
	(void)MPI_Finalize();
	return failed;
}
