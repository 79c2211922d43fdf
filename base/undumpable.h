#pragma once

#include <stdbool.h>

/**
 * chq_undumpable() - from here on nobody gets this process's memory, which holds keys: no core file (also
 * none through a core_pattern that is a program, which asks for no limit), no debugger but root's.
 *
 * A process that changes its user calls it again, since that resets it. Under sanitizers only core files
 * end: the leak sanitizer debugs its own process. Children inherit the limit, not the rest.
 * Thread: any. Never fails in a way that could be helped.
 */
void chq_undumpable(void);

/* Was this built with a sanitizer that needs a process that can be debugged? */
bool chq_undumpable_spared(void);
