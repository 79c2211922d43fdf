#pragma once

/* Opening the store as the configuration says, with an error for people. */

#include <stdbool.h>

#include "base/site_conf.h"

struct control_error;
struct store;

/**
 * control_store_open() - store_open() of @conf's files.
 * @serve: for the daemon: a new server epoch begins.
 *
 * Return: 0; codes of store_open(), @err says why.
 */
int control_store_open(const struct chq_site_conf *conf, bool serve, struct store **out,
		       struct control_error *err);
