#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "dataplane/cookie.h"
#include "dataplane/stage.h"
#include "proto/hello.h"

static int
cookie_ok(const struct chq_worker *w, const struct chq_path *src,
	  const uint8_t cookie[CHQ_COOKIE_LEN])
{
	struct chq_cookie_words words = chq_cookie_words_of(w->header, src);
	struct chq_cookie_secret secret;
	uint64_t mac[2];

	if (!chq_cookie_secret_get(w->header, chq_get_le32(cookie), &secret))
		return 0;
	chq_cookie_make(&secret, &words, mac);
	return ((mac[0] ^ chq_get_le64(cookie + 4)) | (mac[1] ^ chq_get_le64(cookie + 12))) == 0;
}

/* RETRY in the HELLO's place; shorter, so the answer never exceeds what came. */
static void
retry(struct chq_worker *w, struct chq_pkt *p, const struct chq_hello *hello)
{
	struct chq_cookie_words words = chq_cookie_words_of(w->header, &p->src);
	struct chq_retry r = { CHQ_VERSION_MIN, CHQ_VERSION_MAX, { 0 }, { 0 }, { 0 } };
	struct chq_cookie_secret secret;
	uint64_t mac[2];

	if (!CHQ_LOAD_ACQUIRE(&w->header->retry_ok) ||
	    !chq_cookie_secret_get(w->header, chq_cookie_newest(w->header), &secret)) {
		chq_drop(w, p, CHQ_D_HELLO_COOKIE);
		return;
	}
	chq_cookie_make(&secret, &words, mac);
	chq_put_le32(r.cookie, secret.number);
	chq_put_le64(r.cookie + 4, mac[0]);
	chq_put_le64(r.cookie + 12, mac[1]);
	memcpy(r.nonce, hello->nonce, sizeof(r.nonce));
	memcpy(r.cert, w->header->cert, sizeof(r.cert));
	chq_retry_build(p->dgram, &r);
	p->dgram_len = CHQ_RETRY_LEN;
	p->out = p->src;
	chq_decide(w, p, CHQ_V_TX, CHQ_C_RETRY);
}

static void
hello_decide(struct chq_worker *w, struct chq_pkt *p)
{
	struct chq_hello hello;

	if (chq_hello_parse(p->dgram, p->dgram_len, &hello) != CHQ_OK) {
		chq_drop(w, p, CHQ_D_MALFORMED);
	} else if (!cookie_ok(w, &p->src, hello.cookie)) {
		/* None, or one whose secret is gone: that is no error of the client's. */
		retry(w, p, &hello);
	} else if (hello.version_max < CHQ_VERSION_MIN || hello.version_min > CHQ_VERSION_MAX) {
		chq_drop(w, p, CHQ_D_VERSION);
	} else {
		p->up = CHQ_UP_HELLO;
		p->from_slot = CHQ_SLOT_NONE;
		p->from_gen = 0;
		chq_decide(w, p, CHQ_V_UP, CHQ_C_UP_HELLO);
	}
}

uint16_t
chq_stage_hello(struct chq_worker *w, struct chq_pkt **live, uint16_t n)
{
	uint16_t kept = 0;

	for (uint16_t i = 0; i < n; i++) {
		if (live[i]->hdr.type == CHQ_TYPE_HELLO)
			hello_decide(w, live[i]);
		else
			live[kept++] = live[i];
	}
	return kept;
}
