/* What the driver socket takes from the kernel: each datagram has one verdict, whatever becomes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "dataplane/driver.h"
#include "dataplane/worker.h"

#define TRIES 20

static struct relay {
	struct chq_tables *t;
	struct chq_driver *driver;
	struct chq_worker *w;
	int client;
} r;

/* A port of 127.0.0.1 that nobody has now. */
static uint16_t
free_port(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	close(fd);
	return ntohs(at.sin_port);
}

static uint16_t
driver_open(void)
{
	static char text[32], *items[] = { text };
	static struct chq_site_conf conf;
	uint16_t port = 0;
	char err[256] = "";
	int rc = CHQ_EADDRINUSE;

	conf.listen.items = items;
	conf.listen.count = 1;
	conf.dataplane.workers = 1;
	for (int i = 0; rc == CHQ_EADDRINUSE && i < TRIES; i++) {
		port = free_port();
		snprintf(text, sizeof(text), "127.0.0.1:%u", port);
		rc = chq_driver_socket.open(&r.driver, &conf, r.t, err, sizeof(err));
	}
	if (rc)
		fail_msg("%s", err);
	return port;
}

static int
setup(void **state)
{
	const struct chq_tables_conf conf = { .backing = CHQ_BACKING_MEMORY,
					      .sessions = 16,
					      .accounts = 16 };
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	char err[256];

	(void)state;
	assert_int_equal(chq_tables_open(&r.t, &conf, chq_mono_ns(), err, sizeof(err)), 0);
	at.sin_port = htons(driver_open());
	r.w = aligned_alloc(_Alignof(struct chq_worker), sizeof(*r.w));
	memset(r.w, 0, sizeof(*r.w));
	chq_worker_bind(r.w, 0, r.t);
	r.w->driver = r.driver;
	r.w->wake_fd = -1;
	assert_int_equal(chq_ring_init(&r.w->tx, 2, sizeof(struct chq_tx_item)), 0);
	r.client = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(connect(r.client, (struct sockaddr *)&at, sizeof(at)), 0);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	close(r.client);
	r.driver->ops->close(r.driver, false);
	chq_ring_deinit(&r.w->tx);
	free(r.w);
	chq_tables_close(r.t);
	return 0;
}

/* Poll until @n datagrams have been received. */
static void
take(uint64_t n)
{
	uint64_t end = chq_mono_ns() + 10 * CHQ_NS_PER_SEC;

	while (r.w->counts[CHQ_C_RX] < n && chq_mono_ns() < end)
		chq_worker_poll(r.w);
	assert_int_equal(r.w->counts[CHQ_C_RX], n);
}

static uint64_t
verdicts(void)
{
	uint64_t sum = 0;

	for (int c = 0; c < CHQ_C__COUNT; c++)
		sum += chq_counter_kind[c] == CHQ_COUNTER_VERDICT ? r.w->counts[c] : 0;
	return sum;
}

static void
each_datagram_has_one_verdict_also_to_an_address_not_known_yet(void **state)
{
	static const uint8_t dgram[60] = { CHQ_TYPE_FRAME };

	(void)state;
	for (size_t len = 1; len <= 50; len += 7)
		assert_int_equal(send(r.client, dgram, len, 0), len);
	take(8);
	assert_int_equal(verdicts(), 8);
	assert_int_equal(r.w->counts[CHQ_D_SHORT], 7);
	r.t->header->locals = 0; /* as when the address has just come */
	assert_int_equal(send(r.client, dgram, 60, 0), 60);
	take(9);
	assert_int_equal(verdicts(), 9);
	assert_int_equal(r.w->counts[CHQ_D_LOCAL], 1);
	r.driver->ops->refresh(r.driver);
	assert_int_equal(send(r.client, dgram, 60, 0), 60);
	take(10);
	assert_int_equal(verdicts(), 10);
	assert_int_equal(r.w->counts[CHQ_D_LOCAL], 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			each_datagram_has_one_verdict_also_to_an_address_not_known_yet, setup,
			teardown),
	};

	return cmocka_run_group_tests_name("dataplane/driver_socket", tests, NULL, NULL);
}
