#!/usr/bin/env python3
"""code_object_report.py FOLDER DOCUMENT TOOLS [--write]: what the compiler made of the kernels on AMD.

FOLDER is what the target hip-code-objects leaves. Fails where a kernel breaks one of the gates in code_object_gates.py. Writes
DOCUMENT, or fails if it is not what would be written; one that another version of the compiler wrote is not compared.
"""
import concurrent.futures
import json
import os
import sys

import code_object_gates as gates
import code_objects

HEADER = """# Resources of the kernels on AMD {{#hip_resources}}

Written by the target `hip-resources` from the code objects of clang {version}; not edited by hand. Each kernel passes the gates
of `tests/hip/code_object_gates.py`: no scratch memory, no flat addresses, exactly the products its tile needs, and so on.

| column | |
|---|---|
| VGPR, AGPR | vector registers of a lane, and how many of them are accumulation registers |
| SGPR, spilled | scalar registers of a wave; values that lie in lanes of vector registers for want of them |
| LDS | bytes of a workgroup |
| waves | that registers and LDS let a SIMD hold |
| matrix, exp, vector | in the loop over keys, all its branches: matrix instructions, exponentials, other vector instructions |
| lane | among these: values fetched from or put into lanes of vector registers |
| LDS 16, less | reads of LDS in that loop: of 16 bytes, of less |
| load 16, 8, 4 | loads in that loop by their bytes; of several branches, one of which copies |
"""
COLUMNS = ("kernel", "VGPR", "AGPR", "SGPR", "spilled", "LDS", "waves", "matrix", "exp", "vector", "lane", "LDS 16", "less",
           "load 16", "8", "4")
KINDS = {"small": 0, "medium": 1, "large": 2}


def order(entry):
    features = entry.get("features")
    if features is None:
        return 1, entry["kernel"]
    family = entry["kernel"].split(features["type"])[0]
    return (0, family, features["type"], features["head_size"], features["fp8_cache"], KINDS.get(features["kind"], 3),
            features["all_features"], entry["kernel"])


def row_of(entry, kernel):
    lds = entry["dynamic_lds"] + kernel.note("group_segment_fixed_size")
    registers = kernel.note("vgpr_count")
    row = [entry["kernel"].removeprefix("fovea_"), registers, kernel.note("agpr_count"), kernel.note("sgpr_count"),
           kernel.note("sgpr_spill_count"), lds, gates.waves(entry["architecture"], registers, lds, entry["threads"])]
    if "tile" not in entry:
        return row + [""] * (len(COLUMNS) - len(row))
    loop = kernel.loop
    products, exps = sum(gates.matrix_instructions(loop).values()), gates.exponentials(loop)
    reads, loads = gates.bytes_read(loop, "lds"), gates.bytes_read(loop, "global")
    return row + [products, exps, sum(1 for i in loop if i.name.startswith("v_")) - products - exps,
                  sum(1 for i in loop if i.name.startswith(("v_readlane", "v_writelane", "v_readfirstlane"))),
                  reads.count(16), len(reads) - reads.count(16), loads.count(16), loads.count(8), loads.count(4)]


def table(rows):
    widths = [max(len(str(row[i])) for row in rows + [COLUMNS]) for i in range(len(COLUMNS))]
    lines = [COLUMNS] + rows
    text = [" | ".join(str(cell).ljust(width) if i == 0 else str(cell).rjust(width)
                       for i, (cell, width) in enumerate(zip(line, widths))) for line in lines]
    rule = "|".join("-" * (width + 2) if i == 0 else "-" * (width + 1) + ":" for i, width in enumerate(widths))
    return "".join(f"| {line} |\n" for line in text[:1]) + f"|{rule}|\n" + "".join(f"| {line} |\n" for line in text[1:])


def main():
    folder, document, tools = sys.argv[1:4]
    if not os.path.exists(os.path.join(folder, "manifest.json")):
        print(f"{folder} has no code objects: build the target hip-code-objects")
        return 77
    with open(os.path.join(folder, "manifest.json"), encoding="utf-8") as stream:
        entries = json.load(stream)["kernels"]
    paths = sorted({entry["file"] for entry in entries})
    with concurrent.futures.ProcessPoolExecutor() as pool:
        found = pool.map(code_objects.read, [tools] * len(paths), [os.path.join(folder, path) for path in paths])
        files = dict(zip(paths, found))

    problems, tables = [], {}
    for entry in sorted(entries, key=order):
        kernel = files[entry["file"]][entry["kernel"]]
        problems += [f"{entry['architecture']} {entry['kernel']}: {problem}" for problem in gates.problems(entry, kernel)]
        tables.setdefault(entry["architecture"], []).append(row_of(entry, kernel))
    version = code_objects.compiler_version(tools)
    text = HEADER.format(version=version)
    for architecture, rows in sorted(tables.items()):
        text += f"\n## {architecture} {{#hip_resources_{architecture}}}\n\n{table(rows)}"

    if "--write" in sys.argv[4:]:
        with open(document, "w", encoding="utf-8") as stream:
            stream.write(text)
    else:
        with open(document, encoding="utf-8") as stream:
            committed = stream.read()
        if f"clang {version};" not in committed:
            print(f"{document} was written with another compiler than clang {version} and is not compared")
        elif committed != text:
            problems.append(f"{document} is stale: build the target hip-resources")
    for problem in problems:
        print(problem)
    print(f"{len(entries)} kernels, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
