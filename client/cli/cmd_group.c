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
