/*
 * chasqui-load: many simulated clients from one core.
 */
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "bench/load/load.h"
#include "proto/aead.h"

#define RATE_MAX 1000000 /* of steady, which remembers every frame */

static const char usage[] =
	"usage: chasqui-load prepare --dir DIR [--sessions N] [--control SOCKET]\n"
	"       chasqui-load run --dir DIR --invitation FILE [--sessions N] [--seconds S]\n"
	"                        [--payload BYTES] [--in-flight N] [--rate FRAMES/S] [--json]\n"
	"       chasqui-load steady --dir DIR --invitation FILE --rate FRAMES/S --record FILE\n"
	"                        [--sessions N] [--seconds S] [--payload BYTES]\n"
	"       chasqui-load ask --dir DIR --invitation FILE --what search|contacts|presence\n"
	"                        [--sessions N] [--seconds S] [--in-flight N]\n"
	"\n"
	"prepare makes accounts with device keys through the control socket and befriends them in "
	"pairs;\n"
	"run logs them all in and lets each pair exchange frames. Payloads are not sealed "
	"messages.\n"
	"steady sends at that rate whatever comes back, and tells of every frame; lines on "
	"standard "
	"input:\n"
	"'replay' sends the newest ones again, 'end' ends it.\n"
	"ask sends requests to the server, as JSON it tells how long the answers took.\n";

static void
figures_print(const struct load *l, const struct load_opts *o)
{
	double p50 = 0, p99 = 0;

	if (l->latency_len) {
		p50 = l->latency_us_x10[l->latency_len / 2] / 10.0;
		p99 = l->latency_us_x10[l->latency_len * 99 / 100] / 10.0;
	}
	if (o->json) {
		printf("{\"sessions\": %u, \"payload\": %u, \"seconds\": %.2f, \"load_sent\": "
		       "%llu, "
		       "\"load_delivered\": %llu, \"lost\": %llu, \"late\": %llu, \"notices\": "
		       "%llu, "
		       "\"bad\": %llu, \"load_frames_per_s\": %.0f, \"p50_us\": %.1f, \"p99_us\": "
		       "%.1f}\n",
		       l->count, o->payload, l->seconds, (unsigned long long)l->sent,
		       (unsigned long long)l->delivered, (unsigned long long)l->lost,
		       (unsigned long long)l->late, (unsigned long long)l->notices,
		       (unsigned long long)l->bad,
		       l->seconds > 0 ? (double)l->delivered / l->seconds : 0, p50, p99);
		return;
	}
	printf("  sessions     %u, payload %u bytes, %u frames in flight\n", l->count, o->payload,
	       o->in_flight);
	printf("  sent         %llu frames in %.1f s\n", (unsigned long long)l->sent, l->seconds);
	printf("  delivered    %llu frames, %.0f frames/s\n", (unsigned long long)l->delivered,
	       l->seconds > 0 ? (double)l->delivered / l->seconds : 0);
	printf("  lost         %llu frames (%llu arrived after more than 1 s)\n",
	       (unsigned long long)l->lost, (unsigned long long)l->late);
	printf("  latency      p50 %.1f us, p99 %.1f us, client to client\n", p50, p99);
	if (l->notices || l->bad)
		printf("  notices      %llu, frames that did not verify %llu\n",
		       (unsigned long long)l->notices, (unsigned long long)l->bad);
}

/* A whole decimal number; UINT_MAX, which no option takes, for anything else. */
static unsigned
number(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	return *text >= '0' && *text <= '9' && !*end && n < UINT_MAX ? (unsigned)n : UINT_MAX;
}

static bool
opts_ok(const struct load_opts *o)
{
	return o->dir && o->sessions >= 2 && o->sessions <= LOAD_SESSIONS_MAX && o->seconds &&
	       o->seconds <= 3600 && o->payload >= LOAD_PAYLOAD_MIN &&
	       o->payload <= CHQ_PAYLOAD_MAX && o->in_flight && o->in_flight <= 32768 &&
	       o->rate != UINT_MAX;
}

static int
opts_parse(struct load_opts *o, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "dir", 1, 0, 'd' },
		{ "invitation", 1, 0, 'i' },
		{ "control", 1, 0, 'c' },
		{ "sessions", 1, 0, 'n' },
		{ "seconds", 1, 0, 's' },
		{ "payload", 1, 0, 'p' },
		{ "in-flight", 1, 0, 'f' },
		{ "rate", 1, 0, 'r' },
		{ "record", 1, 0, 'o' },
		{ "what", 1, 0, 'w' },
		{ "json", 0, 0, 'j' },
		{ "help", 0, 0, 'h' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		unsigned value = optarg ? number(optarg) : 0;

		switch (c) {
		case 'd': o->dir = optarg; break;
		case 'i': o->invitation = optarg; break;
		case 'c': o->control = optarg; break;
		case 'n': o->sessions = value; break;
		case 's': o->seconds = value; break;
		case 'p': o->payload = value; break;
		case 'f': o->in_flight = value; break;
		case 'r': o->rate = value; break;
		case 'o': o->record = optarg; break;
		case 'w': o->what = optarg; break;
		case 'j': o->json = true; break;
		default: return CHQ_EARGS;
		}
	}
	return opts_ok(o) && optind == argc ? 0 : CHQ_EARGS;
}

static int
run(const struct load_opts *o, int (*send)(struct load *l, const struct load_opts *o))
{
	struct load l = { 0 };
	const char *step = "reading the accounts";
	int rc = load_accounts_read(&l, o->dir, o->sessions);

	if (rc == 0) {
		step = "reaching the server";
		rc = load_connect(&l, o->invitation);
	}
	if (rc == 0) {
		uint64_t start = chq_mono_ns();

		step = "logging in";
		rc = load_login(&l);
		l.login_seconds = (double)(chq_mono_ns() - start) / 1e9;
	}
	if (rc == 0) {
		step = "sending";
		rc = send(&l, o);
	}
	if (rc)
		fprintf(stderr, "error: %s: %s (%u of %u sessions ready)\n", step, chq_strerror(rc),
			l.ready, l.count);
	else if (send == load_run)
		figures_print(&l, o);
	load_deinit(&l);
	return rc ? 1 : 0;
}

int
main(int argc, char **argv)
{
	struct load_opts o = { .control = "/run/chasqui/control.sock",
			       .sessions = 1000,
			       .seconds = 5,
			       .payload = 64,
			       .in_flight = 256 };
	const char *verb = argc > 1 ? argv[1] : "";
	bool steady = strcmp(verb, "steady") == 0, ask = strcmp(verb, "ask") == 0;
	bool sends = steady || ask || strcmp(verb, "run") == 0;
	int rc;

	if (opts_parse(&o, argc - 1, argv + 1) || (!sends && strcmp(verb, "prepare") != 0) ||
	    (sends && !o.invitation) || (ask && !o.what) ||
	    (steady && (!o.rate || o.rate > RATE_MAX || !o.record))) {
		fputs(usage, stderr);
		return 2;
	}
	rc = chq_crypto_init();
	if (rc) {
		fprintf(stderr, "error: %s\n", chq_strerror(rc));
		return 1;
	}
	if (sends)
		return run(&o, steady ? load_steady : ask ? load_ask : load_run);
	rc = load_prepare(&o);
	if (rc)
		fprintf(stderr, "error: preparing accounts: %s\n", chq_strerror(rc));
	return rc ? 1 : 0;
}
