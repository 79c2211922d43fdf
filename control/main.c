/* chasqui-control: the daemon of people and policy; also makes what a server begins with. */

#include <event2/event.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/array.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/undumpable.h"
#include "control/control.h"
#include "control/ctl_conf.h"
#include "control/init.h"
#include "control/keys.h"
#include "control/store_tool.h"
#include "proto/aead.h"
#include "proto/policy.h"

enum { EXIT_USAGE = 2 };

static const char usage_text[] =
	"usage: chasqui-control [-c FILE] [run]\n"
	"       chasqui-control [-c FILE] conf-check [FILE]\n"
	"       chasqui-control [-c FILE] store-restore FOLDER\n"
	"       chasqui-control [-c FILE] store-compact\n"
	"       chasqui-control init [--config FILE] [--state DIR] [--run DIR] [--port PORT]\n"
	"                            [--server-id N] HOST\n"
	"       chasqui-control sign-policy DIR [APP...]\n"
	"\n"
	"run         serve (the default)\n"
	"conf-check  print the effective configuration, or what is wrong with it\n"
	"store-restore  put a backup in the database's place, while nobody serves it\n"
	"store-compact  write the database anew without free pages, the same\n"
	"init        make keys, configuration and an empty database, and print the invitation\n"
	"            that clients need; overwrites nothing\n"
	"sign-policy sign, with DIR/org.key, the list of applications that the relay may read, as\n"
	"            DIR/policy: the daemon takes it from its folder of keys by `chasquictl app "
	"sign`\n"
	"\n"
	"FILE is " CHQ_SITE_CONF_PATH " unless given.\n";

struct daemon {
	struct event_base *base;
	struct control ctl;
	const char *path;
	struct chq_site_conf conf;
	struct event *watchdog;
	struct event *signals[4];
};

static void
daemon_signal(evutil_socket_t sig, short what, void *arg)
{
	struct daemon *d = arg;

	(void)what;
	if (sig == SIGHUP)
		ctl_conf_reload(&d->ctl);
	else if (sig == SIGUSR1)
		ctl_conf_log_reopen(&d->ctl);
	else
		event_base_loopbreak(d->base);
}

static void
daemon_watchdog(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	sd_notify(0, "WATCHDOG=1");
}

static int
daemon_signals(struct daemon *d)
{
	static const int numbers[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1 };

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		d->signals[i] = evsignal_new(d->base, numbers[i], daemon_signal, d);
		if (!d->signals[i] || event_add(d->signals[i], NULL) != 0)
			return CHQ_ENOMEM;
	}
	return CHQ_OK;
}

static int
daemon_watchdog_start(struct daemon *d)
{
	uint64_t us = 0;
	struct timeval tv;

	if (sd_watchdog_enabled(0, &us) <= 0)
		return CHQ_OK;
	tv = (struct timeval){ .tv_sec = (time_t)(us / 2000000), .tv_usec = us / 2 % 1000000 };
	d->watchdog = event_new(d->base, -1, EV_PERSIST, daemon_watchdog, d);
	return d->watchdog && event_add(d->watchdog, &tv) == 0 ? CHQ_OK : CHQ_ENOMEM;
}

/* The folder of sockets: in a file system that is new at each boot. */
static int
daemon_run_folder(const char *path, const struct passwd *pw)
{
	struct stat st;

	if (mkdir(path, 0755) != 0 && errno != EEXIST)
		return chq_errno();
	if (stat(path, &st) != 0)
		return chq_errno();
	if (pw && st.st_uid == 0 && chown(path, pw->pw_uid, pw->pw_gid) != 0)
		return chq_errno();
	return CHQ_OK;
}

/* From root to the configured user, with the groups of the operators' sockets beside its own. */
static int
daemon_become(const struct passwd *pw, const struct chq_site_conf *conf)
{
	const char *names[] = { conf->control.group, conf->control.read_group };
	gid_t more[ARRAY_LEN(names)];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const struct group *g = *names[i] ? getgrnam(names[i]) : NULL;

		if (g)
			more[n++] = g->gr_gid;
	}
	if (setgroups(n, more) != 0 || setgid(pw->pw_gid) != 0 || setuid(pw->pw_uid) != 0)
		return chq_errno();
	return CHQ_OK;
}

static int
daemon_user(const struct chq_site_conf *conf)
{
	const char *name = conf->users.control;
	const struct passwd *pw = NULL;
	int rc;

	if (geteuid() == 0 && *name) {
		pw = getpwnam(name);
		if (!pw)
			CHQ_LOG_WARN("user-absent", "user=%s note=\"staying root\"", CHQ_Q(name));
	}
	rc = daemon_run_folder(conf->paths.run, pw);
	if (!rc && pw)
		rc = daemon_become(pw, conf);
	if (rc)
		CHQ_LOG_ERROR("cannot-start", "path=%s user=%s error=%s", CHQ_Q(conf->paths.run),
			      CHQ_Q(name), chq_errname(rc));
	return rc;
}

/* As the user that we have become, else it could not be opened anew. */
static int
daemon_log(const struct chq_site_conf *conf)
{
	int rc = *conf->log.file ? chq_log_file(conf->log.file) : CHQ_OK;

	if (rc)
		CHQ_LOG_ERROR("cannot-start", "path=%s error=%s", CHQ_Q(conf->log.file),
			      chq_errname(rc));
	return rc;
}

static int
daemon_serve(struct daemon *d)
{
	struct control_error err;
	int rc;

	rc = daemon_signals(d);
	if (!rc)
		rc = daemon_watchdog_start(d);
	if (rc)
		return rc;
	rc = control_start(&d->ctl, d->base, &d->conf, NULL, &err);
	if (rc) {
		fprintf(stderr, "chasqui-control: %s\n", err.text);
		return rc;
	}
	d->ctl.conf_live = &d->conf;
	d->ctl.conf_path = d->path;
	CHQ_LOG_INFO("started", "server=%u epoch=%u", d->conf.server.id, d->ctl.epoch);
	sd_notify(0, "READY=1");
	event_base_dispatch(d->base);
	sd_notify(0, "STOPPING=1");
	control_stop(&d->ctl);
	CHQ_LOG_INFO("stopped", "");
	return CHQ_OK;
}

static int
load(const char *path, struct chq_site_conf *conf)
{
	struct chq_conf_error why;
	int rc = chq_site_conf_load_over(path, NULL, conf, &why);

	if (rc)
		fprintf(stderr, "chasqui-control: %s\n", why.text);
	return rc;
}

static int
run(const char *path)
{
	struct daemon d = { .path = path };
	int rc = load(path, &d.conf);

	if (rc)
		return EXIT_FAILURE;
	chq_log_set_level((enum chq_log_level)d.conf.log.level);
	signal(SIGPIPE, SIG_IGN);
	rc = daemon_user(&d.conf);
	if (!rc)
		rc = daemon_log(&d.conf);
	chq_undumpable(); /* and only now, as another user: keys are read after this */
	d.base = rc ? NULL : event_base_new();
	if (d.base)
		rc = daemon_serve(&d);
	for (size_t i = 0; i < ARRAY_LEN(d.signals); i++)
		if (d.signals[i])
			event_free(d.signals[i]);
	if (d.watchdog)
		event_free(d.watchdog);
	if (d.base)
		event_base_free(d.base);
	chq_site_conf_free(&d.conf);
	return rc || !d.base ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int
conf_check(const char *path)
{
	struct chq_site_conf conf;

	if (load(path, &conf) != 0)
		return EXIT_FAILURE;
	chq_conf_print(&chq_site_schema, &conf, stdout);
	chq_site_conf_free(&conf);
	return EXIT_SUCCESS;
}

/* Return: what to exit with. */
static int
store_command(const char *path, const char *dir)
{
	struct chq_site_conf conf;
	int status;

	if (load(path, &conf) != 0)
		return EXIT_FAILURE;
	chq_undumpable();
	signal(SIGPIPE, SIG_IGN);
	status = chq_crypto_init() != 0 ? EXIT_FAILURE
		 : dir			? store_tool_restore(&conf, dir)
					: store_tool_compact(&conf);
	chq_site_conf_free(&conf);
	return status;
}

static int
usage(void)
{
	fputs(usage_text, stderr);
	return EXIT_USAGE;
}

/* A number within bounds; 0 if it is none. */
static uint32_t
number(const char *text, uint32_t max)
{
	char *end;
	unsigned long long n = strtoull(text, &end, 10);

	return *text >= '0' && *text <= '9' && !*end && n <= max ? (uint32_t)n : 0;
}

static int
init_options(int argc, char **argv, struct init_options *opt)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "state", required_argument, NULL, 's' },
		{ "run", required_argument, NULL, 'r' },
		{ "port", required_argument, NULL, 'p' },
		{ "server-id", required_argument, NULL, 'i' },
		{ NULL, 0, NULL, 0 },
	};
	int o;

	while ((o = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (o) {
		case 'c': opt->config = optarg; break;
		case 's': opt->state = optarg; break;
		case 'r': opt->run = optarg; break;
		case 'p': opt->port = (uint16_t)number(optarg, UINT16_MAX); break;
		case 'i': opt->server_id = number(optarg, UINT32_MAX - 1); break;
		default: return CHQ_EUSAGE;
		}
	}
	if (optind != argc - 1 || !opt->port || !opt->server_id)
		return CHQ_EUSAGE;
	opt->host = argv[optind];
	return CHQ_OK;
}

static int
init(int argc, char **argv)
{
	struct init_options opt = {
		.config = CHQ_SITE_CONF_PATH,
		.state = "/var/lib/chasqui",
		.run = "/run/chasqui",
		.port = CHQ_PORT_DEFAULT,
		.server_id = 1,
	};
	struct control_error err;
	uint64_t not_after_ms;
	char invitation[512], until[32];
	time_t end;
	struct tm tm;

	if (init_options(argc, argv, &opt) != 0)
		return usage();
	chq_undumpable();
	if (control_init(&opt, invitation, sizeof(invitation), &not_after_ms, &err) != 0) {
		fprintf(stderr, "chasqui-control: %s\n", err.text);
		return EXIT_FAILURE;
	}
	end = (time_t)(not_after_ms / 1000);
	strftime(until, sizeof(until), "%Y-%m-%d", gmtime_r(&end, &tm));
	fprintf(stderr,
		"made %s and keys in %s/keys\n"
		"org.key there signs servers; the daemon does not need it: keep it safe elsewhere\n"
		"the server's certificate is good until %s\n"
		"clients need this invitation:\n",
		opt.config, opt.state, until);
	puts(invitation);
	return EXIT_SUCCESS;
}

/* sign-policy FOLDER APP... */
static int
sign_policy(int argc, char **argv)
{
	uint16_t apps[CHQ_POLICY_APPS_MAX];
	struct keys_error err;
	unsigned n = 0;

	if (argc < 2 || argc - 2 > CHQ_POLICY_APPS_MAX)
		return usage();
	for (int i = 2; i < argc; i++) {
		apps[n++] = (uint16_t)number(argv[i], UINT16_MAX);
		if (apps[n - 1] == 0 && strcmp(argv[i], "0") != 0)
			return usage();
	}
	chq_undumpable();
	if (chq_crypto_init() != 0 ||
	    control_keys_sign_policy(argv[1], apps, n, chq_wall_ms(), &err) != 0) {
		fprintf(stderr, "chasqui-control: %s\n", err.text);
		return EXIT_FAILURE;
	}
	fprintf(stderr, "signed %s/policy: %u applications may be read by the relay\n", argv[1], n);
	return EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	const char *path = CHQ_SITE_CONF_PATH;
	int at = 1;

	if (argc > 1 && (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help"))) {
		fputs(usage_text, stdout);
		return EXIT_SUCCESS;
	}
	if (argc > 2 && !strcmp(argv[1], "-c")) {
		path = argv[2];
		at = 3;
	}
	if (at == argc || (at == argc - 1 && !strcmp(argv[at], "run")))
		return run(path);
	if (!strcmp(argv[at], "store-restore") && argc - at == 2)
		return store_command(path, argv[at + 1]);
	if (!strcmp(argv[at], "store-compact") && argc - at == 1)
		return store_command(path, NULL);
	if (!strcmp(argv[at], "conf-check") && argc - at <= 2)
		return conf_check(argc - at == 2 ? argv[at + 1] : path);
	if (!strcmp(argv[at], "init"))
		return init(argc - at, argv + at);
	if (!strcmp(argv[at], "sign-policy"))
		return sign_policy(argc - at, argv + at);
	return usage();
}
