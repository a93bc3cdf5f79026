/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded: the NOMEM_AT-th request for memory fails, and all later ones where
 * NOMEM_EVER is set. NOMEM_FILE comes into being when one has failed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t align, size_t size);
void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *old, size_t size);
void *aligned_alloc(size_t align, size_t size);
void *reallocarray(void *old, size_t count, size_t size);

static long at;
static int ever;
static const char *file;
static atomic_long seen;

/* After the loader's own requests: what is tested begins with the program. */
__attribute__((constructor)) static void
begin(void)
{
	const char *text = getenv("NOMEM_AT");

	at = text ? strtol(text, NULL, 10) : 0;
	ever = getenv("NOMEM_EVER") != NULL;
	file = getenv("NOMEM_FILE");
	atomic_store(&seen, 0);
}

static int
strike(void)
{
	long now;
	int fd;

	if (at == 0)
		return 0;
	now = atomic_fetch_add(&seen, 1) + 1;
	if (ever ? now < at : now != at)
		return 0;
	if (now == at && file) {
		fd = open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
		if (fd >= 0)
			close(fd);
	}
	errno = ENOMEM;
	return 1;
}

void *
malloc(size_t size)
{
	return strike() ? NULL : __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
	return strike() ? NULL : __libc_calloc(count, size);
}

void *
realloc(void *old, size_t size)
{
	return strike() ? NULL : __libc_realloc(old, size);
}

void *
reallocarray(void *old, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes))
		return NULL;
	return strike() ? NULL : __libc_realloc(old, bytes);
}

void *
aligned_alloc(size_t align, size_t size)
{
	return strike() ? NULL : __libc_memalign(align, size);
}
