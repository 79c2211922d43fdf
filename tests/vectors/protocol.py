"""
The formats of PROTOCOL.md once more, from that document alone: shares no code with proto/. What both the test vectors
and the clients of the namespace scenarios are made of. Needs Debian's python3-cryptography.
"""
import base64
import hashlib
import hmac
import ipaddress
import sys

try:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
except ImportError:
    print("skipped: python3-cryptography is not installed")
    sys.exit(77)

M64 = (1 << 64) - 1
EPOCH_2020_MS = 1_577_836_800_000


def le(n, size):
    return n.to_bytes(size, "little")


def unle(data):
    return int.from_bytes(data, "little")


# --- primitives -------------------------------------------------------------------------------------


def siphash(key, data):
    k0, k1 = (int.from_bytes(key[i:i + 8], "little") for i in (0, 8))
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]

    def rotl(x, n):
        return (x << n | x >> (64 - n)) & M64

    def rounds(n):
        for _ in range(n):
            v[0] = (v[0] + v[1]) & M64
            v[1] = rotl(v[1], 13) ^ v[0]
            v[0] = rotl(v[0], 32)
            v[2] = (v[2] + v[3]) & M64
            v[3] = rotl(v[3], 16) ^ v[2]
            v[0] = (v[0] + v[3]) & M64
            v[3] = rotl(v[3], 21) ^ v[0]
            v[2] = (v[2] + v[1]) & M64
            v[1] = rotl(v[1], 17) ^ v[2]
            v[2] = rotl(v[2], 32)

    padded = data + bytes(7 - len(data) % 8) + bytes([len(data) & 255])
    for at in range(0, len(padded), 8):
        word = int.from_bytes(padded[at:at + 8], "little")
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xFF
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def hmac256(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def expand(prk, info, size):
    out, block = b"", b""
    while len(out) < size:
        block = hmac256(prk, block + info + bytes([len(out) // 32 + 1]))
        out += block
    return out[:size]


def gcm(key, nonce, ad, plain):
    return AESGCM(key).encrypt(nonce, plain, ad)


def gcm_open(key, nonce, ad, sealed):
    """The plaintext; None if it does not open."""
    try:
        return AESGCM(key).decrypt(nonce, sealed, ad)
    except InvalidTag:
        return None


def x_public(secret):
    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def dh(secret, public):
    return X25519PrivateKey.from_private_bytes(secret).exchange(X25519PublicKey.from_public_bytes(public))


def s_public(seed):
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def sign(seed, data):
    return data + Ed25519PrivateKey.from_private_bytes(seed).sign(data)


def verify(public, signature, data):
    """Raises if the signature is wrong."""
    Ed25519PublicKey.from_public_bytes(public).verify(signature, data)


# --- 2, 4: parties and frames -----------------------------------------------------------------------

HOP, RECEIPT, STORE, PING, NOTICE = 1, 2, 4, 8, 16
HEADER = 48


def party(kind, device, ident):
    return kind << 56 | device << 48 | ident


def message_id(ms, counter=0):
    return ms << 22 | counter


def header(f):
    return (bytes([0x0B, f["flags"]]) + le(f["app"], 2) + le(f["slot"], 4) + le(f["seq"], 8) + le(f["party"], 8)
            + le(f["message"], 8) + le(f["grant"], 8))


def parsed(datagram):
    """The fields of a FRAME's header; its tag and payload too."""
    return dict(flags=datagram[1], app=unle(datagram[2:4]), slot=unle(datagram[4:8]), seq=unle(datagram[8:16]),
                party=unle(datagram[16:24]), message=unle(datagram[24:32]), grant=unle(datagram[32:40]), tag=unle(datagram[40:48]),
                payload=datagram[HEADER:])


def frame_tag(tag_key, head, payload_len):
    return siphash(tag_key, head + le(payload_len, 2))


def frame(f, tag_key, payload):
    head = header(f)
    return head + le(frame_tag(tag_key, head, len(payload)), 8) + payload


def hop_frame(f, tag_key, hop_key, plain):
    return frame(f, tag_key, gcm(hop_key, bytes(4) + le(f["seq"], 8), header(f), plain))


def hop_open(datagram, hop_key):
    return gcm_open(hop_key, bytes(4) + datagram[8:16], datagram[:40], datagram[HEADER:])


def grant(key, sender, epoch, receiver, day):
    """The right of an account to write to another, by the receiver's grant key; epoch is the sender's."""
    words = le(1 << 62 | epoch << 48 | sender, 8) + le(day << 48 | receiver, 8)
    return day << 48 | siphash(key, words) & (1 << 48) - 1


# --- 3: handshake -----------------------------------------------------------------------------------

HELLO_LEN, RETRY_LEN, WELCOME_LEN, CERT_LEN = 1200, 188, 116, 148


def address(text):
    ip = ipaddress.ip_address(text)
    return ip.packed if ip.version == 6 else bytes(10) + b"\xff\xff" + ip.packed


def fingerprint(key):
    digest = hashlib.sha256(b"chasqui-org-1" + key).digest()[:20]
    return base64.b32encode(digest).decode().lower()


def hello(nonce, cookie, noise, versions=(1, 1)):
    head = bytes([8, *versions, 0]) + nonce + cookie + le(len(noise), 2) + bytes(2) + noise
    return head + bytes(HELLO_LEN - len(head))


def prologue(nonce, cookie, server_id, versions=(1, 1)):
    return b"chasqui" + bytes(versions) + nonce + cookie + le(server_id, 4)


def client_info(kind, ms, software):
    return bytes([1, kind, 0, 0]) + le(ms, 8) + bytes([len(software)]) + software


class Noise:
    """Noise_IK_25519_AESGCM_SHA256 (revision 34), both roles in one."""

    def __init__(self, words, responder):
        self.h = self.ck = b"Noise_IK_25519_AESGCM_SHA256".ljust(32, b"\0")
        self.key, self.n = None, 0
        self.mix(words)
        self.mix(responder)

    def mix(self, data):
        self.h = hashlib.sha256(self.h + data).digest()

    def mix_key(self, secret):
        temp = hmac256(self.ck, secret)
        self.ck = hmac256(temp, b"\1")
        self.key, self.n = hmac256(temp, self.ck + b"\2"), 0

    def seal(self, plain):
        out = gcm(self.key, bytes(4) + self.n.to_bytes(8, "big"), self.h, plain)
        self.n += 1
        self.mix(out)
        return out

    def open(self, sealed):
        """The plaintext; None if it does not open."""
        out = gcm_open(self.key, bytes(4) + self.n.to_bytes(8, "big"), self.h, sealed)
        self.n += 1
        self.mix(sealed)
        return out

    def plain(self, data):
        self.mix(data)
        return data

    def message1(self, ephemeral, static, server, payload):
        """The initiator's message; secrets of the initiator, public key of the responder."""
        out = self.plain(x_public(ephemeral))
        self.mix_key(dh(ephemeral, server))
        out += self.seal(x_public(static))
        self.mix_key(dh(static, server))
        return out + self.seal(payload)

    def split(self):
        temp = hmac256(self.ck, b"")
        first = hmac256(temp, b"\1")
        return first, hmac256(temp, first + b"\2")


def session_keys(k1, k2):
    return dict(tag_c2s=expand(k1, b"tag", 16), hop_c2s=expand(k1, b"hop", 32), login=expand(k1, b"login", 32),
                tag_s2c=expand(k2, b"tag", 16), hop_s2c=expand(k2, b"hop", 32))


WELCOME_FIELDS = (("slot", 4), ("version", 1), ("version_min", 1), ("version_max", 1), ("logged_in", 1), ("expiry_ms", 8),
                  ("server_time_ms", 8), ("account", 8), ("device", 1), ("status", 1), ("silence_s", 2), ("keepalive_s", 2),
                  ("zero", 2), ("server_id", 4), ("retry_after_s", 4))


def welcome_body(b):
    return b"".join(le(b.get(name, 0), size) for name, size in WELCOME_FIELDS)


def welcome_parsed(body):
    out, at = {}, 0
    for name, size in WELCOME_FIELDS:
        out[name] = unle(body[at:at + size])
        at += size
    return out


# --- 5: control messages ----------------------------------------------------------------------------


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def pb(number, value):
    """One protobuf field: a varint for a number, length-delimited for bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def pb_parsed(data):
    """Field number -> its values in order: numbers, or bytes."""
    out, at = {}, 0

    def number():
        nonlocal at
        n = shift = 0
        while True:
            byte = data[at]
            at += 1
            n |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return n

    while at < len(data):
        key = number()
        if key & 7 == 0:
            value = number()
        elif key & 7 == 2:
            size = number()
            value = data[at:at + size]
            at += size
        else:
            raise ValueError(f"wire type {key & 7} is not used by proto/control.proto")
        out.setdefault(key >> 3, []).append(value)
    return out


def seal_password(login_key, handshake_hash, password, attempt):
    plain = bytes([len(password)]) + password + bytes(128 - len(password))
    return gcm(login_key, bytes(8) + le(attempt, 4), handshake_hash, plain)
