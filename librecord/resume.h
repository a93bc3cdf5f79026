/* SPDX-License-Identifier: Apache-2.0 */
/* Reading one's own tape back: what a thread looked at last. */
#ifndef TAPE_LIBRECORD_RESUME_H
#define TAPE_LIBRECORD_RESUME_H

#include "librecord/capture.h"

/* NULL is fine. */
void looked_free(struct looked *looked);

#endif
