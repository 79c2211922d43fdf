#include "control/handshake.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "control/control.h"
#include "control/dp_send.h"
#include "control/grants.h"
#include "control/life.h"
#include "proto/noise.h"
#include "store/account.h"
#include "store/device.h"
#include "store/reader.h"

enum { BUSY_RETRY_S = 5 };

/* One handshake under way. Holds keys: wiped and freed as soon as it is answered. */
struct handshake {
	struct pool_job job;
	struct control *ctl;
	uint8_t id[HELLO_ID_BYTES];
	struct chq_dp_path path;
	uint8_t dgram[CHQ_HELLO_LEN];
	struct chq_hello hello; /* points into dgram */
	uint8_t version;
	uint32_t server_id;

	/* Made by the pool. */
	int rc;
	struct chq_noise noise;
	uint8_t static_key[CHQ_X25519_BYTES];
	struct chq_client_info info;
	struct chq_session_keys keys;

	/* Whose device it is. */
	uint64_t account; /* 0: not enrolled */
	uint8_t device;
	struct grant_epochs epochs;
};

static void
handshake_free(struct handshake *hs)
{
	chq_noise_wipe(&hs->noise);
	sodium_memzero(hs, sizeof(*hs));
	free(hs);
}

/* No answer: the client's next copy begins anew. */
static void
handshake_drop(struct handshake *hs, enum control_counter why)
{
	control_count(hs->ctl, why);
	hello_cache_drop(&hs->ctl->hellos, hs->id);
	handshake_free(hs);
}

/* Pool thread. */
static int
handshake_agree(struct handshake *hs, const struct chq_keypair *server)
{
	uint8_t prologue[CHQ_PROLOGUE_LEN], payload[CHQ_NOISE_MAX_PAYLOAD];
	uint8_t i2r[CHQ_NOISE_KEY_BYTES], r2i[CHQ_NOISE_KEY_BYTES];
	int rc;

	chq_prologue(prologue, &hs->hello, hs->server_id);
	rc = chq_noise_init(&hs->noise, CHQ_NOISE_RESPONDER, prologue, sizeof(prologue), server,
			    NULL);
	if (rc)
		return rc;
	rc = chq_noise_read1(&hs->noise, hs->hello.noise, hs->hello.noise_len, hs->static_key,
			     payload, sizeof(payload));
	if (rc < 0)
		return rc;
	rc = chq_client_info_parse(payload, (size_t)rc, &hs->info);
	if (rc)
		return rc;
	rc = chq_noise_write2_keys(&hs->noise);
	if (rc)
		return rc;
	rc = chq_noise_split(&hs->noise, i2r, r2i);
	if (!rc)
		chq_session_keys_derive(&hs->keys, i2r, r2i);
	sodium_memzero(i2r, sizeof(i2r));
	sodium_memzero(r2i, sizeof(r2i));
	return rc;
}

static void
handshake_work(struct pool_job *job)
{
	struct handshake *hs = CHQ_CONTAINER_OF(job, struct handshake, job);

	/* The server's key never changes while the daemon runs. */
	hs->rc = handshake_agree(hs, &hs->ctl->keys.server);
}

/* Make, remember and send the WELCOME. @hs is freed. */
static void
handshake_welcome(struct handshake *hs, struct chq_welcome_body *body, struct session *s)
{
	struct control *ctl = hs->ctl;
	uint8_t plain[CHQ_WELCOME_BODY_LEN], noise[CHQ_WELCOME_BODY_LEN + CHQ_NOISE_MSG2_OVERHEAD];
	uint8_t dgram[CHQ_WELCOME_LEN];
	int len;

	body->version = hs->version;
	body->version_min = CHQ_VERSION_MIN;
	body->version_max = CHQ_VERSION_MAX;
	body->server_time_ms = chq_wall_ms();
	body->server_id = hs->server_id;
	body->silence_s = (uint16_t)(ctl->conf->sessions.silence_ms / 1000);
	body->keepalive_s = (uint16_t)((ctl->conf->sessions.keepalive_ms + 999) / 1000);
	chq_welcome_body_build(plain, body);
	len = chq_noise_write2(&hs->noise, plain, sizeof(plain), noise, sizeof(noise));
	if (len > 0)
		len = chq_welcome_build(dgram, sizeof(dgram), hs->version, hs->hello.nonce, noise,
					(uint16_t)len);
	if (len < 0) {
		handshake_drop(hs, COUNT_HELLO_BAD);
		return;
	}
	if (s && s->login)
		memcpy(s->login->hash, chq_noise_hash(&hs->noise), sizeof(s->login->hash));
	hello_cache_answer(&ctl->hellos, hs->id, dgram, (size_t)len);
	dp_send_dgram(ctl, &hs->path, dgram, (size_t)len);
	handshake_free(hs);
}

static void
handshake_refuse(struct handshake *hs, enum chq_welcome_status status)
{
	struct chq_welcome_body body = {
		.slot = CHQ_SLOT_NONE,
		.status = (uint8_t)status,
		.retry_after_s = status == CHQ_WELCOME_BUSY ? BUSY_RETRY_S : 0,
	};

	control_count(hs->ctl, COUNT_HELLO_REFUSED);
	handshake_welcome(hs, &body, NULL);
}

/* A kind that is not known is "other"; that there are such is said once. */
static uint8_t
handshake_kind(uint8_t kind)
{
	static bool told;

	if (kind <= CHQ_CLIENT_PC)
		return kind;
	if (!told)
		CHQ_LOG_WARN("client-kind-unknown", "kind=%u", kind);
	told = true;
	return CHQ_CLIENT_OTHER;
}

/* Fill in what a session of its own knows. Return: 0; CHQ_ENOMEM. */
static int
handshake_session_fill(struct handshake *hs, struct session *s)
{
	struct control *ctl = hs->ctl;
	uint8_t digest[crypto_hash_sha256_BYTES];

	s->kind = handshake_kind(hs->info.kind);
	s->path = hs->path;
	s->dump = ctl->dp.dump;
	s->opened_ms = chq_wall_ms();
	s->expires_ms = s->opened_ms + ctl->conf->sessions.lifetime_ms;
	crypto_hash_sha256(digest, hs->static_key, sizeof(hs->static_key));
	memcpy(s->static_hash, digest, sizeof(s->static_hash));
	if (hs->account) {
		s->state = SESSION_NEW;
		s->epochs = hs->epochs;
		return session_bind(&ctl->sessions, s, hs->account, hs->device);
	}
	s->state = SESSION_PRELOGIN;
	s->login = calloc(1, sizeof(*s->login));
	if (!s->login)
		return CHQ_ENOMEM;
	memcpy(s->login->key, hs->keys.login, sizeof(s->login->key));
	memcpy(s->login->static_key, hs->static_key, sizeof(s->login->static_key));
	session_end_at(&ctl->sessions, s,
		       control_now_ms() + ctl->conf->limits.prelogin_time_ms + 1000);
	return CHQ_OK;
}

/* A slot is given out again only when its session is over, whether we have heard of that or not. */
static struct session *
handshake_session(struct handshake *hs, struct chq_dp_ref ref)
{
	struct control *ctl = hs->ctl;
	struct session *s = session_at(&ctl->sessions, ref.slot);
	struct grant_epochs now;

	if (s)
		life_ended(ctl, s);
	s = session_add(&ctl->sessions, ref);
	if (s && handshake_session_fill(hs, s) == CHQ_OK) {
		/* A right may have been taken back since the dataplane was asked. */
		if (hs->account && life_allowed(ctl, hs->account, hs->device, &now) == CHQ_OK)
			life_epochs(ctl, s, &now);
		return s;
	}
	if (s)
		session_free(&ctl->sessions, s);
	dp_call_close(ctl, ref, 0, NULL, NULL);
	return NULL;
}

static void
handshake_opened(void *arg, const struct chq_dp_hdr *answer)
{
	struct handshake *hs = arg;
	const struct chq_dp_session_opened *a = (const void *)answer;
	struct chq_welcome_body body = { 0 };
	struct session *s = NULL;

	if (!answer || answer->type != CHQ_DP_SESSION_OPENED) {
		handshake_drop(hs, COUNT_HELLO_BUSY);
		return;
	}
	if (a->err == CHQ_OK)
		s = handshake_session(hs, a->ref);
	if (!s) {
		handshake_refuse(hs, CHQ_WELCOME_BUSY);
		return;
	}
	control_count(hs->ctl, COUNT_SESSION_OPENED);
	body.slot = s->slot;
	body.logged_in = hs->account != 0;
	body.account = hs->account;
	body.device = hs->device;
	body.expiry_ms = s->expires_ms;
	handshake_welcome(hs, &body, s);
}

static void
handshake_open(struct handshake *hs)
{
	const struct chq_site_conf *conf = hs->ctl->conf;
	struct chq_dp_session_open m = {
		.path = hs->path,
		.account = hs->account,
		.device = hs->device,
		.kind = hs->info.kind,
		.sender_epoch = hs->epochs.sender,
		.quota_class = hs->account ? CHQ_QUOTA_ORDINARY : CHQ_QUOTA_PRELOGIN,
		.lifetime_s = (uint32_t)(conf->sessions.hard_lifetime_ms / 1000),
		.confirm_s = (uint32_t)((hs->account ? hs->ctl->timing.confirm_ms
						     : conf->limits.prelogin_time_ms) /
					1000),
	};
	uint8_t digest[crypto_hash_sha256_BYTES];

	memcpy(m.tag_in, hs->keys.tag_c2s, sizeof(m.tag_in));
	memcpy(m.tag_out, hs->keys.tag_s2c, sizeof(m.tag_out));
	memcpy(m.hop_in, hs->keys.hop_c2s, sizeof(m.hop_in));
	memcpy(m.hop_out, hs->keys.hop_s2c, sizeof(m.hop_out));
	crypto_hash_sha256(digest, hs->static_key, sizeof(hs->static_key));
	memcpy(m.static_hash, digest, sizeof(m.static_hash));
	if (hs->account)
		grants_key(hs->ctl, hs->account, hs->epochs.grant, m.grant_key);
	if (dp_call_open(hs->ctl, &m, handshake_opened, hs) != 0)
		handshake_drop(hs, COUNT_HELLO_BUSY);
}

/* Whose device is it? Return: 0; CHQ_EDISABLED (refused whoever asks); codes of reading. */
static int
handshake_who(struct handshake *hs, struct store_txn *txn)
{
	struct store_device d;
	struct store_account a;
	int rc = store_device_find(txn, hs->static_key, &d);

	if (rc == CHQ_ENOENT)
		return CHQ_OK;
	if (rc == CHQ_EDENIED)
		return CHQ_EDISABLED;
	if (rc)
		return rc;
	rc = store_account_get(txn, d.account, &a);
	if (rc)
		return rc;
	if (a.disabled)
		return CHQ_EDISABLED;
	hs->account = a.id;
	hs->device = d.number;
	hs->epochs = grants_epochs(hs->ctl, &a);
	return CHQ_OK;
}

static void
handshake_agreed(struct pool_job *job)
{
	struct handshake *hs = CHQ_CONTAINER_OF(job, struct handshake, job);
	struct control *ctl = hs->ctl;
	struct store_txn *txn;
	int rc;

	if (job->cancelled || hs->rc) {
		handshake_drop(hs, COUNT_HELLO_BAD);
		return;
	}
	rc = store_read_begin(ctl->reader, &txn);
	if (!rc) {
		rc = handshake_who(hs, txn);
		store_read_end(ctl->reader);
	}
	switch (rc) {
	case CHQ_OK: handshake_open(hs); break;
	case CHQ_EDISABLED: handshake_refuse(hs, CHQ_WELCOME_DISABLED); break;
	default:
		control_count(ctl, COUNT_STORE_FAILED);
		CHQ_LOG_ERROR("handshake-store-failed", "error=%s", chq_errname(rc));
		handshake_refuse(hs, CHQ_WELCOME_BUSY);
	}
}

/* Return: the version both speak; 0 if there is none. */
static uint8_t
handshake_version(const struct chq_hello *h)
{
	uint8_t top = h->version_max < CHQ_VERSION_MAX ? h->version_max : CHQ_VERSION_MAX;

	return top >= h->version_min && top >= CHQ_VERSION_MIN ? top : 0;
}

/* Return: whether it was seen before; it is answered then, if that can be. */
static bool
handshake_repeated(struct control *ctl, const struct chq_dp_hello_rx *rx,
		   const uint8_t id[HELLO_ID_BYTES])
{
	struct hello_answer *a = hello_cache_find(&ctl->hellos, id, control_now_ms());

	if (!a)
		return false;
	control_count(ctl, a->len ? COUNT_HELLO_REPEATED : COUNT_HELLO_PENDING);
	if (a->len)
		dp_send_dgram(ctl, &rx->path, a->welcome, a->len);
	return true;
}

void
handshake_hello(struct control *ctl, const struct chq_dp_hello_rx *rx)
{
	uint8_t id[HELLO_ID_BYTES];
	struct handshake *hs;

	hello_id(id, rx->dgram, rx->dgram_len);
	if (handshake_repeated(ctl, rx, id))
		return;
	hs = rx->dgram_len == CHQ_HELLO_LEN ? calloc(1, sizeof(*hs)) : NULL;
	if (!hs || hello_cache_begin(&ctl->hellos, id, control_now_ms()) != 0) {
		control_count(ctl, COUNT_HELLO_BAD);
		free(hs);
		return;
	}
	hs->ctl = ctl;
	hs->path = rx->path;
	hs->server_id = ctl->conf->server.id;
	memcpy(hs->id, id, sizeof(hs->id));
	memcpy(hs->dgram, rx->dgram, sizeof(hs->dgram));
	hs->job.work = handshake_work;
	hs->job.done = handshake_agreed;
	control_count(ctl, COUNT_HELLO);
	if (chq_hello_parse(hs->dgram, sizeof(hs->dgram), &hs->hello) != 0 ||
	    !chq_hello_has_cookie(&hs->hello) || !(hs->version = handshake_version(&hs->hello)))
		handshake_drop(hs, COUNT_HELLO_BAD);
	else if (pool_submit(&ctl->hello_pool, &hs->job) != 0)
		handshake_drop(hs, COUNT_HELLO_BUSY);
}
