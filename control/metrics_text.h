#pragma once

/*
 * Figures for Prometheus, as text of exposition format 0.0.4. No label names a person, a device or an
 * address; their values are few and known beforehand.
 */

#include <jansson.h>
#include <stddef.h>

struct control;

/**
 * metrics_text() - all figures as they are now.
 * @dp:  data of the dataplane's `dp stats --all`; NULL: it does not answer.
 * @len: receives the length.
 *
 * Thread: the loop's. Return: to be freed; NULL without memory.
 */
char *metrics_text(struct control *ctl, const json_t *dp, size_t *len);
