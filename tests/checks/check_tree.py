#!/usr/bin/env python3
"""check_tree.py SOURCE_DIR: rules of the house that a compiler does not see.

Dependencies point one way (capi -> impl -> kernels; examples and bindings see the public headers only); file names are
unique within a top-level folder; files have one subject and hence a bounded length; nothing is marked as unfinished; text
is plain.
"""
import collections
import os
import re
import subprocess
import sys

root = sys.argv[1]
os.chdir(root)
listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True)
if listed.returncode == 0 and listed.stdout:
    files = [name for name in listed.stdout.split("\0") if name and os.path.isfile(name)]
else:  # an unpacked archive
    files = [os.path.relpath(os.path.join(folder, name)) for folder, folders, names in os.walk(".")
             for name in names if not re.match(r"\./(build|\.git)", folder)]

SOURCES = (".c", ".cc", ".h", ".py", ".sh", ".cmake")
LONGEST_FILE = 700
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX|HA" + r"CK)\b")
# What each folder must not include. A dependency that points upwards is a design error.
FORBIDDEN_INCLUDES = {
    "kernels/": ("impl/", "capi/", "fovea/"),
    "impl/": ("capi/src/", "tests/", "examples/"),
    "capi/": ("kernels/", "tests/", "examples/"),
    "examples/": ("impl/", "kernels/", "capi/", "tests/"),
    "tests/reference/": ("impl/", "kernels/", "capi/", "fovea/"),
    "tests/conformance/": ("impl/", "kernels/", "capi/src/"),
}
problems = []
names = collections.defaultdict(list)

for path in files:
    name = os.path.basename(path)
    is_source = name.endswith(SOURCES)
    if is_source:
        names[path.split("/")[0], name].append(path)
    if not (is_source or name.endswith((".md", ".txt", ".in", ".map", ".json")) or path == "capi/cmake/fovea.map"):
        continue
    with open(path, "rb") as file:
        data = file.read()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        problems.append(f"{path}: is not UTF-8")
        continue
    if text and not text.endswith("\n"):
        problems.append(f"{path}: has no newline at its end")
    lines = text.splitlines()
    if name.endswith((".c", ".cc", ".h")) and len(lines) > LONGEST_FILE and "fovea.h" != name:
        problems.append(f"{path}: has {len(lines)} lines, more than {LONGEST_FILE}")
    for number, line in enumerate(lines, 1):
        where = f"{path}:{number}"
        if line != line.rstrip() and not name.endswith(".txt"):
            problems.append(f"{where}: ends with a blank")
        if is_source:
            if "\t" in line:
                problems.append(f"{where}: has a tab")
            if UNFINISHED.search(line):
                problems.append(f"{where}: is marked as unfinished")
        include = re.match(r'\s*#\s*include\s*["<]([^">]+)[">]', line)
        for folder, forbidden in FORBIDDEN_INCLUDES.items():
            if include and path.startswith(folder) and include.group(1).startswith(forbidden):
                problems.append(f"{where}: includes {include.group(1)}, which {folder} must not see")

for (folder, name), paths in names.items():
    if len(paths) > 1:
        problems.append(f"{folder}/: {name} exists more than once: {', '.join(sorted(paths))}")

for problem in problems:
    print(problem)
print(f"{len(files)} files, {len(problems)} problems")
sys.exit(1 if problems else 0)
