/* groups, and what is said in them. */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "client/cli/cli.h"
#include "proto/group_fmt.h"

#define LIST_WAIT_MS 10000

static bool
groups_known(struct cli *cli)
{
	return chq_client_groups_known(cli->c);
}

static int
wait_for_groups(struct cli *cli)
{
	if (cli_wait(cli, groups_known, -1, LIST_WAIT_MS))
		return CLI_OK;
	if (cli->refused)
		return cli_refusal(cli);
	return cli_error(cli, CLI_TIMEOUT, CHQ_ETIMEDOUT, "the list of groups has not come");
}

int
cli_group(struct cli *cli, const char *name, uint32_t *group)
{
	int code = wait_for_groups(cli);
	const struct chq_group *g;

	if (code)
		return code;
	g = chq_client_group_by_name(cli->c, name);
	if (!g)
		return cli_error(cli, CLI_NOT_FOUND, CHQ_ENOENT, "you are in no group %s", name);
	*group = g->id;
	return CLI_OK;
}

static void
print_rights(uint32_t rights)
{
	printf("%s%s%s", rights & CHQ_GROUP_POST ? " post" : "",
	       rights & CHQ_GROUP_ANNOUNCE ? " announce" : "",
	       rights & CHQ_GROUP_MANAGE ? " manage" : "");
}

static void
print_json(const struct chq_group *g, bool first)
{
	printf("%s{\"group\":%" PRIu32 ",\"name\":", first ? "" : ",", g->id);
	out_json_string(stdout, g->name, strlen(g->name));
	printf(",\"department\":%s,\"members\":%" PRIu32 ",\"order\":%" PRIu32 ",\"epoch\":%" PRIu32
	       ",\"post\":%s,\"announce\":%s,\"manage\":%s,"
	       "\"readable_by_server\":true}",
	       g->department ? "true" : "false", g->members, g->order, g->epoch,
	       g->rights & CHQ_GROUP_POST ? "true" : "false",
	       g->rights & CHQ_GROUP_ANNOUNCE ? "true" : "false",
	       g->rights & CHQ_GROUP_MANAGE ? "true" : "false");
}

static void
print_group(const struct chq_group *g)
{
	fputc('#', stdout);
	out_text(stdout, g->name, strlen(g->name));
	printf("  %" PRIu32 " members, you may:", g->members);
	if (g->rights)
		print_rights(g->rights);
	else
		fputs(" read", stdout);
	fputs("  (readable by the server)\n", stdout);
}

int
cmd_groups(struct cli *cli, int argc, char **argv)
{
	struct chq_group *list;
	ssize_t n;
	int code;

	(void)argv;
	if (argc != 0)
		return cli_error(cli, CLI_USAGE, CHQ_EUSAGE, "usage: chasqui groups");
	code = cli_open(cli, NULL, NULL);
	if (!code)
		code = cli_ready(cli);
	if (!code)
		code = wait_for_groups(cli);
	if (code)
		return code;
	n = chq_client_groups(cli->c, &list);
	if (n < 0)
		return cli_error(cli, CLI_FAILED, (int)n, "%s", chq_strerror((int)n));
	if (cli->json)
		printf("{\"ok\":true,\"groups\":[");
	for (ssize_t i = 0; i < n; i++) {
		if (cli->json)
			print_json(&list[i], i == 0);
		else
			print_group(&list[i]);
	}
	if (cli->json)
		printf("]}\n");
	free(list);
	return CLI_OK;
}

/* --- members --- */

static void
print_member(struct cli *cli, const struct chq_member *m, bool first)
{
	if (!cli->json) {
		out_text(stdout, m->login, strlen(m->login));
		fputs("  ", stdout);
		out_text(stdout, m->name, strlen(m->name));
		fputs("  may:", stdout);
		print_rights(m->rights);
		fputs(m->rights ? "\n" : " read\n", stdout);
		return;
	}
	printf("%s{\"account\":%" PRIu64 ",\"login\":", first ? "" : ",", m->account);
	out_json_string(stdout, m->login, strlen(m->login));
	printf(",\"name\":");
	out_json_string(stdout, m->name, strlen(m->name));
	printf(",\"post\":%s,\"announce\":%s,\"manage\":%s}",
	       m->rights & CHQ_GROUP_POST ? "true" : "false",
	       m->rights & CHQ_GROUP_ANNOUNCE ? "true" : "false",
	       m->rights & CHQ_GROUP_MANAGE ? "true" : "false");
}

/* One page of members. Return: exit code, the error was told. */
static int
members_page(struct cli *cli, uint32_t group, const struct chq_member **list, size_t *n,
	     uint64_t *cursor)
{
	int code = cli_answer(cli, CHQ_EV_MEMBERS, chq_client_fetch_members(cli->c, group, *cursor),
			      NULL);

	if (!code)
		*n = chq_client_members(cli->c, list, cursor);
	return code;
}

static int
show_members(struct cli *cli, uint32_t group)
{
	const struct chq_member *list;
	uint64_t cursor = 0;
	bool first = true;
	size_t n;

	do {
		int code = members_page(cli, group, &list, &n, &cursor);

		if (code)
			return code;
		if (cli->json && first)
			printf("{\"ok\":true,\"data\":[");
		for (size_t i = 0; i < n; i++, first = false)
			print_member(cli, &list[i], first);
	} while (cursor && n);
	if (cli->json)
		printf("]}\n");
	return CLI_OK;
}

/* The account of a member's login. Return: exit code, the error was told. */
static int
member_account(struct cli *cli, uint32_t group, const char *login, uint64_t *account)
{
	const struct chq_member *list;
	uint64_t cursor = 0;
	size_t n;

	do {
		int code = members_page(cli, group, &list, &n, &cursor);

		if (code)
			return code;
		for (size_t i = 0; i < n; i++) {
			*account = list[i].account;
			if (strcmp(list[i].login, login) == 0)
				return CLI_OK;
		}
	} while (cursor && n);
	return cli_error(cli, CLI_NOT_FOUND, CHQ_ENOUSER, "%s is no member", login);
}

/* post,announce,manage or none. Return: false if it is neither. */
static bool
take_rights(const char *text, uint32_t *rights)
{
	static const char *const names[] = { "post", "announce", "manage" };

	*rights = 0;
	if (strcmp(text, "none") == 0)
		return true;
	for (;;) {
		size_t n = strcspn(text, ",");
		int i = 0;

		while (i < 3 && (strlen(names[i]) != n || memcmp(text, names[i], n) != 0))
			i++;
		if (i == 3)
			return false;
		*rights |= 1U << i;
		if (text[n] == '\0')
			return true;
		text += n + 1;
	}
}

enum group_word {
	WORD_MEMBERS,
	WORD_LEAVE,
	WORD_ADD,
	WORD_REMOVE,
	WORD_RENAME,
	WORD_RIGHTS,
	WORDS
};

static const struct {
	const char *name;
	int args;
	enum chq_group_act act;
} words[WORDS] = {
	[WORD_MEMBERS] = { "members", 2, 0 },
	[WORD_LEAVE] = { "leave", 2, CHQ_GROUP_ACT_REMOVE },
	[WORD_ADD] = { "add", 3, CHQ_GROUP_ACT_ADD },
	[WORD_REMOVE] = { "remove", 3, CHQ_GROUP_ACT_REMOVE },
	[WORD_RENAME] = { "rename", 3, CHQ_GROUP_ACT_NAME },
	[WORD_RIGHTS] = { "rights", 4, CHQ_GROUP_ACT_RIGHTS },
};

/* Whom the words are about. Return: exit code, the error was told. */
static int
whom(struct cli *cli, enum group_word word, uint32_t group, char **argv, uint64_t *account)
{
	struct chq_self me;

	switch (word) {
	case WORD_LEAVE:
		chq_client_self(cli->c, &me);
		*account = me.account;
		return CLI_OK;
	case WORD_ADD: return cli_account(cli, argv[2], account);
	case WORD_RIGHTS:
		if (strcmp(argv[2], "*") == 0) /* all who have none of their own */
			return CLI_OK;
		return member_account(cli, group, argv[2], account);
	case WORD_REMOVE: return member_account(cli, group, argv[2], account);
	default: return CLI_OK;
	}
}

static int
change_group(struct cli *cli, enum group_word word, uint32_t group, char **argv, uint32_t rights)
{
	const char *name = word == WORD_RENAME ? argv[2] : NULL;
	uint64_t account = 0;
	int code = whom(cli, word, group, argv, &account);

	if (!code)
		code = cli_answer(cli, CHQ_EV_GROUP_CHANGED,
				  chq_client_change_group(cli->c, group, words[word].act, account,
							  rights, name),
				  NULL);
	if (!code)
		fputs(cli->json ? "{\"ok\":true}\n" : "done\n", stdout);
	return code;
}

int
cmd_group(struct cli *cli, int argc, char **argv)
{
	uint32_t group, rights = 0;
	int word = 0, code;

	while (word < WORDS && (argc == 0 || strcmp(argv[0], words[word].name) != 0))
		word++;
	if (word == WORDS || argc != words[word].args || argv[1][0] != '#' ||
	    (word == WORD_RIGHTS && !take_rights(argv[3], &rights)))
		return cli_error(cli, CLI_USAGE, CHQ_EUSAGE,
				 "usage: chasqui group members|leave '#GROUP', add|remove '#GROUP' "
				 "NAME, rename '#GROUP' NEW, rights '#GROUP' NAME|'*' "
				 "post,announce,manage|none");
	code = cli_enter(cli);
	if (!code)
		code = cli_group(cli, argv[1] + 1, &group);
	if (code)
		return code;
	if (word == WORD_MEMBERS)
		return show_members(cli, group);
	return change_group(cli, (enum group_word)word, group, argv, rights);
}

/* --- what is said --- */

int
cmd_announce(struct cli *cli, int argc, char **argv)
{
	if (argc < 2 || argv[0][0] != '#')
		return cli_error(cli, CLI_USAGE, CHQ_EUSAGE,
				 "usage: chasqui announce '#GROUP' TEXT... | -");
	cli->app = CHQ_APP_ANNOUNCEMENT;
	return cmd_send(cli, argc, argv);
}

static const char *
member_name(struct cli *cli, uint64_t account)
{
	const char *login = chq_client_group_login(cli->c, account);
	struct chq_self me;

	chq_client_self(cli->c, &me);
	if (account == me.account)
		return me.login;
	return login && !chq_client_contact(cli->c, account) ? login : cli_login_of(cli, account);
}

void
cli_print_group_message(struct cli *cli, const struct chq_event *ev)
{
	const struct chq_group *g = chq_client_group(cli->c, ev->group);
	const char *name = g ? g->name : "?", *from = member_name(cli, ev->account);
	bool announcement = ev->app == CHQ_APP_ANNOUNCEMENT;

	if (cli->json) {
		printf("{\"event\":\"message\",\"group\":");
		out_json_string(stdout, name, strlen(name));
		printf(",\"order\":%" PRIu32 ",\"readable_by_server\":true,\"from\":", ev->order);
		out_json_string(stdout, from, strlen(from));
		printf(",\"account\":%" PRIu64 ",\"device\":%u,\"id\":\"%" PRIu64
		       "\",\"app\":%u,\"gap\":%s,\"text\":",
		       ev->account, ev->device, ev->message, ev->app, ev->gap ? "true" : "false");
		out_json_string(stdout, (const char *)ev->data, ev->len);
		printf("}\n");
		fflush(stdout);
		return;
	}
	if (ev->gap)
		printf("-- something that was said before this has not come:\n");
	fputc('#', stdout);
	out_text(stdout, name, strlen(name));
	fputc(' ', stdout);
	out_text(stdout, from, strlen(from));
	fputs(announcement ? " announces: " : ": ", stdout);
	if (ev->app && !announcement)
		printf("(application %u, %zu bytes: needs a newer client)", ev->app, ev->len);
	else
		out_text(stdout, (const char *)ev->data, ev->len);
	fputc('\n', stdout);
	fflush(stdout);
}
