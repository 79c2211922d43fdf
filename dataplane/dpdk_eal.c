#include "dataplane/dpdk_eal.h"

#include <dirent.h>
#include <limits.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>

#include "base/err.h"
#include "base/log.h"

#define ARGS_MAX       64
#define ARG_TEXT_MAX   128
#define HUGEPAGES_DIR  "/sys/kernel/mm/hugepages"
#define EAL_NEED_BYTES ((size_t)16 << 20) /* DPDK's own rings, queues and heap */
#define MIB	       ((size_t)1 << 20)

struct args {
	char text[ARGS_MAX][ARG_TEXT_MAX];
	char *argv[ARGS_MAX + 1];
	int argc;
};

static bool uses_hugepages;
static bool started;

static void add_arg(struct args *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
add_arg(struct args *a, const char *fmt, ...)
{
	va_list ap;

	if (a->argc == ARGS_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(a->text[a->argc], ARG_TEXT_MAX, fmt, ap);
	va_end(ap);
	a->argv[a->argc] = a->text[a->argc];
	a->argv[++a->argc] = NULL;
}

/* --- log --- */

static ssize_t
log_write(void *cookie, const char *buf, size_t len)
{
	char line[512];
	size_t n = len < sizeof(line) ? len : sizeof(line) - 1;

	(void)cookie;
	memcpy(line, buf, n);
	line[n] = 0;
	line[strcspn(line, "\n")] = 0;
	if (line[0])
		CHQ_LOG_WARN("dpdk", "text=%s", CHQ_Q(line));
	return (ssize_t)len;
}

/* DPDK would write to the system log itself, and before its own arguments are read. */
static void
take_log(void)
{
	static FILE *stream;

	if (!stream)
		stream = fopencookie(NULL, "w", (cookie_io_functions_t){ .write = log_write });
	if (!stream)
		return;
	setvbuf(stream, NULL, _IOLBF, 0);
	rte_openlog_stream(stream);
}

/* --- memory --- */

/* Return: bytes in free huge pages of all sizes. */
static size_t
free_hugepage_bytes(void)
{
	DIR *dir = opendir(HUGEPAGES_DIR);
	struct dirent *e;
	size_t sum = 0;

	while (dir && (e = readdir(dir)) != NULL) {
		unsigned long kib, pages = 0;
		char path[PATH_MAX];
		FILE *f;

		if (sscanf(e->d_name, "hugepages-%lukB", &kib) != 1)
			continue;
		snprintf(path, sizeof(path), HUGEPAGES_DIR "/%s/free_hugepages", e->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fscanf(f, "%lu", &pages) == 1)
			sum += (size_t)pages * kib * 1024;
		fclose(f);
	}
	if (dir)
		closedir(dir);
	return sum;
}

static int
choose_memory(const struct chq_eal_conf *conf, char *err, size_t err_size)
{
	uint32_t wish = conf->site->dataplane.hugepages;
	size_t need = conf->need_bytes + EAL_NEED_BYTES, there = free_hugepage_bytes();

	if (need > conf->site->dataplane.memory_bytes) {
		snprintf(err, err_size,
			 "dataplane.memory is %zu MiB, but these queues need %zu MiB of packet "
			 "memory",
			 (size_t)conf->site->dataplane.memory_bytes / MIB, need / MIB + 1);
		return CHQ_EFULL;
	}
	uses_hugepages = wish != CHQ_HUGEPAGES_OFF && there >= need;
	if (uses_hugepages || wish == CHQ_HUGEPAGES_OFF)
		return 0;
	if (wish == CHQ_HUGEPAGES_REQUIRED) {
		snprintf(err, err_size,
			 "huge pages are required, but %zu MiB are free and %zu MiB are needed; "
			 "reserve them "
			 "with: sysctl vm.nr_hugepages=N",
			 there / MIB, need / MIB + 1);
		return CHQ_EUNAVAIL;
	}
	CHQ_LOG_WARN("hugepages-missing",
		     "free_mib=%zu needed_mib=%zu effect=\"about half the speed\" remedy=\"sysctl "
		     "vm.nr_hugepages=%zu\"",
		     there / MIB, need / MIB + 1, need / (2 * MIB) + 1);
	return 0;
}

/* --- start and stop --- */

/* One lcore, ours. DPDK puts the calling thread on it; chq_eal_start() undoes that when no core is
 * configured. */
static void
add_lcore(struct args *a, const cpu_set_t *cpus, uint32_t main_core)
{
	uint32_t core = 0;

	while (core < CPU_SETSIZE - 1 && !CPU_ISSET(core, cpus))
		core++;
	add_arg(a, "--lcores=0@%u", main_core == CHQ_CONF_AUTO ? core : main_core);
}

static void
fill_args(struct args *a, const struct chq_eal_conf *conf, const cpu_set_t *cpus)
{
	add_arg(a, "chasqui-dataplane");
	/* Nothing shared with other processes, no files; --in-memory says it too, but refuses
	 * --no-huge. */
	add_arg(a, "%s", uses_hugepages ? "--in-memory" : "--no-shconf");
	add_arg(a, "--no-telemetry");
	add_arg(a, "--iova-mode=va");
	add_arg(a, "--log-level=warning");
	add_arg(a, "--file-prefix=chasqui-%s", conf->site->dataplane.instance);
	add_lcore(a, cpus, conf->site->dataplane.main_core);
	if (!uses_hugepages) {
		add_arg(a, "--no-huge");
		add_arg(a, "-m");
		add_arg(a, "%zu", (size_t)conf->site->dataplane.memory_bytes / MIB);
	}
	if (conf->pci_count == 0)
		add_arg(a, "--no-pci");
	for (size_t i = 0; i < conf->pci_count; i++) {
		add_arg(a, "-a");
		add_arg(a, "%s", conf->pci[i]);
	}
}

/* Nothing in DPDK's folder is ever looked at again, and later we may not be root. */
static void
remove_runtime_dir(void)
{
	const char *path = rte_eal_get_runtime_dir();
	DIR *dir = opendir(path);
	struct dirent *e;

	if (!dir)
		return;
	while ((e = readdir(dir)) != NULL) {
		if (e->d_name[0] != '.')
			unlinkat(dirfd(dir), e->d_name, 0);
	}
	closedir(dir);
	rmdir(path);
}

int
chq_eal_start(const struct chq_eal_conf *conf, char *err, size_t err_size)
{
	struct args a = { .argc = 0 };
	cpu_set_t cpus;
	int rc = choose_memory(conf, err, err_size);

	if (rc)
		return rc;
	take_log();
	CPU_ZERO(&cpus);
	sched_getaffinity(0, sizeof(cpus), &cpus);
	fill_args(&a, conf, &cpus);
	rc = rte_eal_init(a.argc, a.argv);
	if (conf->site->dataplane.main_core == CHQ_CONF_AUTO)
		sched_setaffinity(0, sizeof(cpus), &cpus);
	remove_runtime_dir();
	if (rc < 0) {
		snprintf(err, err_size, "DPDK does not start: %s (the log tells more)",
			 rte_strerror(rte_errno));
		return CHQ_EUNAVAIL;
	}
	started = true;
	CHQ_LOG_INFO("dpdk-started", "hugepages=%s", uses_hugepages ? "yes" : "no");
	return 0;
}

bool
chq_eal_hugepages(void)
{
	return uses_hugepages;
}

void
chq_eal_stop(bool cleanup)
{
	if (started && cleanup)
		rte_eal_cleanup();
	started = false;
}
