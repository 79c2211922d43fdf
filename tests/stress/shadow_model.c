#include "tests/stress/shadow_model.h"

#include <string.h>

#include "base/err.h"

const char *const seen_name[SEEN__COUNT] = {
	"replaced",    "devices full", "accounts full", "no slot rested",  "too many new",
	"guest first", "denials full", "expired",	"epoch of others", "adopted",
};
uint64_t seen[SEEN__COUNT];
struct slot slots[SLOTS];
struct account accounts[IDS + 1];
uint32_t now_s = 100000;

bool
used(const struct slot *s)
{
	return s->state != CHQ_SESSION_FREE;
}

bool
unconfirmed(const struct slot *s)
{
	return s->state == CHQ_SESSION_PRELOGIN || s->state == CHQ_SESSION_NEW;
}

bool
rested(const struct slot *s)
{
	return s->state == CHQ_SESSION_FREE && (s->gen == 0 || now_s >= s->rested_s);
}

uint32_t
count(bool (*is)(const struct slot *s))
{
	uint32_t n = 0;

	for (int i = 0; i < SLOTS; i++)
		n += is(&slots[i]);
	return n;
}

uint32_t
accounts_in_use(void)
{
	uint32_t n = 0;

	for (int i = 1; i <= IDS; i++)
		n += accounts[i].n > 0;
	return n;
}

static void
forget_deny_of_nobody(struct account *a)
{
	if (a->n == 0)
		a->n_denied = 0;
}

void
account_leave(uint32_t slot)
{
	struct account *a = &accounts[slots[slot].account];

	for (int i = 0; i < a->n; i++)
		if (a->slot[i] == slot) {
			memmove(&a->slot[i], &a->slot[i + 1],
				(size_t)(a->n - i - 1) * sizeof(a->slot[0]));
			a->n--;
			break;
		}
	forget_deny_of_nobody(a);
}

void
linger(uint32_t slot, uint32_t until_s)
{
	slots[slot].state = CHQ_SESSION_LINGER;
	if (until_s < slots[slot].expires_s)
		slots[slot].expires_s = until_s;
}

int
model_publish(uint32_t slot, uint64_t id, uint8_t device, uint32_t *replaced)
{
	struct account *a = &accounts[id];

	*replaced = CHQ_SLOT_NONE;
	for (int i = 0; i < a->n; i++)
		if (slots[a->slot[i]].device == device)
			*replaced = a->slot[i];
	if (*replaced == CHQ_SLOT_NONE && a->n == CHQ_DEVICES_MAX) {
		seen[DEVICES_FULL]++;
		return CHQ_EFULL;
	}
	if (a->n == 0 && accounts_in_use() == ACCOUNTS) {
		seen[ACCOUNTS_FULL]++;
		return CHQ_EFULL;
	}
	seen[REPLACED] += *replaced != CHQ_SLOT_NONE;
	if (*replaced == CHQ_SLOT_NONE) {
		memmove(&a->slot[1], &a->slot[0], (size_t)a->n * sizeof(a->slot[0]));
		a->slot[0] = slot;
		a->n++;
	}
	for (int i = 0; i < a->n; i++)
		if (a->slot[i] == *replaced)
			a->slot[i] = slot;
	if (*replaced != CHQ_SLOT_NONE)
		linger(*replaced, now_s + CHQ_LINGER_S);
	slots[slot].state = CHQ_SESSION_OPEN;
	slots[slot].account = id;
	slots[slot].device = device;
	slots[slot].expires_s = slots[slot].full_s;
	return 0;
}

void
model_close(uint32_t slot)
{
	struct slot *s = &slots[slot];

	s->guest = unconfirmed(s);
	s->rested_s = now_s + (s->guest ? CHQ_SLOT_REST_GUEST_S : CHQ_SLOT_REST_S);
	if (s->state == CHQ_SESSION_OPEN)
		account_leave(slot);
	s->state = CHQ_SESSION_FREE;
	s->account = 0;
	s->device = 0;
	s->sender_epoch = 0;
}
