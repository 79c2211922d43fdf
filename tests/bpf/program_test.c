/*
 * program_test: what the XDP program does beyond deciding frames as a worker does (that is shown by
 * tests/parity): who gets a packet first, and where it goes when its record does not say. Runs in
 * namespaces of its own. Exits 77, saying why, where that is not to be had.
 *
 *     va (192.168.0.1, 2:0:0:0:0:1) ---- vb (clients 10.0.0.n behind 2:0:0:0:0:9)
 */
#include <errno.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/err.h"
#include "dataplane/xdp/relay.h"
#include "dataplane/xdp_prog.h"
#include "proto/grant.h"

#define SKIP	77
#define NOW_NS	(UINT64_C(1000) * CHQ_NS_PER_SEC)
#define PORT	4700
#define OUR_IP	0xc0a80001
#define PAYLOAD 40
#define LEN	(14 + 20 + 8 + CHQ_FRAME_HDR_LEN + PAYLOAD)

enum { ALICE, BOB, CAROL, DAVE, PEOPLE };

struct scene {
	struct chq_tables *t;
	struct chq_xdp_loaded prog;
	struct chq_xdp_conf *conf;
	struct chq_dp_ref ref[PEOPLE];
	uint64_t seq;
	int ifindex, xsk;
	int faults;
	/* Of the last packet. */
	int action;
	uint8_t out[2048];
	uint32_t out_len;
	uint64_t counts[CHQ_C__COUNT], was[CHQ_C__COUNT];
};

static void
expect(struct scene *s, bool ok, const char *fact)
{
	printf("%s %s\n", ok ? "ok" : "FAULT", fact);
	s->faults += !ok;
}

/* How much a counter rose with the last packet. */
static uint64_t
rose(const struct scene *s, enum chq_counter c)
{
	return s->counts[c] - s->was[c];
}

/* --- people --- */

static void
key_of(int who, int use, uint8_t key[16])
{
	for (int i = 0; i < 16; i++)
		key[i] = (uint8_t)(who * 16 + use + i * 7);
}

/* @mac: 0 = a session whose next hop is not known. @ifidx: the interface behind which it is. */
static int
person_open(struct scene *s, int who, uint8_t mac, uint8_t ifidx)
{
	struct chq_dp_session_open m = { .account = 100 + (uint64_t)who,
					 .device = 1,
					 .quota_class = CHQ_QUOTA_ORDINARY,
					 .confirm_s = 1000,
					 .lifetime_s = 100000,
					 .path = { .port = 5000, .ifidx = ifidx } };
	int rc;

	m.path.ip[10] = m.path.ip[11] = 0xff;
	chq_put_be32(m.path.ip + 12, 0x0a000001 + (uint32_t)who);
	if (mac) {
		m.path.mac[0] = 2;
		m.path.mac[5] = mac;
	}
	key_of(who, 1, m.tag_in);
	key_of(who, 2, m.tag_out);
	key_of(who, 3, m.grant_key);
	rc = chq_session_open(s->t, &m, NOW_NS, &s->ref[who]);
	return rc ? rc : chq_session_confirm(s->t, s->ref[who], NOW_NS, NULL);
}

/* From alice to @to. */
static void
packet_make(struct scene *s, int to, uint8_t *l2)
{
	static const uint8_t link[14] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 8, 0 };
	uint8_t *ip = l2 + 14, *udp = ip + 20, key[16];
	struct chq_frame_hdr h = { .slot = s->ref[ALICE].slot,
				   .seq = ++s->seq,
				   .party = CHQ_PARTY(CHQ_KIND_ACCOUNT, 0, 100 + to),
				   .message = 7 };
	uint32_t sum = 0;

	memset(l2, 0, LEN);
	memcpy(l2, link, sizeof(link));
	ip[0] = 0x45;
	chq_put_be16(ip + 2, LEN - 14);
	ip[8] = 64;
	ip[9] = 17;
	chq_put_be32(ip + 12, 0x0a000001);
	chq_put_be32(ip + 16, OUR_IP);
	for (int i = 0; i < 20; i += 2)
		sum += chq_get_be16(ip + i);
	sum = (sum & 0xffff) + (sum >> 16);
	chq_put_be16(ip + 10, (uint16_t) ~((sum & 0xffff) + (sum >> 16)));
	chq_put_be16(udp, 5000);
	chq_put_be16(udp + 2, PORT);
	chq_put_be16(udp + 4, LEN - 34);
	chq_put_be16(udp + 6, 0x1234);
	key_of(to, 3, key);
	h.grant = chq_grant_make(chq_sipkey_load(key), CHQ_KIND_ACCOUNT, 100, 0, 100 + (uint64_t)to,
				 UINT16_MAX);
	key_of(ALICE, 1, key);
	chq_frame_build(udp + 8, &h, PAYLOAD, key);
}

/* --- running --- */

static void
counts_read(struct scene *s)
{
	int cpus = libbpf_num_possible_cpus();
	struct chq_xdp_counts *all = calloc((size_t)cpus, sizeof(*all));
	uint32_t zero = 0;

	memcpy(s->was, s->counts, sizeof(s->was));
	memset(s->counts, 0, sizeof(s->counts));
	if (!all || bpf_map_lookup_elem(s->prog.counts_fd, &zero, all))
		expect(s, false, "the counters can be read");
	for (int cpu = 0; all && cpu < cpus; cpu++)
		for (int c = 0; c < CHQ_C__COUNT; c++)
			s->counts[c] += all[cpu].n[c];
	free(all);
}

static void
run(struct scene *s, const uint8_t *packet, uint32_t len)
{
	struct xdp_md ctx = { .data_end = len, .ingress_ifindex = (uint32_t)s->ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = packet, .data_size_in = len,
		    .data_out = s->out, .data_size_out = sizeof(s->out), .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx));

	if (bpf_prog_test_run_opts(s->prog.prog_fd, &o))
		expect(s, false, "the program runs");
	s->action = (int)o.retval;
	s->out_len = o.data_size_out;
	counts_read(s);
}

static void
send_to(struct scene *s, int to)
{
	uint8_t packet[LEN];

	packet_make(s, to, packet);
	run(s, packet, LEN);
}

/* @age_ns: of the heartbeat of who serves the queue. */
static void
stand(struct scene *s, enum chq_xdp_mode mode, int64_t age_ns)
{
	s->conf->mode = mode;
	s->t->header->heartbeat[3].now_ns = NOW_NS - (uint64_t)age_ns;
}

static bool
forwarded(const struct scene *s, int action)
{
	return s->action == action && rose(s, CHQ_C_RX) == 1 && rose(s, CHQ_C_FORWARD) == 1 &&
	       rose(s, CHQ_C_TX) == 1 && s->out_len == LEN && s->out[5] == 9;
}

/* --- cases --- */

static void
steered(struct scene *s)
{
	uint32_t queue = 0;

	stand(s, CHQ_XDP_STEER, 0);
	send_to(s, BOB);
	expect(s, forwarded(s, XDP_TX), "without a socket the program forwards");
	if (bpf_map_update_elem(s->prog.xsks_fd, &queue, &s->xsk, BPF_ANY))
		expect(s, false, "a socket can be put into the map");
	send_to(s, BOB);
	expect(s,
	       s->action == XDP_REDIRECT && rose(s, CHQ_C_XDP_WORKER) == 1 &&
		       rose(s, CHQ_C_RX) == 0,
	       "a worker that lives gets the frame, and counts it");
	stand(s, CHQ_XDP_STEER, -4000000);
	send_to(s, BOB);
	expect(s, s->action == XDP_REDIRECT, "a heartbeat ahead of the program's clock is young");
	stand(s, CHQ_XDP_STEER, 50000000);
	send_to(s, BOB);
	expect(s, forwarded(s, XDP_TX), "50 ms after the last heartbeat the program forwards");
	s->conf->beat[0] = CHQ_XDP_BEAT_NONE;
	stand(s, CHQ_XDP_STEER, 0);
	send_to(s, BOB);
	expect(s, forwarded(s, XDP_TX), "it does where no worker serves the queue");
	s->conf->beat[0] = 3;
	stand(s, CHQ_XDP_FORWARD, 0);
	send_to(s, BOB);
	expect(s, forwarded(s, XDP_TX), "driver xdp gives nothing to a socket");
}

static void
others_pass(struct scene *s)
{
	uint8_t packet[LEN];

	for (int mode = CHQ_XDP_FORWARD; mode <= CHQ_XDP_STEER; mode++) {
		stand(s, (enum chq_xdp_mode)mode, 0);
		packet_make(s, BOB, packet);
		chq_put_be16(packet + 36, PORT + 1);
		run(s, packet, LEN);
		expect(s,
		       s->action == XDP_PASS && !memcmp(s->out, packet, LEN) &&
			       rose(s, CHQ_C_RX) == 0,
		       "another port is the kernel's");
		run(s, packet, 14);
		expect(s, s->action == XDP_PASS, "so is what has no IP header");
	}
}

static void
padding_goes(struct scene *s)
{
	uint8_t packet[LEN + 30] = { 0 };

	stand(s, CHQ_XDP_FORWARD, 0);
	packet_make(s, BOB, packet);
	run(s, packet, sizeof(packet));
	expect(s, forwarded(s, XDP_TX), "what follows a datagram is cut off");
}

static void
next_hop_asked(struct scene *s)
{
	stand(s, CHQ_XDP_FORWARD, 0);
	send_to(s, CAROL);
	expect(s, s->action == XDP_PASS && rose(s, CHQ_C_XDP_PROCESS) == 1,
	       "without a neighbour the process gets the frame");
	stand(s, CHQ_XDP_FORWARD, 60000000);
	send_to(s, CAROL);
	expect(s, s->action == XDP_DROP && rose(s, CHQ_D_NO_PROCESS) == 1,
	       "and nobody when there is none");
	if (system("ip neigh add 10.0.0.3 lladdr 02:00:00:00:00:09 dev va nud permanent"))
		expect(s, false, "a neighbour can be added");
	send_to(s, CAROL);
	expect(s, forwarded(s, XDP_TX), "the kernel's neighbour is the next hop");
}

static void
other_interface(struct scene *s)
{
	stand(s, CHQ_XDP_FORWARD, 0);
	send_to(s, DAVE);
	expect(s, forwarded(s, XDP_REDIRECT),
	       "a receiver behind another interface is redirected to");
	s->conf->no_redirect = 1 << 1;
	send_to(s, DAVE);
	expect(s,
	       s->action == XDP_PASS && rose(s, CHQ_C_XDP_PROCESS) == 1 && rose(s, CHQ_C_TX) == 0,
	       "the process gets the frame where that interface takes no redirected packet");
	send_to(s, BOB);
	expect(s, forwarded(s, XDP_TX), "the others are forwarded");
	s->conf->no_redirect = 1 << 0;
	send_to(s, BOB);
	expect(s, forwarded(s, XDP_TX), "a packet leaves by the interface it came in by");
	s->conf->no_redirect = 0;
}

static void
fib_finds_closed_way(struct scene *s)
{
	s->conf->no_redirect = 1 << 1;
	if (system("ip link set vb up && ip route replace 10.0.0.3/32 dev vb && "
		   "ip neigh add 10.0.0.3 lladdr 02:00:00:00:00:09 dev vb nud permanent"))
		expect(s, false, "a route can be changed");
	stand(s, CHQ_XDP_FORWARD, 0);
	send_to(s, CAROL);
	expect(s, s->action == XDP_PASS && rose(s, CHQ_C_XDP_PROCESS) == 1,
	       "the same where the kernel's route leads there");
	s->conf->no_redirect = 0;
	send_to(s, CAROL);
	expect(s, forwarded(s, XDP_REDIRECT), "and where it is open, that way is taken");
}

/* --- the scene --- */

static int
network_make(struct scene *s)
{
	if (system("ip link add va address 02:00:00:00:00:01 type veth peer name vb && "
		   "ip link set lo up && ip link set va up && ip link set vb up && "
		   "ip addr add 192.168.0.1/24 dev va && ip route add 10.0.0.0/24 dev va && "
		   "echo 1 >/proc/sys/net/ipv4/conf/va/forwarding"))
		return CHQ_EUNAVAIL;
	s->ifindex = (int)if_nametoindex("va");
	return 0;
}

static int
socket_make(struct scene *s)
{
	int ring = 64;

	s->xsk = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (s->xsk < 0 || setsockopt(s->xsk, SOL_XDP, XDP_RX_RING, &ring, sizeof(ring)))
		return CHQ_EUNAVAIL;
	return 0;
}

static void
header_make(struct scene *s)
{
	struct chq_header *h = s->t->header;
	uint8_t ip[16] = { [10] = 0xff, 0xff };

	chq_put_be32(ip + 12, OUR_IP);
	memcpy(&h->local[0].ip_hi, ip, 8);
	memcpy(&h->local[0].ip_lo, ip + 8, 8);
	h->local[0].port = h->port = PORT;
	h->port_info[0] = (struct chq_port){ .kernel_ifindex = (uint32_t)s->ifindex,
					     .mac = { 2, 0, 0, 0, 0, 1 } };
	h->port_info[1] = (struct chq_port){ .kernel_ifindex = if_nametoindex("vb"),
					     .mac = { 2, 0, 0, 0, 0, 2 } };
	h->locals = 1;
	h->ports = 2;
}

static int
scene_make(struct scene *s, const char *dir, char *err, size_t err_size)
{
	const struct chq_tables_conf conf = { .backing = CHQ_BACKING_BPF,
					      .bpffs = dir,
					      .run_dir = dir,
					      .instance = "test",
					      .sessions = 64,
					      .accounts = 64 };
	char pins[128];
	int rc = network_make(s);

	if (rc == 0)
		rc = socket_make(s);
	if (rc == 0)
		rc = chq_tables_open(&s->t, &conf, NOW_NS, err, err_size);
	snprintf(pins, sizeof(pins), "%s/test", dir);
	if (rc == 0)
		rc = chq_xdp_load(&s->prog, pins, "va", s->t, err, err_size);
	if (rc)
		return rc;
	header_make(s);
	s->conf = mmap(NULL, sizeof(*s->conf), PROT_READ | PROT_WRITE, MAP_SHARED, s->prog.conf_fd,
		       0);
	if (s->conf == MAP_FAILED)
		return CHQ_ENOMEM;
	s->conf->test_now_ns = NOW_NS;
	s->conf->beat[0] = 3;
	return person_open(s, ALICE, 9, 0) || person_open(s, BOB, 9, 0) ||
	       person_open(s, CAROL, 0, 0) || person_open(s, DAVE, 9, 1);
}

static int
test(const char *dir)
{
	struct scene s = { .prog = { -1, -1, -1, -1 }, .xsk = -1 };
	char err[256] = "a veth pair and an AF_XDP socket are needed";
	int rc = scene_make(&s, dir, err, sizeof(err));

	if (rc) {
		printf("%s: %s\n", rc == CHQ_EUNAVAIL ? "skipped" : "FAULT", err);
	} else {
		steered(&s);
		others_pass(&s);
		padding_goes(&s);
		next_hop_asked(&s);
		other_interface(&s);
		fib_finds_closed_way(&s);
	}
	if (s.xsk >= 0)
		close(s.xsk);
	chq_xdp_unload(&s.prog);
	chq_tables_close(s.t);
	if (rc)
		return rc == CHQ_EUNAVAIL ? SKIP : 1;
	return s.faults ? 1 : 0;
}

int
main(void)
{
	char dir[] = "/tmp/chasqui-program-XXXXXX";
	int rc;

	if (geteuid() != 0 || unshare(CLONE_NEWNS | CLONE_NEWNET) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		printf("skipped: namespaces of its own need root\n");
		return SKIP;
	}
	if (!mkdtemp(dir)) {
		printf("FAULT %s: %s\n", dir, strerror(errno));
		return 1;
	}
	rc = test(dir);
	umount(dir);
	rmdir(dir);
	return rc;
}
