/* SPDX-License-Identifier: Apache-2.0 */
/* tape-record: what its files share. */
#ifndef TAPE_CLI_RECORD_H
#define TAPE_CLI_RECORD_H

#include <stdatomic.h>

#include "cli/cli.h"
#include "cli/lines.h"
#include "cli/record_in.h"

struct record {
	struct cli cli;
	const char *dir;  /* of the tape */
	const char *file; /* the input, "-" = stdin */
	struct tape *tape;
	struct lines lines;
	struct row row;
	struct row_keys keys;
	struct json_reader *json; /* one of the two */
	struct csv_reader *csv;
	/* From the command line. */
	struct cli_list labels, inputs, outputs;
	const char *format, *label_key, *time_key, *name, *blob_dir, *sync, *config;
	uint64_t commit_every;
	bool ack, strict;
	int blob_fd;
	uint64_t rows, skipped, staged; /* staged: since the last commit */
	uint64_t acked;			/* seq */
	bool said_rounded;
	atomic_bool failed; /* the recorder reported an error, on any thread */
	char trouble[512];  /* the last one while the tape was opened */
};

/*
 * Stores the file that a blob names, beneath --blob-dir. False and row_wrong
 * if it is not there, not beneath, or does not have the size that it should.
 */
bool record_blob(struct record *record, struct row_blob *blob, size_t column);
/* Makes a scope of the row. False and row_wrong if it cannot be one. */
bool record_emit(struct record *record);

#endif
