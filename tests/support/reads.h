/* SPDX-License-Identifier: Apache-2.0 */
/* How often files are read, in all threads: os_fault_set(count_reads, NULL) while there is one. */
#ifndef TESTS_SUPPORT_READS_H
#define TESTS_SUPPORT_READS_H

#include <stdatomic.h>

#include "format/os.h"

static atomic_uint reads;

static int
count_reads(void *user, enum os_call call, const char *path, size_t *limit)
{
	(void)user;
	(void)path;
	(void)limit;
	if (call == OS_READ)
		atomic_fetch_add(&reads, 1);
	return 0;
}

#endif
