#include "control/metrics_http.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *status, *type;
} answers[METRICS_HTTP__COUNT] = {
	[METRICS_HTTP_MORE] = { "408 Request Timeout", "text/plain" },
	[METRICS_HTTP_GET] = { "200 OK", "text/plain; version=0.0.4; charset=utf-8" },
	[METRICS_HTTP_HEAD] = { "200 OK", "text/plain; version=0.0.4; charset=utf-8" },
	[METRICS_HTTP_WELL] = { "200 OK", "text/plain" },
	[METRICS_HTTP_ABSENT] = { "404 Not Found", "text/plain" },
	[METRICS_HTTP_METHOD] = { "405 Method Not Allowed\r\nAllow: GET, HEAD", "text/plain" },
	[METRICS_HTTP_MALFORMED] = { "400 Bad Request", "text/plain" },
	[METRICS_HTTP_TOO_LONG] = { "431 Request Header Fields Too Large", "text/plain" },
};

/* The word at *@at, up to a space or the line's end. Return: its length; *@at moves behind the space. */
static size_t
word(const char **at, const char *end, const char **out)
{
	const char *space = memchr(*at, ' ', (size_t)(end - *at));
	size_t len = (size_t)((space ? space : end) - *at);

	*out = *at;
	*at = space ? space + 1 : end;
	return len;
}

static int
same(const char *p, size_t len, const char *text)
{
	return len == strlen(text) && memcmp(p, text, len) == 0;
}

static enum metrics_request
request_line(const char *line, const char *end)
{
	const char *method, *path, *version, *at = line, *query;
	size_t method_len = word(&at, end, &method), path_len = word(&at, end, &path);
	size_t version_len = word(&at, end, &version);

	for (const char *p = line; p < end; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return METRICS_HTTP_MALFORMED;
	if (at != end || method_len == 0 || path_len == 0 || path[0] != '/' ||
	    !(same(version, version_len, "HTTP/1.0") || same(version, version_len, "HTTP/1.1")))
		return METRICS_HTTP_MALFORMED;
	query = memchr(path, '?', path_len);
	path_len = query ? (size_t)(query - path) : path_len;
	if (!same(method, method_len, "GET") && !same(method, method_len, "HEAD"))
		return METRICS_HTTP_METHOD;
	if (same(path, path_len, "/metrics"))
		return method[0] == 'G' ? METRICS_HTTP_GET : METRICS_HTTP_HEAD;
	return same(path, path_len, "/healthz") && method[0] == 'G' ? METRICS_HTTP_WELL
								    : METRICS_HTTP_ABSENT;
}

enum metrics_request
metrics_http_parse(const char *p, size_t len)
{
	const char *line_end = memchr(p, '\n', len), *end;

	if (!line_end)
		return len >= METRICS_REQUEST_MAX ? METRICS_HTTP_TOO_LONG : METRICS_HTTP_MORE;
	/* An empty line ends the fields; lone newlines are taken too. */
	end = memmem(p, len, "\n\r\n", 3);
	if (!end)
		end = memmem(p, len, "\n\n", 2);
	if (!end)
		return len >= METRICS_REQUEST_MAX ? METRICS_HTTP_TOO_LONG : METRICS_HTTP_MORE;
	if (line_end > p && line_end[-1] == '\r')
		line_end--;
	return request_line(p, line_end);
}

size_t
metrics_http_head(enum metrics_request what, size_t body_len, char out[256])
{
	return (size_t)snprintf(out, 256,
				"HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
				"Connection: close\r\n\r\n",
				answers[what].status, answers[what].type, body_len);
}
