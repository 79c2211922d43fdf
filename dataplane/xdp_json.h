#pragma once
/* dataplane/xdp_json: what operators are told of programs on interfaces, with a process and without. New references. */
#include <jansson.h>

#include "dataplane/xdp_pins.h"

/** chq_xdp_prog_json() - {id, name, tag, since}; since: UTC, "" when unknown. */
json_t *chq_xdp_prog_json(const struct chq_xdp_prog *p);

/** chq_xdp_status_json() - of one interface, from its pins. */
json_t *chq_xdp_status_json(const struct chq_xdp_status *s);

/** chq_xdp_counts_json() - counters by name; @all: those that are 0 too. */
json_t *chq_xdp_counts_json(const struct chq_xdp_counts *counts, bool all);
