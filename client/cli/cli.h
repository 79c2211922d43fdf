#pragma once

/* The terminal client `chasqui`: what its commands share. */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "client/chasqui.h"

/* Exit codes, as of the other tools. */
enum cli_exit {
	CLI_OK = 0,
	CLI_FAILED = 1, /* refused, or the receiver is absent */
	CLI_USAGE = 2,
	CLI_UNREACHABLE = 3, /* no server answered */
	CLI_NOT_FOUND = 4,
	CLI_CONFLICT = 5,
	CLI_DENIED = 6,
	CLI_TIMEOUT = 7, /* it may still happen */
	CLI_STORED = 8,	 /* waits for the receiver at the server */
};

struct cli;
typedef void cli_event_fn(struct cli *cli, const struct chq_event *ev);
typedef bool cli_done_fn(struct cli *cli);

struct cli {
	struct chq_client *c;
	char home[4096];
	bool json, password_stdin, enroll;
	const char *device_name;
	enum chq_client_kind kind;
	int timeout_s; /* 0: the command's own */
	int count;     /* listen: messages to wait for, 0 = no end */
	uint16_t app;  /* send: what it is sent as */
	int status;    /* to be set when logged in; 0: none */
	bool messages; /* the command shows messages; for others they are left for later */
	cli_event_fn *on_event;
	void *arg; /* of the command */
	/* What has happened so far. */
	bool logged_in, contacts, logged_out;
	uint64_t prompted_ms; /* spent at a prompt */
	int refused;	      /* error of a refusal, 0 if none */
	uint32_t retry_after_s;
};

extern volatile int cli_interrupted; /* by SIGINT or SIGTERM */

/* session.c */

/* Open the identity; @inv and @login may be NULL. Return: exit code, the error was told. */
int cli_open(struct cli *cli, const struct chq_invitation *inv, const char *login);
/* Tell why the server has refused us. Return: exit code. */
int cli_refusal(const struct cli *cli);
/* Be logged in and know the contacts. Return: exit code, the error was told. */
int cli_ready(struct cli *cli);
/**
 * cli_wait() - take events until @done (may be NULL) or the time is over.
 * @fd: further descriptor to wait for, or -1; its becoming readable ends the wait.
 * Return: true if @done or the descriptor is readable.
 */
bool cli_wait(struct cli *cli, cli_done_fn *done, int fd, int ms);
/* Log out and close. */
void cli_close(struct cli *cli);
/* The account of a contact's login. Return: exit code, the error was told. */
int cli_account(struct cli *cli, const char *login, uint64_t *account);
const char *cli_login_of(struct cli *cli, uint64_t account);
int cli_exit_of(int err);

/* home.c */

/* Folder of the identity to use if none was named. Return: 0; CHQ_ENOENT; CHQ_ENAMETOOLONG. */
int cli_home_current(char *out, size_t size);
/* Make a folder the one to use. */
int cli_home_remember(const char *path);

/* password.c */

/* A password without echo, or a line of stdin. Return: its length; a negative error. @out is wiped by the caller. */
int cli_password(struct cli *cli, char *out, size_t size);

/* out.c: what others wrote never drives a terminal. */
void out_text(FILE *f, const char *s, size_t len);
void out_json_string(FILE *f, const char *s, size_t len);
/* error: CODE text, or the same as JSON. Return: @exit. */
int cli_error(const struct cli *cli, int exit, int err, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Commands: @argv after the command's name. Return: exit code. */
int cmd_login(struct cli *cli, int argc, char **argv);
int cmd_contacts(struct cli *cli, int argc, char **argv);
int cmd_send(struct cli *cli, int argc, char **argv);
int cmd_listen(struct cli *cli, int argc, char **argv);
int cmd_groups(struct cli *cli, int argc, char **argv);
int cmd_group(struct cli *cli, int argc, char **argv);
int cmd_announce(struct cli *cli, int argc, char **argv);
int cmd_chat(struct cli *cli, int argc, char **argv);
int cmd_whoami(struct cli *cli, int argc, char **argv);
int cmd_devices(struct cli *cli, int argc, char **argv);
int cmd_safety(struct cli *cli, int argc, char **argv);
int cmd_accept_key(struct cli *cli, int argc, char **argv);
int cmd_register(struct cli *cli, int argc, char **argv);
int cmd_search(struct cli *cli, int argc, char **argv);
int cmd_departments(struct cli *cli, int argc, char **argv);
int cmd_profile(struct cli *cli, int argc, char **argv);
int cmd_status(struct cli *cli, int argc, char **argv);
int cmd_friend(struct cli *cli, int argc, char **argv);
int cmd_apps(struct cli *cli, int argc, char **argv);

/* cmd_people.c */

/* Open the identity and be ready. Return: exit code, the error was told. */
int cli_enter(struct cli *cli);
/**
 * cli_answer() - wait for the event that answers a question.
 * @err: what asking has returned.
 * @out: receives the event without its data; may be NULL.
 * Return: exit code, the error was told.
 */
int cli_answer(struct cli *cli, enum chq_event_type type, int err, struct chq_event *out);
/* A status by its name; 0 if it is none. */
int cli_status_of(const char *text);

/* What this device is, and that it waits for approval. Return: exit code. */
int cli_print_self(struct cli *cli);
int cli_print_waiting(struct cli *cli);
const char *cli_presence(enum chq_presence p);
/* A message that no handler is for: one line, none of its bytes. */
void cli_print_unknown(struct cli *cli, const struct chq_event *ev);
/* What the server itself says, which no other device has sealed. */
void cli_print_server(struct cli *cli, const struct chq_event *ev);

/* A message as one line, for listen and chat. */
void cli_print_message(struct cli *cli, const struct chq_event *ev);
/* The same of what was said in a group. */
void cli_print_group_message(struct cli *cli, const struct chq_event *ev);
/* A group of ours by its name, without the #. Return: exit code, the error was told. */
int cli_group(struct cli *cli, const char *name, uint32_t *group);
