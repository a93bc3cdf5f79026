/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AddressSanitizer until LLVM 16 does not take its own locks over a fork, as the C
 * library does with those of malloc: a child that is forked while another thread
 * allocates waits for ever at its first allocation. Called once, before any thread and
 * any recorder: from then on these locks are taken last and released first. Does nothing
 * in a build without that sanitizer, nor where its locks cannot be linked to.
 */
#ifndef TESTS_SUPPORT_SANITIZED_FORK_H
#define TESTS_SUPPORT_SANITIZED_FORK_H

void sanitized_fork(void);

#endif
