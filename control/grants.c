#include "control/grants.h"

#include "control/control.h"
#include "proto/grant.h"
#include "store/types.h"

void
grants_key(const struct control *ctl, uint64_t account, uint32_t epoch, uint8_t out[16])
{
	chq_grant_key(ctl->keys.grants, CHQ_KIND_ACCOUNT, account, epoch, out);
}

static struct chq_sipkey
grants_sipkey(const struct control *ctl, uint64_t account, uint32_t epoch)
{
	uint8_t key[16];

	grants_key(ctl, account, epoch, key);
	return chq_sipkey_load(key);
}

uint16_t
grants_sender_epoch(const struct control *ctl, const struct store_account *a)
{
	return (uint16_t)((a->sender_epoch + ctl->revokes.sender_all) & CHQ_SENDER_EPOCH_MASK);
}

struct grant_epochs
grants_epochs(const struct control *ctl, const struct store_account *a)
{
	return (struct grant_epochs){ .grant = a->grant_epoch,
				      .sender = grants_sender_epoch(ctl, a) };
}

static uint64_t
grants_make(const struct control *ctl, const struct store_account *from,
	    const struct store_account *to, uint32_t days)
{
	struct chq_sipkey key = grants_sipkey(ctl, to->id, to->grant_epoch);

	return chq_grant_make(key, CHQ_KIND_ACCOUNT, from->id, grants_sender_epoch(ctl, from),
			      to->id, (uint16_t)(chq_day() + days));
}

uint64_t
grants_issue(const struct control *ctl, const struct store_account *from,
	     const struct store_account *to)
{
	return grants_make(ctl, from, to, ctl->conf->grants.days);
}

uint64_t
grants_reply(const struct control *ctl, const struct store_account *from,
	     const struct store_account *to)
{
	return grants_make(ctl, from, to, ctl->conf->grants.reply_days);
}

bool
grants_valid(const struct control *ctl, uint64_t grant, uint64_t sender, uint16_t sender_epoch,
	     uint64_t receiver, uint32_t epoch)
{
	struct chq_sipkey key = grants_sipkey(ctl, receiver, epoch);

	return chq_grant_ok(grant, key, CHQ_KIND_ACCOUNT, sender, sender_epoch, receiver,
			    chq_day());
}
