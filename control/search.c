#include "control/search.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "control/contacts.h"
#include "control/control.h"
#include "control/rights.h"
#include "store/account.h"
#include "store/friend.h"
#include "store/word.h"

/*
 * Words are looked up in the store's table. Where they are so common that this would take too long, those
 * whom the asking account sees are gone through instead, a piece for each page; where both are too
 * many, what is found first is all that is told, and a longer query finds more.
 *
 * A cursor is a rank and an account, behind which the next page begins, or, marked so, an account alone.
 */

enum {
	HITS_MAX = 2048,       /* entries of the table looked at for one page */
	SEEN_MAX = 8192,       /* visible people that are gone through instead */
	SEEN_AT_ONCE = 128,    /* of those, for one page */
	SHORT_QUERY_MS = 1000, /* one of a single letter in this time, a few at once */
	SHORT_QUERIES = 5,
	RANK_SHIFT = 48,
	FRIENDS_MAX = 256, /* that are known beforehand */
};

#define CURSOR_SEEN UINT64_C(0x8000000000000000)

enum rank { RANK_LOGIN_EXACT, RANK_LOGIN, RANK_NAME, RANK_NONE };

struct search {
	struct contact_reader by;
	char text[STORE_WORD_FOLDED_BYTES + 1]; /* folded */
	size_t len;
	struct store_word part[STORE_WORDS_MAX];
	unsigned parts;
	uint32_t dept;				 /* 0: any */
	struct store_friend friend[FRIENDS_MAX]; /* by rising account */
	size_t n_friends;

	uint64_t found[HITS_MAX]; /* rank and account */
	size_t n_found;
	unsigned looked;
	bool too_many;

	Chasqui__SearchPage msg;
	Chasqui__Contact *contacts[CONTACTS_PAGE];
	struct contact contact[CONTACTS_PAGE];
};

/* --- who may be found --- */

static bool
in_department(const struct search *q, uint64_t account)
{
	const struct book *b = q->by.ctl->book;
	struct book_role role[BOOK_ROLES_MAX];
	unsigned n;

	if (!q->dept)
		return true;
	/* Of who is not seen by the rules no department is told, also not by its answer to this. */
	if (!(book_rights(b, q->by.owner.id, account) & BOOK_SEE))
		return false;
	n = book_account_roles(b, account, role);
	for (unsigned i = 0; i < n; i++)
		for (uint32_t d = role[i].dept; d; d = book_dept_parent(b, d))
			if (d == q->dept)
				return true;
	return false;
}

static int
by_peer(const void *a, const void *b)
{
	const struct store_friend *x = a, *y = b;

	return (x->peer > y->peer) - (x->peer < y->peer);
}

static bool
may_find(const struct search *q, uint64_t account)
{
	const struct contact_reader *r = &q->by;

	if (account == r->owner.id || !in_department(q, account))
		return false;
	if (book_rights(r->ctl->book, r->owner.id, account) & (BOOK_SEE | BOOK_SEARCH))
		return true;
	/* Most of those found are neither: that is seen without asking the store. */
	if (q->n_friends < FRIENDS_MAX &&
	    (!q->n_friends || !bsearch(&(struct store_friend){ .peer = account }, q->friend,
				       q->n_friends, sizeof(*q->friend), by_peer)))
		return false;
	return people_may(r->ctl, r->txn, r->owner.id, account, BOOK_SEE | BOOK_SEARCH) == CHQ_OK;
}

/* How well an account fits. */
static enum rank
rank_of(const struct search *q, const struct store_account *a)
{
	unsigned of = store_word_match(a, q->text, q->len);

	if (q->len == 0)
		return RANK_NAME;
	if ((of & STORE_WORD_LOGIN) && strcmp(a->login, q->text) == 0)
		return RANK_LOGIN_EXACT;
	if (of & STORE_WORD_LOGIN)
		return RANK_LOGIN;
	if (of)
		return RANK_NAME;
	for (unsigned i = 0; i < q->parts; i++)
		if (!(store_word_match(a, q->part[i].text, q->part[i].len) & STORE_WORD_NAME))
			return RANK_NONE;
	return q->parts ? RANK_NAME : RANK_NONE;
}

/* --- by the table of words --- */

/* A hit of one word decides, but where the query has several. */
static int
hit_rank(const struct search *q, const struct store_word_hit *h, enum rank *rank)
{
	struct store_account a;
	int rc;

	if (q->parts <= 1 && h->word.of == STORE_WORD_NAME) {
		*rank = RANK_NAME;
		return CHQ_OK;
	}
	rc = store_account_get(q->by.txn, h->account, &a);
	*rank = rc ? RANK_NONE : rank_of(q, &a);
	return rc == CHQ_ENOENT ? CHQ_OK : rc;
}

static int
walk(struct search *q, const char *prefix, size_t len)
{
	struct store_word_walk *w;
	struct store_word_hit h;
	enum rank rank;
	int rc = store_word_walk_open(q->by.txn, prefix, len, &w);

	if (rc)
		return rc;
	while ((rc = store_word_walk_next(w, &h)) == CHQ_OK) {
		if (q->looked++ == HITS_MAX) {
			q->too_many = true;
			break;
		}
		if (!may_find(q, h.account))
			continue;
		rc = hit_rank(q, &h, &rank);
		if (rc)
			break;
		if (rank != RANK_NONE && q->n_found < HITS_MAX)
			q->found[q->n_found++] = (uint64_t)rank << RANK_SHIFT | h.account;
	}
	store_word_walk_close(w);
	return rc == CHQ_ENOENT ? CHQ_OK : rc;
}

static int
walk_all(struct search *q)
{
	const struct store_word *longest = q->part;
	int rc = walk(q, q->text, q->len);

	for (unsigned i = 1; i < q->parts; i++)
		if (q->part[i].len > longest->len)
			longest = &q->part[i];
	if (rc || q->too_many || !q->parts ||
	    (longest->len == q->len && memcmp(longest->text, q->text, q->len) == 0))
		return rc;
	return walk(q, longest->text, longest->len);
}

static int
by_account(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a & STORE_ACCOUNT_ID_MAX;
	uint64_t y = *(const uint64_t *)b & STORE_ACCOUNT_ID_MAX;

	return x != y ? (x > y) - (x < y)
		      : (*(const uint64_t *)a > *(const uint64_t *)b) -
				(*(const uint64_t *)a < *(const uint64_t *)b);
}

static int
by_rank(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* By rank and account, each account once, at its best. */
static void
found_sort(struct search *q)
{
	size_t kept = 0;

	qsort(q->found, q->n_found, sizeof(*q->found), by_account);
	for (size_t i = 0; i < q->n_found; i++)
		if (kept == 0 || (q->found[kept - 1] & STORE_ACCOUNT_ID_MAX) !=
					 (q->found[i] & STORE_ACCOUNT_ID_MAX))
			q->found[kept++] = q->found[i];
	q->n_found = kept;
	qsort(q->found, q->n_found, sizeof(*q->found), by_rank);
}

/* --- the page --- */

/* Return: 1 if it was told or is not to be; 0 if there is no room; codes of reading. */
static int
page_add(struct search *q, uint64_t account)
{
	size_t n = q->msg.n_contact;
	int rc;

	if (n == CONTACTS_PAGE)
		return 0;
	rc = contact_fill_found(&q->by, account, &q->contact[n]);
	if (rc <= 0)
		return rc < 0 ? rc : 1;
	q->contacts[n] = &q->contact[n].msg;
	q->msg.n_contact++;
	q->msg.next_cursor = UINT64_MAX; /* its bytes count */
	if (chasqui__search_page__get_packed_size(&q->msg) <= CONTACTS_PAGE_BYTES)
		return 1;
	q->msg.n_contact--;
	return 0;
}

static int
page_found(struct search *q, uint64_t after)
{
	int rc = 1;

	/* A rank is counted from 1 in a cursor, so that none is 0. */
	for (size_t i = 0; i < q->n_found && rc > 0; i++) {
		uint64_t at = q->found[i] + (UINT64_C(1) << RANK_SHIFT);

		if (at <= after)
			continue;
		rc = page_add(q, q->found[i] & STORE_ACCOUNT_ID_MAX);
		if (rc > 0)
			after = at;
	}
	q->msg.next_cursor = rc ? 0 : after;
	return rc < 0 ? rc : CHQ_OK;
}

/* Of those visible, who fits. @at: the last one looked at. */
static int
seen_piece(struct search *q, const uint64_t *seen, size_t n, uint64_t *at)
{
	struct store_account a;
	int rc = 1;

	for (size_t i = 0; i < n; i++) {
		rc = in_department(q, seen[i]) ? 1 : 0;
		if (rc && q->len) {
			rc = store_account_get(q->by.txn, seen[i], &a);
			if (rc && rc != CHQ_ENOENT)
				return rc;
			rc = !rc && rank_of(q, &a) != RANK_NONE;
		}
		rc = rc ? page_add(q, seen[i]) : 1;
		if (rc <= 0)
			return rc;
		*at = seen[i];
	}
	return 1;
}

static int
page_seen(struct search *q, uint64_t after)
{
	struct control *ctl = q->by.ctl;
	uint64_t seen[BOOK_PAGE_MAX], at = after, next = after;
	size_t n, looked = 0;
	int rc;

	do {
		rc = book_visible(ctl->book, q->by.owner.id, BOOK_SEE | BOOK_SEARCH, &next, seen,
				  BOOK_PAGE_MAX, &n);
		if (rc)
			return rc == CHQ_ENOENT ? CHQ_OK : rc;
		rc = seen_piece(q, seen, n, &at);
		if (rc < 0)
			return rc;
		if (rc == 0) {
			q->msg.next_cursor = CURSOR_SEEN | at;
			return CHQ_OK;
		}
		at = next;
		looked += n ? n : BOOK_PAGE_MAX;
	} while (next && looked < SEEN_AT_ONCE);
	q->msg.next_cursor = next ? CURSOR_SEEN | next : 0;
	return CHQ_OK;
}

static int
page_make(struct search *q, uint64_t cursor)
{
	struct control *ctl = q->by.ctl;
	int rc;

	chasqui__search_page__init(&q->msg);
	q->msg.contact = q->contacts;
	if (q->len == 0 || (cursor & CURSOR_SEEN))
		return page_seen(q, cursor & ~CURSOR_SEEN);
	rc = walk_all(q);
	if (rc)
		return rc;
	if (q->too_many && !cursor &&
	    book_visible_count(ctl->book, q->by.owner.id, BOOK_SEE | BOOK_SEARCH) <= SEEN_MAX)
		return page_seen(q, 0);
	found_sort(q);
	return page_found(q, cursor);
}

/* --- the request --- */

/* Those of one letter find too many to be asked for all the time. Return: whether one may be now. */
static bool
short_allowed(struct session *s, uint64_t now_ms)
{
	uint64_t window_ms = (uint64_t)SHORT_QUERY_MS * SHORT_QUERIES;

	if (s->search_ms > now_ms + window_ms - SHORT_QUERY_MS)
		return false;
	s->search_ms = (s->search_ms > now_ms ? s->search_ms : now_ms) + SHORT_QUERY_MS;
	return true;
}

static bool
is_short(const struct search *q)
{
	/* UTF-8: all bytes behind the first continue it. */
	size_t letters = 0;

	for (size_t i = 0; i < q->len; i++)
		letters += ((unsigned char)q->text[i] & 0xc0) != 0x80;
	return letters == 1;
}

static int
search_make(struct search *q, struct control *ctl, const struct session *s,
	    const Chasqui__SearchRequest *m)
{
	int rc = contact_reader_begin(&q->by, ctl, s->account);

	if (rc)
		return rc;
	rc = store_friend_list(q->by.txn, s->account, 0, q->friend, FRIENDS_MAX, &q->n_friends);
	if (!rc)
		rc = page_make(q, m->cursor);
	contact_reader_end(&q->by);
	return rc;
}

void
search_request(struct control *ctl, struct session *s, const struct request *r)
{
	const Chasqui__SearchRequest *m = (const Chasqui__SearchRequest *)r->body;
	struct search *q = calloc(1, sizeof(*q));
	int rc = q ? store_word_fold(m->query, strlen(m->query), q->text) : CHQ_ENOMEM;

	if (!rc) {
		q->len = strlen(q->text);
		q->parts = store_word_split(q->text, q->part);
		q->dept = m->department;
		if (is_short(q) && !short_allowed(s, control_now_ms()))
			rc = CHQ_EBUSY_LATER;
	}
	if (!rc)
		rc = search_make(q, ctl, s, m);
	if (rc)
		request_fail(ctl, s, r->id, rc);
	else
		request_answer(ctl, s, r->id, CHASQUI__CODE__OK, 0, &q->msg.base);
	free(q);
}
