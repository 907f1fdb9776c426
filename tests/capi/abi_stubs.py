#!/usr/bin/env python3
"""abi_stubs.py HEADER OUTPUT: a C file that defines every function of the header with an empty body.

Its debugging information describes the public types and nothing of the implementation, so the ABI dump made from it
changes only when the interface does. That the real library exports just these functions is another test's business, and
that it defines them with these types is its compiler's.
"""
import re
import sys

header, output = sys.argv[1:3]
with open(header, encoding="utf-8") as file:
    text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
prototypes = re.findall(r"^FOVEA_API\s+([^;{]+?)\s*\b(fovea[A-Z]\w*)\s*(\([^;]*?\))\s*;", text, flags=re.S | re.M)
if len(prototypes) < 50:
    sys.exit(f"only {len(prototypes)} functions were found in {header}")
with open(output, "w", encoding="utf-8") as file:
    file.write('#include "fovea/fovea.h"\n')
    for result, name, parameters in prototypes:
        body = "{}" if result == "void" else f"{{ return ({result})0; }}"
        file.write(f"{result} {name}{' '.join(parameters.split())} {body}\n")
