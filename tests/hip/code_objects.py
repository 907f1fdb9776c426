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


def loop_over_keys(code):
    """Instructions of the smallest loop with all products, or of the innermost ones with some: the compiler may lay one loop out as
    several that overlap, or as one inside which it goes back for a part."""
    products = [i.address for i in code if MATRIX.match(i.name)]
    least = 1
    if not products:
        products = [i.address for i in code if MULTIPLY_ADD.match(i.name)]
        least = len(products) // 4 + 1
    spans = {(begin, end) for begin, end in backward_branches(code)
             if bisect.bisect_right(products, end) - bisect.bisect_left(products, begin) >= least}
    whole = [span for span in spans if products and span[0] <= products[0] and products[-1] <= span[1]]
    return within(code, [min(whole, key=lambda span: span[1] - span[0])] if whole else innermost(spans))


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
