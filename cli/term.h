/* SPDX-License-Identifier: Apache-2.0 */
/* The terminal, and other programs: what a tool asks its surroundings. */
#ifndef TAPE_CLI_TERM_H
#define TAPE_CLI_TERM_H

#include <stdbool.h>
#include <stddef.h>

bool term_is_tty(int fd);
/* Columns of the terminal on stdout, at least 40; 80 if unknown. */
size_t term_columns(void);
/* auto, always, never by option and environment (NO_COLOR, CLICOLOR_FORCE, TERM). */
bool term_colour(const char *option, bool tty);

#endif
