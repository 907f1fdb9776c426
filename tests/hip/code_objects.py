"""Reads AMD code objects with LLVM's tools: what a kernel takes, its instructions, and its loop over keys."""
import bisect
import copy
import functools
import os
import re
import subprocess

MATRIX = re.compile(r"v_(?:s?mfmac?|s?wmmac?)_\w*?(\d+)x(\d+)x(\d+)")
MULTIPLY_ADD = re.compile(r"v_(?:pk_|dual_)?fmac?_f32")


class Instruction:
    __slots__ = ("address", "name", "text", "target")

    def __init__(self, address, text, target):
        self.address, self.text, self.target = address, text, target  # target: of a branch within the kernel
        self.name = text.partition(" ")[0]

    def operands(self):
        return self.text[len(self.name):].replace(",", " ").split()


class Kernel:
    """One kernel of a code object: `notes`, the compiler's metadata, `code` and `loop`, instructions."""

    def __init__(self, notes, code):
        self.notes, self.code = notes, code
        self.loop = loop_over_keys(code)

    def note(self, name):
        return int(self.notes.get(name, "0"))

    def copy(self):
        made = copy.copy(self)
        made.notes, made.code, made.loop = dict(self.notes), list(self.code), list(self.loop)
        return made


def read(tools, path):
    """The kernels of a code object by name. `tools`: the folder of llvm-readelf and llvm-objdump."""
    code = disassemble(tools, path)
    return {notes["name"]: Kernel(notes, code[notes["name"]]) for notes in read_notes(tools, path)}


def run(tools, tool, *arguments):
    return subprocess.run([os.path.join(tools, tool), *arguments], capture_output=True, text=True, check=True).stdout


def compiler_version(tools):
    return re.search(r"clang version (\S+)", run(tools, "clang", "--version")).group(1)


def read_notes(tools, path):
    blocks = re.split(r"^  - (?=\.a)", run(tools, "llvm-readelf", "--notes", path), flags=re.M)[1:]
    return [dict(re.findall(r"^ {0,4}\.(\w+): +(\S+)$", block, re.M)) for block in blocks]


def disassemble(tools, path):
    """Instructions of each function. A line is "text // address: encoding <function+0xplace of a branch's target>"."""
    functions, code, start = {}, None, 0
    for line in run(tools, "llvm-objdump", "-d", path).splitlines():
        text, comment, rest = line.partition("//")
        if comment and code is not None:
            place = rest.rpartition("+0x")[2]
            target = start + int(place[:-1], 16) if rest.endswith(">") and place.endswith(">") else None
            code.append(Instruction(int(rest.partition(":")[0], 16), text.strip(), target))
            continue
        label = re.match(r"([0-9a-f]+) <([^>]+)>:$", line)
        if label:
            start, code = int(label.group(1), 16), functions.setdefault(label.group(2), [])
    return functions


def backward_branches(code):
    """Spans of addresses, each from the target of a branch backwards to that branch."""
    return {(i.target, i.address) for i in code
            if i.target is not None and i.target <= i.address and i.name.startswith(("s_cbranch", "s_branch"))}


def innermost(spans):
    return [span for span in spans
            if not any(span != other and span[0] <= other[0] and other[1] <= span[1] for other in spans)]


def within(code, spans):
    """Instructions of the spans, in order and once each."""
    addresses = [i.address for i in code]
    inside = set()
    for begin, end in spans:
        inside.update(range(bisect.bisect_left(addresses, begin), bisect.bisect_right(addresses, end)))
    return [code[index] for index in sorted(inside)]


def basic_blocks(code):
    """Spans of indices into the code, and for each the numbers of those that may come next."""
    place = {i.address: n for n, i in enumerate(code)}
    begins = {0} | {place[i.target] for i in code if i.target in place}
    begins |= {n + 1 for n, i in enumerate(code) if i.target is not None or i.name.startswith(("s_branch", "s_cbranch", "s_endpgm"))}
    begins = sorted(n for n in begins if n < len(code))
    number = {begin: block for block, begin in enumerate(begins)}
    spans = list(zip(begins, begins[1:] + [len(code)]))
    following = []
    for block, (_, end) in enumerate(spans):
        last = code[end - 1]
        next_ones = {number[place[last.target]]} if last.target in place else set()
        if not last.name.startswith(("s_branch", "s_endpgm")) and block + 1 < len(spans):
            next_ones.add(block + 1)
        following.append(next_ones)
    return spans, following


def strong_components(nodes, following):
    """Sets of nodes each of which leads to all others of its set (Tarjan)."""
    order, lowest, open_nodes, is_open, components = {}, {}, [], set(), []
    for root in nodes:
        if root in order:
            continue
        order[root] = lowest[root] = len(order)
        open_nodes.append(root)
        is_open.add(root)
        walk = [(root, iter(following[root]))]
        while walk:
            node, rest = walk[-1]
            child = next((c for c in rest if c in nodes), None)
            if child is None:
                walk.pop()
                if walk:
                    lowest[walk[-1][0]] = min(lowest[walk[-1][0]], lowest[node])
                if lowest[node] == order[node]:
                    component = set()
                    while node not in component:
                        component.add(open_nodes.pop())
                    is_open -= component
                    components.append(component)
            elif child not in order:
                order[child] = lowest[child] = len(order)
                open_nodes.append(child)
                is_open.add(child)
                walk.append((child, iter(following[child])))
            elif child in is_open:
                lowest[node] = min(lowest[node], order[child])
    return components


def loop_over_keys(code):
    """Instructions of the innermost loop that has most of the products, wherever the compiler laid them."""
    if not code:
        return []
    spans, following = basic_blocks(code)
    is_product = MATRIX if any(MATRIX.match(i.name) for i in code) else MULTIPLY_ADD
    products = [sum(1 for i in code[begin:end] if is_product.match(i.name)) for begin, end in spans]
    inside, most = set(range(len(spans))), 0
    found = []
    while True:
        loops = [c for c in strong_components(inside, following) if len(c) > 1 or any(n in following[n] for n in c)]
        loop = max(loops, key=lambda c: sum(products[n] for n in c), default=set())
        count = sum(products[n] for n in loop)
        if count == 0 or 2 * count < most:
            return [i for block in sorted(found) for i in code[slice(*spans[block])]]
        # What loops inside is found without the ways back to where this one is entered.
        entries = {n for n in loop if any(n in following[other] for other in inside - loop)} or {min(loop)}
        following = [ones - entries if block in loop else ones for block, ones in enumerate(following)]
        found, inside, most = loop, loop, count


def one_by_one_loops(code):
    """Loops that pick a lane's value, serve the lanes that have the same, and go on with those that are left."""
    ends = {i.address for i in code if i.name == "s_cbranch_execnz"}
    spans = []
    for span in innermost(backward_branches(code)):
        if span[1] in ends:
            inside = within(code, [span])
            picked = {i.operands()[0] for i in inside if i.name.startswith("v_readfirstlane")}
            if any(i.name.startswith("v_cmp_eq") and picked & set(i.operands()) for i in inside):
                spans.append(span)
    return spans


def vector_registers(text):
    """Numbers of those that a part of an instruction names."""
    found = set()
    for first, last, one in re.findall(r"\bv\[(\d+):(\d+)\]|\bv(\d+)\b", text):
        found.update(range(int(first), int(last) + 1) if first else [int(one)])
    return found


def reads_and_writes(instruction):
    """Vector registers, of each of two that are issued as one."""
    read, written = set(), set()
    for text in instruction.text.split(" :: "):
        name, _, operands = text.strip().partition(" ")
        target, _, rest = operands.partition(",")
        if name.startswith(("ds_write", "ds_store", "global_store", "scratch_store", "v_cmp", "v_readlane", "v_readfirstlane")):
            read |= vector_registers(operands)
        else:
            written |= vector_registers(target)
            read |= vector_registers(rest)
    return read, written


@functools.lru_cache(maxsize=None)
def access(name):
    """What a load or a read of LDS is of: ("lds", "global", "buffer" or "flat", bytes of a lane). None: it is no such thing."""
    found = re.match(r"ds_(?:read|load)(2|_2addr)?(?:st64|_stride64)?_(?:tr\d*_)?[biu](\d+)", name)
    if found:
        return "lds", int(found.group(2)) // 8 * (2 if found.group(1) else 1)
    found = re.match(r"(global|buffer|flat)_load_(?:lds_)?(?:d16_(?:hi_)?)?(?:(dword)x?(\d*)|[biu](\d+)|[us]?(byte|short))", name)
    if not found:
        return None
    memory, dword, words, bits, narrow = found.groups()
    if dword:
        return memory, int(words or "1") * 4
    return memory, int(bits) // 8 if bits else 1 if narrow == "byte" else 2
