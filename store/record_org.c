#include "store/pack.h"
#include "store/record.h"

/* Records of the organisation: departments, members, rules, applications. */

enum { MEMBER_MANAGER = 0x01 };
enum { RULE_DENY = 0x01 };
enum { ATOM_EXCEPT = 0x80 };
enum { APP_STORE = 0x01, APP_P2P = 0x02, APP_INSPECTED = 0x04, APP_FLAGS = 0x07 };

size_t
store_record_pack_dept(const struct store_dept *d, uint8_t *buf)
{
	struct packer w = packer_start(buf);

	pack_u32(&w, d->parent);
	pack_u64(&w, d->created_ms);
	pack_u64(&w, d->changed_ms);
	pack_text(&w, d->name);
	return packer_len(&w);
}

int
store_record_unpack_dept(struct store_dept *out, const uint8_t *p, size_t len)
{
	struct unpacker r = unpacker_start(p, len);
	struct store_dept d = { .id = 0 };
	int rc;

	d.parent = unpack_u32(&r);
	d.created_ms = unpack_u64(&r);
	d.changed_ms = unpack_u64(&r);
	unpack_text(&r, d.name, STORE_DEPT_MAX_BYTES);
	if (d.name[0] == '\0')
		r.bad = true;
	rc = unpacker_end(&r);
	if (rc == 0)
		*out = d;
	return rc;
}

size_t
store_record_pack_member(const struct store_member *m, uint8_t *buf)
{
	struct packer w = packer_start(buf);

	pack_u8(&w, m->manager ? MEMBER_MANAGER : 0);
	pack_u64(&w, m->since_ms);
	return packer_len(&w);
}

int
store_record_unpack_member(struct store_member *out, const uint8_t *p, size_t len)
{
	struct unpacker r = unpacker_start(p, len);
	struct store_member m = { .dept = 0 };
	int rc;

	m.manager = unpack_flag(&r, MEMBER_MANAGER);
	m.since_ms = unpack_u64(&r);
	rc = unpacker_end(&r);
	if (rc == 0)
		*out = m;
	return rc;
}

static void
pack_atoms(struct packer *w, const struct store_atom *atoms, uint16_t n)
{
	chq_put_le16(w->at, n);
	w->at += 2;
	for (uint16_t i = 0; i < n; i++) {
		pack_u8(w, (uint8_t)(atoms[i].kind | (atoms[i].except ? ATOM_EXCEPT : 0)));
		chq_put_le48(w->at, atoms[i].id);
		w->at += 6;
	}
}

static uint16_t
unpack_atoms(struct unpacker *r, struct store_atom *atoms)
{
	uint16_t n = unpack_u16(r);

	if (n > STORE_ATOMS_MAX)
		r->bad = true;
	for (uint16_t i = 0; i < n && !r->bad; i++) {
		uint8_t kind = unpack_u8(r);
		const uint8_t *id = unpack_view(r, 6);

		atoms[i].except = (kind & ATOM_EXCEPT) != 0;
		atoms[i].kind = kind & (uint8_t)~ATOM_EXCEPT;
		atoms[i].id = id ? chq_get_le48(id) : 0;
		if (atoms[i].kind >= STORE_ATOM_KINDS)
			r->bad = true;
	}
	return n;
}

size_t
store_record_pack_rule(const struct store_rule *rule, uint8_t *buf)
{
	struct packer w = packer_start(buf);

	pack_u8(&w, rule->deny ? RULE_DENY : 0);
	pack_u8(&w, rule->rights);
	pack_u64(&w, rule->changed_ms);
	pack_text(&w, rule->note);
	pack_atoms(&w, rule->subjects, rule->n_subjects);
	pack_atoms(&w, rule->objects, rule->n_objects);
	return packer_len(&w);
}

int
store_record_unpack_rule(struct store_rule *out, const uint8_t *p, size_t len)
{
	struct unpacker r = unpacker_start(p, len);
	struct store_rule rule = { .id = 0 };
	int rc;

	rule.deny = unpack_flag(&r, RULE_DENY);
	rule.rights = unpack_u8(&r);
	rule.changed_ms = unpack_u64(&r);
	unpack_text(&r, rule.note, STORE_NAME_MAX_BYTES);
	rule.n_subjects = unpack_atoms(&r, rule.subjects);
	rule.n_objects = unpack_atoms(&r, rule.objects);
	if (rule.rights == 0 || rule.n_subjects == 0 || rule.n_objects == 0)
		r.bad = true;
	rc = unpacker_end(&r);
	if (rc == 0)
		*out = rule;
	return rc;
}

size_t
store_record_pack_app(const struct store_app *a, uint8_t *buf)
{
	struct packer w = packer_start(buf);

	pack_u8(&w, (uint8_t)((a->store ? APP_STORE : 0) | (a->p2p ? APP_P2P : 0) |
			      (a->inspected ? APP_INSPECTED : 0)));
	pack_u8(&w, a->post);
	pack_u64(&w, a->changed_ms);
	pack_text(&w, a->name);
	pack_atoms(&w, a->poster, a->n_posters);
	return packer_len(&w);
}

int
store_record_unpack_app(struct store_app *out, const uint8_t *p, size_t len)
{
	struct unpacker r = unpacker_start(p, len);
	struct store_app a = { .id = 0 };
	uint8_t flags = unpack_u8(&r);
	int rc;

	a.store = flags & APP_STORE;
	a.p2p = flags & APP_P2P;
	a.inspected = flags & APP_INSPECTED;
	a.post = unpack_u8(&r);
	a.changed_ms = unpack_u64(&r);
	unpack_text(&r, a.name, STORE_APP_NAME_MAX_BYTES);
	a.n_posters = unpack_atoms(&r, a.poster);
	if ((flags & ~APP_FLAGS) || a.name[0] == '\0' || a.post >= STORE_APP_POST__COUNT ||
	    (a.post == STORE_APP_POST_SET) != (a.n_posters != 0))
		r.bad = true;
	rc = unpacker_end(&r);
	if (rc == 0)
		*out = a;
	return rc;
}
