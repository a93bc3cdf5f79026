/* SPDX-License-Identifier: Apache-2.0 */
/* good-every-record.tape. */
#ifndef TESTS_SUPPORT_GOLDEN_EVERY_H
#define TESTS_SUPPORT_GOLDEN_EVERY_H

void golden_every_make(const char *dir);

#endif
