#include "dataplane/driver_order.h"

#include <string.h>

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
