#pragma once
#include <stdint.h>

struct store_txn;

/* What a full check has found. */
struct store_verify {
	uint64_t accounts, devices, identities, friendships, answers; /* a friendship counts once */
	uint64_t departments, members, rules, words;
	uint64_t audits;
	uint64_t groups, group_frames;
	uint64_t mailboxes, mails;
	uint64_t faults;
};

/* Told of each fault. @table: constant; @what: constant sentence; @id: whose record:
 * an account, in the tables dept, deptname and rule a department or a rule. */
typedef void store_fault_fn(void *arg, const char *table, const char *what, uint64_t id);

/**
 * store_verify_all() - read every record and every reference between records.
 * @fault: may be NULL.
 *
 * Checked: each record unpacks; the indexes of login names and device keys lead to records that
 * have that name or key, and every record is in its index; account ids are below the next one;
 * every friendship stands on both sides with states that fit; devices, identities and friends
 * belong to accounts; no device has more answers than are kept; departments are in their index and
 * reach the top; memberships stand in both tables, of what exists; rules name what exists; the chain of
 * audit records is whole; what is counted of mailboxes is what waits there;
 * groups as store/verify_group.h says.
 *
 * Thread: snapshot or job; takes time in proportion to the database, so tools use it on a quiet
 * one. Return: 0 if the whole was read, whatever was found; else a code of reading.
 */
int store_verify_all(struct store_txn *t, struct store_verify *out, store_fault_fn *fault,
		     void *arg);
