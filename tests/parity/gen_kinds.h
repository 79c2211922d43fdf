#pragma once
/* tests/parity/gen_kinds: what a packet can be. X(enumerator, name, how often) */

/* clang-format off */
#define GEN_WHATS(X) \
	X(GEN_FRAME, "frame", 400) \
	X(GEN_TO_SELF, "to-self", 8) \
	X(GEN_REPLAY, "replay", 40) \
	X(GEN_OLD_NUMBER, "old-number", 30) \
	X(GEN_FAR_NUMBER, "far-number", 6) \
	X(GEN_LAST_NUMBER, "last-number", 2) \
	X(GEN_ROAM, "roam", 60) \
	X(GEN_PING_HOME, "ping-home", 40) \
	X(GEN_PING_AWAY, "ping-away", 20) \
	X(GEN_PING_TOKEN, "ping-token", 25) \
	X(GEN_PING_TOKEN_LAST, "ping-token-last-epoch", 8) \
	X(GEN_PING_TOKEN_LATE, "ping-token-late", 6) \
	X(GEN_PING_TOKEN_BAD, "ping-token-bad", 10) \
	X(GEN_PING_TOKEN_HOME, "ping-token-home", 6) \
	X(GEN_PING_LINK, "ping-link", 15) \
	X(GEN_NO_GRANT, "no-grant", 10) \
	X(GEN_GRANT_BIT, "grant-bit", 20) \
	X(GEN_GRANT_DAY, "grant-day", 15) \
	X(GEN_GRANT_EPOCH, "grant-epoch", 10) \
	X(GEN_GRANT_STOLEN, "grant-stolen", 10) \
	X(GEN_UNKNOWN, "unknown-receiver", 15) \
	X(GEN_DEVICE, "other-device", 20) \
	X(GEN_GROUP, "group", 12) \
	X(GEN_PARTY_BAD, "party-bad", 12) \
	X(GEN_SERVER, "server", 25) \
	X(GEN_SERVER_PLAIN, "server-plain", 8) \
	X(GEN_HOP_PERSON, "hop-to-person", 15) \
	X(GEN_FLAGS, "flags", 20) \
	X(GEN_FIELD, "field", 30) \
	X(GEN_SLOT, "slot", 20) \
	X(GEN_KEY, "wrong-key", 12) \
	X(GEN_HELLO, "hello", 25) \
	X(GEN_HELLO_RIGHT, "hello-cookie-right", 20) \
	X(GEN_HELLO_WRONG, "hello-cookie-wrong", 15) \
	X(GEN_HELLO_VERSION, "hello-version", 8) \
	X(GEN_HELLO_FIELD, "hello-field", 15) \
	X(GEN_SERVER_TYPE, "server-type", 12) \
	X(GEN_TYPE, "type", 10) \
	X(GEN_SHORT, "short", 20) \
	X(GEN_LONG, "long", 10) \
	X(GEN_JUMBO, "jumbo", 8) \
	X(GEN_EMPTY, "empty", 6) \
	X(GEN_GARBAGE, "garbage", 10)

#define GEN_AROUNDS(X) \
	X(GEN_PLAIN, "plain", 800) \
	X(GEN_VLAN_OTHER, "vlan", 20) \
	X(GEN_VLAN_ZERO, "vlan-0", 5) \
	X(GEN_VLAN_TWO, "vlan-two", 8) \
	X(GEN_QINQ, "qinq", 4) \
	X(GEN_OPTIONS, "ipv4-options", 20) \
	X(GEN_FRAGMENT_FIRST, "fragment-first", 8) \
	X(GEN_FRAGMENT_LATER, "fragment-later", 6) \
	X(GEN_V6_HOPS, "ipv6-hop-by-hop", 6) \
	X(GEN_V6_OPTIONS, "ipv6-options", 6) \
	X(GEN_V6_FRAGMENT, "ipv6-fragment", 6) \
	X(GEN_PADDED, "padded", 40) \
	X(GEN_OTHER_PORT, "other-port", 10) \
	X(GEN_OTHER_ADDRESS, "other-address", 8) \
	X(GEN_OTHER_LOCAL, "other-local", 20) \
	X(GEN_OTHER_PROTO, "other-proto", 8) \
	X(GEN_OTHER_TYPE, "other-ethertype", 6) \
	X(GEN_OTHER_BYTES, "other-bytes", 5)

#define GEN_DAMAGES(X) \
	X(GEN_WHOLE, "whole", 800) \
	X(GEN_D_HEADER_BIT, "header-bit", 60) \
	X(GEN_D_TAG, "tag", 15) \
	X(GEN_D_PAYLOAD_BIT, "payload-bit", 15) \
	X(GEN_D_ANY_BIT, "any-bit", 30) \
	X(GEN_D_LINK_BIT, "link-bit", 15) \
	X(GEN_D_IP_BIT, "ip-bit", 30) \
	X(GEN_D_UDP_BIT, "udp-bit", 20) \
	X(GEN_D_IP_SUM, "ip-sum", 6) \
	X(GEN_D_IP_LEN, "ip-len", 10) \
	X(GEN_D_UDP_LEN, "udp-len", 12) \
	X(GEN_D_UDP_SUM, "udp-sum", 8) \
	X(GEN_D_UDP_SUM_0, "udp-sum-0", 8) \
	X(GEN_D_SOURCE, "source", 20) \
	X(GEN_D_SOURCE_MAC, "source-mac", 6) \
	X(GEN_D_CUT, "cut", 20)
/* clang-format on */

#define X(id, name, often) id,
enum gen_what { GEN_WHATS(X) GEN_WHAT__COUNT };
enum gen_around { GEN_AROUNDS(X) GEN_AROUND__COUNT };
enum gen_damage { GEN_DAMAGES(X) GEN_DAMAGE__COUNT };
#undef X
