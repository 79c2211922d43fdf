#include "dataplane/xdp_prog.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/array.h"
#include "base/err.h"
#include "base/log.h"
#include "dataplane/privileges.h"
#include "dataplane/xdp_pins.h"
/* Generated code does not know our warnings. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual"
#include "dataplane/xdp/relay.skel.h"
#pragma GCC diagnostic pop

/* --- what libbpf says --- */

#define KERNEL_WORDS "Kernel error message: "

static char kernel_words[96];

/* libbpf's own words, which go to standard error otherwise. Among them are the kernel's, which tell more than a number. */
static int __attribute__((format(printf, 2, 0)))
log_libbpf(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char line[512], *words;

	if (level != LIBBPF_WARN)
		return 0;
	vsnprintf(line, sizeof(line), fmt, ap);
	line[strcspn(line, "\n")] = 0;
	words = strstr(line, KERNEL_WORDS);
	if (words)
		snprintf(kernel_words, sizeof(kernel_words), "%.*s", (int)sizeof(kernel_words) - 1,
			 words + strlen(KERNEL_WORDS));
	CHQ_LOG_DEBUG("libbpf", "text=%s", CHQ_Q(line));
	return 0;
}

const char *
chq_xdp_kernel_words(void)
{
	return kernel_words;
}

void
chq_xdp_kernel_words_forget(void)
{
	kernel_words[0] = '\0';
}

/* --- maps --- */

/* The tables that the program is given: their names are the same in its object. */
static const enum chq_table_id shared[] = { CHQ_T_HEADER, CHQ_T_SESSIONS, CHQ_T_COLD,
					    CHQ_T_ACCOUNTS };

static int
share_tables(const struct relay_bpf *skel, const struct chq_tables *t, char *err, size_t err_size)
{
	for (size_t i = 0; i < ARRAY_LEN(shared); i++) {
		const char *name = chq_table_name[shared[i]];
		struct bpf_map *map = bpf_object__find_map_by_name(skel->obj, name);
		int rc = map ? bpf_map__reuse_fd(map, t->map_fd[shared[i]]) : CHQ_ENOENT;

		if (rc < 0) {
			snprintf(err, err_size, "the program cannot be given the table %s: %s",
				 name, chq_strerror(rc));
			return rc;
		}
	}
	return 0;
}

/* Is what stands pinned a map of that kind of ours? CHQ_ENOENT: nothing stands there. */
static int
check_pin(const char *path, const struct bpf_map *map, char *err, size_t err_size)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);
	int fd = bpf_obj_get(path), rc;

	if (fd < 0 && errno == ENOENT)
		return CHQ_ENOENT;
	rc = fd < 0 ? CHQ_ELAYOUT : bpf_obj_get_info_by_fd(fd, &info, &len);
	if (fd >= 0)
		close(fd);
	if (rc == 0 && info.type == bpf_map__type(map) && info.key_size == bpf_map__key_size(map) &&
	    info.value_size == bpf_map__value_size(map) &&
	    info.max_entries == bpf_map__max_entries(map) &&
	    info.map_flags == bpf_map__map_flags(map) && !strcmp(info.name, bpf_map__name(map)))
		return 0;
	snprintf(err, err_size,
		 "%s is no map %s of ours, or of another size; it is not used: remove it with rm "
		 "(no "
		 "session is lost), or all by `chasqui-dataplane detach`",
		 path, bpf_map__name(map));
	return CHQ_ELAYOUT;
}

static int
pin_map(struct bpf_map *map, const char *dir, const char *ifname, enum chq_xdp_pin pin, char *err,
	size_t err_size)
{
	char path[PATH_MAX];
	int rc;

	chq_xdp_pin_path(path, dir, ifname, pin);
	rc = check_pin(path, map, err, err_size);
	if (rc && rc != CHQ_ENOENT)
		return rc;
	return bpf_map__set_pin_path(map, path);
}

/* --- loading --- */

static int
explain(int rc, const char *ifname, char *err, size_t err_size)
{
	struct utsname u = { .release = "?" };

	uname(&u);
	/* Of a program that it does not trust, the kernel says that it is wrong. */
	if (rc == CHQ_EACCES && !chq_cap_held(CAP_PERFMON) && !chq_cap_held(CAP_SYS_ADMIN))
		rc = CHQ_EPERM;
	switch (rc) {
	case CHQ_EPERM:
		snprintf(err, err_size,
			 "%s: not permitted to load the XDP program: CAP_BPF, CAP_PERFMON and "
			 "CAP_NET_ADMIN are needed; start as root, or give them to the service "
			 "(AmbientCapabilities)",
			 ifname);
		return CHQ_EUNAVAIL;
	case CHQ_ENOSYS:
		snprintf(err, err_size, "%s: the kernel %s has no BPF (CONFIG_BPF_SYSCALL)", ifname,
			 u.release);
		return CHQ_EUNAVAIL;
	case CHQ_ENOMEM:
	case CHQ_ENOBUFS:
		snprintf(err, err_size,
			 "%s: no memory for the program's maps (%zu bytes a CPU): raise the memory "
			 "limit of the service (MemoryMax, ulimit -l)",
			 ifname, sizeof(struct chq_xdp_counts));
		return CHQ_ENOMEM;
	case CHQ_EINVAL:
	case CHQ_EACCES:
		snprintf(err, err_size,
			 "%s: the kernel %s does not take the XDP program (%s); 6.1 or newer is "
			 "needed; "
			 "log.level debug tells more",
			 ifname, u.release, chq_strerror(rc));
		return CHQ_EUNAVAIL;
	default:
		snprintf(err, err_size, "%s: the XDP program cannot be loaded: %s", ifname,
			 chq_strerror(rc));
		return rc;
	}
}

static int
open_maps(const struct relay_bpf *skel, const char *dir, const char *ifname,
	  const struct chq_tables *t, char *err, size_t err_size)
{
	int rc = share_tables(skel, t, err, err_size);

	if (!rc)
		rc = pin_map(skel->maps.xsks_map, dir, ifname, CHQ_XDP_PIN_XSKS, err, err_size);
	if (!rc)
		rc = pin_map(skel->maps.chq_xdp_conf, dir, ifname, CHQ_XDP_PIN_CONF, err, err_size);
	if (!rc)
		rc = pin_map(skel->maps.chq_xdp_counts, dir, ifname, CHQ_XDP_PIN_COUNTS, err,
			     err_size);
	return rc;
}

static int
keep(struct chq_xdp_loaded *out, const struct relay_bpf *skel)
{
	out->prog_fd = fcntl(bpf_program__fd(skel->progs.xsk_def_prog), F_DUPFD_CLOEXEC, 0);
	out->xsks_fd = fcntl(bpf_map__fd(skel->maps.xsks_map), F_DUPFD_CLOEXEC, 0);
	out->conf_fd = fcntl(bpf_map__fd(skel->maps.chq_xdp_conf), F_DUPFD_CLOEXEC, 0);
	out->counts_fd = fcntl(bpf_map__fd(skel->maps.chq_xdp_counts), F_DUPFD_CLOEXEC, 0);
	if (out->prog_fd >= 0 && out->xsks_fd >= 0 && out->conf_fd >= 0 && out->counts_fd >= 0)
		return 0;
	chq_xdp_unload(out);
	return CHQ_EMFILE;
}

int
chq_xdp_load(struct chq_xdp_loaded *out, const char *dir, const char *ifname,
	     const struct chq_tables *t, char *err, size_t err_size)
{
	struct relay_bpf *skel;
	int rc;

	*out = (struct chq_xdp_loaded){ -1, -1, -1, -1 };
	libbpf_set_print(log_libbpf);
	skel = relay_bpf__open();
	if (!skel)
		return explain(chq_errno(), ifname, err, err_size);
	rc = open_maps(skel, dir, ifname, t, err, err_size);
	if (!rc) {
		rc = relay_bpf__load(skel);
		if (!rc)
			rc = keep(out, skel);
		if (rc)
			rc = explain(rc, ifname, err, err_size);
	}
	relay_bpf__destroy(skel);
	return rc;
}

void
chq_xdp_unload(struct chq_xdp_loaded *l)
{
	int *fds[] = { &l->prog_fd, &l->xsks_fd, &l->conf_fd, &l->counts_fd };

	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}
