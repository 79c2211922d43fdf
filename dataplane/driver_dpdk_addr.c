#include <jansson.h>

#include "dataplane/addrs.h"
#include "dataplane/dpdk_eal.h"
#include "dataplane/driver_dpdk.h"

json_t *
chq_dpdk_describe_port(const struct chq_header *header, uint8_t ifidx, const char *name,
		       const char *driver)
{
	const struct chq_port *port = &header->port_info[ifidx];
	char mac[18];

	return json_pack("{s:s, s:s, s:s, s:i, s:b, s:[]}", "name", name, "driver", driver, "mac",
			 chq_mac_text(port, mac), "mtu", (int)port->mtu, "hugepages",
			 chq_eal_hugepages(), "offloads");
}
