/*
 * What an account may send over all its sessions: a word of two budgets (chq_cold.account_quota) that these share. An
 * account with one session has none and pays for none. The words lie in the cold records; which record's word an
 * account gets has nothing to do with whose slot that is, so a word stays where it is while sessions come and go.
 *
 * A word belongs to the sessions that name it. How many they are, only memory says, and adoption counts anew.
 * Sessions that linger, or wait for their first frame, count too: who makes a handshake after the other gains nothing.
 */
#include "dataplane/quota.h"
#include "dataplane/tables_priv.h"

#define PROBES 64

/* Is there a word that nobody names at the cursor? It goes on behind it then. */
static bool
word_free(struct chq_tables *t, uint32_t *at)
{
	*at = t->budget_next;
	if (t->budget_users[*at])
		return false;
	t->budget_next = *at + 1 < t->header->sessions ? *at + 1 : 0;
	return true;
}

/*
 * A word that nobody names. There is one: who asks for it names none yet. Two sessions mostly name
 * one together, so that most are free: where many that are not stand in a row, the cursor jumps.
 */
static uint32_t
word_find(struct chq_tables *t)
{
	uint32_t all = t->header->sessions, at;

	for (uint32_t i = 0; i < PROBES; i++) {
		if (word_free(t, &at))
			return at;
		t->budget_next = (uint32_t)((uint64_t)chq_mix32(at + (uint64_t)i * all) * all >>
					    32);
	}
	for (uint32_t i = 0; i < all; i++) {
		if (word_free(t, &at))
			return at;
		t->budget_next = at + 1 < all ? at + 1 : 0;
	}
	return CHQ_SLOT_NONE;
}

static void
word_name(struct chq_tables *t, uint32_t slot, uint32_t word)
{
	t->budget_users[word]++;
	CHQ_STORE_RELAXED(&t->sessions[slot].budget, word + 1);
}

void
tables_budget_join(struct chq_tables *t, uint32_t slot, uint32_t other, uint64_t now_ns)
{
	uint32_t word;

	if (other == CHQ_SLOT_NONE || other == slot || t->sessions[slot].budget)
		return;
	if (!t->sessions[other].budget) {
		word = word_find(t);
		if (word == CHQ_SLOT_NONE)
			return;
		CHQ_STORE_RELAXED(&t->cold[word].account_quota, CHQ_QUOTA_IDLE(now_ns));
		word_name(t, other, word);
	}
	word_name(t, slot, t->sessions[other].budget - 1);
}

void
tables_budget_leave(struct chq_tables *t, uint32_t slot)
{
	uint32_t budget = t->sessions[slot].budget;

	if (!budget)
		return;
	CHQ_STORE_RELAXED(&t->sessions[slot].budget, 0);
	t->budget_users[budget - 1]--;
}

void
chq_session_budget_tidy(struct chq_tables *t, uint32_t slot, uint64_t now_ns)
{
	const struct chq_session *s = &t->sessions[slot];
	const struct chq_quota_class *q = chq_quota_class_of(t->header, s);

	if (s->budget && t->budget_users[s->budget - 1] == 1 &&
	    chq_quota_idle(CHQ_LOAD_RELAXED(&t->cold[s->budget - 1].account_quota), &q->account,
			   now_ns))
		tables_budget_leave(t, slot);
}

uint32_t
chq_session_budget_users(const struct chq_tables *t, uint32_t slot)
{
	uint32_t budget = t->sessions[slot].budget;

	return budget ? t->budget_users[budget - 1] : 1;
}

void
tables_budget_settle(struct chq_tables *t, uint32_t slot)
{
	struct chq_session *s = &t->sessions[slot];

	if (!s->budget)
		return;
	if (s->state == CHQ_SESSION_FREE || s->state == CHQ_SESSION_PRELOGIN ||
	    s->budget > t->header->sessions)
		CHQ_STORE_RELAXED(&s->budget, 0);
	else
		t->budget_users[s->budget - 1]++;
}
