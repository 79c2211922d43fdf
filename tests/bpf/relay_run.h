#pragma once
/* tests/bpf/relay_run: the program relay.bpf.c against the same text in C. */
#include "dataplane/tables.h"

/**
 * relay_run() - load the program onto these tables and give both the same frames.
 * @object: path of relay.bpf.o.
 * @t:      fresh tables that are BPF maps, of at least 16 sessions.
 *
 * Says on standard output what differed. Return: number of faults, 0 if all is as it must be.
 */
int relay_run(const char *object, struct chq_tables *t);
