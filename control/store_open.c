#include "control/store_open.h"

#include <stdio.h>

#include "base/err.h"
#include "control/control.h"
#include "store/store.h"

int
control_store_open(const struct chq_site_conf *conf, bool serve, struct store **out,
		   struct control_error *err)
{
	struct store_options opt = {
		.dir = conf->paths.store,
		.map_bytes = conf->store.map_size_bytes,
		.map_max_bytes = conf->store.map_max_bytes,
		.next_epoch = serve,
	};
	pid_t holder = 0;
	int rc = store_open(out, &opt, &holder);

	if (rc == CHQ_ELOCKED)
		snprintf(err->text, sizeof(err->text),
			 "%s: in use by another process (pid %d): one chasqui-control per files",
			 conf->paths.store, (int)holder);
	else if (rc)
		snprintf(err->text, sizeof(err->text), "%s: %s", conf->paths.store,
			 chq_strerror(rc));
	return rc;
}
