#pragma once
/*
 * tools/chasquictl/snapshot: what both daemons say of themselves at one moment.
 */
#include <stdint.h>

#include <jansson.h>

#include "proto/ctl.h"
#include "tools/chasquictl/args.h"
#include "tools/chasquictl/site.h"

struct tool_snapshot {
	uint64_t at_ns;		  /* monotonic */
	json_t *control;	  /* data of `status show`; NULL: it does not answer */
	json_t *stats;		  /* of `dp stats --all`; NULL the same */
	json_t *dp;		  /* of `dp status` */
	struct chq_ctl_error why; /* why control does not answer */
};

/** tool_snapshot_site() - where to ask: -s names control's socket, the rest is configured. Return: as tool_site_read(). */
int tool_snapshot_site(const struct tool_args *a, struct tool_site *site, struct chq_ctl_error *e);

/** tool_snapshot_take() - ask all of them, each with @timeout_s. Ends with tool_snapshot_free(). */
void tool_snapshot_take(struct tool_snapshot *s, const struct tool_site *site, unsigned timeout_s);

/* Harmless on a zeroed one. */
void tool_snapshot_free(struct tool_snapshot *s);

/** tool_json_at() - a member of members, "sessions.open"; NULL if it is not there. */
const json_t *tool_json_at(const json_t *o, const char *path);

/** tool_number_at() - the same as a number; 0 if it is none. */
double tool_number_at(const json_t *o, const char *path);
