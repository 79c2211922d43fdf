#pragma once
#include <stdint.h>

#include "store/types.h"

/*
 * The registry of applications: what the 16-bit number in frames means, and what its messages may do.
 * A number that is not registered is like chat: it may be used at once. Changing calls are for write
 * jobs, reading calls for jobs and snapshots alike.
 */

struct store_txn;

/* Registered in every new database. Their numbers never change; nor can they be removed. */
enum store_app_known {
	STORE_APP_CHAT = 0,
	STORE_APP_APPROVAL = 1,
	STORE_APP_ATTENDANCE = 2,
	STORE_APP_ANNOUNCEMENT = 3, /* by managers */
	STORE_APP_KNOWN__COUNT,
};

/* In a database that has no registry, register those above. Return: 0; codes of the writer. */
int store_app_begin(struct store_txn *t);

/* Return: 0; CHQ_ENOENT; CHQ_ECORRUPT. */
int store_app_get(struct store_txn *t, uint16_t id, struct store_app *out);

/* The application with the lowest number >= @from. Return: 0; CHQ_ENOENT at the end; CHQ_ECORRUPT. */
int store_app_next(struct store_txn *t, uint32_t from, struct store_app *out);

/**
 * store_app_set() - register one, or change it.
 * @fresh: it must not be registered yet; else it must.
 *
 * Return: 0; CHQ_EEXIST (@fresh, or the name is another's); CHQ_ENOENT (not @fresh; or a department
 * of its set is not there); CHQ_ENOUSER (an account of its set); CHQ_EINVAL (who may post does not
 * fit its set; inspected and p2p together: what does not pass the relay cannot be read there);
 * CHQ_EFULL (STORE_APPS_MAX); CHQ_ENAMEEMPTY and codes of store_text_check() for the name; codes of
 * the writer.
 */
int store_app_set(struct store_txn *t, const struct store_app *a, bool fresh);

/* Return: 0; CHQ_ENOENT; CHQ_EDENIED (one of enum store_app_known); codes of the writer. */
int store_app_remove(struct store_txn *t, uint16_t id);

/* Does any set of posters name this department? Return: 0; CHQ_ECORRUPT. */
int store_app_names_dept(struct store_txn *t, uint32_t dept, bool *out);

/**
 * store_app_poster() - may this account send frames of it?
 * Return: 0; CHQ_EDENIED; CHQ_ECORRUPT.
 */
int store_app_poster(struct store_txn *t, const struct store_app *a, uint64_t account);

/* Rises with every change. Return: 0; CHQ_ECORRUPT. */
int store_apps_version(struct store_txn *t, uint64_t *out);
