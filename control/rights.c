#include "control/rights.h"

#include "base/err.h"
#include "control/control.h"
#include "store/friend.h"

unsigned
people_rights_of(const struct control *ctl, uint64_t by, uint64_t account,
		 const struct store_friend *f)
{
	unsigned rights = book_rights(ctl->book, by, account);

	if (f && f->state == STORE_FRIEND_MUTUAL)
		rights |= BOOK_ALL & ~book_denied(ctl->book, by, account);
	return rights;
}

int
people_rights(const struct control *ctl, struct store_txn *txn, uint64_t by, uint64_t account,
	      unsigned *rights)
{
	struct store_friend f;
	int rc;

	*rights = by == account ? 0 : book_rights(ctl->book, by, account);
	if (by == account || *rights == BOOK_ALL)
		return CHQ_OK;
	rc = store_friend_get(txn, by, account, &f);
	if (!rc)
		*rights = people_rights_of(ctl, by, account, &f);
	return rc == CHQ_ENOTFRIEND ? CHQ_OK : rc;
}

int
people_may(const struct control *ctl, struct store_txn *txn, uint64_t by, uint64_t account,
	   unsigned right)
{
	unsigned rights;
	int rc = people_rights(ctl, txn, by, account, &rights);

	return !rc && !(rights & right) ? CHQ_ENOUSER : rc;
}

int
people_known(const struct control *ctl, struct store_txn *txn, uint64_t by, uint64_t account)
{
	int rc = people_may(ctl, txn, by, account, BOOK_SEE | BOOK_SEARCH | BOOK_MESSAGE);

	return rc == CHQ_ENOUSER ? people_may(ctl, txn, account, by, BOOK_MESSAGE) : rc;
}
