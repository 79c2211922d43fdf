#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/account.h"
#include "store/friend.h"

/*
 * Many accounts at once, all or nothing, in many short jobs, so that the writer serves others in
 * between. What is brought in is staged: its accounts have numbers of a range that meta names, and as
 * long as it does, nobody sees them, nor what hangs on them: store_account_get(), _find() and
 * _list(), store_member_list() and walks of search words pass over them. Their login names are
 * taken, though. store_import_finish() forgets the range, and all of it is there at once. An
 * import that was cut off by the end of the process is undone when the store is opened.
 *
 * One import at a time. All calls are for write jobs, and return the codes of the writer besides
 * their own.
 */

struct store;
struct store_txn;

/**
 * store_import_begin() - numbers for so many accounts and departments.
 * @first_account, @first_dept: receive the first of each.
 *
 * Return: 0; CHQ_EBUSY (one is under way); CHQ_EFULL (not so many numbers are left).
 */
int store_import_begin(struct store_txn *t, uint64_t accounts, uint32_t depts,
		       uint64_t *first_account, uint32_t *first_dept);

/* A staged account of a reserved number. Return: as store_account_add(). */
int store_import_account(struct store_txn *t, uint64_t id, const struct store_account_new *new);

/* Whose login name is this, staged ones too? Return: as store_account_find(). */
int store_import_find(struct store_txn *t, const char *login, uint64_t *id, bool *staged);

/*
 * A staged account is in a department, which need not be there before store_import_finish().
 * Return: 0; CHQ_EEXIST; CHQ_EFULL (STORE_ROLES_MAX).
 */
int store_import_member(struct store_txn *t, uint32_t dept, uint64_t account, bool manager,
			uint64_t now_ms);

/* Two staged accounts; @state as @a sees it. Return: 0; CHQ_EEXIST; CHQ_EINVAL (the same). */
int store_import_friend(struct store_txn *t, uint64_t a, uint64_t b, enum store_friend_state state,
			uint64_t now_ms);

/* All that is staged is there. */
int store_import_finish(struct store_txn *t);

/**
 * store_import_undo() - delete at most @max staged accounts with all that hangs on them.
 * @more: there may be others.
 *
 * Return: 0, also when nothing is staged.
 */
int store_import_undo(struct store_txn *t, size_t max, bool *more);

/* Undo all that an earlier process left. Not in a job. Return: 0; codes of store_write_sync(). */
int store_import_recover(struct store *st);
