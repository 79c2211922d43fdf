#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/site_conf.h"
#include "tests/fuzz/fuzz.h"

static char *
printed(const struct chq_site_conf *conf)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		abort();
	chq_conf_print(&chq_site_schema, conf, f);
	if (fclose(f) != 0)
		abort();
	return text;
}

/* A text that is refused says why; one that is accepted prints as a text that loads to the same. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct chq_site_conf conf, again;
	struct chq_conf_error err;
	char *first, *second;

	if (chq_conf_parse(&chq_site_schema, "f", (const char *)data, len, &conf, &err) != 0) {
		if (!err.text[0] || strchr(err.text, '\n'))
			abort();
		return 0;
	}
	first = printed(&conf);
	if (chq_conf_parse(&chq_site_schema, "p", first, strlen(first), &again, &err) != 0)
		abort();
	second = printed(&again);
	if (strcmp(first, second) != 0)
		abort();
	free(first);
	free(second);
	chq_site_conf_free(&conf);
	chq_site_conf_free(&again);
	return 0;
}
