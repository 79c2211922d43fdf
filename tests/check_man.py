#!/usr/bin/env python3
"""check_man.py CHASQUICTL CONTROL CHASQUI DATAPLANE PAGE…: fail if a page lacks a verb, an option or a key, or is no good roff."""
import os
import re
import shutil
import subprocess
import sys
import tempfile


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def plain(page):
    """A page's words, without roff."""
    with open(page, encoding="utf-8") as f:
        text = f.read()
    return re.sub(r"\\f[A-Z]|\\&", "", text).replace("\\-", "-").replace("\\e", "\\").replace('"', "")


def main(chasquictl, control, chasqui, dataplane, *pages):
    by_name = {os.path.basename(p): p for p in pages}
    bad = []

    def need(page, words, what):
        if words not in plain(by_name[page]):
            bad.append(f"{page} lacks {what} {words!r}")

    for line in run(chasquictl, "help").splitlines():
        m = re.match(r"  ([a-z]+(?: [a-z-]+)?)(?= |$)", line)
        if m and not line.startswith("  -"):
            need("chasquictl.1", m.group(1), "the verb")
            noun, *verb = m.group(1).split()
            for option in re.findall(r"^  (--[a-z-]+)", run(chasquictl, "help", noun, *verb), re.M):
                need("chasquictl.1", option, "the option")
    section = []
    with tempfile.TemporaryDirectory() as folder:
        default = os.path.join(folder, "default.yaml")
        with open(default, "w", encoding="utf-8"):
            pass
        keys = run(control, "conf-check", default)
    for line in keys.splitlines():
        m = re.match(r"( *)([a-z0-9_]+):(.*)", line)
        if not m:
            continue
        section = section[:len(m.group(1)) // 2] + [m.group(2)]
        if m.group(3).strip():
            need("chasqui.yaml.5", ".".join(section), "the key")
    for program, page, pattern in ((chasqui, "chasqui.1", r"^  (--[a-z-]+|[a-z-]+)"),
                                   (dataplane, "chasqui-dataplane.8", r"(--[a-z]+)"),
                                   (control, "chasqui-control.8", r"^       chasqui-control.*?(store-[a-z]+|conf-check|init|sign-policy)")):
        p = subprocess.run([program, "--help"], capture_output=True, text=True, check=False)
        for word in set(re.findall(pattern, p.stdout + p.stderr, re.M)) - {"--help", "--output", "--config"}:
            need(page, word, "the word")
    if shutil.which("groff"):
        for page in pages:
            p = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z", page], capture_output=True, text=True, check=False)
            if p.stderr.strip() or p.returncode:
                bad.append(f"{page}: {p.stderr.strip()[:500]}")
    print("\n".join(bad) or f"{len(pages)} pages hold every verb, option and key")
    return 1 if bad else 0


sys.exit(main(*sys.argv[1:]))
