#!/usr/bin/env python3
"""make_manifest.py FOLDER SHAPES LAYOUTS TOOLS: writes FOLDER/manifest.json about FOLDER/<architecture>/*.hsaco.

It has what a loader of one's own needs to launch the kernels: file, name, arguments with offset, size and kind, threads of a
workgroup, dynamic LDS, and what the kernel was compiled for. SHAPES is what list_shapes prints, LAYOUTS a compiler's dump of
record layouts (-fdump-record-layouts-complete) of the kernels' parameters, TOOLS the folder of llvm-readelf.
"""
import json
import os
import re
import subprocess
import sys

STRUCTS = {"fovea_plan": "PlanParams", "fovea_write": "WriteParams", "fovea_split_merge": "ForwardParams",
           "fovea_state_merge": "MergeParams"}
# Of the kernels beside attention; kernels/hip/instances/support.hip checks it.
DYNAMIC_LDS = {"fovea_plan": 12288}
SIZES = {"char": 1, "int32_t": 4, "uint32_t": 4, "float": 4, "int64_t": 8}


def kind_of(text):
    """Kind and size of a field of that type, None for a struct."""
    count = 1
    for extent in re.findall(r"\[(\d+)\]", text):
        count *= int(extent)
    base = re.sub(r"\[\d+\]", "", text).replace("const ", "").strip()
    if base.endswith("*"):
        return ("address", 8 * count)
    if base in SIZES:
        return ({"float": "f32"}.get(base, base[:-2]), SIZES[base] * count)
    return ("enum", 4 * count)


def read_layouts(path):
    """Fields of each parameter struct: name with its way through the structs, offset, size, kind."""
    structs = {}
    with open(path, encoding="utf-8") as stream:
        blocks = stream.read().split("*** Dumping AST Record Layout")
    sizes = {}
    for block in blocks:
        found = re.search(r"0 \| struct fovea::hip::(\w+)\n", block)
        size = re.search(r"sizeof=(\d+)", block)
        if found and size:
            sizes[found.group(1)] = int(size.group(1))
    for block in blocks:
        lines = re.findall(r"^ *(\d+) \| ( *)(.+)$", block, re.M)
        if not lines or not lines[0][2].startswith("struct fovea::hip::"):
            continue
        fields, way = [], []
        for i, (offset, indent, text) in enumerate(lines[1:], 1):
            depth = len(indent) // 2
            type_, name = text.rsplit(" ", 1)
            way = way[:depth - 1] + [name]
            if i + 1 < len(lines) and len(lines[i + 1][1]) > len(indent):
                continue  # a struct, whose fields follow
            element = re.fullmatch(r"(\w+)\[(\d+)\]", type_)
            if element and element.group(1) in sizes:
                kind, size = "struct " + element.group(1), sizes[element.group(1)] * int(element.group(2))
            else:
                kind, size = kind_of(type_)
            fields.append({"name": ".".join(way), "offset": int(offset), "size": size, "kind": kind})
        structs[lines[0][2].split("::")[-1].strip()] = fields
    return structs


def read_notes(tools, path):
    """The compiler's metadata of the kernels in a code object."""
    notes = subprocess.run([os.path.join(tools, "llvm-readelf"), "--notes", path], capture_output=True, text=True, check=True).stdout
    kernels = []
    for block in re.split(r"^  - (?=\.a)", notes, flags=re.M)[1:]:
        values = dict(re.findall(r"^ {0,4}\.(\w+): +(\S+)$", block, re.M))
        arguments = re.findall(r"- \.offset: +(\d+)\s+\.size: +(\d+)\s+\.value_kind: +(\w+)", block)
        kernels.append((values, [{"offset": int(o), "size": int(s), "kind": k} for o, s, k in arguments]))
    return kernels


def check_threads(architecture, name, shape, entry):
    if shape["threads"] != entry["threads"]:
        sys.exit(f"{architecture} {name}: compiled for {entry['threads']} threads, its shape has {shape['threads']}")


def tile_of(shape):
    return {key: value for key, value in shape.items() if key not in ("threads", "dynamic_lds")}


def main():
    folder, shapes_path, layouts_path, tools = sys.argv[1:]
    with open(shapes_path, encoding="utf-8") as stream:
        shapes = json.load(stream)
    layouts = read_layouts(layouts_path)
    entries = []
    for architecture in sorted(os.listdir(folder)):
        of_architecture = shapes.get(architecture) or shapes.get(architecture[:5])
        if not os.path.isdir(os.path.join(folder, architecture)):
            continue
        for file in sorted(os.listdir(os.path.join(folder, architecture))):
            if not file.endswith(".hsaco"):
                continue
            for values, arguments in read_notes(tools, os.path.join(folder, architecture, file)):
                name = values["name"]
                arguments[0]["name"] = "params"
                entry = {"architecture": architecture, "file": f"{architecture}/{file}", "kernel": name, "symbol": values["symbol"],
                         "arguments": arguments, "struct": STRUCTS.get(name, "ForwardParams"),
                         "threads": int(values["max_flat_workgroup_size"]), "dynamic_lds": DYNAMIC_LDS.get(name, 0)}
                attention = re.fullmatch(r"fovea_attention_(\w+?)_(\d+)_(small|medium|large)(_fp8)?(_features)?", name)
                if attention:
                    type_, head_size, kind, fp8, features = attention.groups()
                    shape = of_architecture[f"{head_size}_{kind}{'_f32' if type_ == 'f32' else fp8 or ''}"]
                    check_threads(architecture, name, shape, entry)
                    entry["dynamic_lds"] = shape["dynamic_lds"]
                    entry["features"] = {"type": type_, "head_size": int(head_size), "kind": kind, "fp8_cache": bool(fp8),
                                         "all_features": bool(features)}
                    entry["tile"] = tile_of(shape)
                unified = re.fullmatch(r"fovea_unified_(\w+?)_(\d+)(_fp8)?(_features)?", name)
                if unified:
                    type_, head_size, fp8, features = unified.groups()
                    shape = of_architecture[f"{head_size}_unified{fp8 or ''}"]
                    check_threads(architecture, name, shape, entry)
                    entry["dynamic_lds"] = shape["dynamic_lds"]
                    entry["features"] = {"type": type_, "head_size": int(head_size), "kind": "unified", "fp8_cache": bool(fp8),
                                         "all_features": bool(features)}
                    entry["unified"] = tile_of(shape)
                entries.append(entry)
    if not entries:
        sys.exit(f"{folder}: no code objects")
    used = sorted({entry["struct"] for entry in entries})
    manifest = {"structs": {name: layouts[name] for name in used}, "kernels": entries}
    with open(os.path.join(folder, "manifest.json"), "w", encoding="utf-8") as stream:
        json.dump(manifest, stream, indent=1)
        stream.write("\n")


if __name__ == "__main__":
    main()
