#pragma once

/* The little of HTTP that a scraper of figures speaks: one request, one answer, then the end. */

#include <stddef.h>

enum { METRICS_REQUEST_MAX = 4096 };

enum metrics_request {
	METRICS_HTTP_MORE, /* not whole yet */
	METRICS_HTTP_GET,  /* of /metrics */
	METRICS_HTTP_HEAD,
	METRICS_HTTP_WELL,	/* GET of /healthz: the process answers */
	METRICS_HTTP_ABSENT,	/* another path */
	METRICS_HTTP_METHOD,	/* another method */
	METRICS_HTTP_MALFORMED, /* no HTTP/1.x */
	METRICS_HTTP_TOO_LONG,	/* no end within METRICS_REQUEST_MAX */
	METRICS_HTTP__COUNT
};

/**
 * metrics_http_parse() - what has come so far.
 * @p: @len bytes, at most METRICS_REQUEST_MAX.
 *
 * Pure. Header fields are read over, bodies are not waited for.
 */
enum metrics_request metrics_http_parse(const char *p, size_t len);

/* Status line and fields of an answer with @body_len bytes behind them. Return: bytes written to @out. */
size_t metrics_http_head(enum metrics_request what, size_t body_len, char out[256]);
