#pragma once
/*
 * dataplane/status: the read-only socket of the dataplane, for operators and for when control is dead: one JSON
 * object a line as in proto/ctl.h, verbs "dp status", "dp stats" and "dp ports". Manager thread, never blocks.
 */
#include <jansson.h>
#include <poll.h>
#include <stddef.h>
#include <sys/types.h>

#include "dataplane/manager.h"

#define CHQ_STATUS_CLIENTS  8
#define CHQ_STATUS_LINE_MAX 4096
#define CHQ_STATUS_FDS	    (CHQ_STATUS_CLIENTS + 1)

struct chq_status_client {
	int fd; /* -1: none */
	char in[CHQ_STATUS_LINE_MAX];
	size_t in_len;
	char *out; /* answer under way, or NULL */
	size_t out_len, out_sent;
};

struct chq_status {
	int listen_fd;
	struct chq_status_client client[CHQ_STATUS_CLIENTS];
};

/**
 * chq_status_open() - listen at @path with mode 0660 and group @gid ((gid_t)-1: as it is made).
 * Return: 0; CHQ_ENAMETOOLONG; a negated errno. On failure nothing is held.
 */
int chq_status_open(struct chq_status *s, const char *path, gid_t gid);

/** chq_status_close() - harmless when listen_fd is -1. */
void chq_status_close(struct chq_status *s);

/** chq_status_fds() - what to poll(): fills at most CHQ_STATUS_FDS of @fds. Return: how many. */
unsigned chq_status_fds(const struct chq_status *s, struct pollfd *fds);

/** chq_status_round() - accept, read, answer what can be done now. */
void chq_status_round(struct chq_status *s, struct chq_manager *m);

/* --- the answers' data; each a new reference, NULL without memory --- */

/** driver, process, tables, workers with the share of their polls that found something, control. */
json_t *chq_status_json(const struct chq_manager *m);

/**
 * {"total": {name: n, ...}, "manager": {...}, "workers": [{...}, ...], "program": {...}, "paths": [...]}; @all: counters that
 * are 0 too. The program's: with drivers that have one, over all interfaces, since it was first attached. Paths: a line for
 * each worker and for the program, with what became of the frames that it took.
 */
json_t *chq_stats_json(const struct chq_manager *m, bool all);
