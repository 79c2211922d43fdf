/* What a device keeps in its home. */

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "client/held.h"
#include "client/home.h"
#include "client/identity.h"
#include "client/pin.h"
#include "client/replay.h"
#include "client/seen.h"
#include "proto/aead.h"

#define PARTY CHQ_PARTY(CHQ_KIND_ACCOUNT, 1, 7)

static char folder[64];

static int
setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/chasqui-files-XXXXXX");
	return mkdtemp(folder) && chq_crypto_init() == CHQ_OK ? 0 : -1;
}

static int
teardown(void **state)
{
	static const char *const names[] = { "identity", "pins", "seen", "held", "lock" };
	char path[128];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	return rmdir(folder);
}

static void
open_home(struct chq_home *h)
{
	assert_int_equal(chq_home_open(h, folder, true, NULL), CHQ_OK);
}

static void
change_file(const char *name, mode_t mode, off_t cut, int flip)
{
	char path[128];
	uint8_t byte;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	if (cut >= 0)
		assert_int_equal(ftruncate(fd, cut), 0);
	if (flip >= 0) {
		assert_int_equal(pread(fd, &byte, 1, flip), 1);
		byte ^= 0x40;
		assert_int_equal(pwrite(fd, &byte, 1, flip), 1);
	}
	close(fd);
}

static off_t
size_of(const char *name)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

static void
make_identity(struct chq_identity *id)
{
	struct chq_invitation inv = { .host = "relay.example", .port = 4700 };

	memset(inv.fingerprint, 'b', CHQ_FINGERPRINT_LEN);
	assert_int_equal(chq_identity_make(id, &inv, "alice"), CHQ_OK);
	id->account = 12345;
	id->device = 3;
	id->list_version = 2;
	assert_true(chq_identity_prekey_turn(id, 1000, UINT64_MAX));
	assert_true(chq_identity_prekey_turn(id, 1000 + CHQ_PREKEY_RENEW_MS, UINT64_MAX));
}

static void
a_key_file_comes_back_as_it_was_written(void **state)
{
	struct chq_identity a, b;
	struct chq_home h;

	(void)state;
	open_home(&h);
	make_identity(&a);
	assert_int_equal(chq_identity_save(&a, &h), CHQ_OK);
	assert_int_equal(chq_identity_load(&b, &h), CHQ_OK);
	assert_memory_equal(&a.noise, &b.noise, sizeof(a.noise));
	assert_memory_equal(&a.ident, &b.ident, sizeof(a.ident));
	assert_memory_equal(&a.sign, &b.sign, sizeof(a.sign));
	assert_memory_equal(&a.account_key, &b.account_key, sizeof(a.account_key));
	assert_int_equal(b.prekeys, 2);
	assert_memory_equal(&a.prekey[1].pair, &b.prekey[1].pair, sizeof(a.prekey[1].pair));
	assert_int_equal(b.account, 12345);
	assert_int_equal(b.device, 3);
	assert_string_equal(b.login, "alice");
	chq_home_close(&h);
}

static void
a_key_file_that_others_may_read_is_refused(void **state)
{
	struct chq_identity id;
	struct chq_home h;

	(void)state;
	open_home(&h);
	change_file("identity", 0640, -1, -1);
	assert_int_equal(chq_identity_load(&id, &h), CHQ_EACCES);
	change_file("identity", 0604, -1, -1);
	assert_int_equal(chq_identity_load(&id, &h), CHQ_EACCES);
	change_file("identity", 0600, -1, -1);
	assert_int_equal(chq_identity_load(&id, &h), CHQ_OK);
	chq_home_close(&h);
}

static void
a_key_file_cut_at_any_byte_is_refused(void **state)
{
	struct chq_identity id;
	struct chq_home h;

	(void)state;
	open_home(&h);
	make_identity(&id);
	assert_int_equal(chq_identity_save(&id, &h), CHQ_OK);
	/* The prekeys stand last and may be fewer: up to there every cut line is missed. */
	for (off_t n = 0; n < size_of("identity") - 1; n++) {
		struct chq_identity got;
		off_t all = size_of("identity");
		int err;

		change_file("identity", 0600, n, -1);
		err = chq_identity_load(&got, &h);
		assert_true(err == CHQ_ECORRUPT || (err == CHQ_OK && got.prekeys < 2));
		assert_int_equal(chq_identity_save(&id, &h), CHQ_OK);
		assert_int_equal(size_of("identity"), all);
	}
	chq_home_close(&h);
}

static void
a_home_that_others_may_enter_is_refused(void **state)
{
	struct chq_home h;

	(void)state;
	assert_int_equal(chmod(folder, 0750), 0);
	assert_int_equal(chq_home_open(&h, folder, false, NULL), CHQ_EACCES);
	assert_int_equal(chmod(folder, 0700), 0);
	open_home(&h);
	chq_home_close(&h);
}

static void
logins_become_file_names_that_stay_in_their_folder(void **state)
{
	char path[1024];

	(void)state;
	setenv("XDG_CONFIG_HOME", "/cfg", 1);
	assert_int_equal(chq_home_default("abcdefghijkl", "../x/y", path, sizeof(path)), CHQ_OK);
	assert_string_equal(path, "/cfg/chasqui/abcdefgh-%2E.%2Fx%2Fy");
	assert_int_equal(chq_home_default("abcdefghijkl", "al.ice", path, sizeof(path)), CHQ_OK);
	assert_string_equal(path, "/cfg/chasqui/abcdefgh-al.ice");
	assert_int_equal(chq_home_default("abcdefghijkl", "alice", path, 10), CHQ_ENAMETOOLONG);
}

static void
secrets_of_prekeys_are_kept_as_long_as_said_and_no_longer(void **state)
{
	struct chq_identity id;
	uint32_t first;
	uint64_t t = 1000 + CHQ_PREKEY_RENEW_MS;

	(void)state;
	make_identity(&id);
	first = id.prekey[1].id;
	assert_false(chq_identity_prekey_turn(&id, t + 5, UINT64_MAX));
	assert_non_null(chq_identity_prekey(&id, first));
	chq_identity_prekey_turn(&id, t + CHQ_PREKEY_KEEP_MS, UINT64_MAX);
	assert_non_null(chq_identity_prekey(&id, first));
	/* What waits in the mailbox may need it. */
	chq_identity_prekey_turn(&id, t + CHQ_PREKEY_KEEP_MS + 1, t + CHQ_PREKEY_KEEP_MS);
	assert_non_null(chq_identity_prekey(&id, first));
	assert_true(chq_identity_prekey_waits(&id, t + CHQ_PREKEY_KEEP_MS + 1));
	chq_identity_prekey_turn(&id, t + CHQ_PREKEY_KEEP_MS + 1, UINT64_MAX);
	assert_null(chq_identity_prekey(&id, first));
	for (int day = 0; day < 30; day++)
		chq_identity_prekey_turn(&id, t + (uint64_t)day * CHQ_PREKEY_RENEW_MS, UINT64_MAX);
	assert_in_range(id.prekeys, 1, CHQ_OWN_PREKEYS);
	chq_identity_wipe(&id);
}

static void
pins_survive_a_restart_and_damage_is_not_taken_for_none(void **state)
{
	uint8_t key[32] = { 1, 2, 3 };
	struct chq_pins p;
	struct chq_home h;

	(void)state;
	open_home(&h);
	assert_int_equal(chq_pins_load(&p, &h), CHQ_OK);
	assert_null(chq_pins_get(&p, 9));
	assert_int_equal(chq_pins_set(&p, 9, key, 4), CHQ_OK);
	assert_int_equal(chq_pins_set(&p, 10, key, 1), CHQ_OK);
	chq_pins_free(&p);
	assert_int_equal(chq_pins_load(&p, &h), CHQ_OK);
	assert_memory_equal(chq_pins_get(&p, 9)->key, key, 32);
	assert_int_equal(chq_pins_get(&p, 9)->version, 4);
	chq_pins_free(&p);
	change_file("pins", 0600, size_of("pins") - 1, -1);
	assert_int_equal(chq_pins_load(&p, &h), CHQ_ECORRUPT);
	change_file("pins", 0600, 0, -1);
	assert_int_equal(chq_pins_load(&p, &h), CHQ_ECORRUPT);
	chq_home_close(&h);
}

static void
names_of_pinned_accounts_survive_a_restart_and_are_bounded(void **state)
{
	uint8_t key[32] = { 4 };
	char name[32];
	struct chq_pins p;
	struct chq_home h;

	(void)state;
	open_home(&h);
	change_file("pins", 0600, 0, -1);
	assert_int_equal(chq_home_write(&h, "pins", "chasqui-pins 1\n", 15), CHQ_OK);
	assert_int_equal(chq_pins_load(&p, &h), CHQ_OK);
	assert_int_equal(chq_pins_set(&p, 9, key, 4), CHQ_OK);
	assert_int_equal(chq_pins_set(&p, 10, key, 1), CHQ_OK);
	assert_int_equal(chq_pins_name(&p, 9, "bob\n10 x"), CHQ_OK);
	assert_int_equal(chq_pins_name(&p, 10, "Carol"), CHQ_OK);
	assert_int_equal(chq_pins_name(&p, 11, "nobody"), CHQ_OK);
	for (int i = 0; i < 2 * CHQ_PIN_NAMES_MAX; i++) {
		snprintf(name, sizeof(name), "carol-%d", i);
		assert_int_equal(chq_pins_name(&p, 10, name), CHQ_OK);
	}
	chq_pins_free(&p);
	assert_int_equal(chq_pins_load(&p, &h), CHQ_OK);
	assert_int_equal(p.by_name.count, 1 + CHQ_PIN_NAMES_MAX);
	assert_int_equal(chq_pins_named(&p, "bob\n10 x"), 9);
	assert_int_equal(chq_pins_named(&p, "cAROL"), 10);
	assert_int_equal(chq_pins_named(&p, "nobody"), 0);
	assert_int_equal(chq_pins_named(&p, ""), 0);
	/* What the user accepts is taken from whom had it, and there is always room for it. */
	assert_int_equal(chq_pins_name(&p, 9, "carol"), CHQ_OK);
	assert_int_equal(chq_pins_name(&p, 10, "bob\n10 x"), CHQ_OK);
	assert_int_equal(chq_pins_named(&p, "carol"), 9);
	assert_int_equal(chq_pins_named(&p, "bob\n10 x"), 10);
	chq_pins_free(&p);
	chq_home_close(&h);
}

static void
messages_shown_are_remembered_over_a_restart_and_memory_is_bounded(void **state)
{
	struct chq_seen s;
	struct chq_home h;

	(void)state;
	open_home(&h);
	assert_int_equal(chq_seen_load(&s, &h), CHQ_OK);
	for (uint64_t id = 10; id < 10 + 10 * CHQ_SEEN_MAX; id += 2) {
		assert_false(chq_seen_has(&s, PARTY, id));
		assert_int_equal(chq_seen_add(&s, PARTY, id), CHQ_OK);
		assert_int_equal(chq_seen_log(&s, PARTY, id), CHQ_OK);
	}
	assert_true(s.live <= CHQ_SEEN_MAX + 2);
	for (int restart = 0; restart < 2; restart++) {
		assert_true(chq_seen_has(&s, PARTY, 8 + 10 * CHQ_SEEN_MAX));
		assert_false(chq_seen_has(&s, PARTY, 9 + 10 * CHQ_SEEN_MAX));
		assert_false(chq_seen_has(&s, PARTY, 9 + 10 * CHQ_SEEN_MAX - 1000));
		assert_true(chq_seen_has(&s, PARTY, 11)); /* too old to be new */
		assert_false(chq_seen_has(&s, PARTY + 1, 11));
		chq_seen_free(&s);
		assert_int_equal(chq_seen_load(&s, &h), CHQ_OK);
	}
	chq_seen_free(&s);
	change_file("seen", 0600, size_of("seen") - 5, -1); /* a torn last record */
	assert_int_equal(chq_seen_load(&s, &h), CHQ_OK);
	assert_true(chq_seen_has(&s, PARTY, 11));
	chq_seen_free(&s);
	change_file("seen", 0600, -1, 30);
	assert_int_equal(chq_seen_load(&s, &h), CHQ_ECORRUPT);
	chq_home_close(&h);
}

/* No file may grow beyond @bytes, as on a disk that is full there; 0: no limit. */
static void
limit_files(rlim_t bytes)
{
	struct rlimit limit = { .rlim_max = RLIM_INFINITY };

	signal(SIGXFSZ, SIG_IGN);
	limit.rlim_cur = bytes ? bytes : RLIM_INFINITY;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void
a_journal_that_did_not_fit_on_the_disk_is_still_whole(void **state)
{
	struct chq_seen s;
	struct chq_home h;

	(void)state;
	open_home(&h);
	assert_int_equal(chq_home_write(&h, "seen", "", 0), CHQ_OK);
	assert_int_equal(chq_seen_load(&s, &h), CHQ_OK);
	assert_int_equal(chq_seen_log(&s, PARTY, 1), CHQ_OK);
	limit_files((rlim_t)size_of("seen") + 10);
	assert_true(chq_seen_log(&s, PARTY, 2) < 0);
	limit_files(0);
	assert_int_equal(chq_seen_log(&s, PARTY, 3), CHQ_OK);
	assert_int_equal(chq_seen_log(&s, PARTY, 4), CHQ_OK);
	chq_seen_free(&s);
	assert_int_equal(chq_seen_load(&s, &h), CHQ_OK);
	assert_true(chq_seen_has(&s, PARTY, 1));
	assert_false(chq_seen_has(&s, PARTY, 2));
	assert_true(chq_seen_has(&s, PARTY, 3));
	assert_true(chq_seen_has(&s, PARTY, 4));
	chq_seen_free(&s);
	chq_home_close(&h);
}

static void
messages_of_very_many_devices_leave_a_journal_that_can_be_read(void **state)
{
	struct chq_seen s;
	struct chq_home h;

	(void)state;
	open_home(&h);
	assert_int_equal(chq_home_write(&h, "seen", "", 0), CHQ_OK);
	assert_int_equal(chq_seen_load(&s, &h), CHQ_OK);
	for (uint64_t party = 0; party < 800; party++) {
		for (uint64_t id = 1; id <= CHQ_SEEN_KEEP; id++) {
			assert_int_equal(chq_seen_add(&s, PARTY + party, id), CHQ_OK);
			assert_int_equal(chq_seen_log(&s, PARTY + party, id), CHQ_OK);
		}
	}
	assert_true(s.live <= 2 * CHQ_SEEN_TOTAL);
	assert_true(size_of("seen") <= 16 << 20);
	chq_seen_free(&s);
	assert_int_equal(chq_seen_load(&s, &h), CHQ_OK);
	for (uint64_t party = 0; party < 800; party++) {
		for (uint64_t id = 1; id <= CHQ_SEEN_KEEP; id++)
			assert_true(chq_seen_has(&s, PARTY + party, id));
		assert_false(chq_seen_has(&s, PARTY + party, CHQ_SEEN_KEEP + 1));
	}
	chq_seen_free(&s);
	chq_home_close(&h);
}

static int replayed;

static void
count(void *arg, const struct chq_frame_hdr *h, const uint8_t *payload, uint16_t len)
{
	(void)arg;
	replayed++;
	assert_int_equal(h->message, 40 + replayed);
	assert_int_equal(h->app, 3);
	assert_int_equal(h->party, PARTY);
	assert_int_equal(len, 100 + replayed);
	assert_int_equal(payload[len - 1], replayed);
}

static void
held_frames_come_back_up_to_one_that_is_torn(void **state)
{
	uint8_t payload[CHQ_PAYLOAD_MAX] = { 0 };
	struct chq_held_file f;
	struct chq_home h;

	(void)state;
	open_home(&h);
	assert_int_equal(chq_held_open(&f, &h), CHQ_OK);
	for (int i = 1; i <= 5; i++) {
		struct chq_frame_hdr hdr = { .app = 3, .party = PARTY };

		hdr.message = 40 + (uint64_t)i;
		payload[99 + i] = (uint8_t)i;
		assert_int_equal(chq_held_add(&f, &hdr, payload, (uint16_t)(100 + i)), CHQ_OK);
	}
	chq_held_close(&f);
	replayed = 0;
	assert_int_equal(chq_held_open(&f, &h), CHQ_OK);
	assert_int_equal(chq_held_replay(&f, count, NULL), CHQ_OK);
	assert_int_equal(replayed, 5);
	change_file("held", 0600, size_of("held") - 1, -1);
	replayed = 0;
	assert_int_equal(chq_held_replay(&f, count, NULL), CHQ_OK);
	assert_int_equal(replayed, 4);
	assert_int_equal(chq_held_clear(&f), CHQ_OK);
	assert_int_equal(size_of("held"), 0);
	chq_held_close(&f);
	chq_home_close(&h);
}

static void
the_window_takes_each_number_once_and_225_behind_the_newest(void **state)
{
	struct chq_replay w = { 0 };

	(void)state;
	assert_true(chq_replay_take(&w, 1000));
	assert_false(chq_replay_take(&w, 1000));
	for (uint64_t n = 1000 - 224; n < 1000; n++)
		assert_true(chq_replay_take(&w, n));
	for (uint64_t n = 1000 - 224; n < 1000; n++)
		assert_false(chq_replay_take(&w, n));
	assert_false(chq_replay_take(&w, 1000 - 256 - 32));
	assert_true(chq_replay_take(&w, UINT64_C(1) << 40));
	assert_false(chq_replay_take(&w, 1000 - 8 * 32));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_file_comes_back_as_it_was_written),
		cmocka_unit_test(a_key_file_that_others_may_read_is_refused),
		cmocka_unit_test(a_key_file_cut_at_any_byte_is_refused),
		cmocka_unit_test(a_home_that_others_may_enter_is_refused),
		cmocka_unit_test(logins_become_file_names_that_stay_in_their_folder),
		cmocka_unit_test(secrets_of_prekeys_are_kept_as_long_as_said_and_no_longer),
		cmocka_unit_test(pins_survive_a_restart_and_damage_is_not_taken_for_none),
		cmocka_unit_test(names_of_pinned_accounts_survive_a_restart_and_are_bounded),
		cmocka_unit_test(
			messages_shown_are_remembered_over_a_restart_and_memory_is_bounded),
		cmocka_unit_test(a_journal_that_did_not_fit_on_the_disk_is_still_whole),
		cmocka_unit_test(messages_of_very_many_devices_leave_a_journal_that_can_be_read),
		cmocka_unit_test(held_frames_come_back_up_to_one_that_is_torn),
		cmocka_unit_test(the_window_takes_each_number_once_and_225_behind_the_newest),
	};

	return cmocka_run_group_tests_name("client/files", tests, setup, teardown);
}
