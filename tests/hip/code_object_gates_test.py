#!/usr/bin/env python3
"""code_object_gates_test.py FOLDER TOOLS: every gate of code_object_gates.py can fail.

Takes a kernel of each architecture as the compiler made it, which passes, breaks one thing after another in what was read of it,
and expects the sentence about it.
"""
import json
import os
import sys

import code_object_gates as gates
import code_objects
from code_objects import Instruction

END = 1 << 40  # an address behind all code


def noted(name, value):
    return lambda kernel: kernel.notes.update({name: str(value)})


def with_code(*texts):
    return lambda kernel: kernel.code.extend(Instruction(END + 4 * i, text, None) for i, text in enumerate(texts))


def with_loop(kernel):
    with_code("v_readfirstlane_b32 s40, v7", "v_cmp_eq_u32_e32 vcc, s40, v7", "s_and_saveexec_b64 s[42:43], vcc")(kernel)
    kernel.code.append(Instruction(END + 12, "s_cbranch_execnz 65530", END))


def in_loop(*texts):
    return lambda kernel: kernel.loop.extend(Instruction(END, text, None) for text in texts)


def among_products(text):
    def change(kernel):
        first = next(n for n, i in enumerate(kernel.loop) if code_objects.MATRIX.match(i.name))
        kernel.loop.insert(first + 1, Instruction(END, text, None))
    return change


def without(is_it):
    def change(kernel):
        kernel.loop.remove(next(i for i in kernel.loop if is_it(i)))
    return change


def without_tile_loads(kernel):
    kernel.loop[:] = [i for i in kernel.loop if not gates.is_tile_load(i)]


def with_early_reads(kernel):
    spans, _ = code_objects.basic_blocks(kernel.code)
    inside = {i.address for i in kernel.loop}
    for begin, end in reversed(spans):
        loads = [n for n in range(begin, end) if gates.is_tile_load(kernel.code[n])]
        if loads and kernel.code[loads[-1]].address in inside:
            register = max(code_objects.reads_and_writes(kernel.code[loads[-1]])[1])
            read = Instruction(kernel.code[loads[-1]].address + 1, f"v_mov_b32_e32 v255, v{register}", None)
            kernel.code.insert(loads[-1] + 1, read)
            kernel.loop.append(read)


BREAKS = (
    (noted("private_segment_fixed_size", 16), "16 bytes of scratch"),
    (noted("vgpr_spill_count", 3), "3 vector registers are spilled"),
    (noted("uses_dynamic_stack", "true"), "a stack whose size is not known"),
    (noted("group_segment_fixed_size", 1 << 20), "bytes of LDS, a workgroup has"),
    (noted("vgpr_count", 4096), "waves per SIMD, planned are"),
    (with_code("flat_load_dword v1, v[2:3]"), "1 flat addresses"),
    (with_code("scratch_store_dword off, v1, s2"), "1 scratch addresses"),
    (with_code("buffer_load_dword v1, v2, s[4:7], 0 offen"), "1 buffer addresses"),
    (with_code("buffer_store_b128 v[1:4], v2, s[4:7], 0 offen"), "1 buffer addresses"),
    (with_code("s_swappc_b64 s[30:31], s[4:5]"), "1 calls"),
    (with_loop, "a loop that takes the lanes one after another"),
    (lambda kernel: kernel.loop.clear(), "no loop over keys was found"),
    (in_loop("v_accvgpr_read_b32 v1, a2"), "1 moves between vector and accumulation registers"),
    (in_loop("global_load_ubyte v1, v[2:3], off"), "loads of [1] bytes in its loop"),
    (in_loop("global_load_dwordx2 v[1:2], v[2:3], off"), "loads of [8] bytes in its loop"),
    (in_loop("global_load_b96 v[1:3], v[2:3], off"), "loads of [12] bytes in its loop"),
    (in_loop("global_load_b32 v1, v[2:3], off"), "loads of [4] bytes in its loop"),
    (among_products("s_waitcnt vmcnt(3)"), "1 waits for loads among its products"),
    (among_products("s_wait_loadcnt_dscnt 0x0"), "1 waits for loads among its products"),
    (with_early_reads, "instructions want a tile's loads before the barrier behind them"),
    (in_loop("s_waitcnt vmcnt(0) lgkmcnt(0)", "s_barrier"), "1 barriers in its loop wait for loads"),
    (in_loop("s_wait_loadcnt 0x0", "s_barrier_signal -1"), "1 barriers in its loop wait for loads"),
    (without_tile_loads, "no block loads a tile at once"),
    (in_loop("global_inv scope:SCOPE_SE"), "a cache is thrown away in its loop"),
    (in_loop("buffer_gl0_inv"), "a cache is thrown away in its loop"),
    (in_loop("ds_read_u16 v1, v2"), "reads of LDS of less than a word in its loop"),
    (in_loop("ds_load_b128 v[1:4], v2"), "bytes of LDS in its loop"),
    (without(lambda i: code_objects.access(i.name) == ("lds", 16)), "bytes of LDS in its loop"),
    (without(lambda i: code_objects.MATRIX.match(i.name)), "matrix instructions by depth"),
    (in_loop("v_mfma_f32_16x16x4_f32 a[0:3], v1, v2, a[0:3]"), "matrix instructions by depth"),
    (without(lambda i: i.name.startswith("v_exp_")), "exponentials in its loop"),
    (in_loop("v_exp_f32_e32 v1, v2"), "exponentials in its loop"),
)


def main():
    folder, tools = sys.argv[1:]
    if not os.path.exists(os.path.join(folder, "manifest.json")):
        print(f"{folder} has no code objects: build the target hip-code-objects")
        return 77
    with open(os.path.join(folder, "manifest.json"), encoding="utf-8") as stream:
        entries = json.load(stream)["kernels"]
    samples = {}
    for entry in entries:
        features = entry.get("features", {})
        if features.get("type") in gates.SIXTEEN_BITS and not features["all_features"] and not features["fp8_cache"] \
                and entry.get("tile", {}).get("ahead"):
            samples.setdefault(entry["architecture"], entry)
    failures = []
    for architecture, entry in samples.items():
        path = os.path.join(folder, entry["file"])
        made = code_objects.read(tools, path)[entry["kernel"]]
        if gates.problems(entry, made):
            failures.append(f"{architecture} {entry['kernel']}: does not pass as it is")
        for change, sentence in BREAKS:
            kernel = made.copy()
            change(kernel)
            found = gates.problems(entry, kernel)
            if not any(sentence in problem for problem in found):
                failures.append(f"{architecture} {entry['kernel']}: \"{sentence}\" was expected, not {found}")
    for failure in failures:
        print(failure)
    print(f"{len(samples)} kernels, {len(samples) * len(BREAKS)} breaks, {len(failures)} failures")
    return 1 if failures or not samples else 0


if __name__ == "__main__":
    sys.exit(main())
