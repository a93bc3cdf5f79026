/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A counter with a queue before it, where customers that wait too long give up:
 * queue TAPE. All that is in scope is recorded, with a list that tape-locals makes when
 * this is built (meson.build), so that it costs no more than naming it.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <tape/record.h>

enum event { ARRIVAL, DEPARTURE, GIVING_UP };

#define LONGEST 16

struct customer {
	int number;
	double arrived;
};

struct queue {
	struct customer waiting[LONGEST];
	int length;
	struct {
		int served, lost;
		double waited;
	} total;
};

static double
uniform(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return ((double)(*seed >> 33) + 0.5) / 2147483648.0;
}

/* Takes the first of the queue, or who has had enough. */
static struct customer
take(struct tape *t, struct queue *queue, int place, double now)
{
	const struct customer gone = queue->waiting[place];
	double waited = now - gone.arrived;
	const char *mood = waited < 2 ? "content" : waited < 5 ? "bored" : NULL;

	for (int i = place; i + 1 < queue->length; i++)
		queue->waiting[i] = queue->waiting[i + 1];
	queue->length--;
	/* gone.number, gone.arrived, now, waited, mood, place; queue is a pointer. */
	TAPE_LOCALS(t, "gone");
	return gone;
}

static void
run(struct tape *t, const char *name, double load)
{
	struct queue queue = { .length = 0 };
	uint64_t seed = 42;
	double now = 0, free_at = 0;

	TAPE_LABEL(t, name);
	for (int number = 1; number <= 300; number++) {
		enum event event = ARRIVAL;
		bool full = queue.length == LONGEST;

		now += 0.5 + uniform(&seed);
		while (queue.length > 0 && free_at <= now) {
			queue.total.waited +=
				free_at - take(t, &queue, 0, free_at).arrived;
			queue.total.served++;
			free_at += load * (0.5 + uniform(&seed));
			event = DEPARTURE;
		}
		if (queue.length > 0 && now - queue.waiting[0].arrived > 6) {
			(void)take(t, &queue, 0, now);
			queue.total.lost++;
			event = GIVING_UP;
		}
		if (queue.length == 0 && free_at < now)
			free_at = now;
		if (!full)
			queue.waiting[queue.length++] = (struct customer){ number, now };
		TAPE_LOCALS(t, "customer");
	}
}

int
main(int argc, char **argv)
{
	struct tape *t;

	if (argc != 2) {
		fprintf(stderr, "usage: queue TAPE\n");
		return 2;
	}
	t = tape_open(argv[1], NULL);
	run(t, "slack", 0.8);
	run(t, "tight", 1.1);
	return tape_close(t) < 0;
}
