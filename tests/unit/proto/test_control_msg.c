#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "proto/control_msg.h"

static void
a_body_travels_inside_its_request_and_response(void **state)
{
	Chasqui__GrantRequest ask = CHASQUI__GRANT_REQUEST__INIT;
	Chasqui__FromServer *from;
	Chasqui__ToServer *to;
	ProtobufCMessage *body;
	uint8_t buf[CHQ_HOP_BODY_MAX];
	int len;

	(void)state;
	ask.account = 77;
	len = chq_ctrl_pack_request(5, CHASQUI__METHOD__METHOD_GRANT, &ask.base, buf, sizeof(buf));
	to = chq_ctrl_unpack_to_server(buf, (size_t)len, NULL);
	assert_non_null(to);
	assert_int_equal(to->request->method, CHASQUI__METHOD__METHOD_GRANT);
	body = chq_ctrl_unpack(&chasqui__grant_request__descriptor, to->request->body.data,
			       to->request->body.len, NULL);
	assert_non_null(body);
	assert_int_equal(((Chasqui__GrantRequest *)body)->account, 77);
	protobuf_c_message_free_unpacked(body, NULL);
	chasqui__to_server__free_unpacked(to, NULL);
	len = chq_ctrl_pack_response(5, CHASQUI__CODE__E_BUSY, 30, NULL, buf, sizeof(buf));
	from = chq_ctrl_unpack_from_server(buf, (size_t)len, NULL);
	assert_non_null(from);
	assert_int_equal(from->response->code, CHASQUI__CODE__E_BUSY);
	assert_int_equal(from->response->retry_after_s, 30);
	assert_int_equal(from->response->body.len, 0);
	chasqui__from_server__free_unpacked(from, NULL);
}

static void
what_exceeds_a_frame_is_neither_encoded_nor_decoded(void **state)
{
	static uint8_t big[CHQ_HOP_BODY_MAX + 1], data[CHQ_HOP_BODY_MAX];
	Chasqui__KeysPublish publish = CHASQUI__KEYS_PUBLISH__INIT;

	(void)state;
	publish.device_list.data = data;
	publish.device_list.len = CHQ_HOP_BODY_MAX - 3; /* tag and length take three */
	assert_int_equal(chq_ctrl_pack(&publish.base, big, sizeof(big)), CHQ_HOP_BODY_MAX);
	assert_int_equal(chq_ctrl_pack(&publish.base, big, CHQ_HOP_BODY_MAX - 1), CHQ_ETOOBIG);
	assert_int_equal(chq_ctrl_pack_request(1, CHASQUI__METHOD__METHOD_KEYS_PUBLISH,
					       &publish.base, big, sizeof(big)),
			 CHQ_ETOOBIG);
	publish.device_list.len++;
	assert_int_equal(chq_ctrl_pack(&publish.base, big, sizeof(big)), CHQ_ETOOBIG);
	memset(big, 0x08, sizeof(big)); /* field 1 = 8, again and again */
	assert_null(chq_ctrl_unpack(&chasqui__grant_request__descriptor, big, sizeof(big), NULL));
	assert_null(chq_ctrl_unpack_to_server(big, sizeof(big), NULL));
	assert_null(chq_ctrl_unpack_from_server(big, sizeof(big), NULL));
}

static void
unknown_fields_and_unknown_bodies_are_no_errors(void **state)
{
	static const uint8_t unknown_field[] = { 0x08, 0x05, 0x78, 0x01 }; /* 1: 5, 15: 1 */
	static const uint8_t unknown_body[] = { 0x7a, 0x01, 0x00 };	   /* 15: one byte */
	Chasqui__ToServer *to = chq_ctrl_unpack_to_server(unknown_body, sizeof(unknown_body), NULL);
	ProtobufCMessage *grant = chq_ctrl_unpack(&chasqui__grant_request__descriptor,
						  unknown_field, sizeof(unknown_field), NULL);

	(void)state;
	assert_non_null(to);
	assert_int_equal(to->body_case, CHASQUI__TO_SERVER__BODY__NOT_SET);
	chasqui__to_server__free_unpacked(to, NULL);
	assert_non_null(grant);
	assert_int_equal(((Chasqui__GrantRequest *)grant)->account, 5);
	protobuf_c_message_free_unpacked(grant, NULL);
}

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
a_page_of_empty_contacts_costs_bounded_memory(void **state)
{
	ProtobufCAllocator allocator = { count_alloc, count_free, NULL };
	uint8_t bomb[CHQ_HOP_BODY_MAX];
	ProtobufCMessage *page;

	(void)state;
	for (size_t i = 0; i + 1 < sizeof(bomb); i += 2) {
		bomb[i] = 0x1a; /* contact, of length 0 */
		bomb[i + 1] = 0;
	}
	used = 0;
	page = chq_ctrl_unpack(&chasqui__contacts_page__descriptor, bomb, sizeof(bomb), &allocator);
	assert_non_null(page);
	assert_int_equal(((Chasqui__ContactsPage *)page)->n_contact, CHQ_HOP_BODY_MAX / 2);
	assert_true(used < 128 * 1024);
	protobuf_c_message_free_unpacked(page, &allocator);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_body_travels_inside_its_request_and_response),
		cmocka_unit_test(what_exceeds_a_frame_is_neither_encoded_nor_decoded),
		cmocka_unit_test(unknown_fields_and_unknown_bodies_are_no_errors),
		cmocka_unit_test(a_page_of_empty_contacts_costs_bounded_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
