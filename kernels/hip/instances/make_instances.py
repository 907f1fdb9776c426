#!/usr/bin/env python3
"""make_instances.py [--check]: writes the files beside it that make kernels of the attention templates.

A file holds the six kernels of one data type, head size and kind of cache, the three of f32, which have all features, or the
kernels for all kinds of rows of one; small files compile side by side. With --check nothing is written, and the exit status tells
whether the files are what would be.
"""
import os
import sys

TYPES = {"f16": "F16", "bf16": "BF16"}
HEAD_SIZES = (64, 96, 128, 192, 256)
UNIFIED_HEAD_SIZES = (64, 128, 256)
KINDS = {"small": "kSmall", "medium": "kMedium", "large": "kLarge"}
HEAD = "// Written by make_instances.py.\n#include \"kernels/hip/instances/entry.h\"\n\n"


def kernels():
    """All kernels by file: macro and its arguments, name first."""
    files = {}
    for type_name, type_ in TYPES.items():
        for head_size in HEAD_SIZES:
            for fp8 in (False, True):
                cache = "_fp8" if fp8 else ""
                file = files.setdefault(f"attention_{type_name}_{head_size}{cache}.hip", [])
                for kind_name, kind in KINDS.items():
                    for features in (False, True):
                        name = f"fovea_attention_{type_name}_{head_size}_{kind_name}{cache}{'_features' if features else ''}"
                        file.append(("FOVEA_TILE_KERNEL", name, type_, head_size, kind, str(fp8).lower(), str(features).lower()))
        for head_size in UNIFIED_HEAD_SIZES:
            for fp8 in (False, True):
                cache = "_fp8" if fp8 else ""
                file = files.setdefault(f"unified_{type_name}_{head_size}{cache}.hip", [])
                for features in (False, True):
                    name = f"fovea_unified_{type_name}_{head_size}{cache}{'_features' if features else ''}"
                    file.append(("FOVEA_UNIFIED_KERNEL", name, type_, head_size, str(fp8).lower(), str(features).lower()))
    for head_size in HEAD_SIZES:
        files[f"attention_f32_{head_size}.hip"] = [
            ("FOVEA_TILE_KERNEL", f"fovea_attention_f32_{head_size}_{kind_name}_features", "F32", head_size, kind, "false", "true")
            for kind_name, kind in KINDS.items()]
    return files


def main():
    folder = os.path.dirname(os.path.abspath(__file__))
    wanted = {file: HEAD + "".join(f"{kernel[0]}({', '.join(map(str, kernel[1:]))})\n" for kernel in of_file)
              for file, of_file in kernels().items()}
    found = {}
    for file in os.listdir(folder):
        if file.startswith(("attention_", "unified_")):
            with open(os.path.join(folder, file), encoding="utf-8") as stream:
                found[file] = stream.read()
    if found == wanted:
        return 0
    if "--check" in sys.argv[1:]:
        stale = sorted(file for file in wanted.keys() | found.keys() if wanted.get(file) != found.get(file))
        print(f"stale, run make_instances.py: {', '.join(stale)}")
        return 1
    for file in found.keys() - wanted.keys():
        os.remove(os.path.join(folder, file))
    for file, text in wanted.items():
        with open(os.path.join(folder, file), "w", encoding="utf-8") as stream:
            stream.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
