/*
 * bench/flood/send: junk at full rate, or at most --rate, out of an interface, from made-up addresses in
 * 198.18.0.0/15, for --seconds. Packets are made before: the kernel is asked to send them as they are. At the end one
 * line tells how many were sent.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "bench/flood/junk.h"

#define PACKETS	    8192
#define BATCH	    64
#define HEADERS	    (14 + 20 + 8)
#define ROOM	    1280
#define SOURCES	    0xc6120000u /* 198.18.0.0/15 */
#define SECONDS_MAX 60

struct options {
	const char *dev;
	uint8_t mac[6];
	uint32_t to; /* host order */
	uint16_t port;
	enum junk_kind kind;
	uint32_t slots;
	double seconds;
	uint64_t rate; /* a second; 0: as fast as it goes */
};

static uint8_t packets[PACKETS][ROOM];
static uint16_t lengths[PACKETS];

static _Noreturn void
die(const char *what)
{
	fprintf(stderr, "flood-send: %s: %s\n", what, strerror(errno));
	exit(1);
}

static _Noreturn void
usage(void)
{
	fprintf(stderr, "usage: bench-flood-send --dev NAME --mac MAC --to IPV4 --port N --kind "
			"hello|cookie|tag|slot|noise --slots N --seconds S [--rate N]\n");
	exit(2);
}

/* --- packets --- */

static uint32_t
sum16(uint32_t sum, const uint8_t *at, size_t len)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)at[i] << 8 | at[i + 1];
	return len & 1 ? sum + ((uint32_t)at[len - 1] << 8) : sum;
}

static uint16_t
sum_end(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void
ip_put(uint8_t *ip, uint16_t len, uint32_t from, uint32_t to)
{
	memset(ip, 0, 20);
	ip[0] = 0x45;
	chq_put_be16(ip + 2, (uint16_t)(20 + len));
	ip[6] = 0x40;
	ip[8] = 64;
	ip[9] = IPPROTO_UDP;
	chq_put_be32(ip + 12, from);
	chq_put_be32(ip + 16, to);
	chq_put_be16(ip + 10, sum_end(sum16(0, ip, 20)));
}

/* @udp: the payload stands behind it. */
static void
udp_put(uint8_t *udp, uint16_t len, const uint8_t *ip, uint16_t from, uint16_t to)
{
	uint16_t sum;

	chq_put_be16(udp, from);
	chq_put_be16(udp + 2, to);
	chq_put_be16(udp + 4, len);
	chq_put_be16(udp + 6, 0);
	sum = sum_end(sum16(sum16(IPPROTO_UDP + (uint32_t)len, ip + 12, 8), udp, len));
	chq_put_be16(udp + 6, sum ? sum : 0xffff);
}

static void
packets_make(const struct options *o)
{
	uint64_t rng = chq_mono_ns();

	for (size_t i = 0; i < PACKETS; i++) {
		uint8_t *p = packets[i];
		uint16_t len = junk_make(p + HEADERS, o->kind, o->slots, 2, &rng);

		memcpy(p, o->mac, 6);
		memset(p + 6, 0, 6);
		p[6] = 2;
		chq_put_be16(p + 12, ETH_P_IP);
		ip_put(p + 14, (uint16_t)(8 + len),
		       SOURCES | (uint32_t)(junk_random(&rng) % 0x20000), o->to);
		udp_put(p + 34, (uint16_t)(8 + len), p + 14,
			(uint16_t)(1024 + junk_random(&rng) % 60000), o->port);
		lengths[i] = (uint16_t)(HEADERS + len);
	}
}

/* --- sending --- */

static int
socket_open(const char *dev)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
				  .sll_protocol = 0,
				  .sll_ifindex = (int)if_nametoindex(dev) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		die(dev);
	setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on));
	return fd;
}

static int
batch_send(int fd, size_t first)
{
	struct mmsghdr msg[BATCH];
	struct iovec iov[BATCH];
	int n;

	memset(msg, 0, sizeof(msg));
	for (size_t i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){ packets[first + i], lengths[first + i] };
		msg[i].msg_hdr.msg_iov = &iov[i];
		msg[i].msg_hdr.msg_iovlen = 1;
	}
	n = sendmmsg(fd, msg, BATCH, 0);
	if (n < 0 && errno != ENOBUFS && errno != EAGAIN && errno != EINTR)
		die("sendmmsg");
	return n < 0 ? 0 : n;
}

static void
flood(const struct options *o)
{
	uint64_t start = chq_mono_ns(), now = start, sent = 0;
	uint64_t end = start + (uint64_t)(o->seconds * 1e9);
	int fd = socket_open(o->dev);

	for (size_t at = 0; now < end; at = (at + BATCH) % PACKETS) {
		if (!o->rate || (double)sent < (double)(now - start) / 1e9 * (double)o->rate)
			sent += (uint64_t)batch_send(fd, at);
		else
			usleep(100);
		now = chq_mono_ns();
	}
	close(fd);
	printf("{\"kind\": \"%s\", \"sent\": %lu, \"bytes\": %lu, \"seconds\": %.3f}\n",
	       junk_name[o->kind], (unsigned long)sent, (unsigned long)(sent * lengths[0]),
	       (double)(now - start) / 1e9);
}

/* --- the command --- */

static unsigned long
number(const char *text, unsigned long max)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (*end || end == text || v > max)
		usage();
	return v;
}

static enum junk_kind
kind_of(const char *name)
{
	for (int i = 0; i < JUNK__COUNT; i++)
		if (strcmp(junk_name[i], name) == 0)
			return (enum junk_kind)i;
	usage();
}

static void
mac_of(const char *text, uint8_t mac[6])
{
	if (sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3],
		   &mac[4], &mac[5]) != 6)
		usage();
}

static void
option_take(struct options *o, int c, const char *arg)
{
	struct in_addr a;

	switch (c) {
	case 'd': o->dev = arg; break;
	case 'm': mac_of(arg, o->mac); break;
	case 't':
		if (inet_pton(AF_INET, arg, &a) != 1)
			usage();
		o->to = ntohl(a.s_addr);
		break;
	case 'p': o->port = (uint16_t)number(arg, UINT16_MAX); break;
	case 'k': o->kind = kind_of(arg); break;
	case 'n': o->slots = (uint32_t)number(arg, 1u << 26); break;
	case 's': o->seconds = strtod(arg, NULL); break;
	case 'r': o->rate = number(arg, 100000000); break;
	default: usage();
	}
}

int
main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "dev", 1, NULL, 'd' },     { "mac", 1, NULL, 'm' },  { "to", 1, NULL, 't' },
		{ "port", 1, NULL, 'p' },    { "kind", 1, NULL, 'k' }, { "slots", 1, NULL, 'n' },
		{ "seconds", 1, NULL, 's' }, { "rate", 1, NULL, 'r' }, { NULL, 0, NULL, 0 },
	};
	struct options o = { 0 };
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1)
		option_take(&o, c, optarg);
	if (optind != argc || !o.dev || !o.to || !o.port || !o.slots || o.seconds <= 0 ||
	    o.seconds > SECONDS_MAX)
		usage();
	packets_make(&o);
	flood(&o);
	return 0;
}
