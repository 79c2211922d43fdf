#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "control/book/book.h"
#include "store/account.h"
#include "store/import.h"
#include "store/reader.h"
#include "store/verify.h"
#include "store/writer.h"
#include "tests/unit/control/ctl_words.h"

/* Files of people, brought in and given out by operators' requests. */

static int
file_of(struct fixture *f, const char *text, size_t len)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/people", f->dir);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	return fd;
}

static void
send_with(int to, const char *line, int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .bytes = { 0 } };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)line, .iov_len = strlen(line) };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control.bytes,
			    .msg_controllen = sizeof(control.bytes) };

	*CMSG_FIRSTHDR(&m) = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
					       .cmsg_level = SOL_SOCKET,
					       .cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &fd, sizeof(int));
	assert_int_equal(sendmsg(to, &m, 0), strlen(line));
}

/* The whole answer. */
static json_t *
import_bytes(struct fixture *f, const char *text, size_t len, bool dry)
{
	static char answer[1 << 20];
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), file = file_of(f, text, len);
	size_t used = 0;
	json_t *json;

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", f->conf.control.socket);
	assert_int_equal(connect(fd, (const struct sockaddr *)&un, sizeof(un)), 0);
	send_with(fd,
		  dry ? "{\"noun\":\"user\",\"verb\":\"import\",\"args\":[\"x\"],\"opts\":{\"dry-"
			"run\":true}}\n"
		      : "{\"noun\":\"user\",\"verb\":\"import\",\"args\":[\"x\"]}\n",
		  file);
	close(file);
	for (unsigned tries = 0; tries < 400000 && (!used || answer[used - 1] != '\n'); tries++) {
		ssize_t n = recv(fd, answer + used, sizeof(answer) - 1 - used, MSG_DONTWAIT);

		used += n > 0 ? (size_t)n : 0;
		fixture_step(f);
	}
	answer[used] = '\0';
	close(fd);
	json = json_loads(answer, 0, NULL);
	assert_non_null(json);
	return json;
}

static json_t *
import_text(struct fixture *f, const char *text)
{
	return import_bytes(f, text, strlen(text), false);
}

/* All was brought in. */
static void
import_ok(struct fixture *f, const char *text)
{
	json_t *a = import_text(f, text);

	if (!json_is_true(json_object_get(a, "ok")))
		print_error("%s\n", json_dumps(a, JSON_INDENT(1)));
	assert_true(json_is_true(json_object_get(a, "ok")));
	json_decref(a);
}

/* So many bad rows, the first one on @line and about @column. */
static void
import_bad(struct fixture *f, const char *text, size_t bad, json_int_t line, const char *column)
{
	json_t *a = import_text(f, text), *rows = json_object_get(a, "data"),
	       *first = json_array_get(rows, 0);

	if (json_array_size(rows) != bad ||
	    json_integer_value(json_object_get(first, "line")) != line)
		print_error("%s\n%s\n", text, json_dumps(a, JSON_INDENT(1)));
	assert_true(json_is_false(json_object_get(a, "ok")));
	assert_int_equal(json_array_size(rows), bad);
	assert_int_equal(json_integer_value(json_object_get(first, "line")), line);
	assert_string_equal(json_string_value(json_object_get(first, "column")), column);
	json_decref(a);
}

static char *
export_all(struct fixture *f, const char *options)
{
	char words[256], *text = calloc(1, 1);
	const char *cursor = NULL;
	json_t *a = NULL;
	size_t len = 0;

	do {
		const char *data;

		snprintf(words, sizeof(words), "user export%s%s%s", options,
			 cursor ? " --cursor=" : "", cursor ? cursor : "");
		json_decref(a);
		a = words_ask(f, words);
		assert_true(json_is_true(json_object_get(a, "ok")));
		data = json_string_value(json_object_get(a, "data"));
		text = realloc(text, len + strlen(data) + 1);
		strcpy(text + len, data);
		len += strlen(data);
		cursor = json_string_value(json_object_get(a, "cursor"));
	} while (cursor);
	json_decref(a);
	return text;
}

static void
assert_sound(struct fixture *f)
{
	struct store_verify found;
	struct store_txn *txn;

	assert_int_equal(store_read_begin(f->ctl.reader, &txn), 0);
	assert_int_equal(store_verify_all(txn, &found, NULL, NULL), 0);
	store_read_end(f->ctl.reader);
	assert_int_equal(found.faults, 0);
}

static const char company[] =
	"\xEF\xBB\xBF[departments]\r\npath\r\nCompany\r\nCompany/Sales\r\n\"Company/[odd], "
	"\"\"name\"\"\"\r\n"
	"[accounts]\r\nlogin,name,title,phone,number,disabled,hash\r\n"
	"dave,\"Dave, D.\",Head,+49 1,0815,false,$argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA\r\n";

/* What follows a hash with commas must be quoted. */
static const char people[] =
	"\xEF\xBB\xBF[departments]\r\npath\r\nCompany\r\nCompany/Sales\r\n\"Company/[odd], "
	"\"\"name\"\"\"\r\n"
	"[accounts]\r\nlogin,name,title,phone,number,disabled,hash\r\n"
	"dave,\"Dave, D.\",Head,+49 1,0815,false,\"$argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA\"\r\n"
	"erin,Erin,,,,true,\r\n"
	"\r\n"
	"[members]\r\nlogin,department,manager\r\n"
	"dave,Company/Sales,yes\r\nerin,Company,\r\nalice,Company/Sales,0\r\n"
	"[rules]\r\neffect,rights,subjects,objects,note\r\n"
	"allow,\"see,message\",tree(Company),\"account(dave) + members(Company/Sales)\",a note\r\n"
	"deny,all,account(erin),tree(*),\r\n"
	"[friends]\r\nlogin,friend,state\r\ndave,erin,friends\r\nerin,alice,asked\r\nbob,dave,\r\n";

static size_t
rows_of(struct fixture *f, const char *words)
{
	json_t *a = words_ask(f, words);
	size_t n = json_array_size(json_object_get(a, "data"));

	json_decref(a);
	return n;
}

static int
end_all(struct store_txn *t, void *arg)
{
	uint64_t after = 0, ended = 0, kept = 0;

	(void)arg;
	return store_account_gc(t, UINT64_MAX, &after, 1000, &ended, &kept);
}

/* A server of nobody. */
static struct fixture *
anew(void **state)
{
	struct fixture *f;

	fixture_teardown(state);
	fixture_setup(state);
	f = *state;
	words_ok(f, "user remove alice");
	words_ok(f, "user remove bob");
	words_ok(f, "user remove carol");
	assert_int_equal(store_write_sync(f->ctl.store, end_all, NULL), 0);
	return f;
}

static void
a_whole_company_comes_in_and_is_there_at_once(void **state)
{
	struct fixture *f = *state;
	uint64_t alice = (uint64_t)words_number(f, "user show alice", "account");
	uint64_t dave;

	import_ok(f, people);
	dave = (uint64_t)words_number(f, "user show dave", "account");
	words_text(f, "user show dave", "name", "Dave, D.");
	words_text(f, "user show dave", "number", "0815");
	assert_int_equal(words_number(f, "dept show Company/Sales", "members"), 2);
	assert_int_equal(words_number(f, "dept show Company/Sales", "managers"), 1);
	assert_true(book_rights(f->ctl.book, alice, dave) & BOOK_MESSAGE);
	assert_false(book_account_known(f->ctl.book,
					(uint64_t)words_number(f, "user show erin", "account")));
	assert_int_equal(rows_of(f, "user friends dave"), 2);
	assert_int_equal(rows_of(f, "user friends erin"), 2);
	words_ok(f, "friend confirm alice erin");
	words_expect(f, "user add dave --password=secret~word", "EEXIST", "login");
	assert_sound(f);
}

static void
export_gives_back_what_import_takes_to_the_byte(void **state)
{
	struct fixture *f = *state;
	char *first, *second, *json, *json2;

	import_ok(f, people);
	words_ok(f, "dept move Company/Sales /"); /* numbers are not in the order of the tree */
	first = export_all(f, " --with-hashes");
	json = export_all(f, " --with-hashes --format=jsonl");
	f = anew(state);
	import_ok(f, first);
	second = export_all(f, " --with-hashes");
	assert_string_equal(first, second);
	json2 = export_all(f, " --with-hashes --format=jsonl");
	assert_string_equal(json, json2);
	assert_non_null(
		strstr(json, "{\"type\":\"account\",\"login\":\"dave\",\"name\":\"Dave, D.\""));
	f = anew(state);
	import_ok(f, json);
	free(second);
	second = export_all(f, " --with-hashes");
	assert_string_equal(first, second);
	free(first);
	free(second);
	free(json);
	free(json2);
}

static void
hashes_are_given_out_only_when_asked_for(void **state)
{
	struct fixture *f = *state;
	char *text = export_all(f, "");

	assert_null(strstr(text, "argon2"));
	free(text);
	text = export_all(f, " --with-hashes");
	assert_non_null(strstr(text, "argon2"));
	free(text);
}

static void
every_bad_row_is_named_with_its_line_and_nothing_comes_in(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *text;
		size_t bad;
		json_int_t line;
		const char *column;
	} c[] = {
		{ "login\nnew\nALICE\n", 1, 3, "login" },	      /* taken */
		{ "login\nnew\n\xef\xbc\xae\x65w\n", 1, 3, "login" }, /* twice, by normal form */
		{ "login\n\"\"\nnew\n", 1, 2, "login" },
		{ "login,name\nnew,a\x1b\n", 1, 2, "name" },
		{ "login,name\nnew,\"a\xe2\x80\xae\"\n", 1, 2, "name" },
		{ "login,name\nnew,\xff\n", 1, 2, "name" },
		{ "login,disabled\nnew,maybe\n", 1, 2, "disabled" },
		{ "login,hash\nnew,secret\n", 1, 2, "hash" },
		{ "login,name\nnew\n", 1, 2, "" },			       /* columns */
		{ "login,name\nnew,\"a\"b\nother,a\"b\nthird,x\n", 2, 2, "" }, /* quotes */
		{ "login\nnew\nold\n[members]\ndepartment,login\nNowhere,new\n", 1, 6,
		  "department" },
		{ "[departments]\npath\nA/B\nA\nA\nA//B\n", 3, 3, "path" },
		{ "[departments]\npath\nA\n[members]\ndepartment,login\nA,alice\nA,alice\n", 1, 7,
		  "" },
		{ "[rules]\neffect,rights,subjects,objects\nmaybe,all,tree(*),tree(*)\n"
		  "allow,fly,tree(*),tree(*)\nallow,all,tree(X),tree(*)\nallow,all,,tree(*)\n",
		  4, 3, "effect" },
		{ "[friends]\nlogin,friend\nalice,alice\nalice,bob\nbob,alice\nalice,x\n", 3, 3,
		  "friend" },
		{ "login,nmae\nnew,x\n", 1, 1, "" },
		{ "[acounts]\nlogin\nnew\n", 1, 1, "" },
		{ "login,login\nnew,x\n", 1, 1, "" },
		{ "{\"type\":\"account\",\"login\":\"new\"}\n{\"type\":\"account\"}\n{}\nx\n"
		  "{\"type\":\"account\",\"login\":1}\n{\"type\":\"acount\",\"login\":\"y\"}\n",
		  5, 2, "login" },
	};

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		import_bad(f, c[i].text, c[i].bad, c[i].line, c[i].column);
		words_expect(f, "user show new", "ENOENT", "login");
	}
	assert_sound(f);
}

static void
a_wrong_column_is_answered_with_a_guess(void **state)
{
	struct fixture *f = *state;
	json_t *a = import_text(f, "login,nmae\nnew,x\n");
	const char *why = json_string_value(
		json_object_get(json_array_get(json_object_get(a, "data"), 0), "why"));

	assert_non_null(strstr(why, "did you mean \"name\"?"));
	json_decref(a);
}

static void
of_many_bad_rows_the_first_are_shown_and_all_are_counted(void **state)
{
	struct fixture *f = *state;
	char *text = strdup("login\n");
	size_t len = strlen(text);
	json_t *a;

	text = realloc(text, 4000);
	for (int i = 0; i < 250; i++)
		len += (size_t)snprintf(text + len, 4000 - len, "a b\n");
	a = import_text(f, text);
	assert_int_equal(json_array_size(json_object_get(a, "data")), 100);
	assert_non_null(
		strstr(json_string_value(json_object_get(json_object_get(a, "error"), "message")),
		       "250 bad rows"));
	json_decref(a);
	free(text);
}

static void
a_dry_run_says_what_would_be_and_changes_nothing(void **state)
{
	struct fixture *f = *state;
	char *before = export_all(f, ""), *after;
	json_t *a = import_bytes(f, people, sizeof(people) - 1, true),
	       *d = json_object_get(a, "data");

	assert_true(json_is_true(json_object_get(a, "ok")));
	assert_int_equal(json_integer_value(json_object_get(d, "accounts")), 2);
	assert_int_equal(json_integer_value(json_object_get(d, "members")), 3);
	assert_int_equal(json_integer_value(json_object_get(d, "friends")), 3);
	json_decref(a);
	after = export_all(f, "");
	assert_string_equal(before, after);
	free(before);
	free(after);
	import_bad(f, company, 1, 8, ""); /* and a hash with commas needs quotes */
}

static void
a_request_without_a_file_and_garbage_are_refused(void **state)
{
	struct fixture *f = *state;
	char garbage[3000];
	json_t *a;

	words_expect(f, "user import x", "EARGS", "file");
	for (size_t i = 0; i < sizeof(garbage); i++)
		garbage[i] = (char)(i * 7919 >> 3);
	a = import_bytes(f, garbage, sizeof(garbage), false);
	assert_true(json_is_false(json_object_get(a, "ok")));
	json_decref(a);
	a = import_bytes(f, "", 0, false);
	assert_true(json_is_true(json_object_get(a, "ok")));
	json_decref(a);
}

static int
stage_and_stop(struct store_txn *t, void *arg)
{
	struct store_account_new new = { .login = "ghost", .name = "Ghost", .now_ms = 1 };
	uint64_t *first = arg;
	uint32_t dept;
	int rc = store_import_begin(t, 10, 1, first, &dept);

	if (!rc)
		rc = store_import_account(t, *first, &new);
	new.login = "second";
	if (!rc)
		rc = store_import_account(t, *first + 1, &new);
	if (!rc)
		rc = store_import_member(t, dept, *first, true, 1);
	return rc ? rc : store_import_friend(t, *first, *first + 1, STORE_FRIEND_MUTUAL, 1);
}

static void
what_is_staged_is_seen_by_nobody_and_gone_after_a_kill(void **state)
{
	struct fixture *f = *state;
	uint64_t first;
	json_t *a;

	assert_int_equal(store_write_sync(f->ctl.store, stage_and_stop, &first), 0);
	words_expect(f, "user show ghost", "ENOENT", "login");
	words_expect(f, "user add ghost --password=secret~word", "EEXIST", "login");
	a = words_ask(f, "user list");
	assert_int_equal(json_array_size(json_object_get(a, "data")), 3);
	json_decref(a);
	a = import_text(f, "login\nnew\n");
	assert_string_equal(json_string_value(json_object_get(json_object_get(a, "error"), "code")),
			    "EBUSY");
	json_decref(a);
	assert_sound(f);
	fixture_stop(f); /* as it is found after a kill: nothing has tidied up */
	fixture_start(f);
	assert_sound(f);
	words_ok(f, "user add ghost --password=secret~word");
	assert_true((uint64_t)words_number(f, "user show ghost", "account") > first);
	import_ok(f, "login\nnew\n");
}

static void
thousands_come_in_by_many_jobs(void **state)
{
	struct fixture *f = *state;
	const unsigned n = 5000;
	char *text = malloc(n * 64 + 1000);
	size_t len = (size_t)sprintf(text, "[departments]\npath\nC\n[accounts]\nlogin,name\n");
	json_t *a;

	for (unsigned i = 0; i < n; i++)
		len += (size_t)sprintf(text + len, "u%u,User %u\n", i, i);
	len += (size_t)sprintf(text + len, "[members]\ndepartment,login\n");
	for (unsigned i = 0; i < n; i++)
		len += (size_t)sprintf(text + len, "C,u%u\n", i);
	a = import_bytes(f, text, len, false);
	assert_true(json_is_true(json_object_get(a, "ok")));
	json_decref(a);
	assert_int_equal(words_number(f, "dept show C", "members"), n);
	assert_int_equal(book_accounts(f->ctl.book), n + 3);
	assert_sound(f);
	free(text);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_whole_company_comes_in_and_is_there_at_once),
		TEST(export_gives_back_what_import_takes_to_the_byte),
		TEST(hashes_are_given_out_only_when_asked_for),
		TEST(every_bad_row_is_named_with_its_line_and_nothing_comes_in),
		TEST(a_wrong_column_is_answered_with_a_guess),
		TEST(of_many_bad_rows_the_first_are_shown_and_all_are_counted),
		TEST(a_dry_run_says_what_would_be_and_changes_nothing),
		TEST(a_request_without_a_file_and_garbage_are_refused),
		TEST(what_is_staged_is_seen_by_nobody_and_gone_after_a_kill),
		TEST(thousands_come_in_by_many_jobs),
	};

	return cmocka_run_group_tests_name("control/import", tests, NULL, NULL);
}
