/* SPDX-License-Identifier: Apache-2.0 */
/* A context carried to other threads: their scopes stand under the labels of who started them. */
#include <pthread.h>
#include <tape/record.h>

struct task {
	struct tape *t;
	struct tape_ctx here;
	int number;
};

static void *
work(void *arg)
{
	struct task *task = arg;
	struct tape *t = task->t;
	int number = task->number;

	TAPE(t, "alone", number); /* a new thread has no labels */
	TAPE_INHERIT(t, task->here);
	TAPE_LABELF(t, "task:%d", number);
	TAPE(t, "result", TAPE_AS("square", number * number));
	return NULL;
}

int
main(int argc, char **argv)
{
	struct tape *t = tape_open(argc > 1 ? argv[1] : "threads.tape", NULL);
	pthread_t threads[4];
	struct task tasks[4];
	int size = 4;

	TAPE_LABEL(t, "pool");
	TAPE_WITH(t, size);
	for (int i = 0; i < 4; i++) {
		tasks[i] = (struct task){ t, tape_context(t), i };
		if (pthread_create(&threads[i], NULL, work, &tasks[i]) != 0)
			return 1;
	}
	for (int i = 0; i < 4; i++)
		(void)pthread_join(threads[i], NULL);
	return tape_close(t) == 0 ? 0 : 1;
}
