/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TAPE_CLI_HELP_H
#define TAPE_CLI_HELP_H

#include "cli/cli.h"

/* -h: three examples, usage, the options that matter; one screen. */
void help_brief(struct out *out, const struct cli *cli, const struct cli_opt *table);
/* --help: all of it. */
void help_full(struct out *out, const struct cli *cli, const struct cli_opt *table);
void help_version(struct out *out, const struct cli *cli);

#endif
