#pragma once

/* One value of a configuration: text to field and back. Used by the reader and the printers of conf.h. */

#include <stdbool.h>
#include <stdio.h>

#include "base/conf.h"

/* Why a value is refused, without its place. */
struct chq_conf_why {
	char text[512];
};

/* What a type is called in messages: "a whole number". */
const char *chq_conf_type_name(enum chq_conf_type type);

/* Whether a type takes a list of scalars; the others take one. */
bool chq_conf_type_is_list(enum chq_conf_type type);

/**
 * chq_conf_value_add() - set a field, or append to a list field.
 * @text:   closed by NUL, without NUL inside.
 * @quoted: whether it stood in quotes, which makes it text whatever it looks like.
 *
 * Return: 0; CHQ_ECONF with @why filled; CHQ_ENOMEM. On failure the field is as before.
 */
int chq_conf_value_add(const struct chq_conf_key *key, void *conf, const char *text, bool quoted,
		       struct chq_conf_why *why);

/* Free what a field holds and make it zero, an empty list or a NULL string. */
void chq_conf_value_clear(const struct chq_conf_key *key, void *conf);

/* Print a field as YAML on one line, in the largest unit that divides it. */
void chq_conf_value_print(const struct chq_conf_key *key, const void *conf, FILE *out);

/* The same as a text, to be freed; NULL without memory. */
char *chq_conf_value_text(const struct chq_conf_key *key, const void *conf);
