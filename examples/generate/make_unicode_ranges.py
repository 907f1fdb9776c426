#!/usr/bin/env python3
"""Writes unicode_ranges.inc: the code points of the Unicode categories that the tokenizer's rules ask for.

Usage: make_unicode_ranges.py > unicode_ranges.inc
"""
import sys
import unicodedata


def ranges(category):
    begin = None
    for code in range(sys.maxunicode + 2):
        inside = code <= sys.maxunicode and unicodedata.category(chr(code)).startswith(category)
        if inside and begin is None:
            begin = code
        elif not inside and begin is not None:
            yield begin, code - 1
            begin = None


def write(name, category):
    items = [f"{{0x{first:04x}, 0x{last:04x}}}," for first, last in ranges(category)]
    print(f"constexpr CodePointRange {name}[] = {{")
    line = ""
    for item in items:
        if len(line) + len(item) + 5 > 120:
            print("    " + line.rstrip())
            line = ""
        line += item + " "
    print("    " + line.rstrip())
    print("};")


print(f"// Made by make_unicode_ranges.py from Unicode {unicodedata.unidata_version}: first and last code point, inclusive.")
write("kLetters", "L")
write("kNumbers", "N")
