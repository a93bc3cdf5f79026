/* SPDX-License-Identifier: Apache-2.0 */
/* A whole tape.conf. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "librecord/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tape_error err = { .status = 0 };
	/* Of exactly this size: a byte too far is seen. */
	char *text = malloc(size ? size : 1);
	struct rules rules;
	struct conf conf;
	char sync[24];

	if (!text)
		return 0;
	memcpy(text, data, size);
	conf_defaults(&conf);
	if (rules_init(&rules) < 0)
		abort();

	int r = conf_parse(text, size, "tape.conf", &conf, &rules, &err);

	if (r != 0 && (err.status != r || err.message[0] == '\0'))
		abort(); /* a mistake without a word about it */
	conf_sync_text(&conf, sync);
	const struct policy *policy =
		rules_policy(&rules, (const char *const[]){ "a", "iter" }, 2, NULL);

	(void)rules_keep(&rules, policy, "_x", 2, true, NULL);
	rules_release(&rules);
	free(text);
	return 0;
}
