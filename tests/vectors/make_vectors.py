#!/usr/bin/env python3
"""Test vectors of PROTOCOL.md and seeds for the fuzz targets of proto/.

Made by a second implementation of every format (protocol.py beside this file), which shares no code with proto/.
    make_vectors.py                print the vectors (they are kept in tests/vectors/protocol.json)
    make_vectors.py --check FILE   fail if FILE holds others
    make_vectors.py --seeds DIR    write the seeds (they are kept in tests/fuzz/seeds)
Needs Debian's python3-cryptography. Every key is made from its name, so that the output never changes.
"""
import base64
import hashlib
import ipaddress
import json
import pathlib
import sys

from protocol import (HOP, NOTICE, PING, RECEIPT, STORE, M64, Noise, address, client_info, dh, expand, fingerprint, frame, gcm, grant,
                      hello, hmac256, hop_frame, le, message_id, party, pb, prologue, s_public, seal_password, session_keys, sign, siphash,
                      varint, welcome_body, x_public)

WALL_MS = 1_800_000_000_000


def made(name, size=32):
    """Bytes that look random and are the same each time."""
    return hashlib.shake_128(b"chasqui test vectors: " + name.encode()).digest(size)


def u64(n):
    return f"0x{n:016x}"


# --- 2, 4: parties and frames -----------------------------------------------------------------------

ALICE, BOB = party(1, 1, 0x010203040506), party(1, 2, 0x0A0B0C)
ACCOUNT_A, ACCOUNT_B = 0x010203040506, 0x0A0B0C
MSG_MS = 217_000_000_000
FRAMES = [
    ("to an account", True, dict(flags=STORE, app=0, slot=7, seq=1, party=party(1, 0, ACCOUNT_B),
                                 message=message_id(MSG_MS, 3), grant=2600 << 48 | 0x123456789ABC), made("payload", 84)),
    ("receipt to a device", True, dict(flags=RECEIPT, app=0, slot=7, seq=2, party=BOB, message=message_id(MSG_MS, 4),
                                       grant=2600 << 48 | 0x123456789ABC), made("receipt", 84)),
    ("ping", True, dict(flags=PING, app=0, slot=7, seq=3, party=0, message=message_id(MSG_MS, 5), grant=0), b""),
    ("ping with path token", True, dict(flags=PING, app=0, slot=7, seq=4, party=0, message=message_id(MSG_MS, 6),
                                        grant=0xFEDCBA9876543210), b""),
    ("from an account", False, dict(flags=STORE, app=0, slot=0xA1B2C3, seq=1 << 40, party=ALICE,
                                    message=message_id(MSG_MS, 3), grant=0), made("payload", 84)),
    ("notice: path", False, dict(flags=NOTICE, app=4, slot=7, seq=9, party=party(1, 0, ACCOUNT_B),
                                 message=message_id(MSG_MS, 3), grant=0xFEDCBA9876543210), b""),
    ("largest payload", True, dict(flags=0, app=65535, slot=0xFFFFFFFE, seq=M64, party=BOB,
                                   message=message_id(MSG_MS, 7), grant=0xFFFF000000000001), made("largest", 1184)),
]


def shown(f):
    return {k: u64(v) if k in ("seq", "party", "message", "grant") else v for k, v in f.items()}


def frame_vectors():
    key = made("tag key", 16)
    return [dict(name=name, from_client=out, **shown(f), tag_key=key.hex(), payload=body.hex(),
                 datagram=frame(f, key, body).hex()) for name, out, f, body in FRAMES]


def login_request(sealed, attempt):
    body = pb(1, b"alice") + pb(2, sealed) + pb(3, attempt) + pb(4, 1) + pb(5, b"laptop")
    return pb(1, pb(1, message_id(MSG_MS, 1)) + pb(2, 1) + pb(3, body))


# --- 3: handshake -----------------------------------------------------------------------------------

NONCE = made("client nonce", 16)
ORG_SEED, SERVER, CLIENT = made("organisation"), made("server static"), made("client static")
EPH_CLIENT, EPH_SERVER = made("client ephemeral"), made("server ephemeral")
SERVER_ID = 0x00010203
COOKIE_KEYS = [made("cookie A", 16), made("cookie B", 16)]
NUMBER = 0x01020304


def cookie(text, port):
    words = (address(text) + le(port, 2) + le(SERVER_ID, 4) + bytes([0, ipaddress.ip_address(text).version])
             + le(NUMBER, 8) + bytes(8))
    assert len(words) == 40
    return le(NUMBER, 4) + b"".join(le(siphash(k, words), 8) for k in COOKIE_KEYS)


def certificate():
    fields = x_public(SERVER) + le(SERVER_ID, 4) + le(WALL_MS, 8) + le(WALL_MS + 86_400_000, 8)
    return s_public(ORG_SEED) + fields + sign(ORG_SEED, b"chasqui-server-1" + fields)[-64:]


WELCOME_BODY = dict(slot=0x00ABCDEF, version=1, version_min=1, version_max=1, logged_in=1, expiry_ms=WALL_MS + 90_000_000,
                    server_time_ms=WALL_MS, account=ACCOUNT_A, device=1, status=0, silence_s=90, keepalive_s=25,
                    server_id=SERVER_ID, retry_after_s=0)
WELCOME_BUSY = dict(WELCOME_BODY, slot=0xFFFFFFFF, logged_in=0, account=0, device=0, status=2, retry_after_s=30)


def shown_body(b):
    return {k: u64(v) if k in ("account", "expiry_ms", "server_time_ms") else v for k, v in b.items()}


def handshake():
    ck = cookie("192.0.2.1", 40000)
    words = prologue(NONCE, ck, SERVER_ID)
    info = client_info(3, WALL_MS, "chasqui 0.1 ✓".encode())
    noise = Noise(words, x_public(SERVER))
    one = noise.message1(EPH_CLIENT, CLIENT, x_public(SERVER), info)
    two = noise.plain(x_public(EPH_SERVER))
    noise.mix_key(dh(EPH_SERVER, x_public(EPH_CLIENT)))
    noise.mix_key(dh(EPH_SERVER, x_public(CLIENT)))
    two += noise.seal(welcome_body(WELCOME_BODY))
    k1, k2 = noise.split()
    welcome = bytes([0x0A, 1]) + le(len(two), 2) + NONCE + two
    return dict(cookie=ck, prologue=words, info=info, message1=one, message2=two, hello=hello(NONCE, ck, one), welcome=welcome,
                hash=noise.h, k1=k1, k2=k2, **session_keys(k1, k2))


RETRY = bytes([9, 1, 1, 0]) + NONCE + cookie("192.0.2.1", 40000) + certificate()


def handshake_vectors(shake):
    keys = {k: v.hex() for k, v in shake.items() if k not in ("cookie", "hello")}
    where = [("192.0.2.1", 40000), ("2001:db8::1", 4700)]
    secret, epoch = made("path secret", 16), 0x0000010203040506
    token = {a: siphash(secret, le(7, 8) + address(a) + le(p, 2) + le(epoch, 6)) for a, p in where}
    org = s_public(ORG_SEED)
    print_ = fingerprint(org)
    return {
        "hello": [
            dict(version_min=1, version_max=1, nonce=NONCE.hex(), cookie=bytes(20).hex(), noise="", datagram=hello(NONCE, bytes(20), b"").hex()),
            dict(version_min=1, version_max=1, nonce=NONCE.hex(), cookie=shake["cookie"].hex(), noise=shake["message1"].hex(),
                 datagram=shake["hello"].hex())],
        "retry": dict(version_min=1, version_max=1, nonce=NONCE.hex(), cookie=shake["cookie"].hex(), certificate=certificate().hex(),
                      datagram=RETRY.hex()),
        "cookie": [dict(address=a, port=p, server_id=SERVER_ID, number=NUMBER, key_a=COOKIE_KEYS[0].hex(), key_b=COOKIE_KEYS[1].hex(),
                        cookie=cookie(a, p).hex()) for a, p in where],
        "path_token": [dict(address=a, port=p, slot=7, epoch=u64(epoch), secret=secret.hex(), token=u64(token[a])) for a, p in where],
        "certificate": dict(org_seed=ORG_SEED.hex(), org_key=org.hex(), server_key=x_public(SERVER).hex(), server_id=SERVER_ID,
                            not_before_ms=u64(WALL_MS), not_after_ms=u64(WALL_MS + 86_400_000), certificate=certificate().hex()),
        "fingerprint": dict(org_key=org.hex(), fingerprint=print_),
        "invitation": [dict(text=f"chasqui://{t}#{print_}", host=h, port=p, fingerprint=print_) for t, h, p in (
            ("im.example.org:4701", "im.example.org", 4701), ("192.0.2.9", "192.0.2.9", 4700),
            ("[2001:db8::1]:4700", "2001:db8::1", 4700), ("[2001:db8::1]", "2001:db8::1", 4700))],
        "handshake": dict(client_secret=CLIENT.hex(), server_secret=SERVER.hex(), client_ephemeral=EPH_CLIENT.hex(),
                          server_ephemeral=EPH_SERVER.hex(), server_id=SERVER_ID, hello=shake["hello"].hex(), kind=3,
                          wall_ms=u64(WALL_MS), software="chasqui 0.1 ✓", **keys),
        "welcome_body": [dict(**shown_body(b), body=welcome_body(b).hex()) for b in (WELCOME_BODY, WELCOME_BUSY)],
    }


def grant_vectors():
    master, epoch, sender_epoch, day = made("grant master"), 3, 0x2ABC, 2557
    key = hmac256(master, b"chasqui-grant" + b"\1" + le(ACCOUNT_B, 8) + le(epoch, 4))[:16]
    return dict(master=master.hex(), kind=1, receiver=u64(ACCOUNT_B), epoch=epoch, key=key.hex(), sender=u64(ACCOUNT_A),
                sender_epoch=sender_epoch, day=day, grant=u64(grant(key, ACCOUNT_A, sender_epoch, ACCOUNT_B, day)))


# --- 5: control messages ----------------------------------------------------------------------------


def policy(apps):
    return sign(ORG_SEED, b"chasqui-policy-1" + le(5, 8) + le(len(apps), 2) + b"".join(le(a, 2) for a in apps))


def control_vectors(shake):
    password = "correct horse ñ".encode()
    sealed = seal_password(shake["login"], shake["hash"], password, 2)
    plain = login_request(sealed, 2)
    f = dict(flags=HOP, app=0, slot=0x00ABCDEF, seq=5, party=0, message=message_id(MSG_MS, 1), grant=0)
    return {
        "hop": dict(**shown(f), from_client=True, tag_key=shake["tag_c2s"].hex(), hop_key=shake["hop_c2s"].hex(), plaintext=plain.hex(),
                    datagram=hop_frame(f, shake["tag_c2s"], shake["hop_c2s"], plain).hex()),
        "login_request": dict(id=u64(message_id(MSG_MS, 1)), method=1, login="alice", sealed_password=sealed.hex(), attempt=2, enroll=True,
                              device_name="laptop", message=plain.hex()),
        "password": dict(login_key=shake["login"].hex(), attempt=2, hash=shake["hash"].hex(), password=password.decode(), sealed=sealed.hex()),
        "policy": [dict(org_seed=ORG_SEED.hex(), org_key=s_public(ORG_SEED).hex(), version=u64(5), apps=apps, policy=policy(apps).hex())
                   for apps in ([], [1, 7, 513])],
    }


# --- 6: end to end ----------------------------------------------------------------------------------

ACCOUNT_KEY, DS = made("account key"), made("device signing key")
IK_A, IK_B, SPK_B, E_A = made("IK of A"), made("IK of B"), made("SPK of B"), made("E of A")
PREKEY_ID = 0x11223344
DEVICES = [(1, made("DS 1"), made("IK 1")), (9, made("DS 9"), made("IK 9"))]


def device_list():
    body = b"chasqui-devices-1" + le(ACCOUNT_A, 8) + le(12, 8) + bytes([len(DEVICES)])
    for number, ds, ik in DEVICES:
        body += bytes([number]) + s_public(ds) + x_public(ik)
    return sign(ACCOUNT_KEY, body)


def prekey():
    return sign(DS, b"chasqui-prekey-1" + le(ACCOUNT_B, 8) + bytes([2]) + le(PREKEY_ID, 4) + x_public(SPK_B) + le(WALL_MS + 172_800_000, 8))


def message_key():
    secret = dh(IK_A, x_public(SPK_B)) + dh(E_A, x_public(IK_B)) + dh(E_A, x_public(SPK_B))
    info = (b"chasqui-e2e-1" + le(ALICE, 8) + le(BOB, 8) + x_public(IK_A) + x_public(IK_B) + x_public(SPK_B) + x_public(E_A))
    return expand(hmac256(bytes(32), secret), info, 32)


def inner(previous, part, parts, grant, text):
    plain = le(previous, 8) + le(part, 2) + le(parts, 2) + le(grant, 8) + le(len(text), 2) + text
    return plain + bytes(-len(plain) % 32)


def payload(app, flags, message, plain):
    ad = bytes([1]) + le(app, 2) + bytes([flags & RECEIPT]) + le(ALICE, 8) + le(BOB, 8) + le(message, 8)
    return le(PREKEY_ID, 4) + x_public(E_A) + gcm(message_key(), bytes(4) + le(message, 8), ad, plain)


GROUP, GROUP_EPOCH, GROUP_SALT = 0x80000007, 3, made("group salt", 16)
GROUP_TEXTS = [(0, message_id(MSG_MS, 5), 1, 1, "good morning ✓".encode()), (1, message_id(MSG_MS, 6), 2, 3, b""), (0x0102, message_id(MSG_MS, 7), 1, 64, made("longest group text", 1114))]
GROUP_MASTER = made("grant master")


def group_epoch_key():
    return hmac256(GROUP_MASTER, b"chasqui-group-key" + le(GROUP, 4) + le(GROUP_EPOCH, 4))


def group_key():
    return expand(hmac256(GROUP_SALT, group_epoch_key()), b"chasqui-group-1" + le(GROUP, 4) + le(GROUP_EPOCH, 4) + le(ALICE, 8), 32)


def group_inner(part, parts, text):
    plain = le(part, 2) + le(parts, 2) + le(len(text), 2) + text
    return plain + bytes(-len(plain) % 32)


def group_payload(app, message, plain):
    ad = bytes([1]) + le(app, 2) + bytes([0]) + le(ALICE, 8) + le(party(2, 0, GROUP), 8) + le(message, 8)
    return le(GROUP_EPOCH, 4) + GROUP_SALT + gcm(group_key(), bytes(4) + le(message, 8), ad, plain)


def group_vectors():
    return dict(group=GROUP, epoch=GROUP_EPOCH, master=GROUP_MASTER.hex(), epoch_key=group_epoch_key().hex(), salt=GROUP_SALT.hex(), key=group_key().hex(),
                **{"from": u64(ALICE)}, payload=[dict(app=app, message=u64(m), part=n, parts=of, text=t.hex(), inner=group_inner(n, of, t).hex(),
                                                      payload=group_payload(app, m, group_inner(n, of, t)).hex()) for app, m, n, of, t in GROUP_TEXTS])


def safety_half(account, key):
    digest = hashlib.sha512(b"chasqui-safety-1" + le(account, 8) + key).digest()
    for _ in range(5200):
        digest = hashlib.sha512(digest + key).digest()
    return "".join(f"{int.from_bytes(digest[i:i + 5], 'big') % 100000:05d}" for i in range(0, 30, 5))


HAND_ON = dict(device=3, ds=made("signing key of the new device"), ik=made("identity key of the new device"), eph=made("ephemeral of the hand-on"))


def device_code(account, device, account_key, ds, ik):
    digest = hashlib.sha512(b"chasqui-code-1" + le(account, 8) + bytes([device]) + account_key + ds + ik).digest()
    for _ in range(65536):
        digest = hashlib.sha512(digest + ik).digest()
    return base64.b32encode(digest[:15]).decode().lower()


def account_sealed(account, device, seed, ds, ik, eph):
    head = b"chasqui-account-1" + le(account, 8) + bytes([device])
    info = head + s_public(seed) + ds + ik + x_public(eph)
    key = expand(hmac256(bytes(32), dh(eph, ik)), info, 32)
    return head + x_public(eph) + gcm(key, bytes(12), info, seed)


def hand_on_vectors():
    ds, ik = s_public(HAND_ON["ds"]), x_public(HAND_ON["ik"])
    return dict(account=u64(ACCOUNT_A), device=HAND_ON["device"], account_seed=ACCOUNT_KEY.hex(), account_key=s_public(ACCOUNT_KEY).hex(), sign=ds.hex(),
                ident_secret=HAND_ON["ik"].hex(), ident=ik.hex(), ephemeral_secret=HAND_ON["eph"].hex(),
                code=device_code(ACCOUNT_A, HAND_ON["device"], s_public(ACCOUNT_KEY), ds, ik),
                sealed=account_sealed(ACCOUNT_A, HAND_ON["device"], ACCOUNT_KEY, ds, ik, HAND_ON["eph"]).hex())


INNERS = [(message_id(MSG_MS, 2), 1, 1, 0, "hello ✓".encode()), (0, 2, 3, 2600 << 48 | 5, b"x" * 10), (1, 64, 64, 0, b""),
          (message_id(MSG_MS, 3), 1, 1, 0, made("longest text", 1096))]
RECEIPT_IDS = [message_id(MSG_MS, n) for n in (3, 4, 9)]


def e2e_vectors():
    one, receipt_inner = inner(*INNERS[0]), inner(0, 1, 1, 0, b"".join(le(i, 8) for i in RECEIPT_IDS))
    key_a, key_b = s_public(ACCOUNT_KEY), s_public(made("account key of B"))
    sealed = [dict(app=app, flags=flags, message=u64(message), prekey_id=PREKEY_ID, key=message_key().hex(), ephemeral=x_public(E_A).hex(),
                   **{"from": u64(ALICE), "to": u64(BOB)}, inner=plain.hex(), payload=payload(app, flags, message, plain).hex())
              for app, flags, message, plain in ((0, STORE, message_id(MSG_MS, 3), one), (0x0102, RECEIPT, message_id(MSG_MS, 4), receipt_inner))]
    return {
        "device_list": dict(account_seed=ACCOUNT_KEY.hex(), account_key=key_a.hex(), account=u64(ACCOUNT_A), version=u64(12),
                            devices=[dict(device=n, sign=s_public(d).hex(), ident=x_public(i).hex()) for n, d, i in DEVICES],
                            list=device_list().hex()),
        "prekey": dict(device_seed=DS.hex(), device_sign=s_public(DS).hex(), account=u64(ACCOUNT_B), device=2, id=PREKEY_ID,
                       spk=x_public(SPK_B).hex(), expiry_ms=u64(WALL_MS + 172_800_000), prekey=prekey().hex()),
        "message_key": dict(**{"from": u64(ALICE), "to": u64(BOB)}, ident_a_secret=IK_A.hex(), ephemeral_secret=E_A.hex(),
                            ident_b_secret=IK_B.hex(), spk_b_secret=SPK_B.hex(), key=message_key().hex()),
        "inner": [dict(previous=u64(p), part=n, parts=m, grant=u64(g), text=t.hex(), inner=inner(p, n, m, g, t).hex()) for p, n, m, g, t in INNERS],
        "receipt": dict(ids=[u64(i) for i in RECEIPT_IDS], inner=receipt_inner.hex()),
        "payload": sealed,
        "account_key": hand_on_vectors(),
        "safety_number": dict(account_a=u64(ACCOUNT_A), key_a=key_a.hex(), account_b=u64(ACCOUNT_B), key_b=key_b.hex(),
                              number=safety_half(ACCOUNT_B, key_b) + safety_half(ACCOUNT_A, key_a)),
    }


def party_vectors():
    return [dict(kind=k, device=d, id=u64(i), party=le(party(k, d, i), 8).hex()) for k, d, i in (
        (0, 0, 0), (1, 1, ACCOUNT_A), (1, 0, ACCOUNT_B), (1, 255, (1 << 48) - 1), (2, 0, 0xFFFFFFFF))]


def vectors():
    shake = handshake()
    out = {"comment": "Test vectors of PROTOCOL.md, made by make_vectors.py. Bytes are hexadecimal, 64-bit numbers are 0x…",
           "party": party_vectors(), "frame": frame_vectors()}
    out.update(handshake_vectors(shake))
    out["grant"] = grant_vectors()
    out.update(control_vectors(shake))
    out.update(e2e_vectors())
    out["group"] = group_vectors()
    return out


# --- fuzz seeds -------------------------------------------------------------------------------------


def dp(kind, body, fixed=None):
    """A message between the daemons; fixed and variable part are joined by the caller."""
    assert fixed is None or len(body) + 8 == fixed
    return le(kind, 2) + le(len(body) + 8, 2) + le(1, 4) + body


def seeds():
    shake = handshake()
    sealed = seal_password(shake["login"], shake["hash"], b"secret", 1)
    grant_page = pb(3, pb(1, ACCOUNT_B) + pb(2, b"bob") + pb(6, 99) + pb(7, pb(1, bytes(4)) + pb(2, 4700)))
    inners = {f"inner-{n}": inner(*i) for n, i in enumerate(INNERS)}
    return {
        "frame": {name.replace(": ", "-").replace(" ", "-"): frame(f, made("tag key", 16), body) for name, _, f, body in FRAMES[:6]},
        "hello": {"first": hello(NONCE, bytes(20), b""), "second": shake["hello"]},
        "retry": {"retry": RETRY},
        "welcome": {"datagram": shake["welcome"], "body": welcome_body(WELCOME_BODY), "busy": welcome_body(WELCOME_BUSY)},
        "client_info": {"pc": shake["info"], "nameless": client_info(0, 1, b"")},
        "cert": {"cert": certificate()},
        "invitation": {n: t.encode() for n, t in (
            ("name", "chasqui://im.example.org:4701#" + fingerprint(s_public(ORG_SEED))), ("v4", "chasqui://192.0.2.9#" + "a" * 32),
            ("v6", "chasqui://[2001:db8::1]:4700#" + "b" * 32))},
        "dpcmd": {"hello": dp(1, le(1, 4) + le(9, 4), 16), "dump": dp(3, b"", 8), "session-close": dp(6, bytes(16), 24),
                  "dgram-tx": dp(9, bytes(32) + le(6, 2) + bytes(6) + b"abcdef"), "event": dp(72, bytes(56), 64),
                  "frame-rx": dp(71, bytes(40) + le(0, 2) + le(3, 2) + bytes(4) + b"abc")},
        "control": {"login": login_request(sealed, 1), "push-ack": pb(2, pb(1, 3) + pb(2, varint(1) + varint(2))),
                    "response": pb(1, pb(1, 5) + pb(2, 1) + pb(4, 30)), "contacts": grant_page,
                    "push": pb(2, pb(1, 3) + pb(2, 1) + pb(3, pb(1, ACCOUNT_B) + pb(2, 2)))},
        "e2e": {**inners, "devices": device_list(), "prekey": prekey(), "payload": payload(0, 0, 5, inner(*INNERS[0])), "policy": policy([1, 7, 513]),
                "account-key": bytes.fromhex(hand_on_vectors()["sealed"])},
        "group": {f"inner-{n}": group_inner(*g[2:]) for n, g in enumerate(GROUP_TEXTS)} | {"payload": group_payload(0, 5, group_inner(1, 1, b"hello"))},
        "ctl": {n: json.dumps(o).encode() for n, o in (
            ("status", dict(noun="status", verb="show")), ("add", dict(id=1, noun="user", verb="add", args=["alice"], opts=dict(password="x", name="A"))),
            ("list", dict(id="a", noun="user", verb="list", opts=dict(limit="10"))), ("ok", dict(ok=True, data=[1, {}], cursor="c")),
            ("refused", dict(id=3, ok=False, error=dict(code="ENOENT", message="not found", field="login"))))},
    }


def write_seeds(root):
    for target, files in seeds().items():
        folder = pathlib.Path(root) / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (folder / name).write_bytes(data)


def main(args):
    text = json.dumps(vectors(), indent=1, ensure_ascii=False) + "\n"
    if not args:
        sys.stdout.write(text)
    elif len(args) == 2 and args[0] == "--check":
        same = pathlib.Path(args[1]).read_text(encoding="utf-8") == text
        print("the vectors are those of PROTOCOL.md" if same else f"{args[1]} differs from what make_vectors.py makes")
        return 0 if same else 1
    elif len(args) == 2 and args[0] == "--seeds":
        write_seeds(args[1])
    else:
        print(__doc__)
        return 2
    return 0


sys.exit(main(sys.argv[1:]))
