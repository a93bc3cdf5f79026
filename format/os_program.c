/* SPDX-License-Identifier: Apache-2.0 */
/* What this process is made of: its program, how that was built, libraries, processor. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "format/os.h"

/* ---- the build-id, from memory ---- */

static bool
note_build_id(const uint8_t *at, size_t len, char *text, size_t cap)
{
	static const char hex[] = "0123456789abcdef";

	while (len >= sizeof(ElfW(Nhdr))) {
		ElfW(Nhdr) head;
		size_t name, body;

		memcpy(&head, at, sizeof head);
		name = ((size_t)head.n_namesz + 3) & ~(size_t)3;
		body = ((size_t)head.n_descsz + 3) & ~(size_t)3;
		if (name > len - sizeof head || body > len - sizeof head - name)
			return false;
		if (head.n_type == NT_GNU_BUILD_ID && head.n_namesz == 4 &&
		    memcmp(at + sizeof head, "GNU", 4) == 0 &&
		    2 * (size_t)head.n_descsz < cap) {
			const uint8_t *id = at + sizeof head + name;

			for (size_t i = 0; i < head.n_descsz; i++) {
				*text++ = hex[id[i] >> 4];
				*text++ = hex[id[i] & 15];
			}
			*text = '\0';
			return true;
		}
		at += sizeof head + name + body;
		len -= sizeof head + name + body;
	}
	return false;
}

/* The first object is the program. */
static int
program_object(struct dl_phdr_info *info, size_t size, void *user)
{
	struct os_program *p = user;

	(void)size;
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *h = &info->dlpi_phdr[i];

		if (h->p_type == PT_NOTE &&
		    note_build_id((const uint8_t *)(info->dlpi_addr + h->p_vaddr),
				  h->p_memsz, p->build_id, sizeof p->build_id))
			break;
	}
	return 1;
}

/* ---- how it was built, from its file ---- */

/* NUL-separated pieces, each once in a row, with `between` between them. */
static void
join(const char *raw, size_t len, const char *between, char *text, size_t cap)
{
	const char *last = "";
	size_t to = 0;

	for (size_t at = 0; at < len; at += strlen(raw + at) + 1) {
		const char *piece = raw + at;
		int n;

		if (!*piece || strcmp(piece, last) == 0)
			continue;
		n = snprintf(text + to, cap - to, "%s%s", to ? between : "", piece);
		if (n < 0 || (size_t)n >= cap - to) {
			text[to] = '\0';
			return;
		}
		to += (size_t)n;
		last = piece;
	}
}

static void
take_section(int fd, const ElfW(Shdr) * section, const char *between, char *text,
	     size_t cap)
{
	char raw[4097];
	size_t len = section->sh_size < sizeof raw - 1 ? (size_t)section->sh_size
						       : sizeof raw - 1;
	int64_t got = os_pread(fd, raw, len, section->sh_offset);

	if (got <= 0)
		return;
	raw[got] = '\0';
	join(raw, (size_t)got, between, text, cap);
}

static void
read_sections(int fd, struct os_program *p)
{
	ElfW(Ehdr) head;
	ElfW(Shdr) names, section;
	char name[24];

	if (os_pread(fd, &head, sizeof head, 0) != (int64_t)sizeof head ||
	    memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 ||
	    head.e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) ||
	    head.e_shentsize != sizeof section || head.e_shstrndx >= head.e_shnum ||
	    os_pread(fd, &names, sizeof names,
		     head.e_shoff + (uint64_t)head.e_shstrndx * sizeof names) !=
		    (int64_t)sizeof names)
		return;
	for (unsigned i = 0; i < head.e_shnum && i < 1000; i++) {
		int64_t got = os_pread(fd, &section, sizeof section,
				       head.e_shoff + (uint64_t)i * sizeof section);

		if (got != (int64_t)sizeof section)
			return;
		if (section.sh_type != SHT_PROGBITS || (section.sh_flags & SHF_ALLOC))
			continue;
		got = os_pread(fd, name, sizeof name - 1,
			       names.sh_offset + section.sh_name);
		name[got > 0 ? got : 0] = '\0';
		if (strcmp(name, ".comment") == 0)
			take_section(fd, &section, "; ", p->compiler, sizeof p->compiler);
		else if (strcmp(name, ".GCC.command.line") == 0)
			take_section(fd, &section, " ", p->flags, sizeof p->flags);
	}
}

void
os_program(struct os_program *p)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	memset(p, 0, sizeof *p);
	if (os_self_path(p->path, sizeof p->path) < 0)
		p->path[0] = '\0';
	(void)dl_iterate_phdr(program_object, p);
	if (fd < 0)
		return;
	read_sections(fd, p);
	os_close(&fd);
}

/* ---- libraries ---- */

struct each_library {
	os_library_fn *fn;
	void *user;
};

static int
library_object(struct dl_phdr_info *info, size_t size, void *user)
{
	const struct each_library *each = user;

	(void)size;
	/* The program has no name, and what the kernel gives has no path. */
	if (info->dlpi_name && strchr(info->dlpi_name, '/'))
		each->fn(each->user, info->dlpi_name);
	return 0;
}

void
os_libraries(os_library_fn *fn, void *user)
{
	struct each_library each = { fn, user };

	(void)dl_iterate_phdr(library_object, &each);
}

/* ---- the processor ---- */

int
os_cpu_model(char *text, size_t cap)
{
	static const char *const keys[] = { "model name", "Model", "cpu model", "cpu" };
	char raw[4097];
	int fd = open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC);
	int64_t got;

	if (fd < 0)
		return -errno;
	/* The first processor is enough: the others are made as they are read. */
	got = os_read(fd, raw, sizeof raw - 1);
	os_close(&fd);
	if (got < 0)
		return (int)got;
	raw[got] = '\0';
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		for (char *at = raw; at; at = strchr(at, '\n')) {
			size_t len = strlen(keys[i]);

			at += *at == '\n';
			if (strncmp(at, keys[i], len) != 0)
				continue;
			at += len + strspn(at + len, " \t");
			if (*at != ':')
				continue;
			at += 1 + strspn(at + 1, " \t");
			snprintf(text, cap, "%.*s", (int)strcspn(at, "\n"), at);
			return 0;
		}
	return -ENOENT;
}
