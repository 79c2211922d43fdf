#!/usr/bin/env python3
"""
vlan.py DRIVER PROGRAM: a client in a VLAN talks with one that is in none, by the worker and by the program alone.

      ns c1                         ns srv                          ns c2
    eth0 10.77.1.2  ──── veth ──── vs1 10.77.1.1
      VLAN 5: 10.77.1.5            vs2 10.77.2.1 ──── veth ──── eth0 10.77.2.2

The client in the VLAN writes its packets itself, tag and all, and takes only those that come with that tag.
"""
import select
import socket
import struct
import sys
import time

import dp
import raw

TCI, PORT, OWN, SERVER = 5 | 3 << 13, 40123, "10.77.1.5", "10.77.1.1"  # VLAN 5, priority 3
SOL_PACKET, PACKET_AUXDATA, VLAN_VALID = 263, 8, 1 << 4


class Tagged:
    """A socket in a VLAN, for a kernel that need not know of VLANs."""

    def __init__(self, net, ns, server_mac):
        own_mac = raw.mac_bytes(dp.run("ip", "-n", ns, "-br", "link", "show", "dev", "eth0").split()[2])
        self.head = server_mac + own_mac + struct.pack(">HHH", 0x8100, TCI, 0x0800)
        self.own, self.server, self.mac = socket.inet_aton(OWN), socket.inet_aton(SERVER), own_mac
        self.sock = net.socket(ns, socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.sock.bind(("eth0", 3))
        self.sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)

    def send(self, dgram):
        udp = raw.udp_of(self.own, self.server, PORT, dp.PORT, dgram)
        self.sock.send(self.head + raw.ipv4(self.own, self.server, udp))

    def take(self):
        """What the next packet brings us; None if it is not for us, or not in our VLAN."""
        packet, aux, _, _ = self.sock.recvmsg(4096, 64)
        tci = packet[12:16] if packet[12:14] == b"\x81\x00" else b""
        ip = packet[18:] if tci else packet[14:]
        for level, kind, data in aux:
            if (level, kind) == (SOL_PACKET, PACKET_AUXDATA) and struct.unpack_from("=I", data)[0] & VLAN_VALID:
                tci = b"\x81\x00" + struct.pack(">H", struct.unpack_from("=H", data, 16)[0])
        if tci != b"\x81\x00" + struct.pack(">H", TCI) or ip[16:20] != self.own or ip[22:24] != struct.pack(">H", PORT):
            return None
        return ip[28 : 20 + struct.unpack_from(">H", ip, 24)[0]]

    def close(self):
        self.sock.close()


class Client(dp.Client):
    def __init__(self, net, ns, server_mac):
        super().__init__(net, ns, SERVER)
        self.sock.close()
        self.sock = Tagged(net, ns, server_mac)

    def receive(self, seconds):
        end = time.monotonic() + seconds
        while select.select([self.sock.sock], [], [], max(0, end - time.monotonic()))[0]:
            dgram = self.sock.take()
            if dgram:
                return dgram
        return None


def open_logged_in(control, client, like, account):
    """A session in the VLAN that control knows already; @like: the path of one on the same cable in none."""
    path = bytes(10) + b"\xff\xff" + socket.inet_aton(OWN)
    path += struct.pack("<H", PORT) + like[18:20] + struct.pack("<H", TCI) + like[22:24] + client.sock.mac + bytes(2)
    assert control.log_in(path, account, client) == 0


def scenario(driver, program):
    net, d = dp.Net(), None
    try:
        srv, c1, c2 = (net.add(n) for n in ("srv", "c1", "c2"))
        net.veth(srv, "vs1", c1, 1)
        net.veth(srv, "vs2", c2, 2)
        more = {"xdp_mode": "generic"} if driver == "xdp" else {}  # natively, a veth's other end needs a program too
        d = dp.Dataplane(program, srv, driver, interfaces=["vs1", "vs2"], **more).start()
        control = dp.Control(d)
        plain = dp.Client(net, c1, SERVER).log_in(control, 1001)
        b = dp.Client(net, c2, "10.77.2.1").log_in(control, 1002)
        mac = raw.mac_bytes(dp.run("ip", "-n", srv, "-br", "link", "show", "dev", "vs1").split()[2])
        a = Client(net, c1, mac)
        if driver == "af_xdp":  # with xdp a HELLO goes up to the kernel, and this one's need not know of VLANs
            a.log_in(control, 1003)
            dp.check(struct.unpack_from("<H", a.path, 20)[0] == TCI, "who is in a VLAN logs in, and it is known")
            dp.check(dp.chat(a, b), "frames go out of the VLAN and into it")
        open_logged_in(control, a, plain.path, 1004)
        a.ping()
        dp.check(dp.chat(a, b) and dp.chat(a, plain), "frames carry the receiver's tag and none of the sender's")
        if driver == "xdp":
            d.kill()
            dp.check(dp.chat(a, b), "and so they do while no process lives")
        for client in (a, b, plain):
            client.close()
    except BaseException:
        if d:
            print(d.text(), file=sys.stderr)
        raise
    finally:
        if d:
            d.close()
        net.close()


scenario(sys.argv[1], sys.argv[2])
