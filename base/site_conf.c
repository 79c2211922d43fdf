#include "base/site_conf.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "base/array.h"
#include "base/err.h"

static const char *const driver_words[] = { "auto", "dpdk", "af_xdp", "xdp", "socket", NULL };
static const char *const xdp_mode_words[] = { "auto", "native", "generic", NULL };
static const char *const hugepage_words[] = { "auto", "off", "required", NULL };
static const char *const table_words[] = { "auto", "bpf", "huge", "file", NULL };
static const char *const friend_words[] = { "visible", "anyone", NULL };
static const char *const level_words[] = { "error", "warn", "info", "debug", NULL };

static const char *
check_listen(const char *text)
{
	struct sockaddr_storage sa;
	socklen_t len;

	return chq_sockaddr_parse(text, &sa, &len) ? "an address such as [::]:4700 is expected"
						   : NULL;
}

static const char *
check_metrics(const char *text)
{
	return *text ? check_listen(text) : NULL;
}

static const char *
check_public(const char *text)
{
	char host[CHQ_HOST_MAX];
	uint16_t port;

	return chq_hostport_split(text, host, &port)
		       ? "a host and port such as im.example.org:4700 is expected"
		       : NULL;
}

static const char *
check_address(const char *text)
{
	uint8_t ip[16];

	if (inet_pton(AF_INET, text, ip) == 1 || inet_pton(AF_INET6, text, ip) == 1)
		return NULL;
	return "an address such as 192.0.2.1 or 2001:db8::1 is expected";
}

static const char *
check_path(const char *text)
{
	if (text[0] != '/')
		return "an absolute path is expected";
	return strstr(text, "/../") || strstr(text, "//") ? "a plain path is expected" : NULL;
}

static const char *
check_log_file(const char *text)
{
	return *text ? check_path(text) : NULL;
}

static const char *
check_hugetlbfs(const char *text)
{
	return strcmp(text, "auto") == 0 ? NULL : check_path(text);
}

static const char *
check_read_socket(const char *text)
{
	return !*text || strcmp(text, "auto") == 0 ? NULL : check_path(text);
}

/* Names that become file names and the kernel's names: no slash, no leading dot or hyphen. */
static const char *
check_name(const char *text)
{
	static const char first[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
	static const char rest[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:@";

	if (!*text)
		return NULL;
	if (!strchr(first, text[0]) || text[strspn(text, rest)])
		return "only letters, digits and _ - . : @ are expected";
	return NULL;
}

#define AT(member) offsetof(struct chq_site_conf, member)
#define KIB(n)	   (UINT64_C(n) << 10)
#define MIB(n)	   (UINT64_C(n) << 20)
#define GIB(n)	   (UINT64_C(n) << 30)
#define SECONDS(n) (UINT64_C(n) * 1000)
#define HOURS(n)   (UINT64_C(n) * 3600000)

/* clang-format off */
static const struct chq_conf_key site_keys[] = {
	{ "server.id", CHQ_CONF_U32, AT(server.id), 1, UINT32_MAX - 1, "1",
	  "Number of this server, unique in the organisation; part of every handshake", NULL, NULL },
	{ "server.name", CHQ_CONF_STRING, AT(server.name), 1, 63, "chasqui",
	  "Name of this server in logs and figures", NULL, check_name },

	{ "listen", CHQ_CONF_STRINGS, AT(listen), 1, 64, "[\"[::]:4700\"]",
	  "UDP addresses that clients reach; [::] takes IPv4 too", NULL, check_listen },
	{ "public", CHQ_CONF_STRINGS, AT(public), 1, 261, "[]",
	  "What invitations name, as host:port; empty: this machine's name and the first port above", NULL, check_public },

	{ "paths.store", CHQ_CONF_STRING, AT(paths.store), 1, 0, "/var/lib/chasqui/store",
	  "Folder of the database", NULL, check_path },
	{ "paths.keys", CHQ_CONF_STRING, AT(paths.keys), 1, 0, "/var/lib/chasqui/keys",
	  "Folder of the organisation's and the server's keys", NULL, check_path },
	{ "paths.run", CHQ_CONF_STRING, AT(paths.run), 1, 64, "/run/chasqui",
	  "Folder of sockets and other things that need not survive a reboot", NULL, check_path },

	{ "dataplane.instance", CHQ_CONF_STRING, AT(dataplane.instance), 1, 31, "default",
	  "Name of this dataplane; each has its own tables and sockets", NULL, check_name },
	{ "dataplane.driver", CHQ_CONF_WORD, AT(dataplane.driver), 0, 0, "auto",
	  "How frames come in and go out", driver_words, NULL },
	{ "dataplane.interfaces", CHQ_CONF_STRINGS, AT(dataplane.interfaces), 1, 15, "[]",
	  "Kernel network interfaces of the drivers af_xdp and xdp", NULL, check_name },
	{ "dataplane.xdp_mode", CHQ_CONF_WORD, AT(dataplane.xdp_mode), 0, 0, "auto",
	  "How the XDP program stands on them: native in the card's driver, or generic; auto takes native where it can be had", xdp_mode_words, NULL },
	{ "dataplane.ports", CHQ_CONF_STRINGS, AT(dataplane.ports), 1, 255, "[]",
	  "Ports of the driver dpdk: PCI addresses, or virtual devices with their arguments", NULL, NULL },
	{ "dataplane.addresses", CHQ_CONF_STRINGS, AT(dataplane.addresses), 1, 45, "[]",
	  "Addresses of ours that no kernel interface has: those of the driver dpdk's ports", NULL, check_address },
	{ "dataplane.workers", CHQ_CONF_U32, AT(dataplane.workers), 1, 64, "1",
	  "Threads that relay, each on a core of its own", NULL, NULL },
	{ "dataplane.cores", CHQ_CONF_NUMBERS, AT(dataplane.cores), 0, 1023, "[]",
	  "Cores of the workers, one each; empty: picked from those allowed", NULL, NULL },
	{ "dataplane.main_core", CHQ_CONF_U32_AUTO, AT(dataplane.main_core), 0, 1023, "auto",
	  "Core of the manager thread", NULL, NULL },
	{ "dataplane.sessions", CHQ_CONF_U32, AT(dataplane.sessions), 64, 1u << 26, "65536",
	  "Sessions that the tables hold", NULL, NULL },
	{ "dataplane.accounts", CHQ_CONF_U32, AT(dataplane.accounts), 64, 1u << 26, "65536",
	  "Accounts that may be online at once", NULL, NULL },
	{ "dataplane.hugepages", CHQ_CONF_WORD, AT(dataplane.hugepages), 0, 0, "auto",
	  "Huge pages for packet memory", hugepage_words, NULL },
	{ "dataplane.memory", CHQ_CONF_BYTES, AT(dataplane.memory_bytes), MIB(16), GIB(64), "256MiB",
	  "Packet memory", NULL, NULL },
	{ "dataplane.tables", CHQ_CONF_WORD, AT(dataplane.tables), 0, 0, "auto",
	  "Where sessions survive a restart: in pinned BPF arrays, huge pages or files", table_words, NULL },
	{ "dataplane.bpffs", CHQ_CONF_STRING, AT(dataplane.bpffs), 1, 0, "/run/chasqui/bpf",
	  "Mount point of the BPF file system of our own", NULL, check_path },
	{ "dataplane.hugetlbfs", CHQ_CONF_STRING, AT(dataplane.hugetlbfs), 1, 199, "auto",
	  "Mount point of the file system of huge pages that tables: huge uses; auto: the first that is mounted", NULL,
	  check_hugetlbfs },

	{ "limits.frames_per_second", CHQ_CONF_U32, AT(limits.frames_per_second), 1, 10000000, "200",
	  "Frames that one session may send", NULL, NULL },
	{ "limits.bytes_per_second", CHQ_CONF_BYTES, AT(limits.bytes_per_second), KIB(1), GIB(10), "256KiB",
	  "Bytes that one session may send in a second", NULL, NULL },
	{ "limits.account_frames_per_second", CHQ_CONF_U32, AT(limits.account_frames_per_second), 1, 10000000, "400",
	  "Frames that the sessions of one account may send together; never less than one of them", NULL, NULL },
	{ "limits.account_bytes_per_second", CHQ_CONF_BYTES, AT(limits.account_bytes_per_second), KIB(1), GIB(10), "512KiB",
	  "Bytes that the sessions of one account may send together in a second; never less than one of them", NULL, NULL },
	{ "limits.prelogin_frames_per_second", CHQ_CONF_U32, AT(limits.prelogin_frames_per_second), 1, 10000000, "4",
	  "Frames that a session may send before its login; 16 at once", NULL, NULL },
	{ "limits.prelogin_bytes_per_second", CHQ_CONF_BYTES, AT(limits.prelogin_bytes_per_second), KIB(1), GIB(10), "5KiB",
	  "Bytes that a session may send in a second before its login", NULL, NULL },
	{ "limits.burst", CHQ_CONF_TIME, AT(limits.burst_ms), 10, SECONDS(60), "1s",
	  "How much of these a session may take at once after silence", NULL, NULL },
	{ "limits.notices_per_second", CHQ_CONF_U32, AT(limits.notices_per_second), 1, 10000, "50",
	  "Notices that one session is sent", NULL, NULL },
	{ "limits.handshakes_per_second", CHQ_CONF_U32, AT(limits.handshakes_per_second), 1, 1000000, "2000",
	  "Handshakes in all", NULL, NULL },
	{ "limits.handshakes_per_prefix", CHQ_CONF_U32, AT(limits.handshakes_per_prefix), 1, 1000000, "200",
	  "Handshakes in a second from one IPv4 /24 or IPv6 /56; an office behind one address must fit", NULL, NULL },
	{ "limits.login_failures_per_account", CHQ_CONF_RATE, AT(limits.login_failures_per_account), 1, 1000000, "5/min",
	  "Wrong passwords for one account; enrolled devices are not held up by them", NULL, NULL },
	{ "limits.login_failures_per_address", CHQ_CONF_RATE, AT(limits.login_failures_per_address), 1, 1000000, "20/min",
	  "Wrong passwords from one address", NULL, NULL },
	{ "limits.prelogin_time", CHQ_CONF_TIME, AT(limits.prelogin_time_ms), SECONDS(1), SECONDS(300), "10s",
	  "Time from handshake to login", NULL, NULL },

	{ "sessions.silence", CHQ_CONF_TIME, AT(sessions.silence_ms), SECONDS(1), HOURS(1), "90s",
	  "Silence after which a client is offline", NULL, NULL },
	{ "sessions.keepalive", CHQ_CONF_TIME, AT(sessions.keepalive_ms), 100, HOURS(1), "25s",
	  "Silence after which a client sends a sign of life", NULL, NULL },
	{ "sessions.lifetime", CHQ_CONF_TIME, AT(sessions.lifetime_ms), SECONDS(10), HOURS(168), "24h",
	  "Age at which a client makes new keys", NULL, NULL },
	{ "sessions.hard_lifetime", CHQ_CONF_TIME, AT(sessions.hard_lifetime_ms), SECONDS(10), HOURS(336), "72h",
	  "Age at which the dataplane drops a session", NULL, NULL },

	{ "passwords.memory", CHQ_CONF_BYTES, AT(passwords.memory_bytes), MIB(8), GIB(4), "19MiB",
	  "Argon2id: memory for one password", NULL, NULL },
	{ "passwords.passes", CHQ_CONF_U32, AT(passwords.passes), 1, 16, "2",
	  "Argon2id: passes over it", NULL, NULL },
	{ "passwords.threads", CHQ_CONF_U32, AT(passwords.threads), 1, 64, "1",
	  "Threads that check passwords and handshakes", NULL, NULL },

	{ "registration.by_code", CHQ_CONF_BOOL, AT(registration.by_code), 0, 0, "false",
	  "Whether people may make their own account by a code of `user invite`", NULL, NULL },

	{ "grants.days", CHQ_CONF_U32, AT(grants.days), 1, 365, "30",
	  "Validity of the right to write to a contact; renewed with the contact list", NULL, NULL },
	{ "grants.reply_days", CHQ_CONF_U32, AT(grants.reply_days), 1, 365, "7",
	  "Validity of the right to answer a message", NULL, NULL },

	{ "p2p.share_addresses", CHQ_CONF_BOOL, AT(p2p.share_addresses), 0, 0, "true",
	  "Whether who may (right p2p, friends) is told others' network addresses, to talk directly", NULL, NULL },

	{ "friends.ask", CHQ_CONF_WORD, AT(friends.ask), 0, 0, "visible",
	  "Whom clients may ask for friendship: whom the rules let them see or search, or anyone", friend_words, NULL },

	{ "groups.departments", CHQ_CONF_BOOL, AT(groups.departments), 0, 0, "true",
	  "Whether every department has a group; each can be switched off", NULL, NULL },
	{ "groups.history", CHQ_CONF_U32, AT(groups.history), 0, 1000, "0",
	  "Frames of before that who joins a group is given, unless the group says so itself", NULL, NULL },
	{ "groups.keep", CHQ_CONF_U32, AT(groups.keep), 1, 1000000, "1000",
	  "Frames of each group that are kept for absent members", NULL, NULL },
	{ "groups.keep_time", CHQ_CONF_TIME, AT(groups.keep_ms), SECONDS(60), HOURS(8760), "30d",
	  "And for how long", NULL, NULL },
	{ "groups.copies_per_second", CHQ_CONF_U32, AT(groups.copies_per_second), 1, 10000000, "20000",
	  "Copies that one sender's frames to groups may make; at once one frame to the largest group", NULL, NULL },

	{ "mailbox.messages", CHQ_CONF_U32, AT(mailbox.messages), 1, 10000000, "10000",
	  "Messages that wait for one device; more are refused", NULL, NULL },
	{ "mailbox.bytes", CHQ_CONF_BYTES, AT(mailbox.bytes), KIB(2), GIB(64), "16MiB",
	  "The same in bytes", NULL, NULL },
	{ "mailbox.sender_messages", CHQ_CONF_U32, AT(mailbox.sender_messages), 1, 10000000, "4000",
	  "Messages of one account that wait, in all mailboxes together; below mailbox.messages nobody fills another's alone", NULL, NULL },
	{ "mailbox.total", CHQ_CONF_BYTES, AT(mailbox.total_bytes), MIB(1), GIB(8192), "16GiB",
	  "Bytes that wait in all mailboxes, 128 more for each message", NULL, NULL },
	{ "mailbox.days", CHQ_CONF_U32, AT(mailbox.days), 1, 3650, "30",
	  "Age at which a message that was not fetched is deleted", NULL, NULL },

	{ "store.map_size", CHQ_CONF_BYTES, AT(store.map_size_bytes), MIB(1), GIB(1024), "256MiB",
	  "Database at first; it grows by itself", NULL, NULL },
	{ "store.map_max", CHQ_CONF_BYTES, AT(store.map_max_bytes), MIB(1), GIB(16384), "64GiB",
	  "Size beyond which it does not grow", NULL, NULL },

	{ "audit.keep", CHQ_CONF_TIME, AT(audit.keep_ms), HOURS(24), HOURS(24) * 36500, "730d",
	  "Time for which records of operators' changes are kept at least, whatever `store gc` is told", NULL, NULL },

	{ "control.socket", CHQ_CONF_STRING, AT(control.socket), 1, CHQ_SOCKET_PATH_MAX, "/run/chasqui/control.sock",
	  "Operators' socket", NULL, check_path },
	{ "control.group", CHQ_CONF_STRING, AT(control.group), 0, 31, "chasqui-admin",
	  "Group whose members may use it; \"\" leaves it as it is made", NULL, check_name },
	{ "control.read_socket", CHQ_CONF_STRING, AT(control.read_socket), 0, CHQ_SOCKET_PATH_MAX, "auto",
	  "The same for those who may only look: auto is read.sock beside it, \"\" none", NULL, check_read_socket },
	{ "control.read_group", CHQ_CONF_STRING, AT(control.read_group), 0, 31, "chasqui-monitor",
	  "Group whose members may use that one", NULL, check_name },

	{ "metrics.listen", CHQ_CONF_STRING, AT(metrics.listen), 0, 64, "127.0.0.1:9470",
	  "TCP address of figures for Prometheus, at /metrics; whoever reaches it may read them; \"\" none", NULL, check_metrics },

	{ "log.level", CHQ_CONF_WORD, AT(log.level), 0, 0, "info",
	  "What is logged", level_words, NULL },
	{ "log.file", CHQ_CONF_STRING, AT(log.file), 0, 0, "\"\"",
	  "File of chasqui-control's log, opened anew by `log reopen` and SIGUSR1; \"\" is standard error", NULL, check_log_file },

	{ "users.control", CHQ_CONF_STRING, AT(users.control), 0, 31, "chasqui-control",
	  "User that chasqui-control becomes when started as root; \"\" stays", NULL, check_name },
	{ "users.dataplane", CHQ_CONF_STRING, AT(users.dataplane), 0, 31, "chasqui-dataplane",
	  "User that chasqui-dataplane becomes when started as root; \"\" stays", NULL, check_name },
};
/* clang-format on */

static const char *
check_dataplane(const struct chq_site_conf *c, const char **path)
{
	*path = "dataplane.driver";
	if (c->dataplane.driver == CHQ_DRIVER_DPDK && c->dataplane.ports.count == 0)
		return "dpdk needs dataplane.ports";
	if (c->dataplane.driver == CHQ_DRIVER_AF_XDP && c->dataplane.interfaces.count == 0)
		return "af_xdp needs dataplane.interfaces";
	if (c->dataplane.driver == CHQ_DRIVER_XDP && c->dataplane.interfaces.count == 0)
		return "xdp needs dataplane.interfaces";
	*path = "dataplane.cores";
	if (c->dataplane.cores.count && c->dataplane.cores.count != c->dataplane.workers)
		return "one core for each of dataplane.workers is expected";
	return NULL;
}

static const char *
check_site(const void *conf, const char **path)
{
	const struct chq_site_conf *c = conf;

	*path = "listen";
	if (c->listen.count == 0)
		return "at least one address is expected";
	*path = "sessions.keepalive";
	if (c->sessions.keepalive_ms * 2 > c->sessions.silence_ms)
		return "at most half of sessions.silence is expected, else a lost sign of life is "
		       "the end";
	*path = "sessions.lifetime";
	if (c->sessions.lifetime_ms > c->sessions.hard_lifetime_ms)
		return "at most sessions.hard_lifetime is expected";
	*path = "store.map_size";
	if (c->store.map_size_bytes > c->store.map_max_bytes)
		return "at most store.map_max is expected";
	*path = "mailbox.sender_messages";
	if (c->mailbox.sender_messages > c->mailbox.messages)
		return "at most mailbox.messages is expected";
	*path = "mailbox.total";
	if (c->mailbox.total_bytes > c->store.map_max_bytes / 2)
		return "at most half of store.map_max is expected, else mail leaves no room for "
		       "anything else";
	return check_dataplane(c, path);
}

const struct chq_conf_schema chq_site_schema = {
	.keys = site_keys,
	.count = ARRAY_LEN(site_keys),
	.title = "Chasqui: configuration of both daemons. A line that starts with # has its "
		 "default.",
	.check = check_site,
};

int
chq_site_conf_load(const char *path, struct chq_site_conf *conf, struct chq_conf_error *err)
{
	return chq_conf_load(&chq_site_schema, path, conf, err);
}

bool
chq_site_overrides(const struct chq_site_conf *conf, char *out, size_t size)
{
	const char *slash = strrchr(conf->paths.store, '/');
	int n;

	if (!slash || slash == conf->paths.store)
		return false;
	n = snprintf(out, size, "%.*s/overrides.yaml", (int)(slash - conf->paths.store),
		     conf->paths.store);
	return n > 0 && (size_t)n < size;
}

bool
chq_site_may_set(const char *key)
{
	static const char *const may[] = { "limits.",  "sessions.", "passwords.", "registration.",
					   "grants.",  "p2p.",	    "friends.",	  "groups.",
					   "mailbox.", "store.",    "audit.",	  "log.level" };

	for (size_t i = 0; i < ARRAY_LEN(may); i++)
		if (strncmp(key, may[i], strlen(may[i])) == 0)
			return true;
	return false;
}

static bool
overrides_path(const void *conf, char *out, size_t size)
{
	return chq_site_overrides(conf, out, size);
}

int
chq_site_conf_load_over(const char *path, const char *text, struct chq_site_conf *conf,
			struct chq_conf_error *err)
{
	const struct chq_conf_over over = { overrides_path, chq_site_may_set, text };

	return chq_conf_load_over(&chq_site_schema, path, &over, conf, err);
}

int
chq_site_conf_default(struct chq_site_conf *conf)
{
	struct chq_conf_error err;

	return chq_conf_parse(&chq_site_schema, "default", "", 0, conf, &err);
}

void
chq_site_conf_free(struct chq_site_conf *conf)
{
	chq_conf_free(&chq_site_schema, conf);
}

bool
chq_site_read_socket(const struct chq_site_conf *conf, char path[CHQ_SOCKET_PATH_MAX + 1])
{
	const char *control = conf->control.socket, *name = strrchr(control, '/');
	size_t folder = name ? (size_t)(name - control) : 0;

	if (strcmp(conf->control.read_socket, "auto") != 0) {
		snprintf(path, CHQ_SOCKET_PATH_MAX + 1, "%s", conf->control.read_socket);
		return *path;
	}
	if (folder + sizeof("/read.sock") > CHQ_SOCKET_PATH_MAX)
		return false;
	memcpy(path, control, folder);
	memcpy(path + folder, "/read.sock", sizeof("/read.sock"));
	return true;
}
