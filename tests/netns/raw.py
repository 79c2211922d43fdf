"""
Packets as an attacker makes them, with every field at will, and what came of them: the dataplane's counters by name
and the bytes that the server has sent to anybody.
"""
import os
import socket
import struct
import time

from harness import PORT, SERVER4, SERVER6, Sniffer, checksum, wait_for

RIGHT, NONE, WRONG = "right", "none", "wrong"  # UDP checksums
UDP, HOP_BY_HOP, DESTINATION = 17, 0, 60


def mac_bytes(mac):
    return bytes.fromhex(mac.replace(":", ""))


def udp_of(a, b, src_port, dst_port, payload, udp_sum=RIGHT):
    """UDP header and payload; @a, @b: addresses as bytes, for the checksum."""
    udp = struct.pack(">HHHH", src_port, dst_port, 8 + len(payload), 0) + payload
    pseudo = a + b + (struct.pack(">IHBB", len(udp), 0, 0, UDP) if len(a) == 16 else struct.pack(">HH", UDP, len(udp)))
    value = checksum(pseudo + udp) or 0xFFFF
    if udp_sum == WRONG:
        value = (value ^ 0x5555) or 1
    return udp[:6] + struct.pack(">H", 0 if udp_sum == NONE else value) + udp[8:]


def ipv4(a, b, body, options=b"", ident=0, more=False, offset=0, bad_sum=False):
    size = 20 + len(options)
    head = struct.pack(">BBHHHBBH", 0x40 | size // 4, 0, size + len(body), ident, more << 13 | offset // 8, 64, UDP, 0)
    value = checksum(head + a + b + options) ^ (0x5555 if bad_sum else 0)
    return head[:10] + struct.pack(">H", value) + a + b + options + body


def ipv6(a, b, body, headers=()):
    """@headers: (type, its bytes after the two of type and length), in order."""
    kinds = [kind for kind, _ in headers] + [UDP]
    rest = b""
    for (_, data), following in zip(headers, kinds[1:]):
        data += bytes(-(2 + len(data)) % 8)
        rest += bytes([following, (2 + len(data)) // 8 - 1]) + data
    return struct.pack(">IHBB", 6 << 28, len(rest) + len(body), kinds[0], 64) + a + b + rest + body


class Raw:
    """An attacker's interface, and its view of what arrives there."""

    def __init__(self, net, ns):
        self.here, self.there = mac_bytes(net.mac(ns)), mac_bytes(net.mac(net.srv, "relay0"))
        self.own = {family: net.address(ns, family) for family in (4, 6)}
        self.sock = net.socket(ns, socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.sock.bind(("eth0", 0))

    def packets(self, payload, src=None, family=4, fragment=0, udp_sum=RIGHT, headers=(), **ip):
        """One datagram as Ethernet packets; @src: (address, port); @fragment: bytes of UDP in the first of two."""
        family = 6 if src and ":" in src[0] else family
        src = src or (self.own[family], 40000)
        kind = socket.AF_INET if family == 4 else socket.AF_INET6
        a, b = socket.inet_pton(kind, src[0]), socket.inet_pton(kind, SERVER4 if family == 4 else SERVER6)
        udp = udp_of(a, b, src[1], PORT, payload, udp_sum)
        link = self.there + self.here + (b"\x08\x00" if family == 4 else b"\x86\xdd")
        if family == 6 and fragment:
            part = [(44, struct.pack(">HI", at | (at == 0), 77)) for at in (0, fragment)]
            return [link + ipv6(a, b, udp[:fragment], [part[0]]), link + ipv6(a, b, udp[fragment:], [part[1]])]
        if family == 6:
            return [link + ipv6(a, b, udp, headers)]
        if fragment:
            return [link + ipv4(a, b, udp[:fragment], ident=77, more=True),
                    link + ipv4(a, b, udp[fragment:], ident=77, offset=fragment)]
        return [link + ipv4(a, b, udp, **ip)]

    def send(self, payload, **how):
        """Bytes of UDP payload that were sent."""
        for packet in self.packets(payload, **how):
            self.sock.send(packet)
        return len(payload)

    def close(self):
        self.sock.close()


class Ear(Sniffer):
    """A sniffer that sees the kernel's error messages too: (when, bytes of IP)."""

    def __init__(self, net, ns):
        self.errors = []
        super().__init__(net, ns)

    def take(self, packet, arrives):
        super().take(packet, arrives)
        v4 = packet[12:14] == b"\x08\x00" and packet[23] == 1 and packet[14 + (packet[14] & 15) * 4] in (3, 4, 11, 12)
        v6 = packet[12:14] == b"\x86\xdd" and packet[20] == 58 and packet[54] < 128
        if arrives and (v4 or v6):
            self.errors.append((time.monotonic(), len(packet) - 14))


class Watch:
    """What a server does in answer to what it is sent: counters that rise, datagrams that leave, who gets any."""

    # rx-missed: what the kernel itself refused, such as a datagram with a wrong checksum to a socket
    IGNORED = ("kernel", "rx-bytes", "tx-bytes", "xdp-worker", "xdp-process", "rx-missed")

    def __init__(self, site, net, namespaces):
        self.site = site
        self.sniffers = {ns: Ear(net, ns) for ns in namespaces}
        self.mark()

    def mark(self):
        self.before = self.site.stats()
        self.seen = {ns: (len(s.seen), len(s.errors)) for ns, s in self.sniffers.items()}

    def rose(self):
        """Counters that have risen since mark()."""
        now = self.site.stats()
        return {k: v - self.before.get(k, 0) for k,
                v in now.items() if v != self.before.get(k, 0) and k not in self.IGNORED}

    def until(self, count, seconds=15):
        """What has risen when @count datagrams were received. One that comes too much shows too."""
        wait_for(lambda: self.rose().get("rx", 0) >= count, seconds, f"{count} datagrams received")
        time.sleep(0.03)
        return self.rose()

    def out(self, ns=None):
        """Datagrams of the server that arrived since mark(), at one namespace or at all."""
        return [d for name, s in self.sniffers.items() if ns in (None, name) for d in s.seen[self.seen[name][0] :]
                if d.arrives and d.src[1] == PORT]

    def errors(self):
        """Bytes of IP of each ICMP error that arrived since mark()."""
        return [size for name, s in self.sniffers.items() for _, size in s.errors[self.seen[name][1] :]]

    def close(self):
        for s in self.sniffers.values():
            s.close()


def rss_bytes(daemon):
    """Resident memory of a daemon; `ip netns exec` has become it."""
    with open(f"/proc/{daemon.proc.pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmRSS"))


def in_child(work):
    """Run @work in a process of its own, so that it does not slow ours down. A function that tells whether it is over."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    ended = []

    def over(wait=False):
        if not ended:
            found, status = os.waitpid(pid, 0 if wait else os.WNOHANG)
            if found:
                ended.append(os.waitstatus_to_exitcode(status))
        if ended and ended[0]:
            raise AssertionError("the child process failed")
        return bool(ended)

    return over
