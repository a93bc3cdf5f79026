/* SPDX-License-Identifier: Apache-2.0 */
/* All recorders of the process: its main one, fork, exit. */
#ifndef TAPE_LIBRECORD_PROCESS_H
#define TAPE_LIBRECORD_PROCESS_H

#include "librecord/recorder.h"

/* Puts a recorder on the list. It stays there, dead or alive. */
void process_add(struct tape *t);

#endif
