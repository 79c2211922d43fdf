#include "dataplane/driver_order.h"

#include <string.h>

#include "base/array.h"
#include "base/err.h"

static const char *const words[CHQ_DRIVER__COUNT] = { [CHQ_DRIVER_AUTO] = "auto",
						      [CHQ_DRIVER_DPDK] = "dpdk",
						      [CHQ_DRIVER_AF_XDP] = "af_xdp",
						      [CHQ_DRIVER_XDP] = "xdp",
						      [CHQ_DRIVER_SOCKET] = "socket" };

const char *
chq_driver_word(enum chq_conf_driver kind)
{
	return words[kind];
}

int
chq_driver_of_word(const char *word)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (!strcmp(words[i], word))
			return (int)i;
	}
	return CHQ_EUSAGE;
}

int
chq_driver_order(const struct chq_site_conf *conf, enum chq_conf_driver *out, const char **why)
{
	int n = 0;

	if (conf->dataplane.driver != CHQ_DRIVER_AUTO) {
		*why = "named by the operator";
		out[0] = (enum chq_conf_driver)conf->dataplane.driver;
		return 1;
	}
	*why = "auto: neither dataplane.ports nor dataplane.interfaces is set";
	if (conf->dataplane.interfaces.count) {
		*why = "auto: dataplane.interfaces is set";
		out[n++] = CHQ_DRIVER_AF_XDP;
		out[n++] = CHQ_DRIVER_XDP;
	}
	if (conf->dataplane.ports.count) {
		*why = "auto: dataplane.ports is set";
		memmove(out + 1, out, (size_t)n * sizeof(*out));
		out[0] = CHQ_DRIVER_DPDK;
		n++;
	}
	out[n++] = CHQ_DRIVER_SOCKET;
	return n;
}
