/* SPDX-License-Identifier: Apache-2.0 */
#include "format/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "format/os.h"

static void
fill(struct tape_error *err, int status, int code, const char *file, uint64_t offset)
{
	err->status = status;
	err->code = code;
	err->offset = offset;
	snprintf(err->file, sizeof err->file, "%s", file ? file : "");
}

int
error_set(struct tape_error *err, int status, const char *file, uint64_t offset,
	  const char *format, ...)
{
	va_list args;

	if (!err)
		return status;
	fill(err, status, 0, file, offset);
	va_start(args, format);
	vsnprintf(err->message, sizeof err->message, format, args);
	va_end(args);
	return status;
}

int
error_io(struct tape_error *err, int negative_errno, const char *file, const char *format,
	 ...)
{
	int status = TAPE_ERR_IO;
	char cause[64];
	va_list args;
	size_t used;

	if (!err)
		return status;
	fill(err, status, -negative_errno, file, 0);
	va_start(args, format);
	vsnprintf(err->message, sizeof err->message, format, args);
	va_end(args);
	used = strlen(err->message);
	snprintf(err->message + used, sizeof err->message - used, ": %s",
		 os_strerror(negative_errno, cause, sizeof cause));
	return status;
}
