/* SPDX-License-Identifier: Apache-2.0 */
/* Filling a struct tape_error. */
#ifndef TAPE_FORMAT_ERROR_H
#define TAPE_FORMAT_ERROR_H

#include "tape/value.h"

/* Fills *err (NULL is fine) and returns `status`. file may be NULL; offset 0 = none. */
int error_set(struct tape_error *err, int status, const char *file, uint64_t offset,
	      const char *format, ...) __attribute__((format(printf, 5, 6)));
/* The same for a failed system call: status TAPE_ERR_IO, cause appended from negative_errno. */
int error_io(struct tape_error *err, int negative_errno, const char *file,
	     const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
