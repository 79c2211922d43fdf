#pragma once
#include <stddef.h>
#include <stdint.h>

#include "store/types.h"

/*
 * The bytes of records in the database: a version byte, then packed little-endian fields, texts and
 * blobs with their length in front (1 byte for texts, 2 for blobs). Keys carry ids, values do not
 * repeat them. An unpacker takes any bytes, reads none beyond @len, accepts exactly what its packer
 * makes (and, of accounts, what that of version 1 made: fields that it did not have are empty), and
 * touches *out only on success. All are pure functions, for any thread.
 *
 * Packers write into @buf (STORE_RECORD_MAX_BYTES) and return the length; the struct must hold
 * valid values (the functions that change records see to it).
 * Unpackers return 0, or CHQ_ECORRUPT. A version that this build does not know is damage as well:
 * whoever introduces one raises the schema version, which old builds refuse at open.
 */
enum { STORE_RECORD_MAX_BYTES = 4096 };

size_t store_record_pack_u64(uint64_t v, uint8_t *buf);
int store_record_unpack_u64(uint64_t *out, const uint8_t *p, size_t len);

/* A reference to an account, or to a device when @number is not 0: values of the indexes. */
size_t store_record_pack_ref(uint64_t account, uint8_t number, uint8_t *buf);
int store_record_unpack_ref(uint64_t *account, uint8_t *number, const uint8_t *p, size_t len);

/* Without .id */
size_t store_record_pack_account(const struct store_account *a, uint8_t *buf);
int store_record_unpack_account(struct store_account *out, const uint8_t *p, size_t len);

size_t store_record_pack_e2e(const struct store_e2e *e, uint8_t *buf);
int store_record_unpack_e2e(struct store_e2e *out, const uint8_t *p, size_t len);

/* Without .account and .number */
size_t store_record_pack_device(const struct store_device *d, uint8_t *buf);
int store_record_unpack_device(struct store_device *out, const uint8_t *p, size_t len);

/* Without .peer */
size_t store_record_pack_friend(const struct store_friend *f, uint8_t *buf);
int store_record_unpack_friend(struct store_friend *out, const uint8_t *p, size_t len);

/* Unpacking gives a view into @p. @answer: at most STORE_ANSWER_MAX_BYTES. */
size_t store_record_pack_answer(const uint8_t *answer, size_t answer_len, uint8_t *buf);
int store_record_unpack_answer(const uint8_t **answer, size_t *answer_len, const uint8_t *p,
			       size_t len);

/* Without .id */
size_t store_record_pack_dept(const struct store_dept *d, uint8_t *buf);
int store_record_unpack_dept(struct store_dept *out, const uint8_t *p, size_t len);

/* Without .dept and .account */
size_t store_record_pack_member(const struct store_member *m, uint8_t *buf);
int store_record_unpack_member(struct store_member *out, const uint8_t *p, size_t len);

/* Without .id */
size_t store_record_pack_rule(const struct store_rule *r, uint8_t *buf);
int store_record_unpack_rule(struct store_rule *out, const uint8_t *p, size_t len);

/* Without .id */
size_t store_record_pack_app(const struct store_app *a, uint8_t *buf);
int store_record_unpack_app(struct store_app *out, const uint8_t *p, size_t len);

size_t store_record_pack_offer(const struct store_offer *o, uint8_t *buf);
int store_record_unpack_offer(struct store_offer *out, const uint8_t *p, size_t len);
