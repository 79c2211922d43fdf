/* devices: list, code, approve, revoke, wait. */

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "client/cli/cli.h"

#define WAIT_S 600

static void
print_device(struct cli *cli, const struct chq_device_info *d, bool first)
{
	static const char *const kinds[] = { "other", "android", "ios", "pc" };
	const char *kind = d->kind < 4 ? kinds[d->kind] : "other";
	time_t seen = (time_t)(d->last_seen_ms / 1000);
	char when[32] = "";
	struct tm tm;

	if (seen && gmtime_r(&seen, &tm))
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (cli->json) {
		printf("%s{\"number\":%u,\"kind\":\"%s\",\"name\":", first ? "" : ",", d->number,
		       kind);
		out_json_string(stdout, d->name, strlen(d->name));
		printf(",\"online\":%s,\"waiting\":%s,\"last_seen\":\"%s\"}",
		       d->online ? "true" : "false", d->waiting ? "true" : "false", when);
		return;
	}
	printf("%-3u %-8s %-8s %-20s ", d->number, kind, d->online ? "online" : "offline", when);
	out_text(stdout, d->name, strlen(d->name));
	printf(d->waiting ? "  (waits for approval)\n" : "\n");
}

static int
list(struct cli *cli)
{
	const struct chq_device_info *of;
	int code = cli_answer(cli, CHQ_EV_DEVICES, chq_client_fetch_devices(cli->c), NULL);
	size_t n;

	if (code)
		return code;
	n = chq_client_devices(cli->c, &of);
	if (cli->json)
		printf("{\"ok\":true,\"data\":[");
	for (size_t i = 0; i < n; i++)
		print_device(cli, &of[i], i == 0);
	if (cli->json)
		printf("]}\n");
	return CLI_OK;
}

/* In groups of four, as people read them. */
static void
print_code(const char *code)
{
	for (int i = 0; i < CHQ_DEVICE_CODE_LEN; i += 4)
		printf("%.4s%s", code + i, i + 4 < CHQ_DEVICE_CODE_LEN ? " " : "\n");
}

int
cli_print_waiting(struct cli *cli)
{
	char code[CHQ_DEVICE_CODE_LEN + 1];
	struct chq_self me;
	int err;

	chq_client_self(cli->c, &me);
	err = chq_client_device_code(cli->c, me.device, code);
	if (err)
		return cli_error(cli, CLI_CONFLICT, err, "this device does not wait for approval");
	if (cli->json) {
		printf("{\"ok\":true,\"waiting\":true,\"device\":%u,\"code\":\"%s\"}\n", me.device,
		       code);
		return CLI_OK;
	}
	printf("This device waits for approval by another one of yours. Its code is\n\n    ");
	print_code(code);
	printf("\nThere: chasqui devices approve %u CODE\n", me.device);
	return CLI_OK;
}

/* 24 letters and digits, in groups or not, in either case. */
static bool
take_code(int argc, char **argv, char out[CHQ_DEVICE_CODE_LEN + 1])
{
	size_t n = 0;

	for (int i = 0; i < argc; i++) {
		for (const char *p = argv[i]; *p; p++) {
			char ch = *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;

			if (ch == ' ' || ch == '-')
				continue;
			if (n == CHQ_DEVICE_CODE_LEN)
				return false;
			out[n++] = ch;
		}
	}
	out[n] = '\0';
	return n == CHQ_DEVICE_CODE_LEN;
}

static int
approve(struct cli *cli, uint8_t number, int argc, char **argv)
{
	char code[CHQ_DEVICE_CODE_LEN + 1];
	int exit = cli_answer(cli, CHQ_EV_DEVICES, chq_client_fetch_devices(cli->c), NULL), err;

	if (exit)
		return exit;
	if (!take_code(argc, argv, code))
		return cli_error(cli, CLI_USAGE, CHQ_EUSAGE,
				 "give the 24 letters and digits that the new device shows");
	err = chq_client_approve_device(cli->c, number, code);
	if (err == CHQ_EDENIED)
		return cli_error(cli, CLI_DENIED, err,
				 "this is not the code of what the server says device %u is: "
				 "somebody may be in between",
				 number);
	if (err == CHQ_ENOENT)
		return cli_error(cli, CLI_NOT_FOUND, err, "device %u does not wait for approval",
				 number);
	exit = cli_answer(cli, CHQ_EV_DEVICE_APPROVED, err, NULL);
	if (!exit)
		printf(cli->json ? "{\"ok\":true}\n" : "approved\n");
	return exit;
}

static int
revoke(struct cli *cli, uint8_t number)
{
	int exit = cli_answer(cli, CHQ_EV_DEVICE_REVOKED, chq_client_revoke_device(cli->c, number),
			      NULL);

	if (!exit)
		printf(cli->json ? "{\"ok\":true}\n" : "revoked\n");
	return exit;
}

static bool
approved(struct cli *cli)
{
	return chq_client_device_state(cli->c) == CHQ_DEVICE_APPROVED;
}

static int
wait_for_approval(struct cli *cli)
{
	if (!approved(cli) && cli_print_waiting(cli) != CLI_OK)
		return CLI_CONFLICT;
	fflush(stdout);
	if (!cli_wait(cli, approved, -1, (cli->timeout_s ? cli->timeout_s : WAIT_S) * 1000))
		return cli_error(cli, CLI_TIMEOUT, CHQ_ETIMEDOUT, "nobody has approved it");
	/* Its keys are on their way. */
	cli_wait(cli, NULL, -1, 500);
	printf(cli->json ? "{\"ok\":true,\"waiting\":false}\n" : "approved\n");
	return CLI_OK;
}

static uint8_t
number_of(const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	return *end == '\0' && n >= 1 && n <= UINT8_MAX ? (uint8_t)n : 0;
}

int
cmd_devices(struct cli *cli, int argc, char **argv)
{
	const char *verb = argc ? argv[0] : "list";
	uint8_t number = argc > 1 ? number_of(argv[1]) : 0;
	bool alone = argc <= 1;
	int code;

	if (!(alone && (!strcmp(verb, "list") || !strcmp(verb, "code") || !strcmp(verb, "wait"))) &&
	    !(number &&
	      ((argc > 2 && !strcmp(verb, "approve")) || (argc == 2 && !strcmp(verb, "revoke")))))
		return cli_error(
			cli, CLI_USAGE, CHQ_EUSAGE,
			"usage: chasqui devices [code | wait | approve N CODE | revoke N]");
	code = cli_enter(cli);
	if (code)
		return code;
	switch (verb[0]) {
	case 'l': return list(cli);
	case 'c': return cli_print_waiting(cli);
	case 'w': return wait_for_approval(cli);
	case 'a': return approve(cli, number, argc - 2, argv + 2);
	default: return revoke(cli, number);
	}
}
