/* register, search, departments, profile, status, friend, apps. */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "client/cli/cli.h"
#include "client/home.h"

#define ANSWER_MS 15000

/* --- waiting for one event --- */

struct answer {
	enum chq_event_type type;
	bool there;
	struct chq_event ev;
};

static void
take_answer(struct cli *cli, const struct chq_event *ev)
{
	struct answer *a = cli->arg;

	if (ev->type != a->type)
		return;
	a->there = true;
	a->ev = *ev;
	a->ev.data = NULL;
}

static bool
answered(struct cli *cli)
{
	return ((struct answer *)cli->arg)->there;
}

int
cli_answer(struct cli *cli, enum chq_event_type type, int err, struct chq_event *out)
{
	struct answer a = { .type = type, .ev.err = CHQ_ETIMEDOUT };

	cli->arg = &a;
	cli->on_event = take_answer;
	if (!err)
		cli_wait(cli, answered, -1, cli->timeout_s ? cli->timeout_s * 1000 : ANSWER_MS);
	cli->on_event = NULL;
	err = err ? err : a.ev.err;
	if (out)
		*out = a.ev;
	if (err == CHQ_EBUSY_LATER && a.ev.retry_after_s)
		return cli_error(cli, CLI_FAILED, err, "%s (%u s)", chq_strerror(err),
				 a.ev.retry_after_s);
	return err ? cli_error(cli, cli_exit_of(err), err, "%s", chq_strerror(err)) : CLI_OK;
}

int
cli_enter(struct cli *cli)
{
	int code = cli_open(cli, NULL, NULL);

	return code ? code : cli_ready(cli);
}

static int
usage(struct cli *cli, const char *text)
{
	return cli_error(cli, CLI_USAGE, CHQ_EUSAGE, "usage: chasqui %s", text);
}

static void
json_member(const char *name, const char *value)
{
	printf(",\"%s\":", name);
	out_json_string(stdout, value, strlen(value));
}

static void
padded(const char *label, const char *value)
{
	printf("%-12s", label);
	out_text(stdout, value, strlen(value));
	printf("\n");
}

/* --- register --- */

int
cmd_register(struct cli *cli, int argc, char **argv)
{
	struct chq_invitation inv;
	int err, code;

	if (argc < 3 || argc > 4)
		return usage(cli, "register INVITATION CODE LOGIN [NAME]");
	if (chq_invitation_parse(argv[0], &inv) < 0)
		return cli_error(cli, CLI_USAGE, CHQ_EMALFORMED,
				 "an invitation looks like chasqui://HOST:PORT#FINGERPRINT");
	err = cli->home[0]
		      ? CHQ_OK
		      : chq_home_default(inv.fingerprint, argv[2], cli->home, sizeof(cli->home));
	if (err)
		return cli_error(cli, CLI_FAILED, err,
				 "cannot tell where to keep the keys: use --home");
	code = cli_open(cli, &inv, argv[2]);
	if (code)
		return code;
	err = chq_client_register(cli->c, argv[1], argc == 4 ? argv[3] : "");
	if (err)
		return cli_error(cli, CLI_USAGE, err, "%s", chq_strerror(err));
	code = cli_ready(cli);
	if (code)
		return code;
	if (cli_home_remember(cli->home) && !cli->json)
		fprintf(stderr, "note: later commands need --home %s\n", cli->home);
	return cli_print_self(cli);
}

/* --- search --- */

static void
print_found(struct cli *cli, const struct chq_contact *k, bool first)
{
	const char *presence = cli_presence(k->presence);

	if (cli->json) {
		printf("%s{\"account\":%" PRIu64, first ? "" : ",", k->account);
		json_member("login", k->login);
		json_member("name", k->name);
		json_member("title", k->title);
		printf(",\"presence\":\"%s\"}", presence);
		return;
	}
	printf("%-8s ", presence);
	out_text(stdout, k->login, strlen(k->login));
	printf("  ");
	out_text(stdout, k->name, strlen(k->name));
	if (k->title[0]) {
		printf(", ");
		out_text(stdout, k->title, strlen(k->title));
	}
	printf("\n");
}

/* All pages up to --count people. */
static int
search(struct cli *cli, const char *query, uint32_t department)
{
	const struct chq_contact *list;
	size_t shown = 0, most = cli->count ? (size_t)cli->count : 100, n;
	uint64_t cursor = 0;

	do {
		int code = cli_answer(cli, CHQ_EV_SEARCH,
				      chq_client_search(cli->c, query, department, cursor), NULL);

		if (code)
			return code;
		n = chq_client_found(cli->c, &list, &cursor);
		if (cli->json && shown == 0)
			printf("{\"ok\":true,\"data\":[");
		for (size_t i = 0; i < n && shown < most; i++, shown++)
			print_found(cli, &list[i], shown == 0);
	} while (cursor && n && shown < most);
	if (cli->json)
		printf("],\"more\":%s}\n", cursor ? "true" : "false");
	else if (shown == 0)
		printf("nobody\n");
	else if (cursor)
		printf("... and more: use --count\n");
	return CLI_OK;
}

int
cmd_search(struct cli *cli, int argc, char **argv)
{
	uint32_t department = argc == 2 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0;
	int code;

	if (argc > 2 || (argc == 2 && !department))
		return usage(cli, "search [TEXT [DEPARTMENT-NUMBER]]");
	code = cli_enter(cli);
	return code ? code : search(cli, argc ? argv[0] : "", department);
}

/* --- departments --- */

int
cmd_departments(struct cli *cli, int argc, char **argv)
{
	const struct chq_department *list;
	uint64_t cursor = 0;
	bool first = true;
	int code;
	size_t n;

	(void)argv;
	if (argc)
		return usage(cli, "departments");
	code = cli_enter(cli);
	do {
		if (!code)
			code = cli_answer(cli, CHQ_EV_DEPARTMENTS,
					  chq_client_fetch_departments(cli->c, cursor), NULL);
		if (code)
			return code;
		n = chq_client_departments(cli->c, &list, &cursor);
		if (cli->json && first)
			printf("{\"ok\":true,\"data\":[");
		for (size_t i = 0; i < n; i++, first = false) {
			if (cli->json) {
				printf("%s{\"department\":%" PRIu32 ",\"parent\":%" PRIu32,
				       first ? "" : ",", list[i].id, list[i].parent);
				json_member("name", list[i].name);
				printf("}");
				continue;
			}
			printf("%-6" PRIu32 " %-6" PRIu32 " ", list[i].id, list[i].parent);
			out_text(stdout, list[i].name, strlen(list[i].name));
			printf("\n");
		}
	} while (cursor && n);
	if (cli->json)
		printf("]}\n");
	return CLI_OK;
}

/* --- profile --- */

static const struct {
	const char *name;
	unsigned bit;
	size_t offset, size;
} fields[] = {
#define FIELD(name, bit, member)                                  \
	{                                                         \
		name, bit, offsetof(struct chq_profile, member),  \
			sizeof(((struct chq_profile *)0)->member) \
	}
	FIELD("name", CHQ_PROFILE_NAME, name),	     FIELD("title", CHQ_PROFILE_TITLE, title),
	FIELD("phone", CHQ_PROFILE_PHONE, phone),    FIELD("mail", CHQ_PROFILE_MAIL, mail),
	FIELD("avatar", CHQ_PROFILE_AVATAR, avatar),
};

enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };

static int
show_profile(struct cli *cli, uint64_t account)
{
	const struct chq_profile *p;
	int code = cli_answer(cli, CHQ_EV_PROFILE, chq_client_fetch_profile(cli->c, account), NULL);

	if (code)
		return code;
	p = chq_client_profile(cli->c);
	if (cli->json) {
		printf("{\"ok\":true,\"account\":%" PRIu64, p->account);
		json_member("login", p->login);
		for (int i = 0; i < FIELDS; i++)
			json_member(fields[i].name, (const char *)p + fields[i].offset);
		json_member("number", p->number);
		printf("}\n");
		return CLI_OK;
	}
	padded("login", p->login);
	for (int i = 0; i < FIELDS; i++)
		padded(fields[i].name, (const char *)p + fields[i].offset);
	padded("number", p->number);
	return CLI_OK;
}

/* FIELD=VALUE. Return: false if it is none. */
static bool
take_field(struct chq_profile *p, unsigned *set, const char *word)
{
	for (int i = 0; i < FIELDS; i++) {
		size_t n = strlen(fields[i].name);

		if (strncmp(word, fields[i].name, n) != 0 || word[n] != '=' ||
		    strlen(word + n + 1) >= fields[i].size)
			continue;
		snprintf((char *)p + fields[i].offset, fields[i].size, "%s", word + n + 1);
		*set |= fields[i].bit;
		return true;
	}
	return false;
}

static int
set_profile(struct cli *cli, int argc, char **argv)
{
	struct chq_profile p = { .account = 0 };
	unsigned set = 0;
	int code;

	for (int i = 0; i < argc; i++)
		if (!take_field(&p, &set, argv[i]))
			return usage(cli, "profile set name=... title=... phone=... mail=... "
					  "avatar=...");
	code = cli_enter(cli);
	if (!code)
		code = cli_answer(cli, CHQ_EV_PROFILE_SET, chq_client_set_profile(cli->c, &p, set),
				  NULL);
	return code ? code : show_profile(cli, 0);
}

int
cmd_profile(struct cli *cli, int argc, char **argv)
{
	uint64_t account = 0;
	int code;

	if (argc > 1 && strcmp(argv[0], "set") == 0)
		return set_profile(cli, argc - 1, argv + 1);
	if (argc > 1)
		return usage(cli, "profile [NAME | set FIELD=VALUE...]");
	code = cli_enter(cli);
	if (!code && argc == 1)
		code = cli_account(cli, argv[0], &account);
	return code ? code : show_profile(cli, account);
}

/* --- status --- */

int
cli_status_of(const char *text)
{
	static const char *const names[] = { "online", "away", "busy", "invisible" };

	for (int i = 0; i < 4; i++)
		if (strcmp(text, names[i]) == 0)
			return CHQ_PRESENCE_ONLINE + i;
	return 0;
}

int
cmd_status(struct cli *cli, int argc, char **argv)
{
	int status = argc == 1 ? cli_status_of(argv[0]) : 0, code;

	if (!status)
		return usage(cli, "status online|away|busy|invisible");
	code = cli_enter(cli);
	if (!code)
		code = cli_answer(cli, CHQ_EV_STATUS_SET,
				  chq_client_set_status(cli->c, (enum chq_presence)status), NULL);
	if (!code)
		printf(cli->json ? "{\"ok\":true}\n" : "%s\n", argv[0]);
	return code;
}

/* --- friends --- */

int
cmd_friend(struct cli *cli, int argc, char **argv)
{
	static const char *const acts[] = { "add", "confirm", "remove" };
	const struct chq_contact *k;
	struct chq_event ev;
	int act = 0, code;

	while (argc == 2 && act < 3 && strcmp(argv[0], acts[act]) != 0)
		act++;
	if (argc != 2 || act == 3)
		return usage(cli, "friend add|confirm|remove NAME");
	code = cli_enter(cli);
	if (code)
		return code;
	k = chq_client_contact_by_login(cli->c, argv[1]);
	code = cli_answer(cli, CHQ_EV_FRIEND,
			  chq_client_friend(cli->c, (enum chq_friend_act)act, k ? k->account : 0,
					    argv[1]),
			  &ev);
	if (!code)
		printf(cli->json ? "{\"ok\":true,\"account\":%" PRIu64 "}\n" : "done\n",
		       ev.account);
	return code;
}

/* --- applications --- */

int
cmd_apps(struct cli *cli, int argc, char **argv)
{
	const struct chq_app *list;
	size_t n;
	int code;

	(void)argv;
	if (argc)
		return usage(cli, "apps");
	code = cli_enter(cli);
	if (!code)
		code = cli_answer(cli, CHQ_EV_APPS, chq_client_fetch_apps(cli->c), NULL);
	if (code)
		return code;
	n = chq_client_apps(cli->c, &list);
	if (cli->json)
		printf("{\"ok\":true,\"data\":[");
	for (size_t i = 0; i < n; i++) {
		const struct chq_app *a = &list[i];

		if (cli->json) {
			printf("%s{\"app\":%u", i ? "," : "", a->id);
			json_member("name", a->name);
			printf(",\"store\":%s,\"p2p\":%s,\"inspected\":%s,\"may_post\":%s}",
			       a->store ? "true" : "false", a->p2p ? "true" : "false",
			       a->inspected ? "true" : "false", a->may_post ? "true" : "false");
			continue;
		}
		printf("%-5u ", a->id);
		out_text(stdout, a->name, strlen(a->name));
		printf("%s%s\n", a->inspected ? "  (the server reads it)" : "",
		       a->may_post ? "" : "  (you may not send)");
	}
	if (cli->json)
		printf("]}\n");
	return CLI_OK;
}
