#!/usr/bin/env python3
"""code_object_report.py FOLDER DOCUMENT TOOLS [--write]: what the compiler made of the kernels on AMD.

FOLDER is what the target hip-code-objects leaves. Writes DOCUMENT, or fails if it is not what would be written. Fails where a
kernel needs scratch memory or more LDS than a workgroup has, and where the loop over keys has other than the matrix
instructions, or f32 on RDNA fewer than the FMAs, that its tile needs or addresses memory without saying which (flat).
"""
import json
import os
import re
import subprocess
import sys

MATRIX = re.compile(r"\s(?:v_mfma_|v_wmma_)")
FMA = re.compile(r"\sv_(?:dual_)?fma[ac]?\w*_f32")
HEADER = """# Resources of the kernels on AMD

Written by `tests/hip/code_object_report.py` from the code objects of the target `hip-code-objects`; not edited by hand.
Registers are a lane's (VGPR has the accumulation registers AGPR in it), scratch and LDS are bytes, LDS is of a workgroup.
Waves are those that registers and LDS let a SIMD hold. Matrix instructions and exponentials are those of the loop over keys,
flat addresses those of the whole kernel. f32 kernels on RDNA have no matrix instructions.
"""
COLUMNS = ("kernel", "VGPR", "AGPR", "SGPR", "scratch", "LDS", "waves per SIMD", "matrix", "exp", "flat")


def notes_of(tools, path):
    text = subprocess.run([os.path.join(tools, "llvm-readelf"), "--notes", path], capture_output=True, text=True, check=True).stdout
    blocks = re.split(r"^  - (?=\.a)", text, flags=re.M)[1:]
    values = [dict(re.findall(r"^ {0,4}\.(\w+): +(\S+)$", block, re.M)) for block in blocks]
    return {v["name"]: v for v in values}


def code_of(tools, path):
    """Instructions of each kernel: (address, text)."""
    text = subprocess.run([os.path.join(tools, "llvm-objdump"), "-d", path], capture_output=True, text=True, check=True).stdout
    code, lines = {}, None
    for line in text.splitlines():
        start = re.match(r"^[0-9a-f]+ <([^>]+)>:$", line)
        if start:
            lines = code.setdefault(start.group(1), [])
        elif lines is not None and "//" in line:
            instruction, _, rest = line.partition("//")
            lines.append((int(rest.split(":")[0], 16), " " + instruction.strip(), rest))
    return code


def has_matrices(kernel):
    return kernel["architecture"].startswith("gfx9") or kernel.get("features", {}).get("type") != "f32"


def loops_over_keys(lines, pattern, least):
    """The innermost loops with that many products, each from the target of its branch backwards to that branch."""
    spans = []
    for address, text, rest in lines:
        if not text.startswith((" s_cbranch", " s_branch")):
            continue
        target = re.search(r"<[^>]+\+0x([0-9a-f]+)>", rest)
        if target and lines[0][0] + int(target.group(1), 16) <= address:
            spans.append((lines[0][0] + int(target.group(1), 16), address))
    products = [address for address, text, _ in lines for _ in pattern.findall(text)]
    spans = {span for span in spans if sum(span[0] <= product <= span[1] for product in products) >= least}
    return [span for span in spans if not any(span != other and span[0] <= other[0] and other[1] <= span[1] for other in spans)]


def expected_products(kernel):
    """Matrix instructions, or FMAs, that one tile takes a wave, from its shape."""
    tile, head_size = kernel["tile"], kernel["features"]["head_size"]
    rows, keys = tile["wave_rows"] // 16, tile["tile_keys"] // tile["key_waves"]
    if not has_matrices(kernel):
        return 2 * tile["wave_rows"] * keys * head_size // 32
    products = rows * (keys // 16) * (head_size // 16)
    if kernel["features"]["type"] == "f32":
        return 8 * products  # of four elements each
    if kernel["architecture"] != "gfx950":
        return 2 * products
    return products // 2 + (products // 2 if keys % 32 == 0 else products)  # instructions of twice the depth


def waves(architecture, registers, lds, threads):
    """Waves a SIMD holds, by registers and by LDS."""
    if architecture.startswith("gfx9"):
        by_registers = min(8, 512 // (max(registers, 1) + 7 & ~7))
        size, wave, budget = 64, 4, 163840 if architecture == "gfx950" else 65536
    else:
        by_registers = min(16, 1536 // ((max(registers, 1) + 23) // 24 * 24))
        size, wave, budget = 32, 4, 131072
    if lds == 0:
        return by_registers
    in_unit = budget // lds * ((threads + size - 1) // size)
    return min(by_registers, max(in_unit // wave, 1))


def main():
    folder, document, tools = sys.argv[1:4]
    if not os.path.exists(os.path.join(folder, "manifest.json")):
        print(f"{folder} has no code objects: build the target hip-code-objects")
        return 77
    with open(os.path.join(folder, "manifest.json"), encoding="utf-8") as stream:
        kernels = json.load(stream)["kernels"]
    problems, tables, files = [], {}, {}
    for kernel in kernels:
        path = os.path.join(folder, kernel["file"])
        if path not in files:
            files[path] = (notes_of(tools, path), code_of(tools, path))
        notes, code = files[path][0][kernel["kernel"]], files[path][1][kernel["kernel"]]
        architecture, name = kernel["architecture"], kernel["kernel"]
        lds = kernel["dynamic_lds"] + int(notes["group_segment_fixed_size"])
        scratch, registers = int(notes["private_segment_fixed_size"]), int(notes["vgpr_count"])
        flat = [address for address, text, _ in code if text.startswith(" flat_")]
        if scratch != 0:
            problems.append(f"{architecture} {name}: {scratch} bytes of scratch")
        if lds > (163840 if architecture == "gfx950" else 65536):
            problems.append(f"{architecture} {name}: {lds} bytes of LDS")
        expected = expected_products(kernel) if "tile" in kernel else 0
        pattern, least = (MATRIX, 1) if has_matrices(kernel) else (FMA, expected)
        spans = loops_over_keys(code, pattern, least)
        if any(begin <= address <= end for begin, end in spans for address in flat):
            problems.append(f"{architecture} {name}: flat addresses in its loop over keys")
        loop = [text for address, text, _ in code if any(begin <= address <= end for begin, end in spans)]
        products = sum(1 for text in loop if MATRIX.match(text))
        if has_matrices(kernel) and "tile" in kernel and products != expected:
            problems.append(f"{architecture} {name}: {products} matrix instructions in its loop, {expected} are needed")
        if not has_matrices(kernel) and not spans:
            problems.append(f"{architecture} {name}: no loop over keys has the {expected} FMAs that are needed")
        row = (name.removeprefix("fovea_"), registers, notes.get("agpr_count", "-"), notes["sgpr_count"], scratch, lds,
               waves(architecture, registers, lds, kernel["threads"]), products,
               sum(1 for text in loop if text.startswith(" v_exp_")), len(flat))
        tables.setdefault(architecture, []).append(row)
    text = HEADER
    for architecture, rows in sorted(tables.items()):
        text += f"\n## {architecture}\n\n| " + " | ".join(COLUMNS) + " |\n|" + "---|" * len(COLUMNS) + "\n"
        text += "".join("| " + " | ".join(map(str, row)) + " |\n" for row in sorted(rows))
    if "--write" in sys.argv[4:]:
        with open(document, "w", encoding="utf-8") as stream:
            stream.write(text)
    else:
        with open(document, encoding="utf-8") as stream:
            if stream.read() != text:
                problems.append(f"{document} is stale: build the target hip-resources")
    for problem in problems:
        print(problem)
    print(f"{len(kernels)} kernels, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
