#pragma once

/* Reads YAML texts into a configuration: the part of conf.c that knows libyaml. */

#include <yaml.h>

#include "base/conf.h"

/* Where a key was set last. */
struct chq_conf_place {
	unsigned file; /* 0: by default */
	size_t line, column;
};

struct chq_conf_reader {
	const struct chq_conf_schema *schema;
	void *conf;
	struct chq_conf_error *err;
	struct chq_conf_place *places; /* one a key */
	const char *name;	       /* of the file being read */
	unsigned file;		       /* its number, from 1; 0 for defaults */
};

/**
 * chq_conf_yaml_file() - apply a whole file: a mapping of sections and keys, or nothing.
 * Return: 0; CHQ_ECONF or CHQ_ENOMEM with r->err filled.
 */
int chq_conf_yaml_file(struct chq_conf_reader *r, const char *text, size_t len);

/* The same for one key's value alone: its default. */
int chq_conf_yaml_value(struct chq_conf_reader *r, size_t key, const char *text);
