#include "base/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

static int
parse_port(const char *text, uint16_t *port)
{
	unsigned n = 0;

	if (text[0] < '1' || text[0] > '9')
		return CHQ_EMALFORMED;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || n > 6553)
			return CHQ_EMALFORMED;
		n = n * 10 + (unsigned)(*text - '0');
	}
	if (n > 65535)
		return CHQ_EMALFORMED;
	*port = (uint16_t)n;
	return 0;
}

/* RFC 1123: labels of 1 to 63 letters, digits and inner hyphens. */
static bool
is_host_name(const char *s)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
	bool letter = false;

	for (;;) {
		size_t len = strspn(s, letters);

		if (len == 0 || len > 63 || s[0] == '-' || s[len - 1] == '-')
			return false;
		letter = strspn(s, "0123456789") < len; /* a numeric last label is no name */
		s += len;
		if (!*s)
			return letter;
		if (*s++ != '.')
			return false;
	}
}

static bool
is_host(const char *host, bool bracketed)
{
	struct in6_addr v6;
	struct in_addr v4;

	if (bracketed)
		return inet_pton(AF_INET6, host, &v6) == 1;
	return inet_pton(AF_INET, host, &v4) == 1 || is_host_name(host);
}

int
chq_hostport_split(const char *text, char host[CHQ_HOST_MAX], uint16_t *port)
{
	bool bracketed = text[0] == '[';
	const char *colon = strrchr(text, ':');
	size_t len;

	if (!colon)
		return CHQ_EMALFORMED;
	len = (size_t)(colon - text);
	if (bracketed) {
		if (len < 2 || text[len - 1] != ']')
			return CHQ_EMALFORMED;
		text++;
		len -= 2;
	}
	if (len >= CHQ_HOST_MAX)
		return CHQ_EMALFORMED;
	memcpy(host, text, len);
	host[len] = '\0';
	return is_host(host, bracketed) ? parse_port(colon + 1, port) : CHQ_EMALFORMED;
}

int
chq_sockaddr_parse(const char *text, struct sockaddr_storage *sa, socklen_t *len)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	char host[CHQ_HOST_MAX];
	uint16_t port;

	if (chq_hostport_split(text, host, &port) != 0)
		return CHQ_EMALFORMED;
	memset(sa, 0, sizeof(*sa));
	if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
		v4.sin_port = htons(port);
		*len = sizeof(v4);
		memcpy(sa, &v4, sizeof(v4));
		return 0;
	}
	if (inet_pton(AF_INET6, host, &v6.sin6_addr) != 1)
		return CHQ_EMALFORMED;
	v6.sin6_port = htons(port);
	*len = sizeof(v6);
	memcpy(sa, &v6, sizeof(v6));
	return 0;
}

const char *
chq_sockaddr_format(const struct sockaddr *sa, char out[CHQ_ADDR_TEXT_MAX])
{
	char host[INET6_ADDRSTRLEN] = "";

	if (sa->sa_family == AF_INET) {
		struct sockaddr_in v4;

		memcpy(&v4, sa, sizeof(v4));
		inet_ntop(AF_INET, &v4.sin_addr, host, sizeof(host));
		snprintf(out, CHQ_ADDR_TEXT_MAX, "%s:%u", host, ntohs(v4.sin_port));
	} else if (sa->sa_family == AF_INET6) {
		struct sockaddr_in6 v6;
		bool mapped;

		memcpy(&v6, sa, sizeof(v6));
		mapped = IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr);
		if (mapped)
			inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], host, sizeof(host));
		else
			inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof(host));
		snprintf(out, CHQ_ADDR_TEXT_MAX, mapped ? "%s:%u" : "[%s]:%u", host,
			 ntohs(v6.sin6_port));
	} else {
		snprintf(out, CHQ_ADDR_TEXT_MAX, "unknown");
	}
	return out;
}
