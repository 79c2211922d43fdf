/* The registry of applications, and offers of devices. */

#include "base/err.h"
#include "store/account.h"
#include "store/dept.h"
#include "store/device.h"
#include "store/record.h"
#include "store/rule.h"
#include "store/verify_priv.h"

static bool
posters_exist(struct check *c, const struct store_app *a)
{
	for (uint16_t i = 0; i < a->n_posters; i++) {
		struct store_account account;
		struct store_dept dept;

		if (store_atom_names_dept(&a->poster[i]) &&
		    store_dept_get(c->t, (uint32_t)a->poster[i].id, &dept) != 0)
			return false;
		if (a->poster[i].kind == STORE_ATOM_ACCOUNT &&
		    store_account_get(c->t, a->poster[i].id, &account) != 0)
			return false;
	}
	return true;
}

void
check_app(struct check *c, const struct store_iter *it)
{
	struct store_app a;
	uint32_t id = it->key.len == STORE_DEPT_KEY_BYTES ? store_key_get_u32(it->key.p)
							  : UINT32_MAX;

	if (id > UINT16_MAX)
		check_fault(c, "key of a wrong length or number", 0);
	else if (store_record_unpack_app(&a, it->val.p, it->val.len) != 0)
		check_fault(c, "damaged record", id);
	else if (!posters_exist(c, &a))
		check_fault(c, "names what does not exist", id);
}

void
check_offer(struct check *c, const struct store_iter *it)
{
	struct store_device d;
	struct store_offer o;
	uint64_t id;

	if (it->key.len != STORE_DEVICE_KEY_BYTES) {
		check_fault(c, "key of a wrong length", 0);
		return;
	}
	id = store_key_get_account(it->key.p);
	if (store_record_unpack_offer(&o, it->val.p, it->val.len) != 0)
		check_fault(c, "damaged record", id);
	else if (store_device_get(c->t, id, it->key.p[STORE_ACCOUNT_KEY_BYTES], &d) != 0)
		check_fault(c, "belongs to no device", id);
}
