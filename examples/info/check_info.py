#!/usr/bin/env python3
"""check_info.py FOVEA_INFO HEADER: what fovea-info prints is complete."""
import json
import os
import re
import subprocess
import sys

program, header = sys.argv[1:3]


def run(*arguments, expect=0, **variables):
    result = subprocess.run([program, *arguments], capture_output=True, text=True, env={**os.environ, **variables})
    assert result.returncode == expect, f"{arguments}: exit {result.returncode}: {result.stderr}"
    return result.stdout if expect == 0 else result.stderr


with open(header, encoding="utf-8") as file:
    text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
capabilities = {name.lower() for name in re.findall(r"FOVEA_CAPABILITY_(?!COUNT|MAX_ENUM)(\w+) =", text)}
backends = set(re.findall(r"FOVEA_BACKEND_(?!AUTO|MAX_ENUM)(\w+) =", text))

report = json.loads(run("--json"))
assert re.fullmatch(r"\d+\.\d+\.\d+", report["library"]["version"]), report["library"]
major, minor, patch = map(int, report["library"]["version"].split("."))
assert report["library"]["version_number"] == major * 10000 + minor * 100 + patch
cpu = report["devices"][0]
assert cpu["kind"] == "cpu" and cpu["usable"] and cpu["name"] and cpu["architecture"] and cpu["num_threads"] >= 1, cpu
for device in report["devices"]:
    assert device["usable"] or device["problem"], device
assert {backend["name"] for backend in report["backends"]} == backends, backends
for backend in report["backends"]:
    assert backend["available"] == (backend["reason"] == ""), backend
    if backend["available"]:
        assert set(backend["capabilities"]) == capabilities, set(backend["capabilities"]) ^ capabilities
        assert set(backend["data_types"]) == {"query", "kv_cache", "output"}
        for bounds in backend["bounds"].values():
            assert bounds["min"] <= bounds["max"] and bounds["multiple_of"] >= 1, bounds
cpu_attn = next(backend for backend in report["backends"] if backend["name"] == "CPU_ATTN")
assert cpu_attn["available"] and cpu_attn["capabilities"]["non_causal"] and cpu_attn["data_types"]["query"]["f32"]

# Strings with quotes, control characters and bytes that are no UTF-8 still give valid JSON.
odd = 'a"b\\c\n\x7f'
assert json.loads(run("--json", FOVEA_BACKEND_PATH=odd))["environment"]["FOVEA_BACKEND_PATH"] == odd
broken = subprocess.run([program, "--json"], capture_output=True, env={**os.environ, "FOVEA_LOG_FILE": b"\xff\xe0\x80x"})
assert json.loads(broken.stdout.decode("utf-8"))["environment"]["FOVEA_LOG_FILE"].endswith("x")

plain = run()
for word in (report["library"]["version"], cpu["architecture"], *backends, *capabilities):
    assert word in plain, f"{word} is not in the text"
for backend in report["backends"]:
    assert backend["reason"] in plain, backend["reason"]

assert [b["name"] for b in json.loads(run("--json", "cpu_attn"))["backends"]] == ["CPU_ATTN"]
assert "CPU_ATTN" in run("NOBODY", expect=2)
assert "unknown option" in run("--nothing", expect=2)

print(f"{len(backends)} backends, {len(capabilities)} capabilities")
