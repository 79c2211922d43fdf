#include "dataplane/listen.h"

#include <stdio.h>

#include "base/addr.h"
#include "base/err.h"

int
chq_listen_parse(struct chq_listen *l, const struct chq_conf_strings *texts, char *err,
		 size_t err_size)
{
	struct sockaddr_storage ss;
	socklen_t len;

	if (texts->count == 0 || texts->count > CHQ_LISTEN_MAX) {
		snprintf(err, err_size, "listen: 1 to %d addresses are expected", CHQ_LISTEN_MAX);
		return CHQ_ECONF;
	}
	for (size_t i = 0; i < texts->count; i++) {
		if (chq_sockaddr_parse(texts->items[i], &ss, &len) ||
		    !chq_inet_from_sockaddr(&l->at[i], (struct sockaddr *)&ss)) {
			snprintf(err, err_size, "listen: %s is no address", texts->items[i]);
			return CHQ_ECONF;
		}
	}
	l->n = (unsigned int)texts->count;
	return 0;
}

bool
chq_listen_covers(const struct chq_inet *at, const struct chq_inet *a)
{
	if (!chq_ip_is_any(at->ip_hi, at->ip_lo))
		return at->ip_hi == a->ip_hi && at->ip_lo == a->ip_lo;
	return !chq_ip_is_v4(at->ip_hi, at->ip_lo) || chq_ip_is_v4(a->ip_hi, a->ip_lo);
}
