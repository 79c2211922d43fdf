/* send and listen. */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "client/cli/cli.h"

#define ANSWER_MS (CHQ_RECEIPT_WAIT_MS + 5000)
#define LINGER_MS 1000 /* copies of the last message are answered so long */

struct sending {
	uint64_t id;
	bool over;
	enum chq_message_state state;
	int err;
};

static void
take_state(struct cli *cli, const struct chq_event *ev)
{
	struct sending *s = cli->arg;

	if (ev->type != CHQ_EV_MESSAGE_STATE || ev->message != s->id)
		return;
	s->state = ev->state;
	s->err = ev->err;
	s->over = ev->state >= CHQ_MSG_STORED;
}

static bool
is_over(struct cli *cli)
{
	return ((struct sending *)cli->arg)->over;
}

static int
read_text(char *out, size_t size, size_t *len)
{
	size_t n = fread(out, 1, size, stdin);

	if (ferror(stdin))
		return CHQ_EIO;
	if (n == size)
		return CHQ_ETOOBIG;
	*len = n && out[n - 1] == '\n' ? n - 1 : n;
	return CHQ_OK;
}

/* The words of the command line, or all of standard input. */
static int
take_text(int argc, char **argv, char *out, size_t size, size_t *len)
{
	size_t n = 0;

	if (argc == 1 && strcmp(argv[0], "-") == 0)
		return read_text(out, size, len);
	for (int i = 0; i < argc; i++) {
		int added = snprintf(out + n, size - n, "%s%s", i ? " " : "", argv[i]);

		if ((size_t)added >= size - n)
			return CHQ_ETOOBIG;
		n += (size_t)added;
	}
	*len = n;
	return CHQ_OK;
}

static int
tell(struct cli *cli, const struct sending *s, const char *to)
{
	int exit = s->state == CHQ_MSG_STORED ? CLI_STORED : CLI_OK;

	if (!s->over)
		return cli_error(cli, CLI_TIMEOUT, CHQ_ETIMEDOUT,
				 "no answer: the message may still arrive");
	if (s->state == CHQ_MSG_FAILED && s->err == CHQ_EKEYCHANGED)
		return cli_error(cli, CLI_DENIED, s->err,
				 "the account key of %s has changed: see `chasqui safety %s`", to,
				 to);
	if (s->state == CHQ_MSG_FAILED)
		return cli_error(cli, cli_exit_of(s->err), s->err, "%s: %s", to,
				 s->err == CHQ_ETIMEDOUT ? "no answer, the message may have arrived"
							 : chq_strerror(s->err));
	if (cli->json)
		printf("{\"ok\":true,\"id\":\"%" PRIu64 "\",\"state\":\"%s\"}\n", s->id,
		       exit ? "stored" : "delivered");
	else
		printf(exit ? "stored\n" : "delivered\n");
	return exit;
}

int
cmd_send(struct cli *cli, int argc, char **argv)
{
	static char text[CHQ_MESSAGE_MAX + 2];
	struct sending s = { 0 };
	uint64_t account = 0;
	uint32_t group = 0;
	size_t len = 0;
	int code, err;

	if (argc < 2)
		return cli_error(cli, CLI_USAGE, CHQ_EUSAGE,
				 "usage: chasqui send NAME TEXT... | -");
	err = take_text(argc - 1, argv + 1, text, sizeof(text), &len);
	if (err || len == 0 || len > CHQ_MESSAGE_MAX)
		return cli_error(cli, CLI_USAGE, err ? err : CHQ_EINVAL,
				 "a message has 1 to %d bytes", CHQ_MESSAGE_MAX);
	code = cli_open(cli, NULL, NULL);
	if (!code)
		code = cli_ready(cli);
	if (!code)
		code = argv[0][0] == '#' ? cli_group(cli, argv[0] + 1, &group)
					 : cli_account(cli, argv[0], &account);
	if (code)
		return code;
	err = group ? chq_client_send_group(cli->c, group, cli->app, text, len, &s.id)
		    : chq_client_send(cli->c, account, 0, text, len, &s.id);
	if (err == CHQ_EDENIED && chq_client_device_state(cli->c) == CHQ_DEVICE_WAITING)
		return cli_error(cli, CLI_DENIED, err,
				 "another device of yours must approve this one: see `chasqui "
				 "devices code`");
	if (err)
		return cli_error(cli, cli_exit_of(err), err, "%s", chq_strerror(err));
	cli->arg = &s;
	cli->on_event = take_state;
	cli_wait(cli, is_over, -1, cli->timeout_s ? cli->timeout_s * 1000 : ANSWER_MS);
	return tell(cli, &s, argv[0]);
}

struct listening {
	int shown;
};

static void
show(struct cli *cli, const struct chq_event *ev)
{
	struct listening *l = cli->arg;

	if (ev->type == CHQ_EV_MESSAGE) {
		cli_print_message(cli, ev);
		if (++l->shown == cli->count)
			chq_client_take_messages(cli->c, false);
	} else if (ev->type == CHQ_EV_SERVER_MESSAGE) {
		cli_print_server(cli, ev);
	} else if (ev->type == CHQ_EV_APP_UNKNOWN) {
		cli_print_unknown(cli, ev);
	} else if (ev->type == CHQ_EV_KEY_CHANGED) {
		fprintf(stderr, "The account key of ");
		out_text(stderr, cli_login_of(cli, ev->account),
			 strlen(cli_login_of(cli, ev->account)));
		fprintf(stderr, " has changed: what comes from there is not shown. See "
				"`chasqui safety`.\n");
	}
}

static bool
shown_enough(struct cli *cli)
{
	return cli->count && ((struct listening *)cli->arg)->shown >= cli->count;
}

int
cmd_listen(struct cli *cli, int argc, char **argv)
{
	struct listening l = { 0 };
	int wait_s = cli->timeout_s, code;

	(void)argv;
	if (argc != 0)
		return cli_error(cli, CLI_USAGE, CHQ_EUSAGE,
				 "usage: chasqui listen [--count N] [--timeout S]");
	cli->timeout_s = 0;
	cli->messages = true;
	cli->arg = &l;
	cli->on_event = show;
	code = cli_open(cli, NULL, NULL);
	if (!code)
		code = cli_ready(cli);
	if (code)
		return code;
	if (!cli->json)
		fprintf(stderr, "listening; end with Ctrl-C\n");
	cli_wait(cli, shown_enough, -1, wait_s ? wait_s * 1000 : -1);
	if (cli->refused)
		return cli_refusal(cli);
	if (shown_enough(cli))
		cli_wait(cli, NULL, -1, LINGER_MS);
	return cli->count && l.shown < cli->count ? CLI_TIMEOUT : CLI_OK;
}
