/* chat NAME: lines out, messages in, and a mark for each line that has arrived. */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef CHQ_HAVE_LIBEDIT
#include <editline/readline.h>
#endif

#include "base/err.h"
#include "client/cli/cli.h"

#define LINES_REMEMBERED 64
#define LINE_BYTES	 4096
#define PROMPT		 "> "
#define CTRL_D		 4
#define FINISH_MS	 (CHQ_RECEIPT_WAIT_MS + 5000)

struct line {
	uint64_t id;
	bool stored;   /* it waits for its receiver */
	char text[64]; /* its beginning */
};

struct chat {
	struct cli *cli;
	uint64_t account;
	uint32_t group; /* instead of an account; else 0 */
	const char *name;
	struct line line[LINES_REMEMBERED];
	int open; /* without a final answer */
	int failed;
	bool interactive, editing, typing, end;
	char buf[LINE_BYTES]; /* of a plain input */
	size_t len;
};

static struct chat *current; /* libedit's callback has no argument */

/* What is printed goes above the line that is being edited. */
static void
above_input(const struct chat *ch)
{
	if (ch->editing)
		fputs("\r\033[K", stdout);
}

static void
input_again(const struct chat *ch)
{
#ifdef CHQ_HAVE_LIBEDIT
	/* libedit keeps the last line until the next key: it would be shown again. */
	if (ch->editing && ch->typing)
		rl_forced_update_display();
	else if (ch->editing)
		fputs(PROMPT, stdout);
#endif
	(void)ch;
	fflush(stdout);
}

static void
json_state(const struct chq_event *ev, const char *text)
{
	const char *state = ev->state == CHQ_MSG_DELIVERED ? "delivered"
			    : ev->state == CHQ_MSG_STORED  ? "stored"
							   : "failed";

	printf("{\"event\":\"state\",\"id\":\"%" PRIu64
	       "\",\"state\":\"%s\",\"error\":\"%s\",\"text\":",
	       ev->message, state, chq_errname(ev->err));
	out_json_string(stdout, text, strlen(text));
	printf("}\n");
	fflush(stdout);
}

static void
mark(struct chat *ch, const struct chq_event *ev)
{
	for (int i = 0; i < LINES_REMEMBERED; i++) {
		struct line *l = &ch->line[i];

		if (l->id != ev->message || ev->state < CHQ_MSG_STORED)
			continue;
		if (l->stored && ev->state == CHQ_MSG_STORED)
			continue;
		ch->open -= !l->stored;
		ch->failed += ev->state == CHQ_MSG_FAILED;
		l->stored = ev->state == CHQ_MSG_STORED;
		if (!l->stored) /* its receipt comes when the receiver does */
			l->id = 0;
		if (ch->cli->json) {
			json_state(ev, l->text);
			continue;
		}
		above_input(ch);
		fputs(ev->state == CHQ_MSG_DELIVERED ? "\u2713 "
		      : ev->state == CHQ_MSG_STORED  ? "\u2026 "
						     : "\u2717 ",
		      stdout);
		out_text(stdout, l->text, strlen(l->text));
		if (ev->state == CHQ_MSG_FAILED)
			printf("  (%s)", chq_strerror(ev->err));
		fputc('\n', stdout);
		input_again(ch);
	}
}

static void
note(struct chat *ch, const char *text)
{
	if (ch->cli->json)
		return;
	above_input(ch);
	printf("-- %s\n", text);
	input_again(ch);
}

static void
on_event(struct cli *cli, const struct chq_event *ev)
{
	struct chat *ch = cli->arg;

	if (ev->type == CHQ_EV_MESSAGE) {
		above_input(ch);
		cli_print_message(cli, ev);
		input_again(ch);
	} else if (ev->type == CHQ_EV_APP_UNKNOWN) {
		above_input(ch);
		cli_print_unknown(cli, ev);
		input_again(ch);
	} else if (ev->type == CHQ_EV_SERVER_MESSAGE) {
		above_input(ch);
		cli_print_server(cli, ev);
		input_again(ch);
	} else if (ev->type == CHQ_EV_MESSAGE_STATE) {
		mark(ch, ev);
	} else if (ev->type == CHQ_EV_PRESENCE && ev->account == ch->account) {
		note(ch, ev->presence == CHQ_PRESENCE_OFFLINE ? "gone offline" : "online");
	} else if (ev->type == CHQ_EV_KEY_CHANGED && ev->account == ch->account) {
		note(ch, "the account key has changed: see `chasqui safety`");
	} else if (ev->type == CHQ_EV_CONNECTION && ev->connection == CHQ_CONN_NONE) {
		note(ch, "connection lost, trying again");
	}
}

/* A place for one more line; NULL while all wait for an answer. */
static struct line *
room(struct chat *ch)
{
	for (int i = 0; i < LINES_REMEMBERED; i++) {
		if (!ch->line[i].id)
			return &ch->line[i];
	}
	/* The receipt of what waits may be days away. */
	for (int i = 0; i < LINES_REMEMBERED; i++) {
		if (ch->line[i].stored)
			return &ch->line[i];
	}
	return NULL;
}

static void
say(struct chat *ch, const char *text)
{
	struct line *l = room(ch);
	int err;

	if (!text[0])
		return;
	if (!l) {
		note(ch, "too many lines without an answer: wait");
		return;
	}
	l->stored = false;
	err = ch->group
		      ? chq_client_send_group(ch->cli->c, ch->group, 0, text, strlen(text), &l->id)
		      : chq_client_send(ch->cli->c, ch->account, 0, text, strlen(text), &l->id);
	if (err) {
		l->id = 0;
		note(ch, chq_strerror(err));
		return;
	}
	snprintf(l->text, sizeof(l->text), "%s", text);
	ch->open++;
}

#ifdef CHQ_HAVE_LIBEDIT
/* libedit does not tell its callback of Ctrl-D on an empty line: it is seen here. */
static int
get_key(FILE *f)
{
	unsigned char ch;

	if (read(fileno(f), &ch, 1) != 1 || (ch == CTRL_D && !current->typing)) {
		current->end = true;
		return EOF;
	}
	current->typing = true;
	return ch;
}

static void
on_line(char *text)
{
	current->typing = false;
	if (!text) {
		current->end = true;
		return;
	}
	if (text[0])
		add_history(text);
	say(current, text);
	free(text);
}
#endif

/*
 * Lines of a pipe or file, as long as there is room; what is longer than a line may be is cut there.
 * The others stay until there is room again: none is lost.
 */
static void
take_lines(struct chat *ch)
{
	char *end;

	while (room(ch) && ((end = memchr(ch->buf, '\n', ch->len)) ||
			    ch->len == sizeof(ch->buf) - 1 || (ch->end && ch->len))) {
		size_t used = end ? (size_t)(end - ch->buf) + 1 : ch->len;

		if (end)
			*end = '\0';
		say(ch, ch->buf);
		memmove(ch->buf, ch->buf + used, ch->len - used);
		ch->len -= used;
		ch->buf[ch->len] = '\0';
	}
}

static void
read_plain(struct chat *ch)
{
	ssize_t n = read(STDIN_FILENO, ch->buf + ch->len, sizeof(ch->buf) - 1 - ch->len);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	ch->end = n <= 0;
	ch->len += n > 0 ? (size_t)n : 0;
	ch->buf[ch->len] = '\0';
}

static void
read_input(struct chat *ch)
{
#ifdef CHQ_HAVE_LIBEDIT
	if (ch->editing) {
		rl_callback_read_char();
		/* Behind a line libedit leaves the terminal to the kernel: take it again. */
		if (!ch->typing && !ch->end)
			rl_callback_handler_install(PROMPT, on_line);
		return;
	}
#endif
	read_plain(ch);
}

static bool
has_room(struct cli *cli)
{
	return room(cli->arg) != NULL;
}

static bool
all_answered(struct cli *cli)
{
	return ((struct chat *)cli->arg)->open == 0;
}

static void
begin_editing(struct chat *ch)
{
#ifdef CHQ_HAVE_LIBEDIT
	if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && !ch->cli->json) {
		ch->editing = true;
		rl_getc_function = get_key;
		rl_callback_handler_install(PROMPT, on_line);
	}
#endif
	(void)ch;
}

static void
end_editing(struct chat *ch)
{
#ifdef CHQ_HAVE_LIBEDIT
	if (ch->editing)
		rl_callback_handler_remove();
#endif
	if (ch->editing)
		fputc('\n', stdout); /* the line being typed ends here */
	ch->editing = false;
}

/* Until the input ends and all of it is on its way. A pipe that is faster than the answers waits. */
static void
talk(struct chat *ch)
{
	struct cli *cli = ch->cli;

	while ((!ch->end || ch->len) && !cli->refused && !cli_interrupted) {
		if (!ch->editing)
			take_lines(ch);
		if (!ch->editing && !room(ch))
			cli_wait(cli, has_room, -1, -1);
		else if (!ch->end && cli_wait(cli, NULL, STDIN_FILENO, -1))
			read_input(ch);
	}
}

static void
greet(const struct chat *ch)
{
	const struct chq_contact *k = chq_client_contact(ch->cli->c, ch->account);

	if (ch->cli->json)
		return;
	printf("-- chat with %s%s; end with Ctrl-D\n", ch->name,
	       ch->group ? " (readable by the server)" : "");
	if (k && k->presence == CHQ_PRESENCE_OFFLINE)
		printf("-- %s is offline\n", ch->name);
}

int
cmd_chat(struct cli *cli, int argc, char **argv)
{
	static struct chat ch;
	int code;

	if (argc != 1)
		return cli_error(cli, CLI_USAGE, CHQ_EUSAGE, "usage: chasqui chat NAME|'#GROUP'");
	ch.cli = cli;
	ch.name = argv[0];
	current = &ch;
	cli->messages = true;
	cli->arg = &ch;
	cli->on_event = on_event;
	code = cli_open(cli, NULL, NULL);
	if (!code)
		code = cli_ready(cli);
	if (!code)
		code = argv[0][0] == '#' ? cli_group(cli, argv[0] + 1, &ch.group)
					 : cli_account(cli, argv[0], &ch.account);
	if (code)
		return code;
	greet(&ch);
	begin_editing(&ch);
	talk(&ch);
	ch.interactive = ch.editing;
	end_editing(&ch);
	if (!cli_interrupted)
		cli_wait(cli, all_answered, -1, FINISH_MS);
	if (cli->refused)
		return cli_refusal(cli);
	if (ch.open)
		return CLI_TIMEOUT;
	return ch.failed && !ch.interactive ? CLI_FAILED : CLI_OK;
}
