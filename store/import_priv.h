#pragma once
#include "store/types.h"

/* What imports need of the other files of store/, and these of imports. */

struct store_txn;

/* Is this account staged, and to be passed over? Return: 0: no; else the first number behind all that are. */
uint64_t store_staged_end(struct store_txn *t, uint64_t account);

/* Is it staged, passed over or not? */
bool store_is_staged(struct store_txn *t, uint64_t account);

/* Both tables' sides of a membership, and nothing else. Return: 0; codes of the writer. */
int store_member_put(struct store_txn *t, const struct store_member *m);
int store_member_drop(struct store_txn *t, uint32_t dept, uint64_t account);

/* Both sides of a friendship, and no version. @state: as @a sees it. Return: 0; codes of the writer. */
int store_friend_put(struct store_txn *t, uint64_t a, uint64_t b, enum store_friend_state state,
		     uint64_t now_ms);
int store_friend_drop_all(struct store_txn *t, uint64_t account);
