/* SPDX-License-Identifier: Apache-2.0 */
/* The main of a unit test: runs one suite and gives the exit code. */
#ifndef TESTS_SUPPORT_SUITE_H
#define TESTS_SUPPORT_SUITE_H

#include <check.h>

/* CK_FORK=no runs everything in this process (for a debugger). Frees the suite. */
int suite_run(Suite *suite);
/* The seed of a random test: $TEST_SEED, else from the clock. Printed, so that a failure can be repeated. */
unsigned suite_seed(void);
/*
 * The step of a sweep over all moments: 1; under AddressSanitizer and ThreadSanitizer, whose
 * runs are those of CI, n. "make gcc" and "make clang" try them all.
 */
int suite_step(int n);
/*
 * Where such a sweep begins, 0 to step - 1: by the seed, which is printed unless the step
 * is 1, so that over many runs every moment is met.
 */
int suite_start(int step);

#endif
