#!/usr/bin/env python3
"""
two_queues.py PROGRAM: frames of one session alternate between two receive queues, and so between two workers.

      ns c1                         ns srv                          ns c2
    eth0 10.77.1.2  ═══ veth ═══  vs1 10.77.1.1, 2 queues
                                              chasqui-dataplane, 2 workers, driver af_xdp
                                  vs2 10.77.2.1, 2 queues  ════  eth0 10.77.2.2

A packet socket that passes the queueing layer by takes the queue of the core it sends from; so the sender moves from
core to core with each frame. Every frame is sent a second time, on the other queue.
"""
import os
import socket
import struct
import sys

import dp
import raw

SOL_PACKET, PACKET_QDISC_BYPASS = 263, 20
FRAMES = 400


class Queues:
    """What a client sends, on the queue of our choice."""

    def __init__(self, net, ns, client, cpus):
        self.cpus, self.client = cpus, client
        self.sock = net.socket(ns, socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.sock.bind(("eth0", 0))
        self.sock.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 1)

    def send(self, queue, dgram, link):
        here, there = self.client.sock.getsockname(), self.client.sock.getpeername()
        a, b = socket.inet_aton(here[0]), socket.inet_aton(there[0])
        os.sched_setaffinity(0, {self.cpus[queue]})
        self.sock.send(link + raw.ipv4(a, b, raw.udp_of(a, b, here[1], there[1], dgram)))


def link_header(net, srv, c1):
    macs = [dp.run("ip", "netns", "exec", ns, "cat", f"/sys/class/net/{dev}/address").strip() for ns, dev in ((srv, "vs1"), (c1, "eth0"))]
    return b"".join(raw.mac_bytes(m) for m in macs) + b"\x08\x00"


def alternate(queues, link, a, b):
    """Sequence numbers, as the receiver got them, of frames whose copies raced each other; which messages came."""
    seqs, messages = [], []
    for i in range(1, FRAMES + 1):
        g = dp.grant(b.grant_key, a.account, b.account, dp.today() + 1)
        frame = a.frame(dp.party(b.account, 0), 0, i, g, b"x" * (i % 50))
        queues.send(i % 2, frame, link)
        queues.send((i + 1) % 2, frame, link)
        while got := b.receive(2 if len(messages) < i else 0):
            assert b.opened(got), "a frame with a wrong tag arrives"
            _, _, _, _, seq, _, message, _ = struct.unpack_from("<BBHIQQQQ", got)
            seqs.append(seq)
            messages.append(message)
    while got := b.receive(0.5):
        messages.append(struct.unpack_from("<BBHIQQQQ", got)[6])
    return seqs, messages


def scenario(program):
    net, d = dp.Net(), None
    allowed = sorted(os.sched_getaffinity(0))
    try:
        srv, c1, c2 = (net.add(n) for n in ("srv", "c1", "c2"))
        net.veth(srv, "vs1", c1, 1, 2)
        net.veth(srv, "vs2", c2, 2, 2)
        d = dp.Dataplane(program, srv, "af_xdp", interfaces=["vs1", "vs2"], workers=2, hugepages="off").start()
        control = dp.Control(d)
        a = dp.Client(net, c1, "10.77.1.1").log_in(control, 1001)
        b = dp.Client(net, c2, "10.77.2.1").log_in(control, 1002)
        before = d.ask("stats")
        seqs, messages = alternate(Queues(net, c1, a, allowed[:2]), link_header(net, srv, c1), a, b)
        after = d.ask("stats")

        def rose(name):
            return [w.get(name, 0) - v.get(name, 0) for v, w in zip(before["workers"], after["workers"])]

        print(f"# rx {rose('rx')} forward {rose('forward')} replay {rose('drop-replay')}")
        dp.check(rose("rx") == [FRAMES, FRAMES], "each worker received one copy of every frame")
        dp.check(sorted(messages) == list(range(1, FRAMES + 1)), "every frame arrives, and none twice")
        dp.check(sum(rose("forward")) == FRAMES and sum(rose("drop-replay")) == FRAMES, "the second copy is a replay, whoever has it")
        dp.check(min(rose("forward")) > 0, "both workers forward frames of the one session")
        dp.check(len(set(seqs)) == FRAMES, "no two frames reach the receiver under one sequence number")
        dp.check(d.stop() == 0, "it ends when told")
    except BaseException:
        if d:
            print(d.text(), file=sys.stderr)
        raise
    finally:
        os.sched_setaffinity(0, allowed)
        if d:
            d.close()
        net.close()


if len(os.sched_getaffinity(0)) < 2:
    dp.skip("needs two cores")
scenario(sys.argv[1])
