#pragma once
/*
 * tools/chasquictl/remote: one request after another on a daemon's socket, each with a deadline.
 */
#include <stdint.h>

#include "proto/ctl.h"

struct tool_remote {
	int fd;
	const char *path; /* for errors */
	int hand;	  /* goes with the next request: -1: nothing. The caller's */
	char *in;	  /* bytes that came */
	size_t in_len, in_cap;
};

/**
 * tool_remote_open() - connect.
 * @path: must live as long as @r.
 * @e:    filled when it fails.
 *
 * Return: 0; CHQ_EUNAVAIL: nobody is there; CHQ_EACCES; CHQ_ENAMETOOLONG; CHQ_ETIMEDOUT: too many wait to
 * be served; another negated errno. On failure nothing is held.
 */
int tool_remote_open(struct tool_remote *r, const char *path, unsigned timeout_s,
		     struct chq_ctl_error *e);

/**
 * tool_remote_call() - send a request, wait for its answer.
 * @line:    of chq_ctl_request_make().
 * @changes: the request changes something: when no answer comes it may still have happened.
 * @a:       out; to be freed by chq_ctl_answer_free() whatever is returned. A refusal is a->error.
 * @e:       filled when it fails.
 *
 * Return: 0 for any answer; CHQ_ETIMEDOUT, or CHQ_EUNKNOWNRESULT with @changes, after @timeout_s or when
 * the connection broke; CHQ_ECONNRESET; CHQ_EMALFORMED, CHQ_ETOOBIG for an answer that is none.
 */
int tool_remote_call(struct tool_remote *r, const char *line, unsigned timeout_s, bool changes,
		     struct chq_ctl_answer *a, struct chq_ctl_error *e);

/** tool_remote_close() - harmless on one that is closed. */
void tool_remote_close(struct tool_remote *r);
