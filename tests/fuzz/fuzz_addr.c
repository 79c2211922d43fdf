/* An address with a port, as operators and invitations write it. */
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/err.h"
#include "tests/fuzz/fuzz.h"

static void
check_hostport(const char *text)
{
	char host[CHQ_HOST_MAX];
	uint16_t port = 0;

	memset(host, 'x', sizeof(host));
	if (chq_hostport_split(text, host, &port) != CHQ_OK)
		return;
	if (!memchr(host, 0, sizeof(host)) || host[0] == '\0' || port == 0 ||
	    strlen(host) >= strlen(text) || !strstr(text, host))
		abort();
}

/* What can be read is written as something that reads as the same. */
static void
check_sockaddr(const char *text)
{
	char once[CHQ_ADDR_TEXT_MAX], twice[CHQ_ADDR_TEXT_MAX];
	struct sockaddr_storage sa;
	socklen_t len;

	if (chq_sockaddr_parse(text, &sa, &len) != CHQ_OK)
		return;
	if (len > sizeof(sa) || (sa.ss_family != AF_INET && sa.ss_family != AF_INET6))
		abort();
	chq_sockaddr_format((struct sockaddr *)&sa, once);
	if (chq_sockaddr_parse(once, &sa, &len) != CHQ_OK)
		abort();
	if (strcmp(chq_sockaddr_format((struct sockaddr *)&sa, twice), once) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = malloc(len + 1);

	if (!text)
		abort();
	memcpy(text, data, len);
	text[len] = '\0';
	check_hostport(text);
	check_sockaddr(text);
	free(text);
	return 0;
}
