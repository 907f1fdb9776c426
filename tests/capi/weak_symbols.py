#!/usr/bin/env python3
"""weak_symbols.py COMPILE_COMMANDS OBJECT...: no code of one instruction set can be linked in place of another's.

An inline function or template that several objects hold is a weak symbol: the linker keeps one copy for all. If one of
those objects was compiled for AVX-512, every machine may get the AVX-512 copy. So a weak symbol that an object compiled
for a special instruction set defines must not be defined or used by any object compiled otherwise.
"""
import collections
import json
import os
import re
import subprocess
import sys

commands_file, objects = sys.argv[1], sys.argv[2:]
with open(commands_file, encoding="utf-8") as file:
    commands = json.load(file)
flags_of = {}
for entry in commands:
    words = entry["command"].split()
    path = os.path.join(entry["directory"], words[words.index("-o") + 1])
    flags_of[os.path.realpath(path)] = " ".join(sorted(w for w in words if re.match(r"-m\w", w)))

weak_in = collections.defaultdict(lambda: collections.defaultdict(set))  # symbol -> flags -> objects that define it weakly
seen_in = collections.defaultdict(set)  # symbol -> flags of all objects that define or use it
special = 0
for path in objects:
    flags = flags_of.get(os.path.realpath(path))
    if flags is None:
        sys.exit(f"{path} is not in {commands_file}")
    special += bool(flags)
    for line in subprocess.run(["nm", path], check=True, capture_output=True, text=True).stdout.splitlines():
        kind, name = line.split()[-2:]
        seen_in[name].add(flags)
        if kind in "WVu":
            weak_in[name][flags].add(os.path.basename(path))

bad = []
for name, by_flags in weak_in.items():
    if any(by_flags) and len(seen_in[name]) > 1:  # some definition is special, and others see the name
        bad.append(name)
for name in sorted(bad):
    readable = subprocess.run(["c++filt", name], check=True, capture_output=True, text=True).stdout.strip()
    where = {flags or "baseline": sorted(files) for flags, files in weak_in[name].items()}
    print(f"weak and shared between instruction sets: {readable}\n  defined in {where}")
print(f"{len(objects)} objects, {special} of them for a special instruction set, {len(weak_in)} weak symbols, "
      f"{len(bad)} shared between instruction sets")
if special == 0 and os.uname().machine == "x86_64":
    sys.exit("no object is compiled for a special instruction set: this check would see nothing")
sys.exit(1 if bad else 0)
