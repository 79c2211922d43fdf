#include "proto/control_msg.h"

#include <sodium.h>

#include "base/err.h"

int
chq_ctrl_pack(const ProtobufCMessage *msg, uint8_t *buf, size_t size)
{
	size_t len = protobuf_c_message_get_packed_size(msg);

	if (len > size || len > CHQ_HOP_BODY_MAX)
		return CHQ_ETOOBIG;
	return (int)protobuf_c_message_pack(msg, buf);
}

ProtobufCMessage *
chq_ctrl_unpack(const ProtobufCMessageDescriptor *type, const uint8_t *buf, size_t len,
		ProtobufCAllocator *allocator)
{
	if (len > CHQ_HOP_BODY_MAX)
		return NULL;
	return protobuf_c_message_unpack(type, allocator, len, buf);
}

Chasqui__ToServer *
chq_ctrl_unpack_to_server(const uint8_t *buf, size_t len, ProtobufCAllocator *allocator)
{
	return len > CHQ_HOP_BODY_MAX ? NULL : chasqui__to_server__unpack(allocator, len, buf);
}

Chasqui__FromServer *
chq_ctrl_unpack_from_server(const uint8_t *buf, size_t len, ProtobufCAllocator *allocator)
{
	return len > CHQ_HOP_BODY_MAX ? NULL : chasqui__from_server__unpack(allocator, len, buf);
}

/* Bytes of @body into @room; a NULL body is empty. */
static int
pack_body(const ProtobufCMessage *body, uint8_t room[CHQ_HOP_BODY_MAX], ProtobufCBinaryData *out)
{
	int len = body ? chq_ctrl_pack(body, room, CHQ_HOP_BODY_MAX) : 0;

	if (len < 0)
		return len;
	out->data = room;
	out->len = (size_t)len;
	return CHQ_OK;
}

int
chq_ctrl_pack_request(uint64_t id, Chasqui__Method method, const ProtobufCMessage *body,
		      uint8_t *buf, size_t size)
{
	Chasqui__ToServer whole = CHASQUI__TO_SERVER__INIT;
	Chasqui__Request request = CHASQUI__REQUEST__INIT;
	uint8_t room[CHQ_HOP_BODY_MAX];
	int err = pack_body(body, room, &request.body);

	if (err)
		return err;
	request.id = id;
	request.method = (uint32_t)method;
	whole.body_case = CHASQUI__TO_SERVER__BODY_REQUEST;
	whole.request = &request;
	err = chq_ctrl_pack(&whole.base, buf, size);
	sodium_memzero(room, sizeof(room));
	return err;
}

int
chq_ctrl_pack_response(uint64_t id, Chasqui__Code code, uint32_t retry_after_s,
		       const ProtobufCMessage *body, uint8_t *buf, size_t size)
{
	Chasqui__FromServer whole = CHASQUI__FROM_SERVER__INIT;
	Chasqui__Response response = CHASQUI__RESPONSE__INIT;
	uint8_t room[CHQ_HOP_BODY_MAX];
	int err = pack_body(body, room, &response.body);

	if (err)
		return err;
	response.id = id;
	response.code = code;
	response.retry_after_s = retry_after_s;
	whole.body_case = CHASQUI__FROM_SERVER__BODY_RESPONSE;
	whole.response = &response;
	return chq_ctrl_pack(&whole.base, buf, size);
}
