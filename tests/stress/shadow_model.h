#pragma once
/*
 * tests/stress/shadow_model: the tables as a plain model: no buckets, no chains and no rings. A slot is a
 * struct, an account is an array of slots, and whether something is allowed is a loop over all of them.
 */
#include <stdbool.h>

#include "dataplane/tables.h"

#define SLOTS	 96
#define ACCOUNTS 20 /* that may be in the table */
#define IDS	 40 /* that ask */
#define DEVICES	 10
#define TODAY	 2000

struct slot {
	uint8_t state;
	uint16_t gen;
	uint64_t account;		  /* 0: before login */
	uint8_t device, quota_class, key; /* key: the byte that its grant key is made of */
	uint16_t sender_epoch;
	uint32_t expires_s, full_s;
	uint32_t rested_s;
	bool guest; /* freed without ever having been a receiver, since the last adoption */
};

/* Sessions of an account that are receivers, the newest first; a replacement takes the old one's
 * place. */
struct account {
	uint32_t slot[CHQ_DEVICES_MAX];
	int n;
	uint64_t denied[CHQ_DENY_MAX];
	uint16_t until[CHQ_DENY_MAX];
	int n_denied;
};

/* What must have come up, or the run has shown little. */
enum seen {
	REPLACED,
	DEVICES_FULL,
	ACCOUNTS_FULL,
	NONE_RESTED,
	TOO_MANY_NEW,
	GUEST_FIRST,
	DENY_FULL,
	EXPIRED,
	EPOCH_UNREACHABLE, /* of a session that the account table does not know */
	ADOPTED,
	SEEN__COUNT
};
extern const char *const seen_name[SEEN__COUNT];
extern uint64_t seen[SEEN__COUNT];

extern struct slot slots[SLOTS];
extern struct account accounts[IDS + 1];
extern uint32_t now_s;

/* What a slot can be. */
bool used(const struct slot *s);
bool unconfirmed(const struct slot *s);
bool rested(const struct slot *s);

/* How many slots are; how many accounts have a receiver. */
uint32_t count(bool (*is)(const struct slot *s));
uint32_t accounts_in_use(void);

/* Is no receiver of its account any longer. Lingers until @until_s. */
void account_leave(uint32_t slot);
void linger(uint32_t slot, uint32_t until_s);

/* May a session become a receiver, and who makes room for it? 0; CHQ_EFULL. */
int model_publish(uint32_t slot, uint64_t id, uint8_t device, uint32_t *replaced);
void model_close(uint32_t slot);
