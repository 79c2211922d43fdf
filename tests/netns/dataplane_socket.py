#!/usr/bin/env python3
"""
dataplane_socket.py PROGRAM: the driver socket, and what survives kill -9: sessions, keys, replay windows and numbers.

      ns c1                         ns srv                          ns c2
    eth0 10.77.1.2  ──── veth ──── vs1 10.77.1.1
         fd77:1::2                     fd77:1::1     chasqui-dataplane
                                   vs2 10.77.2.1 ──── veth ──── eth0 10.77.2.2
                                       fd77:2::1                     fd77:2::2
    and two clients in srv itself, by 127.0.0.1 and ::1
"""
import json
import os
import socket
import struct
import sys

import dp

KILLS = 5


def total(d, name):
    return d.ask("stats")["total"].get(name, 0)


def dump(control):
    """Slot -> (account, state) of every session, and the table's boot id and generation."""
    control.send(dp.DP_DUMP, b"")
    sessions = {}
    while True:
        msg = control.sock.recv(4096)
        kind = struct.unpack_from("<H", msg)[0]
        if kind == dp.DP_DUMP_END:
            return sessions
        if kind == dp.DP_SESSION_INFO:
            slot = struct.unpack_from("<I", msg, 8)[0]
            sessions[slot] = struct.unpack_from("<Q", msg, 48)[0]


def seq_of(dgram):
    return struct.unpack_from("<Q", dgram, 8)[0]


def one_frame(a, b, message):
    a.send_to(b, message, b"payload")
    got = b.receive(2)
    assert got and b.opened(got) and got[dp.HDR_LEN :] == b"payload", got
    return seq_of(got)


def families(net, srv, c1, c2, control):
    pairs = (("10.77.1.1", "10.77.2.1", "IPv4"), ("fd77:1::1", "fd77:2::1", "IPv6"), ("10.77.1.1", "fd77:2::1", "IPv4 and IPv6"))
    for one, two, name in pairs:
        a, b = dp.Client(net, c1, one), dp.Client(net, c2, two)
        a.log_in(control, 1001)
        b.log_in(control, 1002)
        dp.check(dp.chat(a, b, 40), f"frames reach the other client over {name}")
        a.close()
        b.close()


def survives_kills(d, a, b, control):
    boot_id, generation = control.info[8:24], struct.unpack_from("<Q", control.info, 24)[0]
    last, old = one_frame(a, b, 1), a.frame(dp.party(b.account, 0), dp.F_RECEIPT, 2, 0)
    before = dump(control)
    assert {a.account, b.account} <= set(before.values())
    for n in range(1, KILLS + 1):
        replay = a.frame(dp.party(b.account, 0), dp.F_RECEIPT, 10 + n, dp.grant(b.grant_key, a.account, b.account, dp.today() + 1), b"once")
        a.sock.send(replay)
        got = b.receive(2)
        assert got and seq_of(got) > last, "sequence numbers rise"
        last = seq_of(got)
        control.close()
        d.kill()
        d.start()
        control = dp.Control(d)
        assert control.info[8:24] == boot_id, "the same tables"
        assert struct.unpack_from("<Q", control.info, 24)[0] == generation + n, "one start more"
        assert dump(control) == before, "the same sessions"
        a.sock.send(replay)
        dp.wait_for(lambda: total(d, "drop-replay") == 1, 10, "the replay is refused")
        new = one_frame(a, b, 100 + n)
        assert new > last, "sequence numbers never come again"
        last = new
        a.ping()
    dp.check(True, f"{KILLS} kills: sessions go on, replays are refused, numbers never come again")
    a.sock.send(old)  # older than the newest, but never seen: its grant is wrong, so it goes up and nobody gets it
    dp.check(b.receive(0.3) is None, "a frame without a grant reaches nobody")
    return control


def second_one(d):
    second = d.call("run")
    dp.check(second.returncode == 1 and "another chasqui-dataplane runs as instance" in second.stderr,
             "a second process on the same instance is refused with a clear text")  # fmt: skip
    refused = d.call("detach")
    dp.check(refused.returncode == 5 and "stop it first" in refused.stderr, "detach is refused while a process runs")


def figures(d):
    stats, status = d.ask("stats"), d.ask("status")
    total_of = stats["total"]
    for name, value in total_of.items():
        parts = [w.get(name, 0) for w in stats["workers"]] + [stats["manager"].get(name, 0)]
        assert sum(parts) == value, name
    dp.check(total_of["rx"] > 0 and total_of["forward"] > 0, "counters are told by name, in all and by worker")
    dp.check(status["driver"] == "socket" and status["control"]["connected"] and status["tables"]["sessions_used"] >= 2,
             "status tells driver, control and sessions")  # fmt: skip
    dp.check(json.loads(d.call("-o", "json", "status").stdout)["data"]["running"] is True, "the command status sees the process")


def without_lock_file(d):
    os.unlink(f"{d.dir}/dataplane-{d.instance}.lock")  # whoever the folder belongs to can do so
    second, refused = d.call("run"), d.call("detach")
    dp.check((second.returncode, refused.returncode) == (1, 5) and
             all("another process works on these tables" in p.stderr for p in (second, refused)),
             "both are refused too when the lock file is gone: nobody else works on the tables")  # fmt: skip


def beyond_the_accounts(program, net, srv):
    """One account more than are configured."""
    d = dp.Dataplane(program, srv, "socket", accounts=64)
    try:
        control = dp.Control(d.start())
        first, more = dp.Client(net, srv, "127.0.0.1"), dp.Client(net, srv, "127.0.0.1")
        first.log_in(control, 3000)
        codes = [control.log_in(first.path, 3000 + n, more) for n in range(1, 65)]
        dp.check(codes[:-1] == [0] * 63 and codes[-1] < 0 and dp.chat(first, first, 2),
                 "as many accounts as configured log in, one more is refused, and the others go on")
        dp.check("event=sessions-refused" in d.text() and "accounts=64 accounts_of=64" in d.text(),
                 "the log says what is full, and what to set")
        for client in (first, more):
            client.close()
    finally:
        d.close()


def scenario(program, workers, tables):
    net, d = dp.Net(), None
    try:
        srv, c1, c2 = (net.add(n) for n in ("srv", "c1", "c2"))
        net.veth(srv, "vs1", c1, 1)
        net.veth(srv, "vs2", c2, 2)
        d = dp.Dataplane(program, srv, "socket", workers=workers, tables=tables).start()
        control = dp.Control(d)
        families(net, srv, c1, c2, control)
        a, b = dp.Client(net, srv, "127.0.0.1"), dp.Client(net, srv, "::1")
        a.log_in(control, 2001)
        b.log_in(control, 2002)
        control = survives_kills(d, a, b, control)
        second_one(d)
        figures(d)
        without_lock_file(d)
        dp.check(d.stop() == 0, "it ends when told")
        dp.check(json.loads(d.call("-o", "json", "status").stdout)["data"]["running"] is False, "status sees that none runs")
        d.start()
        control = dp.Control(d)
        dp.check(dp.chat(a, b, 5), "sessions outlive an orderly stop")
        d.stop()
        dp.check(d.call("detach").returncode == 0, "detach works while none runs")
        left = [n for n in os.listdir(d.dir) if n.startswith("tables-") and os.listdir(f"{d.dir}/{n}")]
        if workers == 1:
            beyond_the_accounts(program, net, srv)
        dp.check(not left and not os.path.exists(f"{d.bpffs}/{d.instance}"), "detach leaves no table")
    except BaseException:
        if d:
            print(d.text(), file=sys.stderr)
        raise
    finally:
        if d:
            d.close()
        net.close()


for n, where in ((1, "bpf"), (2, "file")):
    scenario(sys.argv[1], n, where)
