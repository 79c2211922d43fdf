#include "proto/policy.h"

#include <string.h>

#include "base/bytes.h"
#include "base/err.h"

#define LABEL	  "chasqui-policy-1"
#define LABEL_LEN 16
#define HDR_LEN	  26 /* label, version, count */
#define SIG_LEN	  CHQ_ED25519_SIG_BYTES

static int
apps_ok(const struct chq_policy *policy)
{
	if (policy->count > CHQ_POLICY_APPS_MAX)
		return 0;
	for (unsigned i = 1; i < policy->count; i++) {
		if (policy->app[i] <= policy->app[i - 1])
			return 0;
	}
	return 1;
}

int
chq_policy_build(const struct chq_policy *policy, const struct chq_signkey *org_key, uint8_t *out,
		 size_t size)
{
	size_t len;

	if (!apps_ok(policy))
		return CHQ_EINVAL;
	len = CHQ_POLICY_LEN(policy->count);
	if (len > size)
		return CHQ_ENOBUFS;
	memcpy(out, LABEL, LABEL_LEN);
	chq_put_le64(out + 16, policy->version);
	chq_put_le16(out + 24, policy->count);
	for (unsigned i = 0; i < policy->count; i++)
		chq_put_le16(out + HDR_LEN + 2 * i, policy->app[i]);
	chq_ed25519_sign(out + len - SIG_LEN, org_key, out, len - SIG_LEN);
	return (int)len;
}

int
chq_policy_parse(const uint8_t *buf, size_t len, const uint8_t org_key[32],
		 struct chq_policy *policy)
{
	if (len < CHQ_POLICY_LEN(0) || memcmp(buf, LABEL, LABEL_LEN) != 0)
		return CHQ_EMALFORMED;
	policy->version = chq_get_le64(buf + 16);
	policy->count = chq_get_le16(buf + 24);
	if (policy->count > CHQ_POLICY_APPS_MAX || len != CHQ_POLICY_LEN(policy->count))
		return CHQ_EMALFORMED;
	for (unsigned i = 0; i < policy->count; i++)
		policy->app[i] = chq_get_le16(buf + HDR_LEN + 2 * i);
	if (!apps_ok(policy))
		return CHQ_EMALFORMED;
	return chq_ed25519_verify(buf + len - SIG_LEN, org_key, buf, len - SIG_LEN);
}

int
chq_policy_inspects(const struct chq_policy *policy, uint16_t app)
{
	for (unsigned i = 0; i < policy->count; i++) {
		if (policy->app[i] == app)
			return 1;
	}
	return 0;
}
