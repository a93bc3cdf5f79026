/* SPDX-License-Identifier: Apache-2.0 */
/* A directory of its own for each test. */
#ifndef TESTS_SUPPORT_TMPDIR_H
#define TESTS_SUPPORT_TMPDIR_H

/* Makes a fresh directory under $TMPDIR or /tmp; fails the test if it can't. Absolute path, valid until tmpdir_remove. */
const char *tmpdir_make(void);
/* Removes it and all that is in it. No-op if there is none. */
void tmpdir_remove(void);

#endif
