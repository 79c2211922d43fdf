#pragma once

/*
 * What stands in /etc/chasqui/chasqui.yaml: the one file that both daemons and the operators' tool
 * read. The table in site_conf.c says each key's default, bounds and meaning.
 */

#include "base/conf.h"

#define CHQ_SITE_CONF_PATH "/etc/chasqui/chasqui.yaml"

enum chq_conf_driver {
	CHQ_DRIVER_AUTO, /* dpdk if ports are listed, else af_xdp, xdp if interfaces are; else socket */
	CHQ_DRIVER_DPDK,
	CHQ_DRIVER_AF_XDP,
	CHQ_DRIVER_XDP,
	CHQ_DRIVER_SOCKET,
	CHQ_DRIVER__COUNT
};
enum chq_conf_xdp_mode { CHQ_XDP_MODE_AUTO, CHQ_XDP_MODE_NATIVE, CHQ_XDP_MODE_GENERIC };
/* Whom clients may ask for friendship: whom rules let them see or search, or anybody. */
enum chq_conf_friends { CHQ_FRIENDS_VISIBLE, CHQ_FRIENDS_ANYONE };
enum chq_conf_hugepages { CHQ_HUGEPAGES_AUTO, CHQ_HUGEPAGES_OFF, CHQ_HUGEPAGES_REQUIRED };
enum chq_conf_tables { CHQ_TABLES_AUTO, CHQ_TABLES_BPF, CHQ_TABLES_HUGE, CHQ_TABLES_FILE };

struct chq_conf_limits {
	uint32_t frames_per_second;
	uint64_t bytes_per_second;
	uint32_t account_frames_per_second;
	uint64_t account_bytes_per_second;
	uint32_t prelogin_frames_per_second;
	uint64_t prelogin_bytes_per_second;
	uint64_t burst_ms;
	uint32_t notices_per_second;
	uint32_t handshakes_per_second;
	uint32_t handshakes_per_prefix;
	struct chq_conf_rate login_failures_per_account;
	struct chq_conf_rate login_failures_per_address;
	uint64_t prelogin_time_ms;
};

#define CHQ_SOCKET_PATH_MAX 107 /* sun_path without its NUL */

struct chq_site_conf {
	struct {
		uint32_t id;
		char *name;
	} server;
	struct chq_conf_strings listen; /* each as chq_sockaddr_parse() takes it */
	struct chq_conf_strings public; /* each as chq_hostport_split() takes it; may be empty */
	struct {
		char *store, *keys, *run;
	} paths;
	struct {
		char *instance;
		uint32_t driver; /* enum chq_conf_driver */
		struct chq_conf_strings interfaces;
		uint32_t xdp_mode; /* enum chq_conf_xdp_mode */
		struct chq_conf_strings ports;
		struct chq_conf_strings addresses; /* numeric, IPv4 or IPv6 */
		uint32_t workers;
		struct chq_conf_numbers cores; /* empty, or one for each worker */
		uint32_t main_core;	       /* CHQ_CONF_AUTO: any */
		uint32_t sessions;
		uint32_t accounts;
		uint32_t hugepages; /* enum chq_conf_hugepages */
		uint64_t memory_bytes;
		uint32_t tables; /* enum chq_conf_tables */
		char *bpffs;
		char *hugetlbfs; /* "auto": the first that is mounted */
	} dataplane;
	struct chq_conf_limits limits;
	struct {
		uint64_t silence_ms;
		uint64_t keepalive_ms;
		uint64_t lifetime_ms;
		uint64_t hard_lifetime_ms;
	} sessions;
	struct {
		uint64_t memory_bytes;
		uint32_t passes;
		uint32_t threads;
	} passwords;
	struct {
		bool by_code;
	} registration;
	struct {
		uint32_t days;
		uint32_t reply_days;
	} grants;
	struct {
		bool share_addresses;
	} p2p;
	struct {
		uint32_t messages;
		uint64_t bytes;
		uint32_t sender_messages;
		uint64_t total_bytes;
		uint32_t days;
	} mailbox;
	struct {
		bool departments;
		uint32_t history;
		uint32_t keep;
		uint64_t keep_ms;
		uint32_t copies_per_second;
	} groups;
	struct {
		uint32_t ask; /* enum chq_conf_friends */
	} friends;
	struct {
		uint64_t map_size_bytes;
		uint64_t map_max_bytes;
	} store;
	struct {
		uint64_t keep_ms;
	} audit;
	struct {
		char *socket;
		char *group;			/* "" leaves the socket to its owner's group */
		char *read_socket, *read_group; /* chq_site_read_socket() */
	} control;
	struct {
		char *listen; /* "" for none */
	} metrics;
	struct {
		uint32_t level; /* enum chq_log_level */
		char *file;	/* "" for standard error */
	} log;
	struct {
		char *control, *dataplane; /* "" stays the user that started it */
	} users;
};

/* The table, for chq_conf_print() and its like. */
extern const struct chq_conf_schema chq_site_schema;

/**
 * chq_site_conf_load() - chq_conf_load() of this table.
 * Return: as there. Freed by chq_site_conf_free().
 */
int chq_site_conf_load(const char *path, struct chq_site_conf *conf, struct chq_conf_error *err);

/**
 * chq_site_conf_load_over() - the same, and behind it what operators have set: what chasqui-control has.
 * @text: stands for the content of that file; NULL: it is read. It may be absent.
 * Return: as chq_conf_load_over().
 */
int chq_site_conf_load_over(const char *path, const char *text, struct chq_site_conf *conf,
			    struct chq_conf_error *err);

/**
 * chq_site_overrides() - path of what operators have set: overrides.yaml beside paths.store.
 * Return: false if that is too long, or has no folder above it.
 */
bool chq_site_overrides(const struct chq_site_conf *conf, char *out, size_t size);

/*
 * May operators set this key at run time? Not what the dataplane reads by itself, nor what says who may
 * do what on this machine.
 */
bool chq_site_may_set(const char *key);

/**
 * chq_site_conf_default() - all defaults, as an empty file gives them.
 * Return: 0; CHQ_ENOMEM.
 */
int chq_site_conf_default(struct chq_site_conf *conf);

void chq_site_conf_free(struct chq_site_conf *conf);

/**
 * chq_site_read_socket() - path of the operators' read-only socket.
 * Return: whether there is to be one.
 */
bool chq_site_read_socket(const struct chq_site_conf *conf, char path[CHQ_SOCKET_PATH_MAX + 1]);
