"""
A client made from PROTOCOL.md alone, for attackers and for those whom they attack: handshake, frames, control messages.
It sends nothing by itself but acknowledgements of pushes, so that the dataplane's counters tell what a scenario has done.
Nothing is asserted here but that the server keeps to the protocol.
"""
import pathlib
import secrets
import select
import socket
import sys
import time

import harness

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "vectors"))
from protocol import *  # noqa: E402,F403 - the formats; skips the test where python3-cryptography is absent

HELLO_T, RETRY_T, WELCOME_T, FRAME_T, DIRECT_T, TRUNK_T = 0x08, 0x09, 0x0A, 0x0B, 0x0C, 0x0D
N_UNKNOWN, N_OFFLINE, N_TOO_FAST, N_PATH, N_EXPIRED, N_SEAL, N_REPLACED, N_CLOSED = 1, 2, 3, 4, 5, 6, 9, 10
M_LOGIN, M_LOGOUT, M_CONTACTS, M_GRANT, M_KEYS_GET, M_WHOAMI = 1, 2, 3, 4, 6, 7
E_AUTH, E_NOUSER, E_BUSY, E_UNSUPPORTED, E_LOGIN, E_FULL = 1, 3, 5, 11, 12, 14
P_PRESENCE, P_CONTACTS, P_REPLACED = 3, 4, 6
OFFLINE, ONLINE = 1, 2
NO_SLOT = 0xFFFFFFFF


class Broken(Exception):
    """The server did not keep to PROTOCOL.md."""


class Silent(Exception):
    """No answer came."""


def must(truth, text):
    if not truth:
        raise Broken(text)


class Handshake:
    """One try: its two HELLOs, and what their answers say."""

    def __init__(self, static, print_, versions=(1, 1)):
        self.static, self.print, self.versions = static, print_, versions
        self.nonce = secrets.token_bytes(16)
        self.ephemeral = secrets.token_bytes(32)
        self.noise = None

    def first(self):
        return hello(self.nonce, bytes(20), b"", self.versions)

    def retry(self, data):
        """Take the RETRY: certificate and cookie."""
        must(len(data) == RETRY_LEN and data[0] == RETRY_T and data[3] == 0, "form of RETRY")
        must(data[4:20] == self.nonce, "nonce of RETRY")
        self.cookie, self.certificate = data[20:40], data[40:]
        org, fields, signature = self.certificate[:32], self.certificate[32:84], self.certificate[84:]
        must(fingerprint(org) == self.print, "organisation's fingerprint")
        verify(org, signature, b"chasqui-server-1" + fields)
        self.server, self.server_id = fields[:32], unle(fields[32:36])
        now = time.time() * 1000
        must(unle(fields[36:44]) <= now < unle(fields[44:52]), "certificate's times")

    def second(self, cookie=None):
        """The HELLO with Noise message 1; @cookie: another one than what the RETRY has brought."""
        cookie = cookie or self.cookie
        info = client_info(3, int(time.time() * 1000), b"wire.py 1")
        self.noise = Noise(prologue(self.nonce, cookie, self.server_id, self.versions), self.server)
        one = self.noise.message1(self.ephemeral, self.static, self.server, info)
        return hello(self.nonce, cookie, one, self.versions)

    def welcome(self, data):
        """Take the WELCOME: what it says, and the session's keys."""
        must(len(data) == WELCOME_LEN and data[0] == WELCOME_T and unle(data[2:4]) == 96, "form of WELCOME")
        must(data[4:20] == self.nonce, "nonce of WELCOME")
        n, two = self.noise, data[20:]
        re = n.plain(two[:32])
        n.mix_key(dh(self.ephemeral, re))
        n.mix_key(dh(self.static, re))
        body = n.open(two[32:])
        must(body is not None and len(body) == 48, "WELCOME does not open")
        out = welcome_parsed(body)
        must(out["version"] == data[1] == 1 and out["server_id"] == self.server_id, "WELCOME's versions and server")
        return out, session_keys(*n.split())


class Client:
    """One device. @secret: its static key; it is logged in at once where that key is enrolled."""

    def __init__(self, net, ns, site, secret=None, family=4):
        self.net, self.ns, self.family = net, ns, family
        self.print = site.invitation.split("#")[1]
        self.static = secret or secrets.token_bytes(32)
        self.server = harness.SERVER4 if family == 4 else harness.SERVER6
        self.sock = net.socket(ns, socket.AF_INET if family == 4 else socket.AF_INET6)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.sock.connect((self.server, harness.PORT))
        self.forget()

    def forget(self):
        """No session."""
        self.keys, self.slot, self.seq, self.account, self.device = None, NO_SLOT, 0, 0, 0
        self.seen, self.last_id, self.attempt = set(), 0, 0
        self.frames, self.notices, self.pings, self.pushes, self.answers = [], [], [], [], {}
        self.shake = self.body = None
        self.ack = True

    def where(self):
        """Address and port that the server sees."""
        return self.sock.getsockname()[:2]

    # handshake

    def ask(self, data, kind, seconds=8.0, repeat=0.5):
        """Send until a datagram of that type comes."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.send(data)
            again = time.monotonic() + repeat
            while (left := again - time.monotonic()) > 0:
                got = self.receive(left)
                if got and got[0] == kind:
                    return got
        raise Silent(f"no answer of type {kind:#x}")

    def handshake(self, seconds=8.0):
        """A new session by both HELLOs; what the WELCOME says."""
        self.forget()
        shake = Handshake(self.static, self.print)
        shake.retry(self.ask(shake.first(), RETRY_T, seconds))
        self.sent_hello = shake.second()
        self.got_welcome = self.ask(self.sent_hello, WELCOME_T, seconds)
        return self.enter(shake, self.got_welcome)

    def enter(self, shake, welcome):
        self.body, keys = shake.welcome(welcome)
        if self.body["status"] == 0:
            self.keys, self.slot = keys, self.body["slot"]
            self.account, self.device, self.shake = self.body["account"], self.body["device"], shake
        return self.body

    def log_in(self):
        """By the device's key."""
        body = self.handshake()
        must(body["logged_in"] == 1, f"the device's key is not enrolled: {body}")
        self.ping()
        return self

    def log_in_by(self, login, password, enroll=False):
        """By name and password: the answer's code, and its body's fields."""
        self.attempt += 1
        sealed = seal_password(self.keys["login"], self.shake.noise.h, password, self.attempt)
        body = pb(1, login.encode()) + pb(2, sealed) + pb(3, self.attempt) + pb(4, int(enroll)) + pb(5, b"wire")
        code, reply, wait = self.request(M_LOGIN, body)
        if code == 0:
            self.account, self.device = reply[1][0], reply[2][0]
        return code, reply, wait

    # sending

    def send(self, data):
        try:
            self.sock.send(data)
        except ConnectionRefusedError:
            pass  # the kernel's word about an earlier datagram

    def next_id(self):
        self.last_id = max(self.last_id + 1, message_id(int(time.time() * 1000) - EPOCH_2020_MS))
        return self.last_id

    def fields(self, **f):
        self.seq += 1
        out = dict(flags=0, app=0, slot=self.slot, seq=self.seq, party=0, message=0, grant=0)
        out.update(f)
        out["message"] = out["message"] or self.next_id()
        return out

    def frame(self, payload=b"", **f):
        """A frame of this session, its tag right; @f: fields of the header."""
        return frame(self.fields(**f), self.keys["tag_c2s"], payload)

    def to(self, account, grant_, payload, **f):
        """A frame to an account, all its devices."""
        return self.frame(payload, party=party(1, 0, account), grant=grant_, **f)

    def hop(self, plain, **f):
        return hop_frame(self.fields(flags=HOP, **f), self.keys["tag_c2s"], self.keys["hop_c2s"], plain)

    # receiving

    def receive(self, seconds):
        """One datagram as it came; None if there is none."""
        if not select.select([self.sock], [], [], max(0, seconds))[0]:
            return None
        try:
            return self.sock.recv(4096)
        except ConnectionRefusedError:
            return None

    def collect(self, seconds=0.0, until=None):
        """Sort what comes into frames, notices, pings, pushes and answers, until @until() is true."""
        end = time.monotonic() + seconds
        while True:
            value = until() if until else None
            if value:
                return value
            data = self.receive(end - time.monotonic())
            if data:
                self._take(data)
            elif time.monotonic() >= end:
                return until() if until else None

    def _take(self, data):
        if data[0] != FRAME_T:
            return  # a repeated RETRY or WELCOME
        must(len(data) >= HEADER and self.keys, "a frame without a session, or too short")
        f = parsed(data)
        f["bytes"] = data
        if f["slot"] != self.slot:
            return  # of the session before
        must(frame_tag(self.keys["tag_s2c"], data[:40], len(f["payload"])) == f["tag"],
             "tag of a frame from the server")
        must(f["seq"] not in self.seen, "a number comes twice")
        self.seen.add(f["seq"])
        if f["flags"] == NOTICE:
            self.notices.append(f)
        elif f["flags"] == PING:
            self.pings.append(f)
        elif f["party"]:
            self.frames.append(f)
        else:
            self._message(data)

    def _message(self, data):
        plain = hop_open(data, self.keys["hop_s2c"])
        must(plain is not None, "a message of the server does not open")
        message = pb_parsed(plain)
        if 1 in message:
            self.answer_size = len(plain)  # of the last one
            answer = pb_parsed(message[1][0])
            self.answers[answer.get(1, [0])[0]] = (answer.get(2, [0])[0], pb_parsed(answer.get(3, [b""])[0]),
                                                   answer.get(4, [0])[0])
            return
        push = pb_parsed(message[2][0])
        epoch, number = push[1][0], push[2][0]
        if self.ack:
            self.send(self.hop(pb(2, pb(1, epoch) + pb(2, varint(number)))))
        if (epoch, number) not in [p["number"] for p in self.pushes]:
            kind = next(k for k in push if k > 2)
            self.pushes.append(dict(number=(epoch, number), kind=kind, body=pb_parsed(push[kind][0])))

    def presences(self):
        """(account, status) of each presence that was pushed."""
        return [(p["body"][1][0], p["body"].get(2, [0])[0]) for p in self.pushes if p["kind"] == P_PRESENCE]

    # asking

    def request(self, method, body=b"", seconds=8.0):
        """(code, body's fields, seconds to wait) of the answer."""
        ident = self.next_id()
        plain = pb(1, pb(1, ident) + pb(2, method) + (pb(3, body) if body else b""))
        end, again = time.monotonic() + seconds, 0.5
        while time.monotonic() < end:
            self.send(self.hop(plain))
            answer = self.collect(min(again, end - time.monotonic()), lambda: self.answers.get(ident))
            if answer:
                return answer
            again *= 2
        raise Silent(f"request {method} is not answered")

    def ping(self, token=0, seconds=8.0):
        """Until it is answered; the seconds that took."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            data = self.frame(flags=PING, grant=token)
            ident, begun = parsed(data)["message"], time.monotonic()
            self.send(data)
            if self.collect(0.5, lambda: [p for p in self.pings if p["message"] == ident]):
                return time.monotonic() - begun
        raise Silent("PING is not answered")

    def contacts(self):
        """Login -> dict(account, grant, status, relation)."""
        out, cursor = {}, 0
        while True:
            code, page, _ = self.request(M_CONTACTS, pb(2, cursor) if cursor else b"")
            must(code == 0, f"contacts refused: {code}")
            for raw in page.get(3, []):
                c = pb_parsed(raw)
                out[c[2][0].decode()] = dict(account=c[1][0], grant=c.get(6, [0])[0], status=c.get(5, [0])[0],
                                             relation=c.get(4, [0])[0])
            cursor = page.get(4, [0])[0]
            if not cursor:
                return out

    def close(self):
        self.sock.close()


def reach(sender, receiver, grant_, payload=None, seconds=5.0):
    """One frame, sent again until it arrives (with other numbers, as PROTOCOL.md says). The frame; None if it does not."""
    payload = payload or secrets.token_bytes(60)
    ident = sender.next_id()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sender.send(sender.to(receiver.account, grant_, payload, message=ident))
        got = receiver.collect(0.3, lambda: [f for f in receiver.frames if f["message"] == ident])
        if got:
            must(got[0]["payload"] == payload and got[0]["party"] == party(1, sender.device, sender.account),
                 "what arrives")
            return got[0]
    return None


def person(site, login):
    """An account whose device belongs to it from the start: that device's secret."""
    static = secrets.token_bytes(32)
    site.ctl("user", "add", login, "--device-key", x_public(static).hex())
    return static
