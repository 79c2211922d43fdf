#pragma once
/*
 * dataplane/xdp_prog: the relay program in the kernel: loaded on the instance's tables and an interface's own maps, which
 * are made and pinned, or taken over when they are pinned already. The only file that knows the skeleton.
 */
#include <stddef.h>

#include "dataplane/tables.h"

/* Descriptors, to be closed by chq_xdp_unload(); the maps stay pinned. */
struct chq_xdp_loaded {
	int prog_fd, xsks_fd, conf_fd, counts_fd;
};

/**
 * chq_xdp_load() - load the program for one interface.
 * @dir: folder of pins, ours alone, on a bpffs. @t: BPF tables; the hop keys' is not given to the program.
 * @err: at least 256 bytes; filled on failure, for operators.
 *
 * Return: 0; CHQ_ELAYOUT (a pinned map is not ours, or of another shape: it is not used); CHQ_EUNAVAIL (not permitted, or
 * this kernel does not take the program); CHQ_ENOMEM; other negated errno.
 */
int chq_xdp_load(struct chq_xdp_loaded *out, const char *dir, const char *ifname,
		 const struct chq_tables *t, char *err, size_t err_size);

/** chq_xdp_unload() - close what is open; the program goes unless a link holds it. */
void chq_xdp_unload(struct chq_xdp_loaded *l);

/**
 * chq_xdp_kernel_words() - what the kernel last said of a refused attachment, by libbpf; "" if nothing.
 * @forget: start anew. Valid until the next call of libbpf.
 */
const char *chq_xdp_kernel_words(void);
void chq_xdp_kernel_words_forget(void);
