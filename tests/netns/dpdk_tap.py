#!/usr/bin/env python3
"""
dpdk_tap.py PROGRAM: the driver dpdk, on a port that DPDK makes itself (a TAP device), one worker and two.

      ns srv
    clients, kernel 10.78.0.1 ──── dtap0 ──── DPDK port net_tap0, 10.78.0.2   chasqui-dataplane
                    fd78::1                                       fd78::2

The port's own interface in the kernel (chq-net_tap0) has no address here, so nobody answers ARP: the clients' side is told
a MAC. dpdk_kernel.py is about that interface.
"""
import os
import socket
import sys

import dp
import harness


def link_up(net, srv):
    dp.wait_for(lambda: "dtap0" in dp.run("ip", "-n", srv, "-o", "link"), 20, "DPDK makes the TAP device")
    net.sysctl(srv, net__ipv6__conf__dtap0__accept_dad=0)
    net.ip(srv, "addr", "add", "10.78.0.1/24", "dev", "dtap0")
    net.ip(srv, "addr", "add", "fd78::1/64", "dev", "dtap0", "nodad")
    net.ip(srv, "link", "set", "dtap0", "up")
    for host in ("10.78.0.2", "fd78::2"):
        net.ip(srv, "neigh", "replace", host, "lladdr", "02:00:00:00:00:02", "dev", "dtap0")


def damaged(net, srv, d):
    """Datagrams to our port whose payload was damaged on the way."""
    packet = bytearray(harness.packet4("02:00:00:00:00:02", "02:00:00:00:00:09", ("10.78.0.1", 4000), ("10.78.0.2", dp.PORT), bytes(100)))
    packet[-1] ^= 1
    before = d.ask("stats")["total"].get("drop-checksum", 0)
    with net.socket(srv, socket.AF_PACKET, socket.SOCK_RAW) as s:
        s.bind(("dtap0", 0))
        for _ in range(10):
            s.send(packet)
    dp.wait_for(lambda: d.ask("stats")["total"].get("drop-checksum", 0) == before + 10, 10, "drop-checksum rises by 10")


def scenario(program, workers):
    net, d = dp.Net(), None
    try:
        srv = net.add("srv")
        d = dp.Dataplane(program, srv, "dpdk", ports=["net_tap0,iface=dtap0"], workers=workers,
                         addresses=["10.78.0.2", "fd78::2"]).start()  # fmt: skip
        control = dp.Control(d)
        link_up(net, srv)
        for one, two, name in (("10.78.0.2", "10.78.0.2", "IPv4"), ("fd78::2", "fd78::2", "IPv6"),
                               ("fd78::2", "10.78.0.2", "IPv6 to IPv4")):  # fmt: skip
            a = dp.Client(net, srv, one).log_in(control, 1001)
            b = dp.Client(net, srv, two).log_in(control, 1002)
            dp.check(dp.chat(a, b, 40), f"{workers} worker(s): frames reach the other client over {name}")
            a.close()
            b.close()
        offloads = d.ask("ports")[0]["offloads"]
        dp.check("rx-udp-checksum" in offloads and not any("tx" in o and "checksum" in o for o in offloads),
                 f"checksums are looked at by the port and written by nobody: {offloads}")
        damaged(net, srv, d)
        dp.check(True, "a damaged payload is dropped as drop-checksum")
        dp.check(d.stop() == 0, "it ends when told")
        left = f"/run/dpdk/chasqui-{d.instance}"
        dp.check(not os.path.exists(left), "DPDK's folder is gone")
    except BaseException:
        if d:
            print(d.text(), file=sys.stderr)
        raise
    finally:
        if d:
            d.close()
        net.close()


if not os.path.exists("/dev/net/tun"):
    dp.skip("no /dev/net/tun")
for n in (1, 2):
    scenario(sys.argv[1], n)
