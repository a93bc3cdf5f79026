/* SPDX-License-Identifier: Apache-2.0 */
/* The golden tapes of tests/data/v1: what each is stands in tests/data/README.md. */
#ifndef TESTS_SUPPORT_GOLDEN_H
#define TESTS_SUPPORT_GOLDEN_H

#include <stddef.h>

struct golden {
	const char *name; /* "good-torn-tail"; the directory is NAME.tape */
	void (*make)(const char *dir);
};
extern const struct golden golden_tapes[];
extern const size_t golden_count;

#endif
