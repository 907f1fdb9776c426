"""What every AMD kernel has to keep: problems(manifest entry, code_objects.Kernel) names what it does not.

All kernels: no scratch memory, no spilled vector registers, no calls, no flat or buffer addresses, no loops that take the lanes
one after another, no more LDS than a workgroup has, and as many waves as the tile's shape plans. The loop over keys: no element
loaded by less than 16 bytes where rows allow it, no moves between the two kinds of vector registers, and the next tile stays on
its way: products and barriers do not wait for loads, and no cache is thrown away. Tiles of 16 bits: exactly the products,
exponentials and bytes of LDS that the tile needs.
"""
import code_objects

SIXTEEN_BITS = ("f16", "bf16")


def wave_size(architecture):
    return 64 if architecture.startswith("gfx9") else 32


def lds_of_workgroup(architecture):
    return 163840 if architecture == "gfx950" else 65536


def lds_of_unit(architecture):
    """Of a compute unit; RDNA's two, which work on a workgroup together, share theirs."""
    return lds_of_workgroup(architecture) if architecture.startswith("gfx9") else 131072


def waves(architecture, registers, lds, threads):
    """Waves that a SIMD holds, by registers and by LDS. Of RDNA's pairs of compute units each has two SIMDs."""
    if architecture.startswith("gfx9"):
        by_registers = min(8, 512 // (max(registers, 1) + 7 & ~7))
    else:
        by_registers = min(16, 1536 // ((max(registers, 1) + 23) // 24 * 24))
    if lds == 0:
        return by_registers
    in_unit = lds_of_unit(architecture) // lds * (-(-threads // wave_size(architecture)))
    return min(by_registers, max(in_unit // 4, 1))


def planned_waves(entry):
    """As the kernels ask their compiler for: waves_per_simd in kernels/hip/device/amd.h."""
    in_unit = entry["threads"] // wave_size(entry["architecture"]) * entry.get("tile", {}).get("workgroups", 1)
    return max(in_unit // 4, 1)


class Tile:
    """What one tile takes one wave, from the shape of a 16-bit kernel."""

    def __init__(self, entry):
        shape, self.head_size = entry["tile"], entry["features"]["head_size"]
        self.architecture, self.lanes = entry["architecture"], wave_size(entry["architecture"])
        self.rows, self.keys = shape["wave_rows"], shape["tile_keys"] // shape["key_waves"]
        self.query_in_lds = not shape["query_first"]

    def products(self):
        """Matrix instructions by depth."""
        half = self.rows // 16 * (self.keys // 16) * (self.head_size // 16)  # of scores, and as many of values
        if self.architecture != "gfx950":
            return {16: 2 * half}
        return {32: half} if self.keys % 32 == 0 else {16: half, 32: half // 2}

    def exponentials(self):
        """Of a lane: its scores, and a factor for the sums of each of its rows."""
        return self.rows * self.keys // self.lanes + self.rows // 16

    def soft_cap_exponentials(self):
        return self.rows * self.keys // self.lanes

    def lds_bytes(self):
        """That a lane reads of keys and values, and of queries if they stay there. On gfx11 two lanes hold the same."""
        rows = 2 * self.keys + (self.rows if self.query_in_lds else 0)
        return rows * self.head_size * 2 // self.lanes * (2 if self.architecture.startswith("gfx11") else 1)


def matrix_instructions(code):
    """Counts by depth."""
    counts = {}
    for i in code:
        found = code_objects.MATRIX.match(i.name)
        if found:
            depth = int(found.group(3))
            counts[depth] = counts.get(depth, 0) + 1
    return counts


def exponentials(code):
    return sum(1 for i in code if i.name.startswith("v_exp_"))


def bytes_read(code, memory):
    """Bytes of a lane's accesses to that memory, one by one."""
    found = [code_objects.access(i.name) for i in code]
    return [access[1] for access in found if access is not None and access[0] == memory]


def waits_for_loads(instruction):
    """Whether it waits until loads of the lanes have arrived: a counter of them, in whichever form the architecture has it."""
    return instruction.name.startswith("s_wait_loadcnt") or (instruction.name == "s_waitcnt" and "vmcnt" in instruction.text)


def waiting_products(loop):
    """Waits for loads from the first product of a tile to the last."""
    products = [n for n, i in enumerate(loop) if code_objects.MATRIX.match(i.name)]
    return sum(1 for i in loop[products[0]:products[-1]] if waits_for_loads(i)) if products else 0


def is_tile_load(instruction):
    return code_objects.access(instruction.name) == ("global", 16)


def tile_loads(entry, kernel, spans):
    """Blocks that load all that a thread copies of a tile at once, as nearly all tiles are: the places of the loads by block."""
    tile, features = entry["tile"], entry["features"]
    element = 1 if features["fp8_cache"] else 4 if features["type"] == "f32" else 2
    all_loads = 2 * tile["tile_keys"] * features["head_size"] * element // 16 // entry["threads"]
    inside, found = {i.address for i in kernel.loop}, {}
    for block, (begin, end) in enumerate(spans):
        loads = [n for n in range(begin, end) if is_tile_load(kernel.code[n]) and kernel.code[n].address in inside]
        if len(loads) >= max(all_loads, 2):
            found[block] = loads
    return found


def early_reads(kernel, spans, following, block, loads):
    """Instructions that want the loads before the next barrier, behind which the products of the tile before are."""
    loaded = set().union(*(code_objects.reads_and_writes(kernel.code[n])[1] for n in loads))
    ways, seen, found = [(block, loads[-1] + 1, frozenset(loaded))], set(), set()
    while ways:
        at, first, waiting = ways.pop()
        for i in kernel.code[first:spans[at][1]]:
            if i.name in ("s_barrier", "s_barrier_signal") or code_objects.MATRIX.match(i.name) or not waiting:
                break
            read, written = code_objects.reads_and_writes(i)
            if read & waiting:
                found.add(i.address)
            waiting -= written
        else:
            ways += [(other, spans[other][0], waiting) for other in following[at] if (other, waiting) not in seen]
            seen |= {(other, waiting) for other in following[at]}
    return len(found)


def waiting_barriers(loop):
    """Barriers before which loads are waited for."""
    count, waits = 0, False
    for i in loop:
        if i.name in ("s_barrier", "s_barrier_signal"):
            count += waits
        waits = i.name.startswith("s_wait") and (waits or waits_for_loads(i))
    return count


def kernel_problems(entry, kernel):
    architecture = entry["architecture"]
    if kernel.note("private_segment_fixed_size") != 0:
        yield f"{kernel.note('private_segment_fixed_size')} bytes of scratch"
    if kernel.note("vgpr_spill_count") != 0:
        yield f"{kernel.note('vgpr_spill_count')} vector registers are spilled"
    if kernel.notes.get("uses_dynamic_stack") == "true":
        yield "a stack whose size is not known"
    lds = entry["dynamic_lds"] + kernel.note("group_segment_fixed_size")
    if lds > lds_of_workgroup(architecture):
        yield f"{lds} bytes of LDS, a workgroup has {lds_of_workgroup(architecture)}"
    held, planned = waves(architecture, kernel.note("vgpr_count"), lds, entry["threads"]), planned_waves(entry)
    if held < planned:
        yield f"{held} waves per SIMD, planned are {planned}"
    for prefix, what in (("flat_", "flat addresses"), ("scratch_", "scratch addresses"), ("buffer_load", "buffer addresses"),
                         ("buffer_store", "buffer addresses"), ("s_swappc", "calls"), ("s_call", "calls")):
        count = sum(1 for i in kernel.code if i.name.startswith(prefix))
        if count != 0:
            yield f"{count} {what}"
    if code_objects.one_by_one_loops(kernel.code):
        yield "a loop that takes the lanes one after another"


def loop_problems(entry, kernel):
    features = entry["features"]
    if not kernel.loop:
        yield "no loop over keys was found"
    moves = sum(1 for i in kernel.loop if i.name.startswith("v_accvgpr"))
    if moves != 0:
        yield f"{moves} moves between vector and accumulation registers in its loop"
    loads = bytes_read(kernel.loop, "global")
    # Ranges of positions, and rows of an fp8 cache that are not aligned to 16, are of 8 bytes. Block ids are no loads of lanes.
    allowed = (8, 16) if features["all_features"] or features["fp8_cache"] else (16,)
    if any(size not in allowed for size in loads):
        yield f"loads of {sorted(set(loads) - set(allowed))} bytes in its loop"
    if any(size < 4 for size in bytes_read(kernel.loop, "lds")):
        yield "reads of LDS of less than a word in its loop"
    if entry["tile"]["ahead"]:
        waits = waiting_products(kernel.loop)
        if waits != 0:
            yield f"{waits} waits for loads among its products"
        spans, following = code_objects.basic_blocks(kernel.code)
        blocks = tile_loads(entry, kernel, spans)
        if not blocks:
            yield "no block loads a tile at once"
        elif not features["all_features"] and not features["fp8_cache"]:
            # What many branches follow has ways through the code that no tile takes: the best block stands for all, of plain kernels.
            reads = min(early_reads(kernel, spans, following, block, loads) for block, loads in blocks.items())
            if reads != 0:
                yield f"{reads} instructions want a tile's loads before the barrier behind them"
        waits = waiting_barriers(kernel.loop)
        if waits != 0:
            yield f"{waits} barriers in its loop wait for loads"
        if any(i.name.startswith(("global_inv", "buffer_inv", "buffer_gl")) for i in kernel.loop):
            yield "a cache is thrown away in its loop"


def tile_problems(entry, kernel):
    tile = Tile(entry)
    products = matrix_instructions(kernel.loop)
    if products != tile.products():
        yield f"matrix instructions by depth {products} in its loop, {tile.products()} are needed"
    exps, needed = exponentials(kernel.loop), tile.exponentials()
    most = needed + (tile.soft_cap_exponentials() if entry["features"]["all_features"] else 0)
    if not needed <= exps <= most:
        yield f"{exps} exponentials in its loop, {needed} are needed" + (f", {most} with a soft cap" if most > needed else "")
    read, needed = sum(bytes_read(kernel.loop, "lds")), tile.lds_bytes()
    if read != needed:
        yield f"a lane reads {read} bytes of LDS in its loop, {needed} are needed"


def problems(entry, kernel):
    found = list(kernel_problems(entry, kernel))
    if "tile" in entry:
        found += loop_problems(entry, kernel)
        if entry["features"]["type"] in SIXTEEN_BITS:
            found += tile_problems(entry, kernel)
    return found
