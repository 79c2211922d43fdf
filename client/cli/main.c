/* chasqui: a plain client for the terminal. */

#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/undumpable.h"
#include "client/cli/cli.h"

volatile int cli_interrupted;

struct command {
	const char *name;
	int (*run)(struct cli *cli, int argc, char **argv);
	const char *args, *help;
};

static const struct command commands[] = {
	{ "login", cmd_login, "INVITATION NAME", "log this device in, and make its keys" },
	{ "contacts", cmd_contacts, "", "list your contacts and who is online" },
	{ "send", cmd_send, "NAME TEXT... | -", "send one message, to a person or to a '#GROUP'" },
	{ "groups", cmd_groups, "", "list your groups and what you may do there" },
	{ "group", cmd_group, "ACT '#GROUP' ...", "members, add, remove, rights, rename, leave" },
	{ "announce", cmd_announce, "'#GROUP' TEXT...", "the same to a group, as an announcement" },
	{ "listen", cmd_listen, "", "print messages as they come, one line each" },
	{ "chat", cmd_chat, "NAME", "write and read with one person, or in a '#GROUP'" },
	{ "whoami", cmd_whoami, "", "show who and where you are" },
	{ "devices", cmd_devices, "[approve N CODE]",
	  "list your devices; code, wait, approve, revoke N" },
	{ "safety", cmd_safety, "NAME", "show the digits to compare with NAME" },
	{ "accept-key", cmd_accept_key, "NAME DIGITS", "trust the new key that has these digits" },
	{ "register", cmd_register, "INVITATION CODE LOGIN",
	  "become a user by an invitation code" },
	{ "search", cmd_search, "[TEXT [DEPT]]", "find people by login, name or number" },
	{ "departments", cmd_departments, "", "list departments: number, parent, name" },
	{ "profile", cmd_profile, "[NAME | set F=V...]", "show a profile, or change yours" },
	{ "status", cmd_status, "STATUS", "be online, away, busy or invisible" },
	{ "friend", cmd_friend, "add|... NAME", "add, confirm or remove (refuse) a friend" },
	{ "apps", cmd_apps, "", "list applications and what you may send" },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void
help(FILE *f)
{
	fprintf(f, "usage: chasqui [OPTIONS] COMMAND [ARGUMENTS]\n\n");
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(f, "  %-12s%-23s%s\n", commands[i].name, commands[i].args,
			commands[i].help);
	fprintf(f, "\n"
		   "  --home DIR         keys and what was seen; default: of the last login\n"
		   "  -o text|json       form of the output (--json for short)\n"
		   "  --timeout S        give up after S seconds\n"
		   "  --count N          listen: end after N messages; search: show N people\n"
		   "  --status S         listen, chat: be away, busy or invisible meanwhile\n"
		   "  --password-stdin   read the password from standard input\n"
		   "  --no-enroll        login: do not keep this device at the server\n"
		   "  --device-name N    login: name in the list of your devices\n"
		   "  --kind K           android, ios, pc or other\n"
		   "\n"
		   "Exit codes: 0 done or delivered, 1 failed or receiver offline, 2 usage,\n"
		   "3 no server, 4 not found, 5 conflict, 6 denied, 7 no answer in time,\n"
		   "8 stored for later.\n");
}

enum {
	OPT_HOME = 256,
	OPT_JSON,
	OPT_TIMEOUT,
	OPT_COUNT,
	OPT_PASSWORD_STDIN,
	OPT_NO_ENROLL,
	OPT_DEVICE_NAME,
	OPT_KIND,
	OPT_STATUS,
};

static const struct option options[] = {
	{ "home", required_argument, NULL, OPT_HOME },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "output", required_argument, NULL, 'o' },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "count", required_argument, NULL, OPT_COUNT },
	{ "password-stdin", no_argument, NULL, OPT_PASSWORD_STDIN },
	{ "no-enroll", no_argument, NULL, OPT_NO_ENROLL },
	{ "device-name", required_argument, NULL, OPT_DEVICE_NAME },
	{ "kind", required_argument, NULL, OPT_KIND },
	{ "status", required_argument, NULL, OPT_STATUS },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static bool
number(const char *text, int *out)
{
	char *end;
	long v = strtol(text, &end, 10);

	*out = (int)v;
	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && v > 0 && v <= 1000000;
}

static bool
kind(const char *text, enum chq_client_kind *out)
{
	static const char *const names[] = { "other", "android", "ios", "pc" };

	for (int i = 0; i < 4; i++) {
		if (strcmp(text, names[i]) == 0) {
			*out = (enum chq_client_kind)i;
			return true;
		}
	}
	return false;
}

static bool
take_option(struct cli *cli, int opt, const char *value)
{
	switch (opt) {
	case OPT_HOME:
		return snprintf(cli->home, sizeof(cli->home), "%s", value) < (int)sizeof(cli->home);
	case OPT_JSON: cli->json = true; return true;
	case 'o':
		cli->json = strcmp(value, "json") == 0;
		return cli->json || strcmp(value, "text") == 0;
	case OPT_TIMEOUT: return number(value, &cli->timeout_s);
	case OPT_COUNT: return number(value, &cli->count);
	case OPT_PASSWORD_STDIN: cli->password_stdin = true; return true;
	case OPT_NO_ENROLL: cli->enroll = false; return true;
	case OPT_DEVICE_NAME: cli->device_name = value; return true;
	case OPT_STATUS: cli->status = cli_status_of(value); return cli->status != 0;
	case OPT_KIND: return kind(value, &cli->kind);
	default: return false;
	}
}

static void
on_signal(int sig)
{
	(void)sig;
	cli_interrupted = 1;
}

static void
catch_signals(void)
{
	struct sigaction sa = { .sa_handler = on_signal };

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sa.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &sa, NULL);
}

/*
 * Options may stand anywhere, but for the words of a message: behind the receiver's name all is text.
 * Return: how many other arguments there are, moved to the begin of @argv; a negative exit code.
 */
static int
parse(struct cli *cli, int argc, char **argv)
{
	int n = 0;

	while (optind < argc) {
		bool text = n >= 2 &&
			    (strcmp(argv[0], "send") == 0 || strcmp(argv[0], "announce") == 0);
		int opt = text ? -1 : getopt_long(argc, argv, "+o:h", options, NULL);

		if (opt == 'h') {
			help(stdout);
			exit(CLI_OK);
		}
		if (opt != -1 && !take_option(cli, opt, optarg))
			return -cli_error(cli, CLI_USAGE, CHQ_EUSAGE,
					  "wrong option or value; see chasqui --help");
		if (opt == -1 && optind < argc)
			argv[n++] = argv[optind++];
	}
	return n;
}

static const struct command *
find(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

int
main(int argc, char **argv)
{
	struct cli cli = { .enroll = true, .kind = CHQ_CLIENT_PC };
	const struct command *cmd;
	int n, code;

	n = parse(&cli, argc, argv);
	if (n < 0)
		return -n;
	if (n == 0) {
		help(stderr);
		return CLI_USAGE;
	}
	cmd = find(argv[0]);
	if (!cmd)
		return cli_error(&cli, CLI_USAGE, CHQ_ENOCMD, "no command %s; see chasqui --help",
				 argv[0]);
	catch_signals();
	chq_undumpable();
	code = cmd->run(&cli, n - 1, argv + 1);
	cli.on_event = NULL;
	cli_close(&cli);
	return code;
}
