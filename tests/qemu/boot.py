#!/usr/bin/env python3
"""
boot.py INIT OBJECT...: boot the oldest kernel that we run on (Debian 12's own) in an emulated machine and load the BPF
objects there. tools/install-deps unpacks that kernel into build/kernel; CHASQUI_TEST_KERNEL names another vmlinuz.
"""
import gzip
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SKIP = 77
SECONDS = 110
TOP = pathlib.Path(__file__).resolve().parents[2]


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIP)


def libraries(program):
    """Every file that the dynamic linker maps for @program."""
    out = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    return sorted(set(re.findall(r"(/\S+) \(0x", out)))


class Archive:
    """A cpio archive of the form that the kernel unpacks as its first root file system."""

    def __init__(self):
        self.data, self.count, self.folders = bytearray(), 0, set()

    def entry(self, name, mode, body=b""):
        self.count += 1
        fields = [self.count, mode, 0, 0, 1, 0, len(body), 0, 0, 0, 0, len(name) + 1, 0]
        head = b"070701" + b"".join(b"%08x" % f for f in fields) + name.encode() + b"\0"
        self.data += head + bytes(-len(head) % 4) + body + bytes(-len(body) % 4)

    def file(self, name, path):
        for parent in reversed(pathlib.PurePosixPath(name).parents):
            if str(parent) != "." and parent not in self.folders:
                self.folders.add(parent)
                self.entry(str(parent), 0o040755)
        self.entry(name, 0o100755, pathlib.Path(path).read_bytes())

    def finish(self):
        self.entry("TRAILER!!!", 0)
        return gzip.compress(bytes(self.data), 1)


def initramfs(init, objects):
    a = Archive()
    a.entry("dev", 0o040755)
    a.file("init", init)
    for lib in libraries(init):
        a.file(lib.lstrip("/"), lib)
    for obj in objects:
        a.file(f"objects/{pathlib.Path(obj).name}", obj)
    return a.finish()


def kernel():
    path = os.environ.get("CHASQUI_TEST_KERNEL") or TOP / "build/kernel/vmlinuz"
    if not pathlib.Path(path).is_file():
        skip(f"no kernel at {path}; tools/install-deps fetches it")
    return str(path)


def main(init, objects):
    qemu = shutil.which("qemu-system-x86_64") or skip("qemu-system-x86_64 is not installed")
    vmlinuz = kernel()
    with tempfile.NamedTemporaryFile(suffix=".cpio.gz") as f:
        f.write(initramfs(init, objects))
        f.flush()
        command = [qemu, "-accel", "tcg", "-cpu", "max", "-smp", "1", "-m", "768", "-nodefaults", "-display", "none",
                   "-no-reboot", "-serial", "stdio", "-kernel", vmlinuz, "-initrd", f.name,
                   "-append", "console=ttyS0 quiet panic=-1 rdinit=/init"]  # fmt: skip
        try:
            out = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False)
            console = out.stdout + out.stderr
        except subprocess.TimeoutExpired as e:
            console = (e.stdout or b"") + b"\n(timed out)"
    text = console.decode(errors="replace")
    print(text)
    verdict = re.search(r"^VERDICT kernel=(\S+) objects=(\d+) faults=(\d+)", text, re.M)
    if not verdict:
        sys.exit("the machine gave no verdict")
    if not verdict[1].startswith("6.1."):
        sys.exit(f"kernel {verdict[1]} is not the oldest one that we run on")
    if int(verdict[2]) != len(objects) or int(verdict[3]) != 0:
        sys.exit(f"{verdict[3]} faults, {verdict[2]} of {len(objects)} objects")


main(sys.argv[1], sys.argv[2:])
