/*
 * chasqui-dataplane: relays frames between clients and hands the rest to chasqui-control.
 */
#include <getopt.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/err.h"
#include "base/lock.h"
#include "base/log.h"
#include "dataplane/driver_order.h"
#include "dataplane/instance.h"
#include "dataplane/run.h"
#include "proto/aead.h"
#include "proto/ctl.h"

enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct options {
	const char *conf_path;
	const char *driver; /* NULL: as configured */
	bool detach, json;
	const char *verb;
};

static const char usage[] =
	"usage: chasqui-dataplane [-c FILE] [--driver NAME] [--detach] [run]\n"
	"       chasqui-dataplane [-c FILE] [-o json] status\n"
	"       chasqui-dataplane [-c FILE] [-o json] stats\n"
	"       chasqui-dataplane [-c FILE] detach\n"
	"\n"
	"  run      relay until SIGTERM; sessions stay for the next start\n"
	"  status   say what runs, stands pinned and is attached\n"
	"  stats    what the programs on interfaces have counted, also while no process runs\n"
	"  detach   take the program off the interfaces and forget all sessions\n"
	"\n"
	"  -c, --config FILE   configuration (default " CHQ_SITE_CONF_PATH ")\n"
	"      --driver NAME   auto, dpdk, af_xdp, xdp or socket, instead of the configured one\n"
	"      --detach        with run: detach at the end\n"
	"  -o, --output FORM   with status and stats: text or json\n"
	"  -h, --help          this text\n"
	"\n"
	"Exit codes: 0 done, 1 failed, 2 usage; detach also 5 while a process runs, 6 not "
	"permitted.\n";

/* --- verbs --- */

static int
verb_run(struct chq_site_conf *conf, const struct options *o)
{
	return chq_run(conf, o->detach) ? EXIT_FAILED : EXIT_SUCCESS;
}

static void
print_names(const json_t *names)
{
	const json_t *name;
	size_t i;

	json_array_foreach(names, i, name) printf(" %s", json_string_value(name));
	printf("%s\n", json_array_size(names) ? "" : " none");
}

static void
print_link(const json_t *link)
{
	const json_t *program = json_object_get(link, "program");
	const char *since = json_string_value(json_object_get(program, "since"));
	const char *why = json_string_value(json_object_get(link, "why_generic"));
	const char *driver = json_string_value(json_object_get(link, "driver"));

	printf("program on %s: id %lld, %s%s%s%s%s%s%s%s\n",
	       json_string_value(json_object_get(link, "interface")),
	       json_integer_value(json_object_get(program, "id")),
	       json_string_value(json_object_get(link, "mode")), why ? " (" : "", why ? why : "",
	       why ? ")" : "", driver ? ", driver " : "", driver ? driver : "",
	       since && *since ? ", since " : "", since ? since : "");
}

static void
print_links(const json_t *links)
{
	const json_t *link;
	size_t i;

	json_array_foreach(links, i, link) print_link(link);
	if (json_array_size(links) == 0)
		printf("program on interfaces: none\n");
}

static void
print_status(const json_t *s)
{
	printf("instance %s: ", json_string_value(json_object_get(s, "instance")));
	if (json_is_true(json_object_get(s, "running")))
		printf("running, process %lld\n", json_integer_value(json_object_get(s, "pid")));
	else
		printf("not running\n");
	printf("pinned in %s:", json_string_value(json_object_get(s, "pins_dir")));
	print_names(json_object_get(s, "pins"));
	printf("table files:");
	print_names(json_object_get(s, "table_files"));
	printf("tables in huge pages:");
	print_names(json_object_get(s, "huge_files"));
	print_links(json_object_get(s, "links"));
}

static void
print_stats(const json_t *stats)
{
	const char *name;
	json_t *n;

	json_object_foreach(json_object_get(stats, "program"), name, n)
		printf("%-20s %" JSON_INTEGER_FORMAT "\n", name, json_integer_value(n));
}

/* @data: taken over. */
static int
print_answer(json_t *data, bool json, void (*print_fn)(const json_t *data))
{
	json_t *answer;

	if (!data)
		return EXIT_FAILED;
	if (!json) {
		print_fn(data);
		json_decref(data);
		return EXIT_SUCCESS;
	}
	answer = json_pack("{s:b, s:o}", "ok", 1, "data", data);
	json_dumpf(answer, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(answer);
	return EXIT_SUCCESS;
}

static int
verb_status(struct chq_site_conf *conf, const struct options *o)
{
	struct chq_instance in;

	if (chq_instance_init(&in, conf))
		return EXIT_FAILED;
	return print_answer(chq_instance_status(&in), o->json, print_status);
}

static int
verb_stats(struct chq_site_conf *conf, const struct options *o)
{
	struct chq_instance in;

	json_t *stats;

	if (chq_instance_init(&in, conf))
		return EXIT_FAILED;
	stats = chq_instance_stats(&in);
	if (json_object_size(json_object_get(stats, "program")) > 0)
		return print_answer(stats, o->json, print_stats);
	json_decref(stats);
	fprintf(stderr, "error: EUNAVAIL no program of instance %s has counted anything\n",
		in.tables.instance);
	return (int)chq_ctl_exit_code(CHQ_EUNAVAIL);
}

static int
verb_detach(struct chq_site_conf *conf, const struct options *o)
{
	struct chq_instance in;
	char err[256] = "";
	pid_t holder = 0;
	int fd, n;

	(void)o;
	if (chq_instance_init(&in, conf))
		return EXIT_FAILED;
	fd = chq_instance_lock(&in, &holder);
	if (fd == CHQ_ELOCKED) {
		fprintf(stderr,
			"error: EBUSY chasqui-dataplane runs as instance %s (process %ld): stop it "
			"first\n",
			in.tables.instance, (long)holder);
		return (int)chq_ctl_exit_code(fd);
	}
	if (fd < 0) {
		fprintf(stderr, "error: %s %s: %s\n", chq_errname(fd), in.lock, chq_strerror(fd));
		return (int)chq_ctl_exit_code(fd);
	}
	n = chq_instance_detach(&in, err, sizeof(err));
	chq_lock_release(fd);
	if (n < 0)
		fprintf(stderr, "error: %s %s\n", chq_errname(n), err);
	else
		printf("removed: %d\n", n);
	return n < 0 ? (int)chq_ctl_exit_code(n) : EXIT_SUCCESS;
}

static const struct {
	const char *name;
	int (*run)(struct chq_site_conf *conf, const struct options *o);
} verbs[] = {
	{ "run", verb_run },
	{ "status", verb_status },
	{ "stats", verb_stats },
	{ "detach", verb_detach },
};

/* --- command line --- */

/* Return: 0; 1 help was asked for; CHQ_EUSAGE. */
static int
options_parse(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = { { "config", required_argument, NULL, 'c' },
					       { "driver", required_argument, NULL, 'd' },
					       { "detach", no_argument, NULL, 'D' },
					       { "output", required_argument, NULL, 'o' },
					       { "help", no_argument, NULL, 'h' },
					       { NULL, 0, NULL, 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "c:o:h", longs, NULL)) != -1) {
		switch (c) {
		case 'c': o->conf_path = optarg; break;
		case 'd': o->driver = optarg; break;
		case 'D': o->detach = true; break;
		case 'o':
			o->json = !strcmp(optarg, "json");
			if (!o->json && strcmp(optarg, "text"))
				return CHQ_EUSAGE;
			break;
		case 'h': return 1;
		default: return CHQ_EUSAGE;
		}
	}
	if (optind < argc)
		o->verb = argv[optind++];
	return optind == argc && (!o->driver || chq_driver_of_word(o->driver) >= 0) ? 0
										    : CHQ_EUSAGE;
}

static int
run_verb(const struct options *o)
{
	struct chq_conf_error err;
	struct chq_site_conf conf;
	int status;

	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		if (strcmp(verbs[i].name, o->verb))
			continue;
		if (chq_site_conf_load(o->conf_path, &conf, &err)) {
			fprintf(stderr, "error: ECONF %s\n", err.text);
			return EXIT_FAILED;
		}
		chq_log_set_level((enum chq_log_level)conf.log.level);
		if (o->driver)
			conf.dataplane.driver = (uint32_t)chq_driver_of_word(o->driver);
		status = verbs[i].run(&conf, o);
		chq_site_conf_free(&conf);
		return status;
	}
	fputs(usage, stderr);
	return EXIT_USAGE;
}

int
main(int argc, char **argv)
{
	struct options o = { .conf_path = CHQ_SITE_CONF_PATH, .verb = "run" };

	if (chq_crypto_init())
		return EXIT_FAILED;
	switch (options_parse(&o, argc, argv)) {
	case 0: return run_verb(&o);
	case 1: fputs(usage, stdout); return EXIT_SUCCESS;
	default: fputs(usage, stderr); return EXIT_USAGE;
	}
}
