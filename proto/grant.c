#include "proto/grant.h"

#include <string.h>

#include <sodium.h>

#include "base/bytes.h"
#include "proto/hkdf.h"

#define LABEL	  "chasqui-grant"
#define LABEL_LEN (sizeof(LABEL) - 1)

void
chq_grant_key(const uint8_t master[32], uint8_t kind, uint64_t id, uint32_t epoch, uint8_t out[16])
{
	uint8_t msg[LABEL_LEN + 13], mac[CHQ_HKDF_PRK_BYTES];

	memcpy(msg, LABEL, LABEL_LEN);
	msg[LABEL_LEN] = kind;
	chq_put_le64(msg + LABEL_LEN + 1, id);
	chq_put_le32(msg + LABEL_LEN + 9, epoch);
	/* HKDF-Extract is HMAC-SHA256 under its salt. */
	chq_hkdf_extract(master, 32, msg, sizeof(msg), mac);
	memcpy(out, mac, 16);
	sodium_memzero(mac, sizeof(mac));
}
