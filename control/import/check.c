#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "base/err.h"
#include "control/book/set.h"
#include "control/import/import_priv.h"
#include "control/import/reader_priv.h"
#include "store/account.h"
#include "store/dept.h"
#include "store/friend.h"
#include "store/reader.h"
#include "store/rule.h"
#include "store/text.h"

/* The first pass: is every row good? It writes nothing. */

enum { ROWS_A_SNAPSHOT = 256 };

struct check {
	struct import *im;
	struct names names;
	struct store_txn *txn;
	struct import_row *row;
	uint64_t rules;
};

typedef int check_fn(struct check *c, struct import_row *row);

static const char *
text_of(const char *field)
{
	return field ? field : "";
}

/* Is there somebody of this name, in the file so far or in the store? Its normal form is left in @normal. */
static int
find_login(struct check *c, struct import_row *row, const char *login, const char *column,
	   char normal[STORE_LOGIN_MAX_BYTES + 1], uint64_t *id)
{
	struct store_account a;
	int rc = store_login_normalise(text_of(login), strlen(text_of(login)), normal);

	*id = 0;
	if (rc)
		return import_refused(row, rc, column);
	if (names_have(&c->names, NAMES_LOGIN, normal, ""))
		return CHQ_OK;
	rc = store_account_find(c->txn, normal, strlen(normal), &a);
	if (rc == CHQ_ENOENT)
		return import_bad(row, CHQ_EMALFORMED, column, "no such user");
	*id = a.id;
	sodium_memzero(&a, sizeof(a));
	return rc;
}

static int
find_dept(struct check *c, struct import_row *row, const char *path, const char *column,
	  uint32_t *id)
{
	struct store_dept d;
	int rc;

	*id = 0;
	if (names_have(&c->names, NAMES_DEPT, path, ""))
		return CHQ_OK;
	rc = store_dept_find(c->txn, path, &d);
	if (rc == CHQ_ENOENT || (rc <= CHQ_ENAMEEMPTY && rc >= CHQ_ENAMEBIDI))
		return import_bad(row, CHQ_EMALFORMED, column, "no such department");
	*id = d.id;
	return rc;
}

/* --- accounts --- */

static int
check_hash(struct import_row *row)
{
	const char *hash = text_of(row->field[IMPORT_HASH]);

	for (const char *p = hash; *p; p++)
		if (*p <= ' ' || *p > '~')
			return import_bad(row, CHQ_EMALFORMED, "hash", "no hash of a password");
	if (*hash &&
	    (strncmp(hash, "$argon2id$", 10) != 0 || strlen(hash) > STORE_PWHASH_MAX_BYTES))
		return import_bad(row, CHQ_EMALFORMED, "hash",
				  "no hash of a password: $argon2id$... is expected");
	return CHQ_OK;
}

static int
check_account(struct check *c, struct import_row *row)
{
	const char *login = text_of(row->field[IMPORT_LOGIN]), *column;
	char normal[STORE_LOGIN_MAX_BYTES + 1];
	struct store_profile p = { row->field[IMPORT_NAME],   row->field[IMPORT_TITLE],
				   row->field[IMPORT_PHONE],  row->field[IMPORT_MAIL],
				   row->field[IMPORT_AVATAR], row->field[IMPORT_NUMBER] };
	bool taken;
	int rc = store_login_normalise(login, strlen(login), normal);

	if (rc)
		return import_refused(row, rc, "login");
	rc = store_profile_check(&p, &column);
	if (rc)
		return import_refused(row, rc, column);
	if (import_flag(row->field[IMPORT_DISABLED]) < 0)
		return import_bad(row, CHQ_EMALFORMED, "disabled", "true or false is expected");
	rc = check_hash(row);
	if (!rc)
		rc = store_login_taken(c->txn, normal, &taken);
	if (rc)
		return rc;
	if (taken)
		return import_bad(row, CHQ_EMALFORMED, "login", "this name is taken");
	rc = names_add(&c->names, NAMES_LOGIN, normal, "");
	return rc == CHQ_EEXIST ? import_bad(row, CHQ_EMALFORMED, "login",
					     "this name stands in the file twice")
				: rc;
}

/* --- departments and members --- */

static int
check_department(struct check *c, struct import_row *row)
{
	const char *path = text_of(row->field[IMPORT_PATH]), *slash = strrchr(path, '/');
	char above[STORE_PATH_MAX_BYTES + 1], normal[STORE_DEPT_MAX_BYTES + 1];
	const char *name = slash ? slash + 1 : path;
	struct store_dept d;
	unsigned depth = 1;
	uint32_t id;
	int rc;

	if (strlen(path) > STORE_PATH_MAX_BYTES)
		return import_refused(row, CHQ_ENAMELONG, "path");
	for (const char *p = path; (p = strchr(p, '/')) != NULL; p++)
		depth++;
	if (depth > STORE_DEPTH_MAX)
		return import_bad(row, CHQ_EMALFORMED, "path", "too deep: at most %d levels",
				  STORE_DEPTH_MAX);
	rc = store_dept_name_normal(name, strlen(name), normal);
	if (rc)
		return import_refused(row, rc, "path");
	snprintf(above, sizeof(above), "%.*s", slash ? (int)(slash - path) : 0, path);
	rc = slash ? find_dept(c, row, above, "path", &id) : CHQ_OK;
	if (rc == CHQ_EMALFORMED)
		return import_bad(row, rc, "path", "no such department above it");
	if (rc)
		return rc;
	rc = store_dept_find(c->txn, path, &d);
	if (rc != CHQ_ENOENT)
		return rc ? rc : import_bad(row, CHQ_EMALFORMED, "path", "it is there already");
	rc = names_add(&c->names, NAMES_DEPT, path, "");
	return rc == CHQ_EEXIST
		       ? import_bad(row, CHQ_EMALFORMED, "path", "it stands in the file twice")
		       : rc;
}

static int
check_member(struct check *c, struct import_row *row)
{
	const char *path = text_of(row->field[IMPORT_MEMBER_PATH]);
	char normal[STORE_LOGIN_MAX_BYTES + 1];
	struct store_member m;
	uint64_t account;
	uint32_t dept;
	int rc = find_dept(c, row, path, "department", &dept);

	if (!rc)
		rc = find_login(c, row, row->field[IMPORT_MEMBER_LOGIN], "login", normal, &account);
	if (!rc && import_flag(row->field[IMPORT_MANAGER]) < 0)
		rc = import_bad(row, CHQ_EMALFORMED, "manager", "true or false is expected");
	if (rc)
		return rc;
	if (dept && account && store_member_get(c->txn, dept, account, &m) == 0)
		return import_bad(row, CHQ_EMALFORMED, "login", "he is a member already");
	rc = names_add(&c->names, NAMES_MEMBER, path, normal);
	return rc == CHQ_EEXIST
		       ? import_bad(row, CHQ_EMALFORMED, NULL, "it stands in the file twice")
		       : rc;
}

/* --- rules --- */

static int
name_dept(void *arg, const char *path, uint64_t *id)
{
	struct check *c = arg;
	struct import_row scratch;
	uint32_t dept;
	int rc = find_dept(c, &scratch, path, NULL, &dept);

	*id = 1; /* any: nothing is made of it here */
	return rc == CHQ_EMALFORMED ? CHQ_ENOENT : rc;
}

static int
name_account(void *arg, const char *login, uint64_t *id)
{
	struct check *c = arg;
	char normal[STORE_LOGIN_MAX_BYTES + 1];
	struct import_row scratch;
	int rc = find_login(c, &scratch, login, NULL, normal, id);

	*id = 1;
	return rc == CHQ_EMALFORMED ? CHQ_ENOENT : rc;
}

static int
check_set(struct check *c, struct import_row *row, enum import_rule column)
{
	const struct book_names names = { .dept_id = name_dept,
					  .account_id = name_account,
					  .arg = c };
	const char *name = import_column_name(IMPORT_RULES, column);
	struct book_set set;
	char why[IMPORT_WHY_MAX] = "";
	int rc = book_set_parse(&set, text_of(row->field[column]), &names, why, sizeof(why));

	if (rc == CHQ_ENOMEM)
		return rc;
	if (rc)
		return import_bad(row, CHQ_EMALFORMED, name, "%s", why);
	book_set_free(&set);
	return CHQ_OK;
}

static int
check_rule(struct check *c, struct import_row *row)
{
	const char *effect = text_of(row->field[IMPORT_EFFECT]);
	const char *note = text_of(row->field[IMPORT_NOTE]);
	int rc;

	if (strcmp(effect, "allow") != 0 && strcmp(effect, "deny") != 0)
		return import_bad(row, CHQ_EMALFORMED, "effect", "allow or deny is expected");
	if (!import_rights(text_of(row->field[IMPORT_RIGHTS])))
		return import_bad(row, CHQ_EMALFORMED, "rights",
				  "see, presence, search, message, p2p, joined by commas, or all");
	rc = store_text_check(note, strlen(note), STORE_NAME_MAX_BYTES);
	if (rc)
		return import_refused(row, rc, "note");
	if (c->rules++ >= STORE_RULES_MAX)
		return import_bad(row, CHQ_EMALFORMED, NULL, "too many rules: at most %d",
				  STORE_RULES_MAX);
	rc = check_set(c, row, IMPORT_SUBJECTS);
	return rc ? rc : check_set(c, row, IMPORT_OBJECTS);
}

/* --- friends --- */

static int
check_friend(struct check *c, struct import_row *row)
{
	const char *state = text_of(row->field[IMPORT_STATE]);
	char a[STORE_LOGIN_MAX_BYTES + 1], b[STORE_LOGIN_MAX_BYTES + 1];
	uint64_t id_a, id_b;
	struct store_friend f;
	int rc = find_login(c, row, row->field[IMPORT_FRIEND_LOGIN], "login", a, &id_a);

	if (!rc)
		rc = find_login(c, row, row->field[IMPORT_FRIEND_PEER], "friend", b, &id_b);
	if (rc)
		return rc;
	if (*state && strcmp(state, "friends") != 0 && strcmp(state, "asked") != 0)
		return import_bad(row, CHQ_EMALFORMED, "state", "friends or asked is expected");
	if (strcmp(a, b) == 0)
		return import_bad(row, CHQ_EMALFORMED, "friend", "nobody is his own friend");
	if (id_a && id_b && store_friend_get(c->txn, id_a, id_b, &f) == 0)
		return import_bad(row, CHQ_EMALFORMED, "friend",
				  "there is a friendship or a request already");
	rc = strcmp(a, b) < 0 ? names_add(&c->names, NAMES_FRIEND, a, b)
			      : names_add(&c->names, NAMES_FRIEND, b, a);
	return rc == CHQ_EEXIST
		       ? import_bad(row, CHQ_EMALFORMED, NULL, "the two stand in the file twice")
		       : rc;
}

static int
check_row(struct check *c, struct import_row *row)
{
	static check_fn *const checks[IMPORT__SECTIONS] = {
		[IMPORT_ACCOUNTS] = check_account, [IMPORT_DEPARTMENTS] = check_department,
		[IMPORT_MEMBERS] = check_member,   [IMPORT_RULES] = check_rule,
		[IMPORT_FRIENDS] = check_friend,
	};
	int rc = checks[row->section](c, row);

	if (rc == CHQ_EMALFORMED) {
		import_note(c->im, row);
		return CHQ_OK;
	}
	c->im->rows[row->section] += !rc;
	return rc;
}

/* Rows in one snapshot. Return: 1: there are more; 0; a code. */
static int
check_some(struct check *c, struct rows *rows)
{
	struct import_row row;
	int rc = 1;

	for (unsigned i = 0; i < ROWS_A_SNAPSHOT && rc == 1; i++) {
		rc = rows_next(rows, &row);
		if (rc == 1)
			rc = check_row(c, &row) ?: 1;
	}
	return rc;
}

int
import_check(struct import *im)
{
	struct check c = { .im = im };
	struct store_reader *reader = NULL;
	struct rows rows;
	int rc = rows_open(&rows, im, 0);

	if (rc)
		return rc;
	rc = names_init(&c.names);
	if (!rc)
		rc = store_reader_open(im->store, &reader);
	if (!rc)
		rc = 1;
	while (rc == 1) {
		rc = store_read_begin(reader, &c.txn);
		if (rc)
			break;
		rc = check_some(&c, &rows);
		store_read_end(reader);
	}
	store_reader_close(reader);
	names_deinit(&c.names);
	rows_close(&rows);
	return rc == CHQ_EINVAL ? CHQ_OK : rc; /* the bad row is noted */
}
