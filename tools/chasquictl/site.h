#pragma once
/*
 * tools/chasquictl/site: what the configuration says about where the daemons listen.
 */
#include "proto/ctl.h"

#define TOOL_PATH_MAX 512

struct tool_site {
	char control[TOOL_PATH_MAX]; /* the operators' socket */
	char read[TOOL_PATH_MAX];    /* the one for those who may only look; empty: none */
	char status[TOOL_PATH_MAX];  /* the dataplane's read-only socket */
};

/**
 * tool_site_read() - from a configuration.
 * @conf: file, or NULL for the usual one: if that is absent or may not be read, defaults are taken.
 *
 * Return: 0; CHQ_ECONF and others of chq_site_conf_load(), with @e filled.
 */
int tool_site_read(const char *conf, struct tool_site *site, struct chq_ctl_error *e);
