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
 * The step of a sweep over all moments: 1; under AddressSanitizer, whose run is that of
 * CI, n. "make gcc" and "make clang" try them all.
 */
int suite_step(int n);

#endif
