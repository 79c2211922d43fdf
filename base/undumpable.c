#include "base/undumpable.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SPARED true
#elif defined(__has_feature)
#define SPARED                                                                  \
	(__has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
	 __has_feature(memory_sanitizer))
#else
#define SPARED false
#endif

bool
chq_undumpable_spared(void)
{
	return SPARED;
}

void
chq_undumpable(void)
{
	static const struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	if (!chq_undumpable_spared())
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}
