/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/suite.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/sanitized_fork.h"

/*
 * Check gives a test 4 seconds unless told otherwise, which a busy machine makes of
 * half a second. Read by tcase_create(), so it is set before main().
 */
__attribute__((constructor)) static void
before_main(void)
{
	(void)setenv("CK_DEFAULT_TIMEOUT", "60", 0);
	sanitized_fork();
}

int
suite_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	/* The line "100%: Checks: N, Failures: N, Errors: N" is what scripts/run-tests.sh counts. */
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define SLOW true
#elif defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SLOW true
#endif
#endif
#ifndef SLOW
#define SLOW false
#endif

int
suite_step(int n)
{
	return SLOW ? n : 1;
}

int
suite_start(int step)
{
	return step > 1 ? (int)(suite_seed() % (unsigned)step) : 0;
}

unsigned
suite_seed(void)
{
	const char *text = getenv("TEST_SEED");
	unsigned seed = text ? (unsigned)strtoul(text, NULL, 10)
			     : (unsigned)time(NULL) ^ (unsigned)getpid() << 16;

	printf("TEST_SEED=%u\n", seed);
	fflush(stdout);
	return seed;
}
