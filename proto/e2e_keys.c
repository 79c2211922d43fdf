#include <string.h>

#include <sodium.h>

#include "base/bytes.h"
#include "base/err.h"
#include "proto/e2e_fmt.h"

#define LIST_LABEL	 "chasqui-devices-1"
#define LIST_LABEL_LEN	 17
#define LIST_HDR_LEN	 34
#define ENTRY_LEN	 65
#define PREKEY_LABEL	 "chasqui-prekey-1"
#define PREKEY_LABEL_LEN 16
#define SIG_LEN		 CHQ_ED25519_SIG_BYTES
#define SAFETY_LABEL	 "chasqui-safety-1"
#define SAFETY_LABEL_LEN 16
#define SAFETY_ROUNDS	 5200
#define SAFETY_GROUPS	 6

static int
account_ok(uint64_t account)
{
	return account >= 1 && account <= CHQ_ID_MASK;
}

static int
list_ok(const struct chq_device_list *list)
{
	unsigned last = 0;

	if (!account_ok(list->account) || list->count < 1 || list->count > CHQ_DEVICES_MAX)
		return 0;
	for (unsigned i = 0; i < list->count; i++) {
		if (list->device[i].device <= last)
			return 0;
		last = list->device[i].device;
	}
	return 1;
}

int
chq_device_list_build(const struct chq_device_list *list, const struct chq_signkey *account_key,
		      uint8_t *out, size_t size)
{
	size_t len;

	if (!list_ok(list))
		return CHQ_EINVAL;
	len = CHQ_DEVICE_LIST_LEN(list->count);
	if (len > size)
		return CHQ_ENOBUFS;
	memcpy(out, LIST_LABEL, LIST_LABEL_LEN);
	chq_put_le64(out + 17, list->account);
	chq_put_le64(out + 25, list->version);
	out[33] = list->count;
	for (unsigned i = 0; i < list->count; i++) {
		uint8_t *at = out + LIST_HDR_LEN + ENTRY_LEN * i;

		at[0] = list->device[i].device;
		memcpy(at + 1, list->device[i].sign, 32);
		memcpy(at + 33, list->device[i].ident, 32);
	}
	chq_ed25519_sign(out + len - SIG_LEN, account_key, out, len - SIG_LEN);
	return (int)len;
}

int
chq_device_list_parse(const uint8_t *buf, size_t len, const uint8_t account_key[32],
		      struct chq_device_list *list)
{
	if (len < CHQ_DEVICE_LIST_LEN(1) || memcmp(buf, LIST_LABEL, LIST_LABEL_LEN) != 0)
		return CHQ_EMALFORMED;
	list->account = chq_get_le64(buf + 17);
	list->version = chq_get_le64(buf + 25);
	list->count = buf[33];
	if (list->count > CHQ_DEVICES_MAX || len != CHQ_DEVICE_LIST_LEN(list->count))
		return CHQ_EMALFORMED;
	for (unsigned i = 0; i < list->count; i++) {
		const uint8_t *at = buf + LIST_HDR_LEN + ENTRY_LEN * i;

		list->device[i].device = at[0];
		memcpy(list->device[i].sign, at + 1, 32);
		memcpy(list->device[i].ident, at + 33, 32);
	}
	if (!list_ok(list))
		return CHQ_EMALFORMED;
	return chq_ed25519_verify(buf + len - SIG_LEN, account_key, buf, len - SIG_LEN);
}

const struct chq_device_keys *
chq_device_list_find(const struct chq_device_list *list, uint8_t device)
{
	for (unsigned i = 0; i < list->count; i++) {
		if (list->device[i].device == device)
			return &list->device[i];
	}
	return NULL;
}

void
chq_prekey_build(const struct chq_prekey *pk, const struct chq_signkey *device_sign,
		 uint8_t out[CHQ_PREKEY_LEN])
{
	memcpy(out, PREKEY_LABEL, PREKEY_LABEL_LEN);
	chq_put_le64(out + 16, pk->account);
	out[24] = pk->device;
	chq_put_le32(out + 25, pk->id);
	memcpy(out + 29, pk->spk, 32);
	chq_put_le64(out + 61, pk->expiry_ms);
	chq_ed25519_sign(out + 69, device_sign, out, 69);
}

int
chq_prekey_parse(const uint8_t *buf, size_t len, const uint8_t device_sign[32],
		 struct chq_prekey *pk)
{
	if (len != CHQ_PREKEY_LEN || memcmp(buf, PREKEY_LABEL, PREKEY_LABEL_LEN) != 0)
		return CHQ_EMALFORMED;
	pk->account = chq_get_le64(buf + 16);
	pk->device = buf[24];
	pk->id = chq_get_le32(buf + 25);
	memcpy(pk->spk, buf + 29, 32);
	pk->expiry_ms = chq_get_le64(buf + 61);
	if (!account_ok(pk->account) || pk->device == 0)
		return CHQ_EMALFORMED;
	return chq_ed25519_verify(buf + 69, device_sign, buf, 69);
}

/* 30 digits, no NUL. */
static void
safety_half(uint64_t account, const uint8_t key[32], char *out)
{
	uint8_t first[SAFETY_LABEL_LEN + 8 + 32], hash[crypto_hash_sha512_BYTES + 32];

	memcpy(first, SAFETY_LABEL, SAFETY_LABEL_LEN);
	chq_put_le64(first + 16, account);
	memcpy(first + 24, key, 32);
	crypto_hash_sha512(hash, first, sizeof(first));
	memcpy(hash + crypto_hash_sha512_BYTES, key, 32);
	for (int i = 0; i < SAFETY_ROUNDS; i++)
		crypto_hash_sha512(hash, hash, sizeof(hash));
	for (int group = 0; group < SAFETY_GROUPS; group++) {
		uint64_t n = 0;

		for (int i = 0; i < 5; i++)
			n = n << 8 | hash[group * 5 + i];
		n %= 100000;
		for (int digit = 4; digit >= 0; digit--, n /= 10)
			out[group * 5 + digit] = (char)('0' + n % 10);
	}
}

void
chq_safety_number(uint64_t account_a, const uint8_t key_a[32], uint64_t account_b,
		  const uint8_t key_b[32], char out[CHQ_SAFETY_LEN + 1])
{
	int a_first = account_a <= account_b;

	safety_half(account_a, key_a, a_first ? out : out + CHQ_SAFETY_LEN / 2);
	safety_half(account_b, key_b, a_first ? out + CHQ_SAFETY_LEN / 2 : out);
	out[CHQ_SAFETY_LEN] = '\0';
}
