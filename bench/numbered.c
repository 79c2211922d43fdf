#include "bench/numbered.h"

#include <string.h>

#include "base/bytes.h"
#include "proto/grant.h"

#define GRANT_DAY UINT16_MAX

void
numbered_key(uint32_t n, enum numbered_key use, uint8_t key[16])
{
	uint64_t words[2] = { n * UINT64_C(0x9e3779b97f4a7c15) + use, ~(uint64_t)n + use };

	memcpy(key, words, sizeof(words));
}

struct chq_path
numbered_path(uint32_t n)
{
	uint8_t ip[8] = { 0, 0, 0xff, 0xff };

	chq_put_be32(ip + 4, numbered_ip(n));
	return (struct chq_path){ .ip_lo = chq_get_le64(ip), .port = numbered_port(n) };
}

void
numbered_limits(struct chq_tables *t, uint32_t silence_s)
{
	struct chq_dp_server_set set = { .server_id = 1, .silence_s = silence_s };

	set.quota[CHQ_QUOTA_ORDINARY] = (struct chq_dp_quota){
		.own = { 100000000, 1000000, 1u << 31, 1u << 31 }, .notices_per_s = 50
	};
	chq_tables_server_set(t, &set);
}

int
numbered_open(struct chq_tables *t, uint32_t n, const uint8_t mac[6], uint64_t now_ns,
	      struct chq_dp_ref *ref)
{
	struct chq_dp_session_open m = { .account = (uint64_t)n + 1,
					 .device = 1,
					 .quota_class = CHQ_QUOTA_ORDINARY,
					 .confirm_s = 3600,
					 .lifetime_s = 1u << 30 };
	struct chq_path at = numbered_path(n);
	int rc;

	memcpy(m.path.ip + 8, &at.ip_lo, 8);
	m.path.port = at.port;
	if (mac)
		memcpy(m.path.mac, mac, sizeof(m.path.mac));
	numbered_key(n, NUMBERED_IN, m.tag_in);
	numbered_key(n, NUMBERED_OUT, m.tag_out);
	numbered_key(n, NUMBERED_GRANT, m.grant_key);
	rc = chq_session_open(t, &m, now_ns, ref);
	return rc ? rc : chq_session_confirm(t, *ref, now_ns, NULL);
}

void
numbered_frame(uint8_t *buf, uint32_t from, uint32_t to, uint64_t seq, uint64_t message,
	       uint16_t payload)
{
	struct chq_frame_hdr h = { .slot = from,
				   .seq = seq,
				   .party = CHQ_PARTY(CHQ_KIND_ACCOUNT, 1, (uint64_t)to + 1),
				   .message = message };
	uint8_t key[16];

	numbered_key(to, NUMBERED_GRANT, key);
	h.grant = chq_grant_make(chq_sipkey_load(key), CHQ_KIND_ACCOUNT, (uint64_t)from + 1, 0,
				 (uint64_t)to + 1, GRANT_DAY);
	numbered_key(from, NUMBERED_IN, key);
	chq_frame_build(buf, &h, payload, key);
}
