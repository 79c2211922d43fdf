/*
 * A handshake message of somebody else. First byte '1': the rest is message 1, to a responder; else
 * message 2, to an initiator. All keys are fixed, so the seeds hold messages that are right. What is
 * refused spoils nothing: the right message is taken after it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "proto/aead.h"
#include "proto/noise.h"
#include "tests/fuzz/fuzz.h"

#define PAYLOAD "a payload"

static const char prologue[] = "prologue";
static struct chq_keypair client, server;
static uint8_t right1[256], right2[256];
static int right1_len, right2_len;

static struct chq_noise
begin(enum chq_noise_role role)
{
	static const uint8_t client_e[32] = { 3 }, server_e[32] = { 4 };
	bool first = role == CHQ_NOISE_INITIATOR;
	struct chq_noise n;

	if (chq_noise_init(&n, role, prologue, sizeof(prologue), first ? &client : &server,
			   first ? server.public : NULL) != CHQ_OK)
		abort();
	chq_noise_fix_ephemeral(&n, first ? client_e : server_e);
	return n;
}

/* An initiator that has sent message 1. */
static struct chq_noise
begin_sent(void)
{
	struct chq_noise n = begin(CHQ_NOISE_INITIATOR);

	right1_len = chq_noise_write1(&n, PAYLOAD, sizeof(PAYLOAD), right1, sizeof(right1));
	if (right1_len < 0)
		abort();
	return n;
}

static void
setup(void)
{
	static const uint8_t client_s[32] = { 1 }, server_s[32] = { 2 };
	uint8_t rs[32], payload[CHQ_NOISE_MAX_PAYLOAD];
	struct chq_noise i, r;

	if (right1_len > 0)
		return;
	if (chq_crypto_init() != CHQ_OK)
		abort();
	chq_x25519_from_secret(&client, client_s);
	chq_x25519_from_secret(&server, server_s);
	i = begin_sent();
	r = begin(CHQ_NOISE_RESPONDER);
	if (chq_noise_read1(&r, right1, (size_t)right1_len, rs, payload, sizeof(payload)) < 0 ||
	    chq_noise_write2_keys(&r) != CHQ_OK)
		abort();
	right2_len = chq_noise_write2(&r, PAYLOAD, sizeof(PAYLOAD), right2, sizeof(right2));
	if (right2_len < 0)
		abort();
	chq_noise_wipe(&i);
	chq_noise_wipe(&r);
}

static void
check1(const uint8_t *msg, size_t len)
{
	uint8_t rs[32], payload[CHQ_NOISE_MAX_PAYLOAD];
	struct chq_noise n = begin(CHQ_NOISE_RESPONDER);
	int got = chq_noise_read1(&n, msg, len, rs, payload, sizeof(payload));

	if (got >= 0 && (size_t)got + CHQ_NOISE_MSG1_OVERHEAD != len)
		abort();
	if (got < 0 && chq_noise_read1(&n, right1, (size_t)right1_len, rs, payload,
				       sizeof(payload)) != sizeof(PAYLOAD))
		abort();
	chq_noise_wipe(&n);
}

static void
check2(const uint8_t *msg, size_t len)
{
	uint8_t payload[CHQ_NOISE_MAX_PAYLOAD];
	struct chq_noise n = begin_sent();
	int got = chq_noise_read2(&n, msg, len, payload, sizeof(payload));

	if (got >= 0 && (size_t)got + CHQ_NOISE_MSG2_OVERHEAD != len)
		abort();
	if (got < 0 && chq_noise_read2(&n, right2, (size_t)right2_len, payload, sizeof(payload)) !=
			       sizeof(PAYLOAD))
		abort();
	chq_noise_wipe(&n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	setup();
	if (len == 0)
		return 0;
	if (data[0] == '1')
		check1(data + 1, len - 1);
	else
		check2(data + 1, len - 1);
	return 0;
}
