/* SPDX-License-Identifier: Apache-2.0 */
/* The fault hook, for format/os*.c only. */
#ifndef TAPE_FORMAT_OS_FAULT_H
#define TAPE_FORMAT_OS_FAULT_H

#include "format/os.h"

extern os_fault_fn *os_fault_hook;
extern void *os_fault_user;

/* 0, or the negative errno that a test wants this call to fail with. */
static inline int
os_fault(enum os_call call, const char *path)
{
	size_t limit = 0;

	return os_fault_hook ? -os_fault_hook(os_fault_user, call, path, &limit) : 0;
}

#endif
