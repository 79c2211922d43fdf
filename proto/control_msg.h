/*
 * Control messages (proto/control.proto) as bytes: the plaintext of hop-sealed frames whose other party
 * is the server. Sizes are bounded before anything is decoded.
 *
 * Thread: any; memory comes from the allocator given, or malloc() for NULL.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "proto/control.pb-c.h"
#include "proto/frame.h"

/**
 * chq_ctrl_pack() - encode any message of control.proto.
 *
 * Return: its length; CHQ_ETOOBIG if it exceeds @size or CHQ_HOP_BODY_MAX (@buf is untouched).
 */
int chq_ctrl_pack(const ProtobufCMessage *msg, uint8_t *buf, size_t size);

/**
 * chq_ctrl_unpack() - decode a message of any type: the body of a request or response.
 * @type: for example &chasqui__login_request__descriptor.
 *
 * Refused are more than CHQ_HOP_BODY_MAX bytes, and messages nested deeper than the schema: there is
 * no recursive type in it. What one may make us allocate is bounded by its size (a repeated field of
 * empty messages costs about 60 times its bytes at most).
 * Return: the message, to be freed by protobuf_c_message_free_unpacked() with the same allocator; NULL
 * if it is malformed, too long, or there is no memory.
 */
ProtobufCMessage *chq_ctrl_unpack(const ProtobufCMessageDescriptor *type, const uint8_t *buf,
				  size_t len, ProtobufCAllocator *allocator);

/**
 * chq_ctrl_unpack_to_server() / chq_ctrl_unpack_from_server() - decode a whole plaintext.
 *
 * An unknown kind of body is no error: body_case is then …BODY__NOT_SET, to be ignored.
 * Return: as chq_ctrl_unpack(); free it by chasqui__…__free_unpacked().
 */
Chasqui__ToServer *chq_ctrl_unpack_to_server(const uint8_t *buf, size_t len,
					     ProtobufCAllocator *allocator);
Chasqui__FromServer *chq_ctrl_unpack_from_server(const uint8_t *buf, size_t len,
						 ProtobufCAllocator *allocator);

/**
 * chq_ctrl_pack_request() - encode a whole ToServer with a request.
 * @body: the method's message, NULL for methods without one.
 *
 * Return: as chq_ctrl_pack().
 */
int chq_ctrl_pack_request(uint64_t id, Chasqui__Method method, const ProtobufCMessage *body,
			  uint8_t *buf, size_t size);

/**
 * chq_ctrl_pack_response() - encode a whole FromServer with a response.
 * @body: NULL for none.
 *
 * Return: as chq_ctrl_pack().
 */
int chq_ctrl_pack_response(uint64_t id, Chasqui__Code code, uint32_t retry_after_s,
			   const ProtobufCMessage *body, uint8_t *buf, size_t size);
