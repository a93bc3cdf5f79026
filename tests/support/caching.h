/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers under numbered keys, for tests of the cache. */
#ifndef TESTS_SUPPORT_CACHING_H
#define TESTS_SUPPORT_CACHING_H

#include <stdbool.h>

#include "tape/record.h"

/* Nothing is committed unless it is asked for. */
#define ASLEEP "sync=none commit_ms=86400000"

struct tape_key key_of(int n);
void store_number(struct tape *t, int n, double yield);
/* The number under a key, or -1. */
double number(struct tape *t, int n);
/* Compacts the tape. */
void compact(bool full);
/* How many scopes match. */
uint64_t count(const char *query);
/* Warnings of all sessions that have this in them. */
unsigned warnings(const char *part);

#endif
