#include "store/group_record.h"

#include "store/kv.h"
#include "store/pack.h"

enum { GROUP_OFF = 0x01, GROUP_SUBDEPTS = 0x02 };

size_t
store_record_pack_group(const struct store_group *g, uint8_t *buf)
{
	struct packer w = packer_start(buf);

	pack_u8(&w, (uint8_t)((g->off ? GROUP_OFF : 0) | (g->subdepts ? GROUP_SUBDEPTS : 0)));
	pack_u8(&w, g->member_rights);
	pack_u8(&w, g->manager_rights);
	pack_u32(&w, g->history);
	pack_u32(&w, g->epoch);
	pack_u32(&w, g->order);
	pack_u32(&w, g->members);
	pack_u64(&w, g->last_ms);
	pack_u64(&w, g->placed_ms);
	pack_u64(&w, g->subdepts_ms);
	pack_u64(&w, g->created_ms);
	pack_u64(&w, g->changed_ms);
	pack_text(&w, g->name);
	return packer_len(&w);
}

static bool
rights_bad(uint8_t rights)
{
	return (rights & ~STORE_GROUP_ALL) != 0;
}

int
store_record_unpack_group(struct store_group *out, const uint8_t *p, size_t len)
{
	struct unpacker r = unpacker_start(p, len);
	struct store_group g = { .id = 0 };
	uint8_t flags = unpack_u8(&r);
	int rc;

	g.off = (flags & GROUP_OFF) != 0;
	g.subdepts = (flags & GROUP_SUBDEPTS) != 0;
	g.member_rights = unpack_u8(&r);
	g.manager_rights = unpack_u8(&r);
	g.history = unpack_u32(&r);
	g.epoch = unpack_u32(&r);
	g.order = unpack_u32(&r);
	g.members = unpack_u32(&r);
	g.last_ms = unpack_u64(&r);
	g.placed_ms = unpack_u64(&r);
	g.subdepts_ms = unpack_u64(&r);
	g.created_ms = unpack_u64(&r);
	g.changed_ms = unpack_u64(&r);
	unpack_text(&r, g.name, STORE_DEPT_MAX_BYTES);
	if ((flags & ~(GROUP_OFF | GROUP_SUBDEPTS)) || rights_bad(g.member_rights) ||
	    rights_bad(g.manager_rights) || g.epoch == 0)
		r.bad = true;
	rc = unpacker_end(&r);
	if (rc == 0)
		*out = g;
	return rc;
}

size_t
store_record_pack_group_member(const struct store_group_member *m, uint8_t *buf)
{
	struct packer w = packer_start(buf);

	pack_u8(&w, m->rights);
	pack_u64(&w, m->since_ms);
	return packer_len(&w);
}

int
store_record_unpack_group_member(struct store_group_member *out, const uint8_t *p, size_t len)
{
	struct unpacker r = unpacker_start(p, len);
	struct store_group_member m = { .group = 0 };
	int rc;

	m.rights = unpack_u8(&r);
	m.since_ms = unpack_u64(&r);
	if (rights_bad(m.rights))
		r.bad = true;
	rc = unpacker_end(&r);
	if (rc == 0)
		*out = m;
	return rc;
}

size_t
store_record_pack_group_frame(const struct store_group_frame *f, uint8_t *buf)
{
	struct packer w = packer_start(buf);

	pack_u64(&w, f->from);
	pack_u64(&w, f->message);
	pack_u64(&w, f->at_ms);
	pack_u8(&w, f->flags);
	pack_u8(&w, (uint8_t)f->app);
	pack_u8(&w, (uint8_t)(f->app >> 8));
	pack_blob(&w, f->payload, f->len);
	return packer_len(&w);
}

int
store_record_unpack_group_frame(struct store_group_frame *out, const uint8_t *p, size_t len)
{
	struct unpacker r = unpacker_start(p, len);
	struct store_group_frame f = { .group = 0 };
	int rc;

	f.from = unpack_u64(&r);
	f.message = unpack_u64(&r);
	f.at_ms = unpack_u64(&r);
	f.flags = unpack_u8(&r);
	f.app = unpack_u16(&r);
	f.len = unpack_u16(&r);
	f.payload = unpack_view(&r, f.len);
	if (f.len > STORE_GROUP_PAYLOAD_MAX)
		r.bad = true;
	rc = unpacker_end(&r);
	if (rc == 0)
		*out = f;
	return rc;
}

void
store_key_put_group_member(uint8_t *key, uint32_t group, uint64_t account)
{
	store_key_put_u32(key, group);
	store_key_put_account(key + 4, account);
}

void
store_key_put_group_of(uint8_t *key, uint64_t account, uint32_t group)
{
	store_key_put_account(key, account);
	store_key_put_u32(key + 6, group);
}

void
store_key_put_group_log(uint8_t *key, uint32_t group, uint32_t order)
{
	store_key_put_u32(key, group);
	store_key_put_u32(key + 4, order);
}

/* Of the party the device and the account: it is always one. */
void
store_key_put_group_sent(uint8_t *key, uint32_t group, uint64_t from, uint64_t message)
{
	store_key_put_u32(key, group);
	store_key_put_account(key + 4, from & STORE_ACCOUNT_ID_MAX);
	key[10] = (uint8_t)(from >> 48);
	store_key_put_u32(key + 11, (uint32_t)(message >> 32));
	store_key_put_u32(key + 15, (uint32_t)message);
}

void
store_key_put_group_at(uint8_t *key, uint32_t group, uint64_t account, uint8_t device)
{
	store_key_put_u32(key, group);
	store_key_put_account(key + 4, account);
	key[10] = device;
}
