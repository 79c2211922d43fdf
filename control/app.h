#pragma once

/*
 * The registry of applications as control has it in memory, and the organisation's signed list of
 * those that the relay may read. A number that is not registered is like chat. The dataplane knows
 * nothing of this: what is said here holds where control sees a frame, that is of those that are
 * stored and those to groups; clients are told all of it.
 *
 * Everything here is on the loop's thread.
 */

#include <stdbool.h>
#include <stdint.h>

#include "control/request.h"
#include "proto/policy.h"

struct control;
struct store_app;

/* Read registry and signed list. Return: 0; CHQ_ENOMEM; codes of reading the store. */
int apps_open(struct control *ctl);
void apps_close(struct control *ctl);

/* The registered application, or NULL; valid until the registry changes. */
const struct store_app *app_find(const struct control *ctl, uint16_t app);

/* May its messages wait for who is absent? May they go without the relay? */
bool app_may_store(const struct control *ctl, uint16_t app);
bool app_may_p2p(const struct control *ctl, uint16_t app);

/* May this account send messages of it? Return: 0; CHQ_EDENIED; codes of reading the store. */
int app_may_post(struct control *ctl, uint16_t app, uint64_t account);

/* Is it in the organisation's signed list? */
bool app_is_signed(const struct control *ctl, uint16_t app);

/* The signed list, as it is sent to clients; length 0: none. */
const uint8_t *apps_policy(const struct control *ctl, size_t *len);

/**
 * apps_policy_read() - take the file "policy" of the folder of keys, as it is now.
 * @policy: receives what it says.
 *
 * Return: 0; CHQ_ENOENT; CHQ_EUNTRUSTED (not signed by this organisation); CHQ_ESTALE (older than
 * the present one); CHQ_EMALFORMED; another negated errno. The present one stays on failure.
 */
int apps_policy_read(struct control *ctl, struct chq_policy *policy);

/* The registry has changed in the store: read it anew, and tell those who are logged in. Return: as
 * apps_open(); on failure the present one stays. */
int apps_changed(struct control *ctl);

/* Tell some more of them. */
void apps_tick(struct control *ctl);

/* METHOD_APPS */
request_fn apps_request;
