/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the files of a corpus through a fuzz target, as an ordinary test: each
 * as it is, cut at every byte, and with every bit flipped (up to 4 KiB).
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define VARY_MAX 4096u

/* From a copy of just that size, so that a sanitizer sees a byte too far. */
static void
run_exact(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void
run_varied(uint8_t *data, size_t size)
{
	run_exact(data, size);
	if (size > VARY_MAX)
		return;
	for (size_t cut = 0; cut < size; cut++)
		run_exact(data, cut);
	for (size_t bit = 0; bit < size * 8; bit++) {
		data[bit / 8] = (uint8_t)(data[bit / 8] ^ 1 << bit % 8);
		LLVMFuzzerTestOneInput(data, size);
		data[bit / 8] = (uint8_t)(data[bit / 8] ^ 1 << bit % 8);
	}
}

static int
run_file(const char *dir, const char *name)
{
	char path[4096];
	uint8_t *data = NULL;
	long size = -1;
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	file = fopen(path, "rb");
	if (file && fseek(file, 0, SEEK_END) == 0)
		size = ftell(file);
	if (size >= 0)
		data = malloc((size_t)size + 1);
	if (!data || fseek(file, 0, SEEK_SET) != 0 ||
	    fread(data, 1, (size_t)size, file) != (size_t)size) {
		fprintf(stderr, "cannot read %s\n", path);
		free(data);
		if (file)
			fclose(file);
		return -1;
	}
	fclose(file);
	/* The last name printed is the one that fell. */
	printf("%s\n", name);
	fflush(stdout);
	run_varied(data, (size_t)size);
	free(data);
	return 0;
}

int
main(int argc, char **argv)
{
	struct dirent **names = NULL;
	int count, run = 0, failed = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: %s CORPUS\n", argv[0]);
		return 2;
	}
	count = scandir(argv[1], &names, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		if (names[i]->d_name[0] != '.') {
			failed += run_file(argv[1], names[i]->d_name) < 0;
			run++;
		}
		free(names[i]);
	}
	free(names);
	if (run == 0)
		fprintf(stderr, "%s holds no files\n", argv[1]);
	return run > 0 && failed == 0 ? 0 : 1;
}
