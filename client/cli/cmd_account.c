/* login, contacts, whoami, safety, accept-key. */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "client/cli/cli.h"
#include "client/home.h"

#define ANSWER_MS  15000
#define PUBLISH_MS 3000

int
cli_print_self(struct cli *cli)
{
	struct chq_self me;

	chq_client_self(cli->c, &me);
	if (cli->json) {
		printf("{\"ok\":true,\"login\":");
		out_json_string(stdout, me.login, strlen(me.login));
		printf(",\"name\":");
		out_json_string(stdout, me.name, strlen(me.name));
		printf(",\"account\":%" PRIu64 ",\"device\":%u,\"server\":%" PRIu32
		       ",\"organisation\":\"%s\",\"home\":",
		       me.account, me.device, me.server_id, me.fingerprint);
		out_json_string(stdout, cli->home, strlen(cli->home));
		printf("}\n");
		return CLI_OK;
	}
	printf("login         ");
	out_text(stdout, me.login, strlen(me.login));
	printf("\nname          ");
	out_text(stdout, me.name, strlen(me.name));
	printf("\naccount       %" PRIu64 ", device %u\nserver        %s port %u, number %" PRIu32
	       "\norganisation  %s\nkeys          %s\n",
	       me.account, me.device, me.host, me.port, me.server_id, me.fingerprint, cli->home);
	return CLI_OK;
}

int
cmd_login(struct cli *cli, int argc, char **argv)
{
	struct chq_invitation inv;
	int err, code;

	if (argc != 2)
		return cli_error(cli, CLI_USAGE, CHQ_EUSAGE,
				 "usage: chasqui login INVITATION NAME");
	if (chq_invitation_parse(argv[0], &inv) < 0)
		return cli_error(cli, CLI_USAGE, CHQ_EMALFORMED,
				 "an invitation looks like chasqui://HOST:PORT#FINGERPRINT");
	if (!cli->home[0]) {
		err = chq_home_default(inv.fingerprint, argv[1], cli->home, sizeof(cli->home));
		if (err)
			return cli_error(cli, CLI_FAILED, err,
					 "cannot tell where to keep the keys: use --home");
	}
	code = cli_open(cli, &inv, argv[1]);
	if (!code)
		code = cli_ready(cli);
	if (code)
		return code;
	err = cli_home_remember(cli->home);
	if (err && !cli->json)
		fprintf(stderr, "note: later commands need --home %s\n", cli->home);
	cli_wait(cli, NULL, -1, PUBLISH_MS / 10); /* the keys are on their way */
	if (chq_client_device_state(cli->c) == CHQ_DEVICE_WAITING)
		return cli_print_waiting(cli);
	return cli_print_self(cli);
}

static int
enter(struct cli *cli, int argc, int wanted, const char *usage)
{
	if (argc != wanted)
		return cli_error(cli, CLI_USAGE, CHQ_EUSAGE, "usage: chasqui %s", usage);
	return cli_enter(cli);
}

int
cmd_whoami(struct cli *cli, int argc, char **argv)
{
	int code = enter(cli, argc, 0, "whoami");

	(void)argv;
	return code ? code : cli_print_self(cli);
}

const char *
cli_presence(enum chq_presence p)
{
	static const char *const names[] = { "unknown", "offline", "online", "away", "busy" };

	return p <= CHQ_PRESENCE_BUSY ? names[p] : "unknown";
}

static void
print_contact(struct cli *cli, const struct chq_contact *k, bool first)
{
	const char *presence = cli_presence(k->presence);

	if (cli->json) {
		printf("%s{\"login\":", first ? "" : ",");
		out_json_string(stdout, k->login, strlen(k->login));
		printf(",\"name\":");
		out_json_string(stdout, k->name, strlen(k->name));
		printf(",\"account\":%" PRIu64 ",\"presence\":\"%s\",\"friend\":%s}", k->account,
		       presence, k->relation == CHQ_REL_FRIEND ? "true" : "false");
		return;
	}
	printf("%-8s ", presence);
	out_text(stdout, k->login, strlen(k->login));
	if (k->name[0]) {
		printf("  ");
		out_text(stdout, k->name, strlen(k->name));
	}
	if (k->relation == CHQ_REL_ASKS_ME)
		printf("  (asks to be your friend)");
	if (k->relation == CHQ_REL_ASKED)
		printf("  (asked)");
	printf("\n");
}

int
cmd_contacts(struct cli *cli, int argc, char **argv)
{
	int code = enter(cli, argc, 0, "contacts");
	struct chq_contact *list;
	ssize_t n;

	(void)argv;
	if (code)
		return code;
	n = chq_client_contacts(cli->c, &list);
	if (n < 0)
		return cli_error(cli, CLI_FAILED, (int)n, "%s", chq_strerror((int)n));
	if (cli->json)
		printf("{\"ok\":true,\"data\":[");
	for (ssize_t i = 0; i < n; i++)
		print_contact(cli, &list[i], i == 0);
	if (cli->json)
		printf("]}\n");
	else if (n == 0)
		printf("no contacts\n");
	free(list);
	return CLI_OK;
}

struct answer {
	enum chq_event_type type;
	bool there;
	int err;
};

static void
take_answer(struct cli *cli, const struct chq_event *ev)
{
	struct answer *a = cli->arg;

	if (ev->type == a->type) {
		a->there = true;
		a->err = ev->err;
	}
}

static bool
answered(struct cli *cli)
{
	return ((struct answer *)cli->arg)->there;
}

/* The keys of a contact as the server has them now, judged by our pin. */
static int
fetch_keys(struct cli *cli, const char *login, uint64_t *account)
{
	struct answer a = { .type = CHQ_EV_PEER_KEYS, .err = CHQ_ETIMEDOUT };
	int code = cli_account(cli, login, account);

	if (code)
		return code;
	cli->arg = &a;
	cli->on_event = take_answer;
	if (chq_client_fetch_keys(cli->c, *account) == CHQ_OK)
		cli_wait(cli, answered, -1, ANSWER_MS);
	cli->on_event = NULL;
	if (a.err == CHQ_EOFFLINE)
		return cli_error(cli, CLI_NOT_FOUND, CHQ_ENOENT, "%s has no keys yet", login);
	if (a.err && a.err != CHQ_EKEYCHANGED)
		return cli_error(cli, cli_exit_of(a.err), a.err, "%s", chq_strerror(a.err));
	return CLI_OK;
}

int
cmd_safety(struct cli *cli, int argc, char **argv)
{
	int code = enter(cli, argc, 1, "safety NAME");
	char digits[CHQ_SAFETY_LEN + 1];
	uint64_t account;
	bool changed;

	if (!code)
		code = fetch_keys(cli, argv[0], &account);
	if (code)
		return code;
	if (chq_client_safety_number(cli->c, account, digits) < 0)
		return cli_error(cli, CLI_NOT_FOUND, CHQ_ENOENT, "%s has no keys yet", argv[0]);
	changed = chq_client_key_changed(cli->c, account);
	if (cli->json) {
		printf("{\"ok\":true,\"safety\":\"%s\",\"changed\":%s}\n", digits,
		       changed ? "true" : "false");
		return CLI_OK;
	}
	for (int i = 0; i < CHQ_SAFETY_LEN; i += 5)
		printf("%.5s%s", digits + i, i % 30 == 25 ? "\n" : " ");
	if (changed)
		printf("\nThis key is NEW. Compare these digits by another way, for example by "
		       "telephone,\nand only then: chasqui accept-key %s DIGITS\n",
		       argv[0]);
	else
		printf("\nIf both of you see the same digits, nobody is in between.\n");
	return CLI_OK;
}

/* 60 digits, in groups as `safety` shows them or not. */
static int
take_digits(struct cli *cli, int argc, char **argv, char out[CHQ_SAFETY_LEN + 1])
{
	size_t n = 0;

	for (int i = 0; i < argc; i++) {
		for (const char *p = argv[i]; *p; p++) {
			if (*p == ' ')
				continue;
			if (*p < '0' || *p > '9' || n == CHQ_SAFETY_LEN)
				n = CHQ_SAFETY_LEN + 1;
			if (n < CHQ_SAFETY_LEN)
				out[n++] = *p;
		}
	}
	out[n <= CHQ_SAFETY_LEN ? n : 0] = '\0';
	return n == CHQ_SAFETY_LEN ? CLI_OK
				   : cli_error(cli, CLI_USAGE, CHQ_EUSAGE,
					       "give the 60 digits that `chasqui safety` shows and "
					       "that you have compared");
}

int
cmd_accept_key(struct cli *cli, int argc, char **argv)
{
	char digits[CHQ_SAFETY_LEN + 1];
	uint64_t account;
	int code, err;

	code = enter(cli, argc < 1 ? 0 : 1, 1, "accept-key NAME DIGITS");
	if (!code)
		code = take_digits(cli, argc - 1, argv + 1, digits);
	if (!code)
		code = fetch_keys(cli, argv[0], &account);
	if (code)
		return code;
	err = chq_client_accept_key(cli->c, account, digits);
	if (err == CHQ_ESTALE)
		return cli_error(cli, CLI_DENIED, err, "these are not the digits of the new key");
	if (err == CHQ_ENOENT)
		return cli_error(cli, CLI_CONFLICT, err, "the key of %s has not changed", argv[0]);
	if (err)
		return cli_error(cli, CLI_FAILED, err, "%s", chq_strerror(err));
	printf(cli->json ? "{\"ok\":true}\n" : "accepted\n");
	return CLI_OK;
}
