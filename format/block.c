/* SPDX-License-Identifier: Apache-2.0 */
#include "format/block.h"

#include <string.h>

#include "format/os.h"

static int64_t
fd_pread(void *user, void *buf, size_t len, uint64_t offset)
{
	return os_pread(*(const int *)user, buf, len, offset);
}

struct block_source
block_from_fd(const int *fd, uint64_t size)
{
	return (struct block_source){ .pread = fd_pread,
				      .user = (void *)(uintptr_t)fd,
				      .size = size };
}

static int64_t
memory_pread(void *user, void *buf, size_t len, uint64_t offset)
{
	const struct block_memory *memory = user;

	if (offset >= memory->size)
		return 0;
	if (len > memory->size - (size_t)offset)
		len = memory->size - (size_t)offset;
	if (len > 0)
		memcpy(buf, memory->data + offset, len);
	return (int64_t)len;
}

struct block_source
block_from_memory(const struct block_memory *memory)
{
	return (struct block_source){ .pread = memory_pread,
				      .user = (void *)(uintptr_t)memory,
				      .size = memory->size };
}
