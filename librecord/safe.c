/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text behind a pointer that may point anywhere. What is part of the program, or of the
 * living part of this thread's stack, is read where it is; all else by the kernel, which
 * says whether there is anything, page by page.
 */
#include <link.h>
#include <string.h>

#include "format/os.h"
#include "librecord/capture.h"

#define SAFE_TEXT ((size_t)64 * 1024)
#define PAGE ((uintptr_t)4096) /* or a divisor of it: never too large */
#define IMAGE_PARTS 8u

/* The program itself, never unmapped. */
static struct {
	uintptr_t from, to;
} image[IMAGE_PARTS];
static unsigned image_parts;
static pthread_once_t image_once = PTHREAD_ONCE_INIT;

static int
first_object(struct dl_phdr_info *info, size_t size, void *user)
{
	(void)size;
	(void)user;
	for (unsigned i = 0; i < info->dlpi_phnum && image_parts < IMAGE_PARTS; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uintptr_t from = info->dlpi_addr + p->p_vaddr;

		if (p->p_type != PT_LOAD || !(p->p_flags & PF_R))
			continue;
		image[image_parts].from = from;
		image[image_parts++].to = from + p->p_memsz;
	}
	return 1;
}

static void
find_image(void)
{
	(void)dl_iterate_phdr(first_object, NULL);
}

/* The end of this thread's stack, or 0. */
static uintptr_t
stack_end(void)
{
	static __thread uintptr_t end __attribute__((tls_model("initial-exec")));
	pthread_attr_t attr;
	void *low;
	size_t size;

	if (end == 0 && pthread_getattr_np(pthread_self(), &attr) == 0) {
		if (pthread_attr_getstack(&attr, &low, &size) == 0)
			end = (uintptr_t)low + size;
		(void)pthread_attr_destroy(&attr);
	}
	return end;
}

/* Up to where memory at this address can be read as it is, or 0. */
static uintptr_t
readable_end(uintptr_t at)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0), end = stack_end();

	(void)pthread_once(&image_once, find_image);
	for (unsigned i = 0; i < image_parts; i++)
		if (at >= image[i].from && at < image[i].to)
			return image[i].to;
	return at >= here && at < end ? end : 0;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__has_feature)
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

/* No interceptor of a sanitizer: it is the memory that is asked for, not an object. */
static __attribute__((no_sanitize("address", "thread"))) size_t
length(const char *text, size_t most)
{
#ifdef SANITIZED
	size_t n = 0;

	while (n < most && ((const volatile char *)text)[n] != '\0')
		n++;
	return n;
#else
	return strnlen(text, most);
#endif
}

size_t
safe_length(uintptr_t at)
{
	uintptr_t end = at ? readable_end(at) : 0;
	size_t n = end ? length((const char *)at, end - at) : 0;

	return end && n < end - at ? n : SIZE_MAX;
}

/* A copy, page by page. Its length, or an enum tape_absent below 0. */
static int64_t
fetch(struct thread_state *ts, uintptr_t at, const char **text)
{
	size_t len = 0, cap = 0;
	char *copy = NULL;

	while (len < SAFE_TEXT) {
		size_t n = (size_t)(PAGE - (at + len) % PAGE), old = cap;
		const char *nul;

		if (cap - len < n) {
			char *more;

			cap = 2 * (cap + n);
			more = scratch_take(&ts->scratch, cap);
			if (!more)
				return -TAPE_UNREADABLE;
			if (old)
				memcpy(more, copy, len);
			copy = more;
		}
		if (os_read_memory(at + len, copy + len, n) != (int64_t)n)
			return -TAPE_WILD_POINTER;
		nul = memchr(copy + len, '\0', n);
		*text = copy;
		if (nul)
			return nul - copy;
		len += n;
	}
	return -TAPE_TOO_LARGE;
}

int64_t
safe_text(struct thread_state *ts, uintptr_t at, const char **text)
{
	uintptr_t end = readable_end(at);
	size_t most, n;

	if (end == 0)
		return fetch(ts, at, text);
	most = end - at < SAFE_TEXT ? end - at : SAFE_TEXT;
	*text = (const char *)at;
	n = length(*text, most);
	if (n < most)
		return (int64_t)n;
	return most == SAFE_TEXT ? -TAPE_TOO_LARGE : -TAPE_WILD_POINTER;
}
