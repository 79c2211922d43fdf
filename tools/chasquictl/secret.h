#pragma once
/*
 * tools/chasquictl/secret: passwords come in here, from standard input or asked for on a terminal, and never
 * by arguments or the environment.
 */
#include <stddef.h>

#include "proto/ctl.h"
#include "proto/password.h"

#define TOOL_SECRET_ROOM (CHQ_PASSWORD_MAX + 1)

/**
 * tool_secret_read() - one secret.
 * @fd:   a terminal: asked for twice, without echo, on standard error; else its first line is taken.
 * @what: such as "password".
 * @out:  closed by NUL; the caller wipes it with sodium_memzero().
 *
 * Return: 0; CHQ_EUSAGE: none came, or the two differ; CHQ_EARGS: too long, no UTF-8 or with a NUL;
 * CHQ_EINTR: the terminal's user gave up; a negated errno. @e is filled when it fails.
 */
int tool_secret_read(int fd, const char *what, char out[TOOL_SECRET_ROOM], struct chq_ctl_error *e);

/**
 * tool_ask() - a question for yes or no, on a terminal.
 * Return: 1 for yes, else 0.
 */
int tool_ask(int fd, const char *question);
