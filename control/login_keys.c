#include "control/login_keys.h"

#include <string.h>

#include "base/err.h"
#include "control/control.h"

void
login_keys_make(struct login_keys *k, const char *login, const struct chq_dp_path *path)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	char normal[STORE_LOGIN_MAX_BYTES + 1];
	size_t len = strlen(login);
	const char *name = login;

	/* All spellings of a name are one name; what can be none is counted as it was typed. */
	k->name[0] = 0;
	if (store_login_normalise(login, len, normal) == CHQ_OK) {
		k->name[0] = 1;
		name = normal;
		len = strlen(normal);
	}
	if (len > STORE_LOGIN_RAW_BYTES)
		len = STORE_LOGIN_RAW_BYTES;
	memcpy(k->name + 1, name, len);
	k->name_len = (uint16_t)(1 + len);
	memcpy(k->address, path->ip, sizeof(k->address));
	k->address_len = memcmp(path->ip, mapped, sizeof(mapped)) == 0 ? 16 : 8;
}

int
login_keys_charge(struct control *ctl, const struct login_keys *k, uint64_t *wait_ms)
{
	uint64_t now_ms = control_now_ms();
	int rc = limits_charge(&ctl->fail_address, k->address, k->address_len, now_ms, wait_ms);

	if (rc)
		return rc;
	rc = limits_charge(&ctl->fail_account, k->name, k->name_len, now_ms, wait_ms);
	if (rc)
		limits_refund(&ctl->fail_address, k->address, k->address_len);
	return rc;
}

void
login_keys_refund(struct control *ctl, const struct login_keys *k)
{
	limits_refund(&ctl->fail_address, k->address, k->address_len);
	limits_refund(&ctl->fail_account, k->name, k->name_len);
}
