#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/site_conf.h"
#include "bench/line/line.h"
#include "bench/numbered.h"
#include "dataplane/instance.h"
#include "dataplane/tables.h"

/* Sessions by number, and the packets between them: nothing has to be looked up to make or to judge one. */

static const uint8_t our_mac[6] = { 0x02, 0, 0, 0, 0, 0x0a };
static const uint8_t any_mac[6] = { 0x02, 0, 0, 0, 0, 0x0b };

/* --- tables --- */

static void
tables_fill(struct chq_tables *t, uint32_t sessions)
{
	numbered_limits(t, 100000);
	for (uint32_t n = 0; n < sessions; n++) {
		struct chq_dp_ref ref;

		if (numbered_open(t, n, our_mac, chq_mono_ns(), &ref) || ref.slot != n) {
			fprintf(stderr, "line: session %u cannot be opened\n", (unsigned int)n);
			exit(1);
		}
	}
}

int
line_prepare(const struct line_options *o)
{
	struct chq_conf_error conf_err;
	struct chq_site_conf conf;
	struct chq_instance in;
	struct chq_tables *t;
	char err[256] = "";

	if (chq_site_conf_load(o->prepare, &conf, &conf_err) || chq_instance_init(&in, &conf)) {
		fprintf(stderr, "line: %s cannot be read\n", o->prepare);
		return 1;
	}
	if (chq_tables_open(&t, &in.tables, chq_mono_ns(), err, sizeof(err))) {
		fprintf(stderr, "line: %s\n", err);
		return 1;
	}
	tables_fill(t, o->sessions);
	chq_tables_close(t);
	chq_site_conf_free(&conf);
	return 0;
}

/* --- packets --- */

static uint32_t
sum16(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	return len % 2 ? sum + ((uint32_t)p[len - 1] << 8) : sum;
}

static uint16_t
fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~((sum & 0xffff) + (sum >> 16));
}

static void
headers_put(uint8_t *p, uint32_t from, uint16_t dgram_len)
{
	uint8_t *ip = p + 14, *udp = ip + 20;
	uint32_t sum;
	uint16_t check;

	memcpy(p, any_mac, 6);
	memcpy(p + 6, our_mac, 6);
	chq_put_be16(p + 12, 0x0800);
	memset(ip, 0, 20);
	ip[0] = 0x45;
	chq_put_be16(ip + 2, (uint16_t)(28 + dgram_len));
	ip[8] = 64;
	ip[9] = 17;
	chq_put_be32(ip + 12, numbered_ip(from));
	inet_pton(AF_INET, LINE_SERVER, ip + 16);
	chq_put_be16(ip + 10, fold(sum16(ip, 20)));
	chq_put_be16(udp, numbered_port(from));
	chq_put_be16(udp + 2, LINE_PORT);
	chq_put_be16(udp + 4, (uint16_t)(8 + dgram_len));
	chq_put_be16(udp + 6, 0);
	sum = sum16(ip + 12, 8) + 17 + 8 + dgram_len + sum16(udp, 8u + dgram_len);
	check = fold(sum);
	chq_put_be16(udp + 6, check ? check : 0xffff);
}

static void
packet_make(struct line *l, uint8_t *p)
{
	uint32_t from = (uint32_t)(numbered_random(&l->rng) % l->opt.sessions);
	uint32_t to = (uint32_t)(numbered_random(&l->rng) % l->opt.sessions);

	numbered_frame(p + LINE_HEADERS, from, to, ++l->seq[from], ++l->message, l->opt.payload);
	headers_put(p, from, (uint16_t)(CHQ_FRAME_HDR_LEN + l->opt.payload));
}

void
line_packets_make(struct line *l)
{
	for (uint32_t i = 0; i < l->opt.frames; i++)
		packet_make(l, l->packets + (size_t)i * l->stride);
}

/* --- judging --- */

/* What the relay has made of a frame to @to: addressed to it, a higher number than before, a right tag. Numbers that are
 * passed over must be those of lost frames: they are counted. */
static bool
relayed_right(struct line *l, const uint8_t *got, const struct chq_frame_hdr *sent)
{
	uint32_t to = (uint32_t)(sent->party & CHQ_ID_MASK) - 1;
	const uint8_t *dgram = got + LINE_HEADERS;
	uint8_t key[16];
	struct chq_frame_hdr h;
	bool higher;

	chq_frame_get(dgram, &h);
	numbered_key(to, NUMBERED_OUT, key);
	higher = h.seq > l->seen[to];
	if (higher && l->seen[to])
		l->skipped += h.seq - l->seen[to] - 1;
	l->seen[to] = h.seq;
	return higher && h.slot == to &&
	       h.party == CHQ_PARTY(CHQ_KIND_ACCOUNT, 1, sent->slot + 1) &&
	       memcmp(got, our_mac, 6) == 0 && chq_get_be32(got + 30) == numbered_ip(to) &&
	       chq_get_be16(got + 36) == numbered_port(to) &&
	       chq_frame_tag_ok(dgram, (size_t)CHQ_FRAME_HDR_LEN + l->opt.payload, key);
}

/* Which of the sample's packets came back as this one; in order: what is passed over is lost. Return: frames if none. */
static uint32_t
packet_of(const struct line *l, const uint8_t *got, uint32_t at)
{
	struct chq_frame_hdr h, s;

	chq_frame_get(got + LINE_HEADERS, &h);
	for (; at < l->opt.frames; at++) {
		chq_frame_get(l->packets + (size_t)at * l->stride + LINE_HEADERS, &s);
		if (s.message == h.message)
			break;
	}
	return at;
}

void
line_check(struct line *l)
{
	uint64_t first = l->message - l->opt.frames + 1;
	uint32_t at = 0, came = 0;

	for (uint32_t i = 0; i < l->got; i++) {
		const uint8_t *got = l->log + (size_t)i * LINE_LOGGED, *sent;
		struct chq_frame_hdr h;

		chq_frame_get(got + LINE_HEADERS, &h);
		if (h.message < first) { /* of an earlier sample, which did not wait for it */
			l->late++;
			continue;
		}
		at = packet_of(l, got, at);
		if (at == l->opt.frames) {
			l->wrong++;
			break;
		}
		sent = l->packets + (size_t)at++ * l->stride;
		chq_frame_get(sent + LINE_HEADERS, &h);
		if (l->opt.relay ? !relayed_right(l, got, &h)
				 : memcmp(got + 12, sent + 12, LINE_LOGGED - 12) != 0)
			l->wrong++;
		if (l->sent_tsc)
			l->got_tsc[came] = l->got_tsc[i] - l->sent_tsc[at - 1];
		came++;
	}
	l->total += l->opt.frames;
	l->lost += l->opt.frames - came;
	l->got = came;
}
