#!/usr/bin/env python3
"""symbols.py LIBRARY HEADER VERSION_SCRIPT: what the shared library shows to the outside.

Exactly the functions of the header are exported, under one version node; the SONAME carries the ABI's major number; only
the C and C++ runtimes are needed; nothing runs at load time; nothing in it can print or end the process.
"""
import re
import subprocess
import sys

ALLOWED_LIBRARIES = re.compile(r"^(libc|libm|libstdc\+\+|libgcc_s|libpthread|libdl|ld-linux[-\w]*)\.so\.\d+$")
# What would print to a terminal or end the caller's process. `stderr` is what the logger writes to when it is asked to.
FORBIDDEN_IMPORTS = {"printf", "vprintf", "__printf_chk", "__vprintf_chk", "puts", "putchar", "stdout", "perror", "exit",
                     "_exit", "quick_exit", "__assert_fail", "_ZSt4cout", "_ZSt4cerr", "_ZSt4clog", "system", "signal",
                     "sigaction", "setenv", "putenv", "setlocale", "srand", "rand"}

failures = []


def check(condition, text):
    if not condition:
        failures.append(text)


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


library, header, version_script = sys.argv[1:4]
with open(header, encoding="utf-8") as file:
    text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
declared = set(re.findall(r"FOVEA_API\s[^;(]*?\b(fovea[A-Z]\w*)\s*\(", text))
all_calls = set(re.findall(r"\b(fovea[A-Z]\w*)\s*\(", re.sub(r"typedef[^;]*;", "", text)))
check(len(declared) > 50, f"only {len(declared)} functions were found in {header}")
check(declared == all_calls, f"declared without FOVEA_API: {sorted(all_calls - declared)}")

with open(version_script, encoding="utf-8") as file:
    listed = set(re.findall(r"\b(fovea[A-Z]\w*);", file.read()))
check(declared == listed, f"header and version script differ: {sorted(declared ^ listed)}")

exported, versions = set(), set()
for line in output_of("nm", "-D", "--defined-only", library).splitlines():
    kind, name = line.split()[-2:]
    name, _, version = name.partition("@@")
    if kind == "A":  # the version node itself
        continue
    exported.add(name)
    versions.add(version)
    check(kind == "T", f"{name} is exported with type {kind}, expected a function")
check(exported == declared, f"exported but not declared: {sorted(exported - declared)}; "
                            f"declared but not exported: {sorted(declared - exported)}")
check(versions == {"FOVEA_1"}, f"version nodes are {sorted(versions)}, expected FOVEA_1 alone")

dynamic = output_of("readelf", "-dW", library)
soname = re.search(r"\(SONAME\).*\[(.*)\]", dynamic)
check(soname is not None and soname.group(1) == "libfovea.so.1", f"SONAME is {soname and soname.group(1)}")
for needed in re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic):
    check(ALLOWED_LIBRARIES.match(needed), f"needs {needed}")
check("(TEXTREL)" not in dynamic, "has text relocations")
check("(RUNPATH)" not in dynamic and "(RPATH)" not in dynamic, "carries a run path of the build tree")

imported = {line.split()[-1].split("@")[0] for line in output_of("nm", "-D", "--undefined-only", library).splitlines()}
check(not imported & FORBIDDEN_IMPORTS, f"imports {sorted(imported & FORBIDDEN_IMPORTS)}")

# Constructors: the compiler's own frame_dummy is the only entry, so loading the library runs none of its code.
for section, allowed in ((".init_array", 8), (".fini_array", 8)):
    size = re.search(rf"\s{re.escape(section)}\s+\w+\s+\w+\s+\w+\s+(\w+)", output_of("readelf", "-SW", library))
    size = int(size.group(1), 16) if size else 0
    check(size <= allowed, f"{section} has {size} bytes, expected at most {allowed}: a global constructor or destructor")
stack = re.search(r"GNU_STACK.*", output_of("readelf", "-lW", library))
check(stack is not None and "RWE" not in stack.group(0), "asks for an executable stack")
# STB_GNU_UNIQUE pins a library in memory: dlclose would never unload it.
unique = [line for line in output_of("readelf", "-sW", "--dyn-syms", library).splitlines() if " UNIQUE " in line]
check(not unique, f"unique symbols: {unique}")

for failure in failures:
    print(f"{library}: {failure}")
print(f"{len(exported)} functions exported, {len(declared)} declared")
sys.exit(1 if failures else 0)
