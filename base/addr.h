#pragma once

/* Network addresses as text: "192.0.2.1:4700", "[2001:db8::1]:4700", "im.example.org:4700". */

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* Room for any numeric address with port and brackets, and its NUL. */
#define CHQ_ADDR_TEXT_MAX 64
/* Room for a host name and its NUL. */
#define CHQ_HOST_MAX 256

/**
 * chq_hostport_split() - host and port of "host:port"; an IPv6 address stands in brackets.
 * @host: receives the host, without brackets, closed by NUL.
 *
 * A host is a numeric address, or a name of letters, digits, hyphens and dots. The port is 1 to 65535
 * in decimal, without leading zero.
 *
 * Return: 0; CHQ_EMALFORMED.
 */
int chq_hostport_split(const char *text, char host[CHQ_HOST_MAX], uint16_t *port);

/**
 * chq_sockaddr_parse() - a numeric address with port.
 * @len: receives the length for bind() and its like.
 *
 * Return: 0; CHQ_EMALFORMED, also for a name.
 */
int chq_sockaddr_parse(const char *text, struct sockaddr_storage *sa, socklen_t *len);

/**
 * chq_sockaddr_format() - an IPv4 or IPv6 address with port as text that chq_sockaddr_parse() takes.
 * An IPv4 address mapped into IPv6 is written as IPv4. Other families give "unknown".
 *
 * Return: @out.
 */
const char *chq_sockaddr_format(const struct sockaddr *sa, char out[CHQ_ADDR_TEXT_MAX]);
