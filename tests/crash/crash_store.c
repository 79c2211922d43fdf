#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "store/account.h"
#include "store/answer.h"
#include "store/device.h"
#include "store/e2e.h"
#include "store/friend.h"
#include "store/reader.h"
#include "store/store.h"
#include "store/verify.h"
#include "store/writer.h"

/*
 * Kills a process that writes, at random moments, and looks at what it leaves:
 *
 *     child:  random jobs ──► store ──► answered? ──► pipe ──┐
 *     parent: SIGKILL at a random moment; ◄── acknowledged ──┘
 *             opens the store: all that was acknowledged is there, every job is there wholly or not
 *             at all, every reference between records holds.
 *
 * usage: crash_store [rounds [seed]]
 */

enum { PEOPLE = 32, OUTSTANDING = 64, KILL_WITHIN_US = 30000, ACKS_MAX = 1 << 20 };
enum { DEVICE = 1 };
#define START_WITHIN_NS (20 * CHQ_NS_PER_SEC)

enum kind { OPENED, ADD, ASK, PUBLISH, KIND__COUNT };

/* What the child tells of an answered job. Fits a pipe's atomic write. */
struct ack {
	enum kind kind;
	uint64_t a, b;	/* accounts */
	uint64_t value; /* OPENED: epoch. ADD: the account's number. PUBLISH: version. ASK: state */
};

struct job {
	struct ack ack;
};

static int acks_fd;  /* child: where acks go */
static int slots[2]; /* child: a byte for each job that may still be submitted */

__attribute__((format(printf, 1, 2), noreturn)) static void
fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

static void
must(int rc, const char *what)
{
	if (rc != 0)
		fail("%s: %s", what, chq_strerror(rc));
}

/* Account number -> its login name and device key: unlike for every number. */
static void
login_of(uint64_t number, char login[24])
{
	snprintf(login, 24, "u%016" PRIx64, number);
}

static void
key_of(uint64_t number, uint8_t key[STORE_KEY_BYTES])
{
	memset(key, 0, STORE_KEY_BYTES);
	memcpy(key, &number, sizeof(number));
}

/* Child: an account with its device and the answer to the request that made them. */
static int
job_add(struct store_txn *txn, void *arg)
{
	struct job *job = arg;
	char login[24];
	uint8_t key[STORE_KEY_BYTES];
	struct store_account_new new = { .login = login, .now_ms = job->ack.value };
	struct store_device_new device = { .noise_key = key, .now_ms = 1 };
	uint8_t number;
	int rc;

	login_of(job->ack.value, login);
	key_of(job->ack.value, key);
	rc = store_account_add(txn, &new, &job->ack.a);
	device.account = job->ack.a;
	if (rc == 0)
		rc = store_device_enroll(txn, &device, &number);
	if (rc == 0)
		rc = store_answer_put(txn, job->ack.a, DEVICE, 0, (const uint8_t *)login, 24);
	return rc;
}

static int
job_ask(struct store_txn *txn, void *arg)
{
	struct job *job = arg;
	enum store_friend_asked outcome;
	struct store_friend f;
	int rc = store_friend_ask(txn, job->ack.a, job->ack.b, 1, &outcome);

	if (rc == 0)
		rc = store_friend_get(txn, job->ack.a, job->ack.b, &f);
	if (rc == 0)
		job->ack.value = f.state;
	return rc;
}

/* The next version of two people's lists at once, with an answer. */
static int
job_publish(struct store_txn *txn, void *arg)
{
	struct job *job = arg;
	struct store_e2e e = { .list_len = 0 };
	int rc = store_e2e_get(txn, job->ack.a, &e);

	if (rc != 0 && rc != CHQ_ENOENT)
		return rc;
	e.list_version++;
	e.list_len = STORE_DEVLIST_MAX_BYTES;
	memset(e.list, (int)e.list_version, sizeof(e.list));
	job->ack.value = e.list_version;
	rc = store_e2e_set(txn, job->ack.a, &e);
	if (rc == 0)
		rc = store_e2e_set(txn, job->ack.b, &e);
	if (rc == 0)
		rc = store_answer_put(txn, job->ack.a, DEVICE, e.list_version, e.list, 100);
	return rc;
}

static void
tell(const struct ack *ack)
{
	if (write(acks_fd, ack, sizeof(*ack)) != sizeof(*ack))
		_exit(3);
}

static void
answered(void *arg, int rc)
{
	struct job *job = arg;

	if (rc == 0)
		tell(&job->ack);
	else if (rc != CHQ_ENOENT) /* people that are not there yet */
		_exit(4);
	free(job);
	if (write(slots[1], "", 1) != 1)
		_exit(5);
}

static void
submit_one(struct store *st)
{
	static store_job_fn *const fns[KIND__COUNT] = {
		[ADD] = job_add,
		[ASK] = job_ask,
		[PUBLISH] = job_publish,
	};
	struct job *job = calloc(1, sizeof(*job));
	enum kind kind = (enum kind)(ADD + random() % (KIND__COUNT - ADD));

	if (job == NULL)
		_exit(6);
	job->ack = (struct ack){ .kind = kind };
	if (kind == ADD) {
		job->ack.value = (uint64_t)random() << 32 | (uint64_t)random();
	} else if (kind == ASK) {
		job->ack.a = 1 + (uint64_t)random() % PEOPLE;
		job->ack.b = 1 + (job->ack.a + (uint64_t)random() % (PEOPLE - 1)) % PEOPLE;
	} else {
		job->ack.a = 1 + 2 * ((uint64_t)random() % (PEOPLE / 2));
		job->ack.b = job->ack.a + 1;
	}
	if (store_write(st, fns[kind], answered, job) != 0)
		_exit(7);
}

__attribute__((noreturn)) static void
child(const struct store_options *opt, int fd, unsigned seed)
{
	struct ack opened = { .kind = OPENED };
	struct store *st;
	char byte;

	acks_fd = fd;
	srandom(seed);
	if (store_open(&st, opt, NULL) != 0 || pipe(slots) != 0)
		_exit(2);
	opened.value = store_epoch(st);
	tell(&opened);
	for (int i = 0; i < OUTSTANDING; i++)
		submit_one(st);
	while (read(slots[0], &byte, 1) == 1)
		submit_one(st);
	_exit(8);
}

/* Parent: what was acknowledged in all rounds. */
static struct {
	struct ack adds[ACKS_MAX];
	unsigned n_adds;
	unsigned long total;
	uint64_t epoch;
	uint64_t version[PEOPLE + 2];
	enum store_friend_state state[PEOPLE + 1][PEOPLE + 1];
} known;

static void
learn(const struct ack *ack)
{
	known.total += ack->kind != OPENED;
	switch (ack->kind) {
	case OPENED:
		if (ack->value <= known.epoch)
			fail("epoch %" PRIu64 " after %" PRIu64, ack->value, known.epoch);
		known.epoch = ack->value;
		break;
	case ADD:
		if (known.n_adds < ACKS_MAX)
			known.adds[known.n_adds++] = *ack;
		break;
	case ASK:
		if (ack->value > known.state[ack->a][ack->b])
			known.state[ack->a][ack->b] = (enum store_friend_state)ack->value;
		break;
	default:
		if (ack->value > known.version[ack->a])
			known.version[ack->a] = ack->value;
	}
}

static void
check_add(struct store_txn *t, const struct store_account *a)
{
	uint8_t key[STORE_KEY_BYTES];
	uint8_t answer[STORE_ANSWER_MAX_BYTES];
	struct store_device d;
	char login[24];
	size_t len;
	int rc;

	login_of(a->created_ms, login);
	key_of(a->created_ms, key);
	if (strcmp(a->login, login) != 0)
		fail("account %" PRIu64 " is called %s, not %s", a->id, a->login, login);
	must(store_device_find(t, key, &d), "device of an account");
	if (d.account != a->id || d.number != DEVICE)
		fail("device of account %" PRIu64 " is another's", a->id);
	rc = store_answer_get(t, a->id, DEVICE, 0, answer, &len);
	if (rc != CHQ_EEXPIRED && (rc != 0 || len != 24 || strcmp((char *)answer, login) != 0))
		fail("account %" PRIu64 " without its answer: %s", a->id, chq_strerror(rc));
}

static void
check_accounts(struct store_txn *t)
{
	struct store_account page[64];
	uint64_t after = 0;
	size_t n;

	do {
		must(store_account_list(t, after, page, 64, &n), "list of accounts");
		for (size_t i = 0; i < n; i++)
			check_add(t, &page[i]);
		after = n ? page[n - 1].id : after;
	} while (n == 64);
	for (unsigned i = 0; i < known.n_adds; i++) {
		struct store_account a;

		must(store_account_get(t, known.adds[i].a, &a), "an acknowledged account");
		if (a.created_ms != known.adds[i].value)
			fail("account %" PRIu64 " is not the one acknowledged", a.id);
	}
}

static void
check_friends(struct store_txn *t)
{
	for (uint64_t a = 1; a <= PEOPLE; a++) {
		for (uint64_t b = 1; b <= PEOPLE; b++) {
			struct store_friend f;

			if (known.state[a][b] == STORE_FRIEND_NONE)
				continue;
			must(store_friend_get(t, a, b, &f), "an acknowledged friendship");
			if (f.state < known.state[a][b])
				fail("friendship %" PRIu64 "-%" PRIu64 " went back", a, b);
		}
	}
}

static void
check_lists(struct store_txn *t)
{
	for (uint64_t a = 1; a <= PEOPLE; a += 2) {
		uint8_t answer[STORE_ANSWER_MAX_BYTES];
		struct store_e2e e[2] = { { .list_len = 0 }, { .list_len = 0 } };
		size_t len;
		int rc[2] = { store_e2e_get(t, a, &e[0]), store_e2e_get(t, a + 1, &e[1]) };

		if (rc[0] != rc[1] || e[0].list_version != e[1].list_version)
			fail("lists of %" PRIu64 " and the next are of one job, but differ", a);
		if (e[0].list_version < known.version[a])
			fail("list of %" PRIu64 " went back", a);
		for (int i = 0; i < e[0].list_len; i++) {
			if (e[0].list[i] != (uint8_t)e[0].list_version)
				fail("list of %" PRIu64 " is torn", a);
		}
		if (rc[0] == 0)
			must(store_answer_get(t, a, DEVICE, e[0].list_version, answer, &len),
			     "answer of a list");
		if (rc[0] == 0 && store_answer_get(t, a, DEVICE, e[0].list_version + 1, answer,
						   &len) != CHQ_ENOENT)
			fail("answer of a list that is not there");
	}
}

static void
print_fault(void *arg, const char *table, const char *what, uint64_t account)
{
	(void)arg;
	fprintf(stderr, "%s of %" PRIu64 ": %s\n", table, account, what);
}

static void
check_store(const struct store_options *opt)
{
	struct store_verify found;
	struct store_reader *r;
	struct store_txn *t;
	struct store *st;

	must(store_open(&st, opt, NULL), "open after the kill");
	must(store_reader_open(st, &r), "reader");
	must(store_read_begin(r, &t), "snapshot");
	must(store_verify_all(t, &found, print_fault, NULL), "verify");
	if (found.faults != 0)
		fail("%" PRIu64 " faults", found.faults);
	check_accounts(t);
	check_friends(t);
	check_lists(t);
	store_read_end(r);
	store_reader_close(r);
	store_close(st);
}

/*
 * When to kill: a random time after the fork, so that opening is hit, after the open, or after the
 * first answered change.
 */
struct moment {
	enum { FROM_FORK, FROM_OPEN, FROM_CHANGE } from;
	uint64_t delay_ns;
	uint64_t kill_ns;
};

static struct moment
choose_moment(unsigned round)
{
	struct moment m = { .from = round % 4 < FROM_CHANGE ? round % 4 : FROM_CHANGE };

	m.delay_ns = (uint64_t)random() % KILL_WITHIN_US * 1000;
	m.kill_ns = chq_mono_ns() + (m.from == FROM_FORK ? m.delay_ns : START_WITHIN_NS);
	return m;
}

/* The time runs from here if this was what it waits for. */
static void
start_on(struct moment *m, enum kind kind)
{
	if (m->from == FROM_OPEN || (m->from == FROM_CHANGE && kind != OPENED)) {
		m->kill_ns = chq_mono_ns() + m->delay_ns;
		m->from = FROM_FORK;
	}
}

/* Reads acks until the child is dead and the pipe empty; kills it at its moment. */
static void
follow(int fd, pid_t pid, struct moment *m)
{
	bool killed = false;
	struct ack ack;
	ssize_t n;

	for (;;) {
		uint64_t now_ns = chq_mono_ns();
		struct pollfd p = { .fd = fd, .events = POLLIN };
		struct timespec left = { 0 };

		if (!killed && now_ns >= m->kill_ns) {
			kill(pid, SIGKILL);
			killed = true;
		}
		if (!killed) {
			left.tv_sec = (time_t)((m->kill_ns - now_ns) / CHQ_NS_PER_SEC);
			left.tv_nsec = (long)((m->kill_ns - now_ns) % CHQ_NS_PER_SEC);
		}
		if (ppoll(&p, 1, killed ? NULL : &left, NULL) <= 0)
			continue;
		n = read(fd, &ack, sizeof(ack));
		if (n == 0)
			return;
		if (n != sizeof(ack))
			fail("half an ack");
		start_on(m, ack.kind);
		learn(&ack);
	}
}

static void
run_round(const struct store_options *opt, unsigned round, unsigned seed)
{
	struct store_options check = *opt;
	struct moment moment;
	int fds[2];
	int status;
	pid_t pid;

	if (pipe(fds) != 0)
		fail("pipe: %s", strerror(errno));
	moment = choose_moment(round);
	pid = fork();
	if (pid < 0)
		fail("fork: %s", strerror(errno));
	if (pid == 0) {
		close(fds[0]);
		child(opt, fds[1], seed);
	}
	close(fds[1]);
	follow(fds[0], pid, &moment);
	close(fds[0]);
	if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status))
		fail("the child ended by itself: status %d", status);
	check.next_epoch = false;
	check_store(&check);
}

static void
remove_files(const char *dir)
{
	static const char *const names[] = { "data.mdb", "lock.mdb", "lock" };
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

int
main(int argc, char **argv)
{
	unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 50;
	unsigned seed = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : (unsigned)chq_mono_ns();
	char dir[] = "/tmp/chq-crash-XXXXXX";
	struct store_options opt = {
		.dir = dir,
		.map_bytes = (size_t)1 << 20, /* so that kills hit its growing too */
		.next_epoch = true,
	};

	chq_log_set_level(CHQ_LEVEL_ERROR);
	if (mkdtemp(dir) == NULL)
		fail("mkdtemp: %s", strerror(errno));
	printf("seed %u, files in %s (kept on failure)\n", seed, dir);
	srandom(seed);
	for (unsigned i = 0; i < rounds; i++)
		run_round(&opt, i, seed + i + 1);
	printf("%u kills, %lu acknowledged changes, all there\n", rounds, known.total);
	if (known.total < rounds / 2)
		fail("too little happened to show anything");
	remove_files(dir);
	return 0;
}
