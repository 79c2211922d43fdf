#include "base/ring.h"

#include <stdlib.h>

#include "base/err.h"

int
chq_ring_init(struct chq_ring *r, uint32_t entries, uint32_t entry_bytes)
{
	if (entries < 2 || entries > UINT32_C(1) << 30 || (entries & (entries - 1)) ||
	    entry_bytes == 0)
		return CHQ_EINVAL;

	memset(r, 0, sizeof(*r));
	r->slots = malloc((size_t)entries * entry_bytes);
	if (!r->slots)
		return CHQ_ENOMEM;
	/* Every page is taken now: nothing grows when a flood first fills the ring. */
	memset(r->slots, 0xff, (size_t)entries * entry_bytes);
	r->mask = entries - 1;
	r->entry_bytes = entry_bytes;
	return 0;
}

void
chq_ring_deinit(struct chq_ring *r)
{
	free(r->slots);
	r->slots = NULL;
}
