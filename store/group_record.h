#pragma once
#include "store/group.h"

/* The bytes of groups' records, as store/record.h says of the others. */

/* Without .id */
size_t store_record_pack_group(const struct store_group *g, uint8_t *buf);
int store_record_unpack_group(struct store_group *out, const uint8_t *p, size_t len);

/* Keep a record. In a write job. */
int store_group_write(struct store_txn *t, const struct store_group *g);

/* Without .group and .account */
size_t store_record_pack_group_member(const struct store_group_member *m, uint8_t *buf);
int store_record_unpack_group_member(struct store_group_member *out, const uint8_t *p, size_t len);

/* Without .group and .order; unpacking gives a view into @p. */
size_t store_record_pack_group_frame(const struct store_group_frame *f, uint8_t *buf);
int store_record_unpack_group_frame(struct store_group_frame *out, const uint8_t *p, size_t len);

void store_key_put_group_member(uint8_t *key, uint32_t group, uint64_t account);
void store_key_put_group_of(uint8_t *key, uint64_t account, uint32_t group);
void store_key_put_group_log(uint8_t *key, uint32_t group, uint32_t order);
void store_key_put_group_sent(uint8_t *key, uint32_t group, uint64_t from, uint64_t message);
void store_key_put_group_at(uint8_t *key, uint32_t group, uint64_t account, uint8_t device);
