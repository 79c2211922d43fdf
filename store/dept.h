#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/types.h"

/*
 * Departments: a tree, each named once among those of its parent. Changing calls are for write jobs;
 * codes of the writer are those of store_done_fn. Reading calls are for jobs and snapshots alike.
 * All return CHQ_ENOENT for a department that does not exist, and CHQ_ECORRUPT for damage.
 *
 * A name is 1 to STORE_DEPT_MAX_BYTES of UTF-8, brought to NFC, as store_text_check() allows,
 * without "/" and without a space at its ends.
 */

struct store_txn;

/* A name in the form in which it is kept. Return: 0; a code for the name. */
int store_dept_name_normal(const char *in, size_t len, char out[STORE_DEPT_MAX_BYTES + 1]);

/**
 * store_dept_add() - a new department.
 * @parent: 0 for one at the top.
 * @id: receives its id, never given to another.
 *
 * Return: 0; CHQ_ENOENT (no such parent); CHQ_EEXIST (the name is taken there); CHQ_EFULL (deeper
 * than STORE_DEPTH_MAX, or no id is left); a code for the name: CHQ_ENAMEEMPTY, CHQ_ENAMESPACE,
 * CHQ_ENAMECHAR …; codes of the writer.
 */
int store_dept_add(struct store_txn *t, uint32_t parent, const char *name, uint64_t now_ms,
		   uint32_t *id);

/* The same with a number that store_import_begin() reserved. */
int store_dept_add_as(struct store_txn *t, uint32_t id, uint32_t parent, const char *name,
		      uint64_t now_ms);

int store_dept_get(struct store_txn *t, uint32_t id, struct store_dept *out);

/* By path, "Company/Sales". Return: 0; CHQ_ENOENT; a code for a name in it. */
int store_dept_find(struct store_txn *t, const char *path, struct store_dept *out);

/* The path of a department, with its NUL in @out. Return: 0; CHQ_ETOOBIG; CHQ_ENOENT. */
int store_dept_path(struct store_txn *t, uint32_t id, char *out, size_t size);

/* A page by rising id. @after: 0 to begin. Return: 0. */
int store_dept_list(struct store_txn *t, uint32_t after, struct store_dept *out, size_t max,
		    size_t *n);

/**
 * store_dept_children() - tell of each department right below one; @parent 0: at the top.
 * @fn: may read, but not change. What it returns other than 0 ends it.
 *
 * Return: 0; what @fn returned.
 */
int store_dept_children(struct store_txn *t, uint32_t parent, int (*fn)(void *arg, uint32_t id),
			void *arg);

/* Return: 0; CHQ_EEXIST; a code for the name; codes of the writer. */
int store_dept_rename(struct store_txn *t, uint32_t id, const char *name, uint64_t now_ms);

/**
 * store_dept_move() - hang it, with all below it, under another one.
 * Return: 0; CHQ_ELOOP (@parent lies below it, or is it); CHQ_EEXIST (its name is taken there);
 * CHQ_EFULL (too deep); codes of the writer.
 */
int store_dept_move(struct store_txn *t, uint32_t id, uint32_t parent, uint64_t now_ms);

/* Return: 0; CHQ_EBUSY (it has members, departments below it, or a rule or an application names it). */
int store_dept_remove(struct store_txn *t, uint32_t id);

/* --- members --- */

/**
 * store_member_set() - an account is in a department, as manager or not.
 * Return: 0, also if it was so already; CHQ_ENOENT (no such department); CHQ_ENOUSER (no such
 * account); CHQ_EFULL (STORE_ROLES_MAX departments); codes of the writer.
 */
int store_member_set(struct store_txn *t, uint32_t dept, uint64_t account, bool manager,
		     uint64_t now_ms);

/* Return: 0; CHQ_ENOENT (he is not in it); codes of the writer. */
int store_member_remove(struct store_txn *t, uint32_t dept, uint64_t account);

/* Return: 0; CHQ_ENOENT (he is not in it). */
int store_member_get(struct store_txn *t, uint32_t dept, uint64_t account,
		     struct store_member *out);

/* A page of a department's members by rising account. @after: 0 to begin. Return: 0. */
int store_member_list(struct store_txn *t, uint32_t dept, uint64_t after, struct store_member *out,
		      size_t max, size_t *n);

/* All departments of an account. @out: room for STORE_ROLES_MAX. Return: 0. */
int store_member_roles(struct store_txn *t, uint64_t account, struct store_member *out, size_t *n);
