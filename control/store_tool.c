#include "control/store_tool.h"

#include <stdio.h>

#include "base/err.h"
#include "base/log.h"
#include "base/site_conf.h"
#include "proto/ctl.h"
#include "store/backup.h"

static int
fail(int rc, const char *what, const char *why)
{
	fprintf(stderr, "error: %s %s: %s\n", chq_errname(rc), what, why);
	return (int)chq_ctl_exit_code(rc);
}

static int
fail_locked(const struct chq_site_conf *conf, pid_t holder)
{
	char why[80];

	snprintf(why, sizeof(why), "chasqui-control has it (process %d): stop it first",
		 (int)holder);
	return fail(CHQ_EBUSY, conf->paths.store, why);
}

int
store_tool_restore(const struct chq_site_conf *conf, const char *dir)
{
	struct store_restore_report r;
	int rc = store_restore(dir, conf->paths.store, &r);

	if (rc == CHQ_ELOCKED)
		return fail_locked(conf, r.holder);
	if (rc == CHQ_ENOENT)
		return fail(rc, dir, "no backup is there");
	if (rc == CHQ_ESCHEMA)
		return fail(rc, dir, "made by a newer version");
	if (rc == CHQ_ECORRUPT)
		return fail(rc, dir,
			    r.faults ? "the check found faults; nothing was changed"
				     : "not what was backed up; nothing was changed");
	if (rc)
		return fail(rc, dir, chq_strerror(rc));
	if (r.manifest.server != conf->server.id)
		fprintf(stderr, "note: it was made on server %llu, this is %u\n",
			(unsigned long long)r.manifest.server, conf->server.id);
	printf("restored %s into %s: %llu accounts, devices, departments and rules, no faults\n",
	       dir, conf->paths.store, (unsigned long long)r.records);
	if (*r.kept)
		printf("the former database is kept in %s\n", r.kept);
	CHQ_LOG_WARN("store-restored", "from=%s kept=%s", CHQ_Q(dir), CHQ_Q(r.kept));
	return CHQ_CTL_EXIT_OK;
}

int
store_tool_compact(const struct chq_site_conf *conf)
{
	uint64_t before = 0, after = 0;
	pid_t holder = 0;
	int rc = store_compact(conf->paths.store, &before, &after, &holder);

	if (rc == CHQ_ELOCKED)
		return fail_locked(conf, holder);
	if (rc)
		return fail(rc, conf->paths.store, chq_strerror(rc));
	printf("%s: %llu bytes before, %llu after\n", conf->paths.store, (unsigned long long)before,
	       (unsigned long long)after);
	return CHQ_CTL_EXIT_OK;
}
