#include "store/meta.h"

#include <stddef.h>

#include "base/err.h"
#include "base/log.h"
#include "store/kv.h"
#include "store/record.h"
#include "store/word.h"

int
store_meta_get(struct store_txn *t, enum store_meta what, uint64_t *out)
{
	uint8_t key = (uint8_t)what;
	struct store_view v;
	int rc = store_kv_get(t, STORE_TABLE_META, &key, 1, &v);

	return rc != 0 ? rc : store_record_unpack_u64(out, v.p, v.len);
}

int
store_meta_set(struct store_txn *t, enum store_meta what, uint64_t value)
{
	uint8_t buf[STORE_RECORD_MAX_BYTES];
	uint8_t key = (uint8_t)what;
	size_t len = store_record_pack_u64(value, buf);

	return store_kv_put(t, STORE_TABLE_META, &key, 1, buf, len);
}

int
store_meta_count(struct store_txn *t, enum store_meta what, uint64_t *out)
{
	uint64_t next = 1;
	int rc = store_meta_get(t, what, &next);

	if (rc != 0 && rc != CHQ_ENOENT)
		return rc;
	rc = store_meta_set(t, what, next + 1);
	if (rc == 0)
		*out = next;
	return rc;
}

/* An empty database becomes one of version 1: its tables are made when they are opened. */
static int
migrate_from_nothing(struct store_txn *t)
{
	return store_meta_set(t, STORE_META_NEXT_ACCOUNT, 1);
}

/* 2: departments, their members, rules; all in tables of their own. */
static int
migrate_to_departments(struct store_txn *t)
{
	int rc = store_meta_set(t, STORE_META_NEXT_DEPT, 1);

	return rc != 0 ? rc : store_meta_set(t, STORE_META_NEXT_RULE, 1);
}

/* 3: profiles, tombstones, sender epochs and search words of accounts; records of version 1 stay. */
static int
migrate_to_people(struct store_txn *t)
{
	int rc = store_env_table(t, STORE_TABLE_ACCOUNT);

	if (rc == 0)
		rc = store_env_table(t, STORE_TABLE_WORD);
	return rc != 0 ? rc : store_word_make_all(t);
}

/* Step i leads from version i to i + 1. Steps are added, never changed. */
static int (*const steps[STORE_SCHEMA_VERSION])(struct store_txn *t) = {
	migrate_from_nothing,
	migrate_to_departments,
	migrate_to_people,
};

int
store_meta_migrate(struct store_txn *t)
{
	uint64_t version = 0;
	int rc = store_meta_get(t, STORE_META_SCHEMA, &version);

	if (rc != 0 && rc != CHQ_ENOENT)
		return rc;
	if (version > STORE_SCHEMA_VERSION) {
		CHQ_LOG_ERROR("store-schema-newer", "found=%llu known=%d",
			      (unsigned long long)version, STORE_SCHEMA_VERSION);
		return CHQ_ESCHEMA;
	}
	if (version == STORE_SCHEMA_VERSION)
		return 0;
	for (; version < STORE_SCHEMA_VERSION; version++) {
		rc = steps[version](t);
		if (rc != 0)
			return rc;
	}
	return store_meta_set(t, STORE_META_SCHEMA, version);
}
