/* Opening, waiting and closing, alike for all commands. */

#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/err.h"
#include "client/cli/cli.h"
#include "proto/group_fmt.h"
#include "proto/password.h"

#define READY_TIMEOUT_S 30
#define LOGOUT_MS	1000
#define PATIENCE_MS	3000 /* then somebody at a terminal is told what takes so long */

int
cli_exit_of(int err)
{
	switch (err) {
	case CHQ_OK: return CLI_OK;
	case CHQ_ENOUSER:
	case CHQ_ENOENT: return CLI_NOT_FOUND;
	case CHQ_EEXIST:
	case CHQ_ELOCKED: return CLI_CONFLICT;
	case CHQ_EAUTH:
	case CHQ_EDENIED:
	case CHQ_EDISABLED:
	case CHQ_EKEYCHANGED:
	case CHQ_EUNTRUSTED: return CLI_DENIED;
	case CHQ_ETIMEDOUT: return CLI_TIMEOUT;
	default: return CLI_FAILED;
	}
}

static int
open_failed(const struct cli *cli, int err, pid_t holder)
{
	switch (err) {
	case CHQ_ENOENT:
		return cli_error(cli, CLI_NOT_FOUND, err,
				 "no identity in %s: log in first with `chasqui login`", cli->home);
	case CHQ_ELOCKED:
		return cli_error(cli, CLI_CONFLICT, err,
				 "process %d uses this identity already (%s)", (int)holder,
				 cli->home);
	case CHQ_EACCES:
		return cli_error(cli, CLI_DENIED, err,
				 "%s must belong to you, with mode 0700 and its files 0600",
				 cli->home);
	case CHQ_EEXIST:
		return cli_error(cli, CLI_CONFLICT, err,
				 "%s belongs to another login or organisation", cli->home);
	case CHQ_ECORRUPT:
		return cli_error(cli, CLI_FAILED, err, "a file in %s is damaged", cli->home);
	default: return cli_error(cli, CLI_FAILED, err, "%s: %s", cli->home, chq_strerror(err));
	}
}

int
cli_open(struct cli *cli, const struct chq_invitation *inv, const char *login)
{
	pid_t holder = 0;
	struct chq_client_opts o = {
		.home = cli->home,
		.invitation = inv,
		.login = login,
		.software = "chasqui 0.1",
		.device_name = cli->device_name,
		.kind = cli->kind,
		.enroll = cli->enroll,
		.holder = &holder,
	};
	int err;

	if (!cli->home[0] && cli_home_current(cli->home, sizeof(cli->home)) < 0)
		return cli_error(cli, CLI_NOT_FOUND, CHQ_ENOENT,
				 "nobody is logged in here: begin with `chasqui login`");
	err = chq_client_open(&cli->c, &o);
	if (err)
		return open_failed(cli, err, holder);
	chq_client_take_messages(cli->c, cli->messages);
	if (cli->status)
		chq_client_set_status(cli->c, (enum chq_presence)cli->status);
	/* An announcement is shown like what is said. */
	err = chq_client_on_app(cli->c, CHQ_APP_ANNOUNCEMENT, NULL, NULL);
	return err ? cli_error(cli, CLI_FAILED, err, "%s", chq_strerror(err)) : CLI_OK;
}

static uint64_t
now_ms(void)
{
	return chq_mono_ns() / CHQ_NS_PER_MS;
}

/* A password is asked for at most once: one that was refused ends the command. */
static void
give_password(struct cli *cli)
{
	char password[CHQ_PASSWORD_MAX + 1];
	uint64_t begun = now_ms();
	int n = cli_password(cli, password, sizeof(password));

	cli->prompted_ms += now_ms() - begun;
	if (n > 0)
		chq_client_login(cli->c, password, (size_t)n);
	else
		cli->refused = n ? n : CHQ_EAUTH;
	sodium_memzero(password, sizeof(password));
}

static void
take_event(struct cli *cli, const struct chq_event *ev)
{
	switch (ev->type) {
	case CHQ_EV_PASSWORD_NEEDED: give_password(cli); break;
	case CHQ_EV_LOGGED_IN: cli->logged_in = true; break;
	case CHQ_EV_CONTACTS: cli->contacts = true; break;
	case CHQ_EV_LOGGED_OUT: cli->logged_out = true; break;
	case CHQ_EV_LOGIN_REFUSED:
		cli->refused = ev->err;
		cli->retry_after_s = ev->retry_after_s;
		break;
	case CHQ_EV_REPLACED: cli->refused = CHQ_ECANCELED; break;
	case CHQ_EV_KEYS_REFUSED:
		fprintf(stderr,
			ev->err == CHQ_EDENIED
				? "warning: this device is not in your account's list, or was "
				  "revoked: nobody can write to it\n"
				: "warning: the server shows another key for your account than "
				  "this device has: nobody can write to it\n");
		break;
	default: break;
	}
	if (cli->on_event)
		cli->on_event(cli, ev);
}

bool
cli_wait(struct cli *cli, cli_done_fn *done, int fd, int ms)
{
	uint64_t begun = now_ms() - cli->prompted_ms;

	for (;;) {
		struct pollfd p[2] = { { .fd = chq_client_fd(cli->c), .events = POLLIN },
				       { .fd = fd, .events = POLLIN } };
		struct chq_event ev;
		int left;

		chq_client_process(cli->c);
		while (chq_client_next_event(cli->c, &ev) == 1)
			take_event(cli, &ev);
		if (done && done(cli))
			return true;
		/* Who types a password does not spend the server's time. */
		left = ms < 0 ? -1 : ms - (int)(now_ms() - cli->prompted_ms - begun);
		if (cli->refused || cli_interrupted || (ms >= 0 && left <= 0))
			return false;
		if (poll(p, 2, left) > 0 && p[1].revents)
			return true;
	}
}

static bool
ready(struct cli *cli)
{
	return cli->logged_in && cli->contacts &&
	       chq_client_device_state(cli->c) != CHQ_DEVICE_UNKNOWN;
}

int
cli_refusal(const struct cli *cli)
{
	switch (cli->refused) {
	case CHQ_ENODEV:
		return cli_error(cli, CLI_DENIED, CHQ_EAUTH,
				 "a password is needed, and there is no terminal to ask for it: "
				 "use --password-stdin");
	case CHQ_ELIMIT:
		return cli_error(cli, CLI_DENIED, cli->refused, "%s %u seconds",
				 chq_strerror(cli->refused), cli->retry_after_s);
	case CHQ_ECANCELED:
		return cli_error(cli, CLI_CONFLICT, cli->refused,
				 "a copy of this device has logged in elsewhere");
	case CHQ_ESTALE:
		return cli_error(cli, CLI_CONFLICT, cli->refused,
				 "%s holds the keys of an account that is no more: use another "
				 "--home",
				 cli->home);
	default:
		return cli_error(cli, cli_exit_of(cli->refused), cli->refused, "%s",
				 chq_strerror(cli->refused));
	}
}

static int
not_ready(const struct cli *cli)
{
	struct chq_self me;

	if (cli->refused)
		return cli_refusal(cli);
	if (cli_interrupted)
		return CLI_FAILED;
	if (chq_client_stats(cli->c)[CHQ_STAT_DROP_CERT])
		return cli_error(cli, CLI_DENIED, CHQ_EUNTRUSTED,
				 "what answers there is not a server of this organisation, or its "
				 "certificate or this clock is out of date");
	chq_client_self(cli->c, &me);
	if (!chq_client_stats(cli->c)[CHQ_STAT_DATAGRAMS_OUT])
		return cli_error(cli, CLI_UNREACHABLE, CHQ_EHOSTUNREACH,
				 "no address is found for %s, or no way there", me.host);
	return cli_error(cli, CLI_UNREACHABLE, CHQ_ETIMEDOUT, "%s port %u does not answer", me.host,
			 me.port);
}

int
cli_ready(struct cli *cli)
{
	int ms = (cli->timeout_s ? cli->timeout_s : READY_TIMEOUT_S) * 1000;
	int first = ms < PATIENCE_MS ? ms : PATIENCE_MS;
	struct chq_self me;

	if (cli_wait(cli, ready, -1, first))
		return CLI_OK;
	if (first < ms && !cli->refused && !cli_interrupted) {
		chq_client_self(cli->c, &me);
		if (!cli->json && isatty(STDERR_FILENO))
			fprintf(stderr, "waiting for %s ...\n", me.host);
		if (cli_wait(cli, ready, -1, ms - first))
			return CLI_OK;
	}
	return not_ready(cli);
}

static bool
logged_out(struct cli *cli)
{
	return cli->logged_out;
}

void
cli_close(struct cli *cli)
{
	if (cli->c)
		chq_client_take_messages(cli->c, false);
	if (cli->c && chq_client_connection(cli->c) == CHQ_CONN_LOGGED_IN) {
		cli_interrupted = 0;
		chq_client_logout(cli->c);
		cli_wait(cli, logged_out, -1, LOGOUT_MS);
	}
	chq_client_close(cli->c);
	cli->c = NULL;
}

/* Servers write logins in lower case. */
static const struct chq_contact *
find_contact(const struct cli *cli, const char *login)
{
	const struct chq_contact *k = chq_client_contact_by_login(cli->c, login);
	char lower[CHQ_NAME_MAX];
	size_t n = 0;

	for (; !k && login[n] && n + 1 < sizeof(lower); n++)
		lower[n] = login[n] >= 'A' && login[n] <= 'Z' ? (char)(login[n] + 32) : login[n];
	lower[n] = '\0';
	return k ? k : chq_client_contact_by_login(cli->c, lower);
}

int
cli_account(struct cli *cli, const char *login, uint64_t *account)
{
	const struct chq_contact *k = find_contact(cli, login);

	if (!k)
		return cli_error(cli, CLI_NOT_FOUND, CHQ_ENOUSER, "%s is not one of your contacts",
				 login);
	*account = k->account;
	return CLI_OK;
}

const char *
cli_login_of(struct cli *cli, uint64_t account)
{
	const struct chq_contact *k = chq_client_contact(cli->c, account);

	return k ? k->login : "(not a contact)";
}

void
cli_print_unknown(struct cli *cli, const struct chq_event *ev)
{
	const char *from = cli_login_of(cli, ev->account);

	if (cli->json) {
		printf("{\"event\":\"unknown-app\",\"from\":");
		out_json_string(stdout, from, strlen(from));
		printf(",\"id\":\"%llu\",\"app\":%u,\"bytes\":%zu,\"kept\":%s}\n",
		       (unsigned long long)ev->message, ev->app, ev->len,
		       ev->err ? "false" : "true");
	} else {
		out_text(stdout, from, strlen(from));
		printf(": (application %u, %zu bytes: needs a newer client%s)\n", ev->app, ev->len,
		       ev->err ? "; not kept: no room" : "");
	}
	fflush(stdout);
}

void
cli_print_server(struct cli *cli, const struct chq_event *ev)
{
	const char *text = (const char *)ev->data;

	if (cli->json) {
		printf("{\"event\":\"server\",\"id\":\"%llu\",\"text\":",
		       (unsigned long long)ev->message);
		out_json_string(stdout, text, ev->len);
		printf("}\n");
	} else {
		printf("-- the server says (not sealed): ");
		out_text(stdout, text, ev->len);
		fputc('\n', stdout);
	}
	fflush(stdout);
}

void
cli_print_message(struct cli *cli, const struct chq_event *ev)
{
	const char *from = cli_login_of(cli, ev->account);

	if (ev->group) {
		cli_print_group_message(cli, ev);
		return;
	}
	if (cli->json) {
		printf("{\"event\":\"message\",\"from\":");
		out_json_string(stdout, from, strlen(from));
		printf(",\"account\":%llu,\"device\":%u,\"id\":\"%llu\",\"app\":%u,\"gap\":%s,",
		       (unsigned long long)ev->account, ev->device, (unsigned long long)ev->message,
		       ev->app, ev->gap ? "true" : "false");
		if (ev->own)
			printf("\"own\":true,");
		printf("\"text\":");
		out_json_string(stdout, (const char *)ev->data, ev->len);
		printf("}\n");
	} else {
		if (ev->gap)
			printf("-- something that was sent before this has not come:\n");
		if (ev->own)
			fputs("(you to) ", stdout);
		out_text(stdout, from, strlen(from));
		fputs(": ", stdout);
		out_text(stdout, (const char *)ev->data, ev->len);
		fputc('\n', stdout);
	}
	fflush(stdout);
}
