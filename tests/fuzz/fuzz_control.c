#include <stdlib.h>

#include "base/array.h"
#include "proto/control_msg.h"
#include "tests/fuzz/fuzz.h"

static const ProtobufCMessageDescriptor *const bodies[] = {
	&chasqui__login_request__descriptor,	&chasqui__login_reply__descriptor,
	&chasqui__contacts_request__descriptor, &chasqui__contacts_page__descriptor,
	&chasqui__grant_request__descriptor,	&chasqui__grant_reply__descriptor,
	&chasqui__keys_publish__descriptor,	&chasqui__keys_request__descriptor,
	&chasqui__keys_reply__descriptor,	&chasqui__friend_request__descriptor,
	&chasqui__friend_reply__descriptor,	&chasqui__devices_reply__descriptor,
	&chasqui__device_revoke__descriptor,
};

/* What is decoded can be encoded again, and takes no more memory than the header promises. */
static size_t used;

static void *
count_alloc(void *data, size_t size)
{
	(void)data;
	used += size;
	return malloc(size);
}

static void
count_free(void *data, void *mem)
{
	(void)data;
	free(mem);
}

static void
check(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t len)
{
	ProtobufCAllocator allocator = { count_alloc, count_free, NULL };
	uint8_t out[CHQ_HOP_BODY_MAX];
	ProtobufCMessage *msg;

	used = 0;
	msg = chq_ctrl_unpack(type, data, len, &allocator);
	if (used > 128 * 1024)
		abort();
	if (!msg)
		return;
	(void)chq_ctrl_pack(msg, out, sizeof(out));
	protobuf_c_message_free_unpacked(msg, &allocator);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	check(&chasqui__to_server__descriptor, data, len);
	check(&chasqui__from_server__descriptor, data, len);
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
		check(bodies[i], data, len);
	return 0;
}
