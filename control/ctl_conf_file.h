#pragma once

/*
 * What operators have set, as files: overrides.yaml, which is read behind the configuration, and beside
 * it what it was before the last commit. Both are written as a whole or not at all.
 */

#include "base/site_conf.h"

/**
 * conf_file_values() - what the file sets.
 * @values: one a key of chq_site_schema: overwritten; NULL where the file says nothing. Freed by conf_values_free().
 * Return: 0, also without a file; CHQ_ECONF, CHQ_ENOMEM, the errno of reading, with @err filled.
 */
int conf_file_values(const struct chq_site_conf *conf, char **values, struct chq_conf_error *err);
void conf_values_free(char **values);

/* The same as a file's text, to be freed; NULL without memory. */
char *conf_values_text(char *const *values);

/**
 * conf_one_value() - one key and its value as the file would take them.
 * @value: as somebody has typed it. @text: as the file would say it, to be freed.
 * Return: the key's index; CHQ_ECONF, CHQ_ENOMEM with @err filled.
 */
int conf_one_value(const char *key, const char *value, char **text, struct chq_conf_error *err);

/**
 * conf_file_write() - put @text in the file's place, and keep what it was. On disk when it returns.
 * Return: 0; a negated errno: the file is as before (unless only its folder could not be written to disk), with
 * @err filled.
 */
int conf_file_write(const struct chq_site_conf *conf, const char *text, struct chq_conf_error *err);

/**
 * conf_file_before() - what conf_file_write() kept last, to be freed.
 * Return: 0; CHQ_ENOENT: nothing; the errno of reading, with @err filled.
 */
int conf_file_before(const struct chq_site_conf *conf, char **text, struct chq_conf_error *err);

/**
 * conf_file_back() - put that in the file's place; nothing is kept then.
 * Return: 0; a negated errno, with @err filled.
 */
int conf_file_back(const struct chq_site_conf *conf, struct chq_conf_error *err);
