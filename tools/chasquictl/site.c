#include "tools/chasquictl/site.h"

#include <stdio.h>

#include "base/err.h"
#include "base/site_conf.h"

int
tool_site_read(const char *conf, struct tool_site *site, struct chq_ctl_error *e)
{
	struct chq_conf_error why;
	struct chq_site_conf c;
	char read[CHQ_SOCKET_PATH_MAX + 1];
	int err = chq_site_conf_load(conf ? conf : CHQ_SITE_CONF_PATH, &c, &why);

	if (!conf && (err == CHQ_ENOENT || err == CHQ_EACCES)) {
		snprintf(why.text, sizeof(why.text), "out of memory");
		err = chq_site_conf_default(&c);
	}
	if (err)
		return chq_ctl_error_set(e, err == CHQ_ENOENT ? CHQ_ECONF : err, NULL, "%s",
					 why.text);
	*site = (struct tool_site){ .read = "" };
	snprintf(site->control, sizeof(site->control), "%s", c.control.socket);
	if (chq_site_read_socket(&c, read))
		snprintf(site->read, sizeof(site->read), "%s", read);
	snprintf(site->status, sizeof(site->status), "%s/dataplane-%s-status.sock", c.paths.run,
		 c.dataplane.instance);
	chq_site_conf_free(&c);
	return CHQ_OK;
}
