#!/usr/bin/env python3
"""
xdp_attach.py PROGRAM: the driver xdp and what stands on interfaces and in bpffs: made, adopted, refused, removed.

      ns c1                         ns srv                          ns c2
    eth0 10.77.1.2  ──── veth ──── vs1 10.77.1.1
                                   vs2 10.77.2.1 ──── veth ──── eth0 10.77.2.2
                                   br0 (MTU 9000, has no native XDP)

The client's end of vs2 has more transmit queues than vs2 has receive queues, so vs2 has no native XDP either.
"""
import json
import os
import re
import socket
import struct
import subprocess
import sys

import dp


def attached(srv, ifname):
    """The id of the program that the kernel shows; 0: none."""
    found = re.search(r"prog/xdp id (\d+)", dp.run("ip", "-n", srv, "-d", "link", "show", ifname))
    return int(found[1]) if found else 0


def pins(d):
    folder = f"{d.bpffs}/{d.instance}"
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


def net_rename(srv, old, new):
    dp.run("ip", "-n", srv, "link", "set", old, "down")
    dp.run("ip", "-n", srv, "link", "set", old, "name", new)
    dp.run("ip", "-n", srv, "link", "set", new, "up")


def status(d):
    data = json.loads(d.call("-o", "json", "status").stdout)["data"]
    return {link["interface"]: link for link in data["links"]}


def program_counts(d):
    return json.loads(d.call("-o", "json", "stats").stdout)["data"]["program"]


def refused(d, *words, run=None):
    """It does not start, and its last words hold all of @words."""
    got = run or d.call("run")
    text = [line for line in got.stderr.splitlines() if "driver-refused" in line][0]
    missing = [w for w in words if w not in text]
    assert got.returncode and not missing, f"{missing} not in: {got.stderr}"
    return True


def beats(d, ifname):
    """Which worker shows, for each receive queue there can be, that the process lives: struct chq_xdp_conf."""
    pin = f"{d.bpffs}/{d.instance}/if-{ifname}-conf"
    value = json.loads(dp.run("bpftool", "-j", "map", "dump", "pinned", pin))[0]["value"]
    return [int(byte, 16) for byte in value[16:80]]


def damaged_options(net, ns, count):
    """Datagrams behind IPv4 options, which go up, with a wrong UDP checksum. (Of short ones the kernel tells no socket.)"""
    with net.socket(ns, socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP) as s:
        s.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, b"\x01" * 4)
        for _ in range(count):
            s.sendto(struct.pack(">4H", 5000, dp.PORT, 8 + 200, 0x1234) + bytes(200), ("10.77.1.1", 0))


def adoption(net, d, srv, c1):
    d.start()
    control = dp.Control(d)
    port = {p["name"]: p for p in d.ask("ports")}
    dp.check(port["vs1"]["mode"] == "native", "an interface that can is in native mode")
    dp.check(port["vs2"]["mode"] == "generic" and "transmit queues" in port["vs2"]["why_generic"],
             "one that cannot is in generic mode, and says why")  # fmt: skip
    dp.check(port["vs1"]["mtu"] == 1500 and port["vs1"]["queues"] == 1 and any("10.77.1.1:4700" in a for a in port["vs1"]["addresses"]),
             "a port tells MTU, queues and addresses")  # fmt: skip
    dp.Client(net, c1, "10.77.1.1").log_in(control, 1001).close()
    counted = d.ask("stats")
    paths = {p["path"]: p for p in counted["paths"]}
    dp.check(paths["program"]["answered"] and paths["worker 0"]["up"],
             "stats tell which path frames took: the program answered, a worker took what it passed on")  # fmt: skip
    dp.check(set(beats(d, "vs1")) == {0}, "the process serves every receive queue, also one that is added later")
    damaged_options(net, c1, 10)
    dp.wait_for(lambda: d.ask("stats")["total"].get("rx-missed", 0) == 10, 10, "rx-missed rises by 10")
    dp.check(True, "what the kernel drops at the process's socket is counted")
    counted = d.ask("stats")
    was = status(d)
    control.close()
    d.kill()
    now = status(d)
    dp.check(now == was and now["vs1"]["mode"] == "native" and now["vs1"]["program"]["id"] == attached(srv, "vs1")
             and now["vs1"]["driver"] == "xdp" and now["vs1"]["program"]["since"] and now["vs2"]["why_generic"],
             "status tells all of the programs when no process runs")  # fmt: skip
    dp.check(program_counts(d) == counted["program"], "and stats what they have counted")
    d.start()
    dp.Control(d).close()
    now = status(d)
    dp.check(now["vs1"]["link"] == was["vs1"]["link"] and now["vs1"]["program"]["id"] != was["vs1"]["program"]["id"],
             "the next process adopts the link and replaces the program on it")  # fmt: skip
    dp.check(d.ask("stats")["program"]["retry"] == counted["program"]["retry"], "its counters go on")
    dp.check({p["name"]: p for p in d.ask("ports")}["vs2"]["why_generic"] == port["vs2"]["why_generic"],
             "why an interface is in generic mode is known to it too")  # fmt: skip
    dp.check(d.stop() == 0 and attached(srv, "vs1"), "an orderly stop leaves the program")


def detaching(d, srv):
    d.call("detach")
    dp.check(not attached(srv, "vs1") and not attached(srv, "vs2") and pins(d) == [], "detach removes programs, links and pins")
    dp.check(status(d) == {} and d.call("stats").returncode == 3, "and nothing is told of them any more")
    d.proc = subprocess.Popen(d.command("--detach", "run"), stderr=d.log, stdin=subprocess.DEVNULL)
    dp.Control(d).close()
    dp.check(attached(srv, "vs1") and d.stop() == 0 and not attached(srv, "vs1") and pins(d) == [],
             "a stop of run --detach does it too")  # fmt: skip


def strays(d, srv):
    d.start()
    dp.Control(d).close()
    d.stop()
    d.proc = subprocess.Popen(d.command("--driver", "socket", "run"), stderr=d.log, stdin=subprocess.DEVNULL)
    dp.Control(d).close()
    dp.check(not attached(srv, "vs1") and "event=xdp-detached interface=vs1" in d.text(),
             "a start with another driver takes the program off, and says so")  # fmt: skip
    d.stop()
    d.call("detach")


def taken_off(net, d, srv, c1):
    d.start()
    control = dp.Control(d)
    dp.run("bpftool", "link", "detach", "id", status(d)["vs1"]["link"])
    dp.wait_for(lambda: "event=xdp-lost interface=vs1" in d.text(), 10, "a program that is taken off while the process runs is missed")
    dp.check({p["name"]: p.get("mode") for p in d.ask("ports")}["vs1"] == "lost", "and ports say so")
    dp.Client(net, c1, "10.77.1.1").log_in(control, 1001).close()
    dp.check(not d.ask("stats")["program"].get("retry"), "the process serves what comes by that interface")
    control.close()
    d.stop()
    d.start()
    dp.Control(d).close()
    dp.check(attached(srv, "vs1"), "the next process attaches it again")
    d.stop()


def renamed(d, srv):
    """Between two processes."""
    was = status(d)["vs1"]
    for old, new in (("vs1", "wan.0"), ("wan.0", "vs1")):
        net_rename(srv, old, new)
        d.conf_replace(old, new)
        d.start()
        dp.Control(d).close()
        now = status(d)
        dp.check(now[new]["link"] == was["link"] and old not in now and attached(srv, new),
                 f"an interface that is called {new} now keeps its link")  # fmt: skip
        d.stop()
    d.call("detach")


def foreign_program(d, srv, obj):
    dp.run("ip", "-n", srv, "link", "set", "vs1", "xdp", "obj", obj, "sec", "xdp")
    before = attached(srv, "vs1")
    tag = json.loads(dp.run("bpftool", "-j", "prog", "show", "id", before))["tag"]
    dp.check(refused(d, "vs1", "chq_foreign", f"id {before}", f"tag {tag}", "netlink", "ip link set dev vs1 xdp off"),
             "a foreign program is refused and named: name, id, tag, how it stands there, what to do")  # fmt: skip
    dp.check(attached(srv, "vs1") == before and not pins_of_programs(d), "it stays where it was, and nothing of ours is left")
    dp.run("ip", "-n", srv, "link", "set", "vs1", "xdp", "off")


def pins_of_programs(d):
    return [p for p in pins(d) if p.startswith("if-")]


def foreign_link(program, d, srv):
    """A program that a link holds: that of another instance."""
    other = dp.Dataplane(program, srv, "xdp", interfaces=["vs1"], instance=f"u{os.getpid()}")
    try:
        other.start()
        dp.Control(other).close()
        link = status(other)["vs1"]["link"]
        other.stop()
        dp.check(refused(d, "another XDP program", f"by link {link}"), "a foreign program on a link is refused, with the link's id")
    finally:
        other.close()


def foreign_pins(d):
    folder = f"{d.bpffs}/{d.instance}"
    os.makedirs(folder, mode=0o700, exist_ok=True)
    made = ["key", 4, "entries", 1, "type"]
    for name, args, words in (
        ("link", ["array", "value", 4, "name", "foreign"], "not a link of ours"),
        ("conf", ["array", "value", 8, "name", "chq_xdp_conf", "flags", 0x400], "no map chq_xdp_conf of ours, or of another size"),
        ("counts", ["percpu_array", "value", 8, "name", "chq_xdp_counts"], "no map chq_xdp_counts of ours"),
        ("xsks", ["array", "value", 4, "name", "xsks_map"], "no map xsks_map of ours"),
    ):
        pin = f"{folder}/if-vs1-{name}"
        dp.run("bpftool", "map", "create", pin, *made, *args)
        ino = os.stat(pin).st_ino
        dp.check(refused(d, words, pin, "detach") and os.stat(pin).st_ino == ino,
                 f"a pin {name} that is foreign or of another size is refused and left alone")  # fmt: skip
        os.unlink(pin)
    dp.run("bpftool", "map", "create", f"{folder}/if-vs1-link", *made, "array", "value", 4, "name", "foreign")
    d.call("detach")
    dp.check(pins(d) == [], "detach removes them")


def modes(program, srv):
    d = dp.Dataplane(program, srv, "xdp", interfaces=["br0"], xdp_mode="native")
    try:
        dp.check(refused(d, "br0: no native XDP here", "dataplane.xdp_mode: auto"),
                 "native mode where there is none is refused, with what to do")  # fmt: skip
        dp.check(refused(d, "its MTU is 9000", "about the most"), "and a jumbo MTU, which may be why, is said")
        dp.check(not attached(srv, "br0") and not pins_of_programs(d), "and nothing is left on the interface")
    finally:
        d.close()
    d = dp.Dataplane(program, srv, "xdp", interfaces=["vs1"], xdp_mode="generic").start()
    try:
        dp.Control(d).close()
        port = [p for p in d.ask("ports") if p["name"] == "vs1"][0]
        dp.check(port["mode"] == "generic" and "xdp_mode" in port["why_generic"], "generic mode is taken when it is asked for")
    finally:
        d.close()


def other_interface(program, net, srv, c1, c2):
    """What a program in native mode redirects to an interface without one would be lost."""
    for listed, how in ((["vs1"], "has no program"), (["vs1", "vs2"], "has one in generic mode")):
        d = dp.Dataplane(program, srv, "xdp", interfaces=listed).start()
        try:
            control = dp.Control(d)
            a = dp.Client(net, c1, "10.77.1.1").log_in(control, 1001)
            b = dp.Client(net, c2, "10.77.2.1").log_in(control, 1002)
            dp.check({p["name"]: p["mode"] for p in d.ask("ports")}["vs1"] == "native" and dp.chat(a, b),
                     f"from an interface in native mode, frames arrive behind one that {how}")  # fmt: skip
        finally:
            d.close()


def without(d, caps, *args):
    drop = ",".join(f"-{c}" for c in caps)
    command = d.command(*args)
    at = command.index(d.program)
    return [*command[:at], "setpriv", f"--bounding-set={drop}", f"--inh-caps={drop}", *command[at:]]


def missing_rights(program, srv):
    d = dp.Dataplane(program, srv, "xdp", interfaces=["vs1"], tables="auto")
    try:
        got = subprocess.run(without(d, ["bpf", "sys_admin"], "run"), capture_output=True, text=True, check=False)
        dp.check(refused(d, "CAP_BPF", "start as root", run=got), "without the right to use BPF it says which is missing")
    finally:
        d.close()
    d = dp.Dataplane(program, srv, "xdp", interfaces=["vs1"], tables="auto")
    try:
        dp.run("umount", d.bpffs)
        got = subprocess.run(without(d, ["sys_admin"], "run"), capture_output=True, text=True, check=False)
        dp.check(refused(d, "needs a bpffs", f"none at {d.bpffs}", "mount -t bpf", run=got),
                 "without a bpffs it says so, and how to mount one")  # fmt: skip
        d.proc = subprocess.Popen(without(d, ["sys_admin"], "--driver", "auto", "run"), stderr=d.log, stdin=subprocess.DEVNULL)
        dp.Control(d).close()
        text = d.text()
        dp.check("driver-refused driver=xdp" in text and re.search(r"level=warn event=driver driver=socket", text),
                 "and driver: auto goes on with the next one, loudly")  # fmt: skip
        d.stop()
    finally:
        dp.run("mount", "-t", "bpf", "-o", "mode=0700", "chqtest", d.bpffs)
        d.close()


def fewest_rights(program, srv):
    """What an operator gives who does not start it as root."""
    d = dp.Dataplane(program, srv, "xdp", interfaces=["vs1"])
    try:
        got = subprocess.run(without(d, ["perfmon", "sys_admin"], "run"), capture_output=True, text=True, check=False)
        dp.check(refused(d, "CAP_PERFMON", run=got), "without the right to load such a program it says which is missing")
        seen = set()
        for _ in range(2):
            d.proc = subprocess.Popen(without(d, ["sys_admin"], "run"), stderr=d.log, stdin=subprocess.DEVNULL)
            dp.Control(d).close()
            seen.add((status(d)["vs1"]["link"], attached(srv, "vs1")))
            d.kill()
        dp.check(len(seen) == 2 and len({link for link, _ in seen}) == 1,
                 "without CAP_SYS_ADMIN it starts, and the next process replaces the program on the same link")  # fmt: skip
    finally:
        d.close()


def memory_group(limit):
    """A cgroup that may take @limit bytes, of whichever version has the controller here; None: cannot be had."""
    v1, v2 = "/sys/fs/cgroup/memory", "/sys/fs/cgroup"
    top, name = (v1, "memory.limit_in_bytes") if os.path.isdir(v1) else (v2, "memory.max")
    group = f"{top}/chqtest{os.getpid()}"
    try:
        os.mkdir(group)
    except OSError:
        return None
    try:
        with open(f"{group}/{name}", "w", encoding="ascii") as f:
            f.write(str(limit))
    except OSError:
        os.rmdir(group)
        return None
    return group


def missing_memory(program, srv):
    """48 MiB are enough for the process and the sessions' table of 32 MiB, not for the next one."""
    group = memory_group(48 << 20)
    if not group:
        print("# no cgroup that limits memory can be made here: not tried")
        return
    d = dp.Dataplane(program, srv, "xdp", interfaces=["vs1"], sessions=1 << 17, accounts=1 << 17)
    try:
        inside = ["sh", "-c", f'echo $$ >{group}/cgroup.procs && exec "$@"', "sh"]
        got = subprocess.run([*inside, *d.command("run")], capture_output=True, text=True, check=False)
        words = re.search(r"tables-refused code=ENOMEM reason=.*BPF array (\w+): (\d+) bytes, (\d+) for all", got.stderr)
        dp.check(got.returncode and words and int(words[3]) > int(words[2]) > 0 and "MemoryMax=" in got.stderr
                 and "dataplane.sessions" in got.stderr, f"no memory: said with the size asked for and what to set {got.stderr}")  # fmt: skip
        dp.check(words[1] != "chq_header" and pins(d) == [], "and what was made is given back")
    finally:
        d.close()
        dp.wait_for(lambda: not open(f"{group}/cgroup.procs", encoding="ascii").read(), 10, "the group is empty")
        os.rmdir(group)


def foreign_object(folder):
    source, obj = f"{folder}/foreign.c", f"{folder}/foreign.o"
    with open(source, "w", encoding="utf-8") as f:
        f.write('__attribute__((section("xdp"), used)) int chq_foreign(void *c) { return 2; }\n'
                'char l[] __attribute__((section("license"), used)) = "GPL";\n')  # fmt: skip
    subprocess.run(["clang", "-O2", "-g", "-target", "bpf", "-c", source, "-o", obj], check=True)
    return obj


def main(program):
    net, d = dp.Net(), None
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    try:
        srv, c1, c2 = (net.add(n) for n in ("srv", "c1", "c2"))
        net.veth(srv, "vs1", c1, 1)
        net.veth(srv, "vs2", c2, 2, peer_queues=2)
        net.ip(srv, "link", "add", "br0", "mtu", "9000", "type", "bridge")
        d = dp.Dataplane(program, srv, "xdp", interfaces=["vs1", "vs2"])
        obj = foreign_object(d.dir)
        # what the program answers to a veth is lost unless its other end has a program too
        dp.run("ip", "-n", c1, "link", "set", "eth0", "xdp", "obj", obj, "sec", "xdp")
        adoption(net, d, srv, c1)
        detaching(d, srv)
        strays(d, srv)
        taken_off(net, d, srv, c1)
        renamed(d, srv)
        foreign_program(d, srv, obj)
        foreign_link(program, d, srv)
        foreign_pins(d)
        modes(program, srv)
        other_interface(program, net, srv, c1, c2)
        missing_rights(program, srv)
        fewest_rights(program, srv)
        missing_memory(program, srv)
    except BaseException:
        if d:
            print(d.text(), file=sys.stderr)
        raise
    finally:
        if d:
            d.close()
        net.close()


main(sys.argv[1])
