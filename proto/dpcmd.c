#include "proto/dpcmd.h"

#include "base/array.h"
#include "base/err.h"

/* Fixed size of each type, and where the length of what follows it stands. */
struct dp_rule {
	const char *name; /* NULL: no such type */
	uint16_t fixed;
	uint16_t var_len_off; /* offset of a u16, 0 = nothing follows */
	uint16_t var_max;
};

#define FIXED(s)	  sizeof(struct s), 0, 0
#define VAR(s, field, mx) sizeof(struct s), offsetof(struct s, field), (mx)

static const struct dp_rule dp_rules[] = {
	[CHQ_DP_HELLO] = { "hello", FIXED(chq_dp_hello) },
	[CHQ_DP_SERVER_SET] = { "server-set", FIXED(chq_dp_server_set) },
	[CHQ_DP_DUMP] = { "dump", FIXED(chq_dp_hdr) },
	[CHQ_DP_SESSION_OPEN] = { "session-open", FIXED(chq_dp_session_open) },
	[CHQ_DP_SESSION_LOGIN] = { "session-login", FIXED(chq_dp_session_login) },
	[CHQ_DP_SESSION_CLOSE] = { "session-close", FIXED(chq_dp_session_close) },
	[CHQ_DP_GRANT_KEY] = { "grant-key", FIXED(chq_dp_grant_key) },
	[CHQ_DP_DENY] = { "deny", FIXED(chq_dp_deny) },
	[CHQ_DP_DGRAM_TX] = { "dgram-tx", VAR(chq_dp_dgram_tx, dgram_len, CHQ_DGRAM_MAX) },
	[CHQ_DP_FRAME_TX] = { "frame-tx", VAR(chq_dp_frame_tx, body_len, CHQ_PAYLOAD_MAX) },
	[CHQ_DP_INFO] = { "info", FIXED(chq_dp_info) },
	[CHQ_DP_SESSION_INFO] = { "session-info", FIXED(chq_dp_session_info) },
	[CHQ_DP_DUMP_END] = { "dump-end", FIXED(chq_dp_hdr) },
	[CHQ_DP_SESSION_OPENED] = { "session-opened", FIXED(chq_dp_session_opened) },
	[CHQ_DP_DONE] = { "done", FIXED(chq_dp_done) },
	[CHQ_DP_HELLO_RX] = { "hello-rx", VAR(chq_dp_hello_rx, dgram_len, CHQ_DGRAM_MAX) },
	[CHQ_DP_SERVER_RX] = { "server-rx", VAR(chq_dp_server_rx, body_len, CHQ_HOP_BODY_MAX) },
	[CHQ_DP_FRAME_RX] = { "frame-rx", VAR(chq_dp_frame_rx, payload_len, CHQ_PAYLOAD_MAX) },
	[CHQ_DP_EVENT] = { "event", FIXED(chq_dp_event) },
	[CHQ_DP_QUOTA_GET] = { "quota-get", FIXED(chq_dp_quota_get) },
	[CHQ_DP_QUOTA] = { "quota", FIXED(chq_dp_quota_info) },
	[CHQ_DP_LOAD] = { "load", FIXED(chq_dp_load) },
	[CHQ_DP_SENDER_EPOCH] = { "sender-epoch", FIXED(chq_dp_sender_epoch) },
};

/* No holes: what is sent is what was written. Each sum is that of the fields in order. */
#define NO_HOLES(s, bytes) _Static_assert(sizeof(struct s) == (bytes), "struct " #s " has a hole")
NO_HOLES(chq_dp_hdr, 8);
NO_HOLES(chq_dp_path, 32);
NO_HOLES(chq_dp_ref, 8);
NO_HOLES(chq_dp_hello, 16);
NO_HOLES(chq_dp_info, 72);
NO_HOLES(chq_dp_quota, 40);
NO_HOLES(chq_dp_server_set, 8 + 16 + 40 * CHQ_QUOTA_CLASSES + CHQ_SERVERCERT_LEN + 4);
NO_HOLES(chq_dp_session_open, 8 + 32 + 96 + 16 + 8 + 16 + 16);
NO_HOLES(chq_dp_session_opened, 24);
NO_HOLES(chq_dp_session_login, 8 + 8 + 8 + 16 + 8 + 8);
NO_HOLES(chq_dp_session_close, 24);
NO_HOLES(chq_dp_grant_key, 32);
NO_HOLES(chq_dp_sender_epoch, 24);
NO_HOLES(chq_dp_deny, 32);
NO_HOLES(chq_dp_done, 16);
NO_HOLES(chq_dp_dgram_tx, 48);
NO_HOLES(chq_dp_frame_tx, 48);
NO_HOLES(chq_dp_session_info, 8 + 8 + 32 + 24 + 16 + 16 + 8);
NO_HOLES(chq_dp_hello_rx, 48);
NO_HOLES(chq_dp_server_rx, 48);
NO_HOLES(chq_dp_frame_rx, 56);
NO_HOLES(chq_dp_event, 64);
NO_HOLES(chq_dp_quota_get, 16);
NO_HOLES(chq_dp_quota_info, 8 + 24 + 8);
NO_HOLES(chq_dp_load, 8 + 16 + 4 * CHQ_DP_WORKERS_MAX);
_Static_assert(sizeof(struct chq_dp_frame_rx) + CHQ_PAYLOAD_MAX <= CHQ_DP_MSG_MAX &&
		       sizeof(struct chq_dp_dgram_tx) + CHQ_DGRAM_MAX <= CHQ_DP_MSG_MAX,
	       "the largest message fits");

static const struct dp_rule *
dp_rule(int type)
{
	if (type < 0 || (size_t)type >= ARRAY_LEN(dp_rules) || !dp_rules[type].name)
		return NULL;
	return &dp_rules[type];
}

int
chq_dp_check(const void *msg, size_t len)
{
	const struct chq_dp_hdr *h = msg;
	const struct dp_rule *rule;
	uint16_t var = 0;

	if (len < sizeof(*h) || len > CHQ_DP_MSG_MAX || h->len != len)
		return CHQ_EMALFORMED;
	rule = dp_rule(h->type);
	if (!rule || len < rule->fixed)
		return CHQ_EMALFORMED;
	if (rule->var_len_off)
		var = *(const uint16_t *)(const void *)((const uint8_t *)msg + rule->var_len_off);
	if (var > rule->var_max || len != (size_t)rule->fixed + var)
		return CHQ_EMALFORMED;
	return h->type;
}

const char *
chq_dp_type_name(int type)
{
	const struct dp_rule *rule = dp_rule(type);

	return rule ? rule->name : "unknown";
}

const char *
chq_dp_shed_name(unsigned shed)
{
	static const char *const name[] = { "nothing", "hello",	  "server",
					    "half",    "quarter", "eighth" };

	return shed < ARRAY_LEN(name) ? name[shed] : "unknown";
}
