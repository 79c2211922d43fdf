#!/usr/bin/env python3
"""check_layers.py [ROOT]: fail if a folder includes a header of a folder that it may not know."""
import pathlib
import re
import sys

MAY = {  # folder: folders whose headers it may include ('*' = all); itself is always allowed
    "base": set(),
    "proto": {"base"},
    "store": {"base", "proto"},
    "client": {"base", "proto"},
    "dataplane": {"base", "proto"},
    "control": {"base", "proto", "store"},
    "tools": {"base", "proto", "client"},
    "bench": {"base", "proto", "client", "store", "dataplane", "control", "tools"},
    "tests": {"*"},
}
ONLY = {"lmdb.h": "store"}  # system header: the one folder (beside tests) that may include it
QUOTED = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
SYSTEM = re.compile(r"^\s*#\s*include\s+<([^>]+)>", re.M)


def faults_of(path, here):
    text = path.read_text(errors="replace")
    for inc in SYSTEM.findall(text):
        if ONLY.get(inc, here) != here and here != "tests":
            yield f"only {ONLY[inc]}/ may include <{inc}>"
    for inc in QUOTED.findall(text):
        there = inc.split("/")[0]
        if "/" not in inc or there not in MAY:
            yield f'"{inc}": write it as folder/file.h'
        elif there != here and there not in MAY[here] and "*" not in MAY[here]:
            yield f"{here}/ may not include {there}/ ({inc})"


def main(root):
    root = pathlib.Path(root)
    sources = [p for folder in MAY for p in sorted((root / folder).rglob("*.[ch]"))]
    faults = [
        f"{p.relative_to(root)}: {fault}"
        for p in sources
        for fault in faults_of(p, p.relative_to(root).parts[0])
    ]
    print("\n".join(faults) or f"{len(sources)} files keep to their layers")
    return 1 if faults or not sources else 0


sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "."))
