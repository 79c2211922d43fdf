/*
 * Which sessions an account has, whatever their state: the account table knows receivers only, and sessions that
 * linger, or wait for their first frame, send as well. Only memory knows it; adoption lists them anew.
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "dataplane/tables_priv.h"
#include "proto/grant.h"

#define SLOTS_A_LIST 4

int
tables_kin_init(struct chq_kin *k, uint32_t sessions)
{
	uint32_t lists = 1;

	while (lists < sessions / SLOTS_A_LIST)
		lists *= 2;
	k->mask = lists - 1;
	k->head = malloc(lists * sizeof(*k->head));
	k->next = malloc(sessions * sizeof(*k->next));
	if (!k->head || !k->next)
		return CHQ_ENOMEM;
	memset(k->head, 0xff, lists * sizeof(*k->head)); /* CHQ_SLOT_NONE */
	return CHQ_OK;
}

void
tables_kin_deinit(struct chq_kin *k)
{
	free(k->head);
	free(k->next);
}

void
tables_kin_clear(struct chq_tables *t)
{
	memset(t->kin.head, 0xff, (t->kin.mask + (size_t)1) * sizeof(*t->kin.head));
}

static uint32_t *
list_of(const struct chq_tables *t, uint64_t account)
{
	return &t->kin.head[chq_mix32(account ^ t->header->account_seed) & t->kin.mask];
}

void
tables_kin_add(struct chq_tables *t, uint32_t slot)
{
	uint64_t account = CHQ_PARTY_ID(t->sessions[slot].ident);
	uint32_t *head = list_of(t, account);

	if (account == 0)
		return;
	t->kin.next[slot] = *head;
	*head = slot;
}

void
tables_kin_remove(struct chq_tables *t, uint32_t slot)
{
	uint64_t account = CHQ_PARTY_ID(t->sessions[slot].ident);
	uint32_t *at = list_of(t, account);

	if (account == 0)
		return;
	while (*at != CHQ_SLOT_NONE && *at != slot)
		at = &t->kin.next[*at];
	if (*at == slot)
		*at = t->kin.next[slot];
}

int
chq_session_sender_epoch(struct chq_tables *t, uint64_t account, uint16_t epoch)
{
	int rc = CHQ_ENOENT;

	if (account == 0 || account > CHQ_ID_MASK)
		return CHQ_ENOENT;
	for (uint32_t at = *list_of(t, account); at != CHQ_SLOT_NONE; at = t->kin.next[at]) {
		struct chq_session *s = &t->sessions[at];

		if (CHQ_PARTY_ID(s->ident) != account)
			continue;
		CHQ_STORE_RELAXED(&s->sender_epoch, epoch & CHQ_SENDER_EPOCH_MASK);
		rc = CHQ_OK;
	}
	return rc;
}
