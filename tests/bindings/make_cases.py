#!/usr/bin/env python3
"""make_cases.py [--check]: writes cases.json, which every language's binding runs; README.md describes the file.

The expected values are computed in double precision from docs/semantics.md alone and share no code with the library.
With --check nothing is written; the exit status tells whether cases.json is what would be written (the last digits of
expected values may differ, as the exp() of C libraries does).
"""
import json
import os
import sys

from cases_reference import FP8, MINUS_INFINITY, attention, fp8_stored, make_tensor, merge, round_to

FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "cases.json")
DEFAULT_CONFIG = {
    "num_query_heads": 4, "num_kv_heads": 2, "head_size": 16, "head_size_v": 16, "query_dtype": "f32",
    "kv_cache_dtype": "f32", "output_dtype": "f32", "scale": 0, "window_left": -1, "window_right": -1, "soft_cap": 0,
    "alibi": "none", "sinks": 0, "lse": 0, "prefix_ranges": "none", "per_sequence_causal": 0, "non_causal": 0,
    "batch_invariant": 0, "attention_type": "decoder", "kv_cache_layout": "strided", "block_size": 16,
    "kv_scales": "none",
}
QUERY, KEY, VALUE, STATES = 1, 2, 3, 4


def make_config(changes):
    unknown = set(changes) - set(DEFAULT_CONFIG)
    assert not unknown, unknown
    config = dict(DEFAULT_CONFIG, **changes)
    for follower, leader in (("head_size_v", "head_size"), ("kv_cache_dtype", "query_dtype"),
                             ("output_dtype", "query_dtype")):
        if follower not in changes:
            config[follower] = config[leader]
    return config


def make_input(name, about, seed, seqs, causal=1, causal_per_sequence=(), ranges=(), k_scale=(), v_scale=(),
               alibi_slopes=(), sinks=(), dense=False, forward_causal=0, partial_state=0, use_plan=0, **changes):
    """Everything of a case but what is expected. `seqs` holds (query_len, seq_len) of each sequence, `ranges` a list of
    (first, last) for each."""
    config = make_config(dict(changes, sinks=1 if sinks else 0))
    encoder = config["attention_type"] == "encoder"
    start = [0]
    for query_len, _ in seqs:
        start.append(start[-1] + query_len)
    key_start = [0]
    for _, seq_len in seqs:
        key_start.append(key_start[-1] + seq_len)
    case = {
        "name": name, "about": about, "seed": seed, "num_keys": key_start[-1], "config": config,
        "limits": {"max_num_seqs": len(seqs), "max_num_tokens": start[-1], "max_seq_len": max(n for _, n in seqs),
                   "max_blocks_per_seq": 0, "max_prefix_ranges": sum(map(len, ranges))},
        "metadata": {"num_seqs": len(seqs), "num_tokens": start[-1], "query_start_loc": start,
                     "seq_lens": [n for _, n in seqs], "causal": causal,
                     "causal_per_sequence": list(causal_per_sequence), "num_columns": 0, "block_table": [],
                     "range_start_loc": [sum(map(len, ranges[:s])) for s in range(len(ranges) + 1)] if ranges else [],
                     "ranges": [edge for of_sequence in ranges for span in of_sequence for edge in span]},
        "cache": {"key_shape": [], "value_shape": [], "fill_byte": 128 if "fnuz" in config["kv_cache_dtype"] else 255},
        "slot_mapping": [], "k_scale": list(k_scale), "v_scale": list(v_scale), "alibi_slopes": list(alibi_slopes),
        "sinks": list(sinks),
        "forward": {"key_rows": [], "causal": forward_causal, "partial_state": partial_state, "use_plan": use_plan},
    }
    if encoder:
        case["forward"]["key_rows"] = list(range(start[-1]))
    else:
        add_cache(case, seqs, key_start, dense)
    return case


def add_cache(case, seqs, key_start, dense):
    """Scatters the sequences over the cache. Blocks that no row sees get no entry, keys in them are not written; nor
    are this step's keys if the forward gets them densely."""
    config, metadata = case["config"], case["metadata"]
    block_size = config["block_size"]
    columns = max(1, max(-(-seq_len // block_size) for _, seq_len in seqs))
    num_blocks = len(seqs) * columns + 2
    order = sorted(range(num_blocks), key=lambda block: (block * 7 + case["seed"]) % 31 * num_blocks + block)
    seen = attention(case, None, seen_only=True)
    for s, (query_len, seq_len) in enumerate(seqs):
        row = []
        for column in range(columns):
            keys = range(column * block_size, min((column + 1) * block_size, seq_len))
            row.append(order.pop() if any(t in seen[s] for t in keys) else -1)
        metadata["block_table"] += row
        for t in range(seq_len):
            block = row[t // block_size]
            current = dense and t >= seq_len - query_len
            case["slot_mapping"].append(-1 if block < 0 or current else block * block_size + t % block_size)
        if dense:
            case["forward"]["key_rows"] += range(key_start[s] + seq_len - query_len, key_start[s] + seq_len)
    metadata["num_columns"] = case["limits"]["max_blocks_per_seq"] = columns
    heads, size, size_v = config["num_kv_heads"], config["head_size"], config["head_size_v"]
    if config["kv_cache_layout"] == "strided":
        case["cache"]["key_shape"] = [num_blocks, block_size, heads, size]
        case["cache"]["value_shape"] = [num_blocks, block_size, heads, size_v]
    else:
        x = 16 // {"f32": 4, "f16": 2, "bf16": 2}.get(config["kv_cache_dtype"], 1)
        case["cache"]["key_shape"] = [num_blocks, heads, size // x, block_size, x]
        case["cache"]["value_shape"] = [num_blocks, heads, size_v, block_size]


def double_inputs(case):
    """Query, key and value as the attention sees them: the last two have been through an fp8 cache if there is one."""
    config = case["config"]
    query = make_tensor(case["seed"], QUERY, case["metadata"]["num_tokens"], config["num_query_heads"],
                        config["head_size"])
    key = make_tensor(case["seed"], KEY, case["num_keys"], config["num_kv_heads"], config["head_size"])
    value = make_tensor(case["seed"], VALUE, case["num_keys"], config["num_kv_heads"], config["head_size_v"])
    if config["kv_cache_dtype"] in FP8:
        dense = set(case["forward"]["key_rows"])
        for tensor, scales in ((key, case["k_scale"]), (value, case["v_scale"])):
            for row, heads in enumerate(tensor):
                for h, head in enumerate(heads):
                    scale = (scales or [1.0])[h if len(scales) > 1 else 0]
                    if row not in dense:
                        head[:] = [fp8_stored(x, scale, config["kv_cache_dtype"]) for x in head]
    return query, key, value


def significant(number, digits):
    return MINUS_INFINITY if number <= MINUS_INFINITY else float(f"{number:.{digits}g}")


def flatten(rows):
    return [x for row in rows for head in row for x in (head if isinstance(head, list) else [head])]


def tolerance(exact, rounded, dtype, factor):
    """2 max|rounded - exact| + u max|exact| + 1e-5, as docs/semantics.md has it (3 times with a soft cap)."""
    worst = max((abs(a - b) for a, b in zip(exact, rounded)), default=0.0)
    unit = {"f32": 2.0**-24, "f16": 2.0**-11, "bf16": 2.0**-8}[dtype]
    return significant(factor * worst + unit * max(map(abs, exact), default=0.0) + 1e-5, 3)


def succeeding(*arguments, **changes):
    case = make_input(*arguments, **changes)
    config = case["config"]
    output_dtype = "f32" if case["forward"]["partial_state"] else config["output_dtype"]
    inputs = double_inputs(case)
    exact, lse = attention(case, inputs)
    rounded, _ = attention(case, inputs, probability_dtype=config["query_dtype"])
    exact, rounded = flatten(exact), [round_to(x, output_dtype) for x in flatten(rounded)]
    widest = output_dtype if output_dtype != "f32" else config["query_dtype"]
    case["expect"] = {
        "output": [significant(x, 8) for x in exact],
        "output_tolerance": tolerance(exact, rounded, widest, 3 if config["soft_cap"] else 2),
        "lse": [significant(x, 8) for x in flatten(lse)] if config["lse"] else [],
        "lse_tolerance": 1e-4 if config["lse"] else 0,
    }
    return case


def failing(step, status, message, *arguments, reasons=(), change=None, **changes):
    case = make_input(*arguments, **changes)
    if change:
        change(case)
    case["expect"] = {"step": step, "status": "FOVEA_STATUS_" + status, "message": list(message),
                      "reasons": list(reasons)}
    return case


def merging(name, about, seed, lses, num_tokens, num_query_heads, head_size_v, sinks=(), output_dtype="f32"):
    num_states = len(lses)
    states = [make_tensor(seed, STATES + i, num_tokens, num_query_heads, head_size_v) for i in range(num_states)]
    output, lse = merge(states, lses, list(sinks))
    exact = flatten(output)
    return {
        "name": name, "about": about, "seed": seed, "num_states": num_states, "num_tokens": num_tokens,
        "num_query_heads": num_query_heads, "head_size_v": head_size_v,
        "lses": [x for state in lses for row in state for x in row], "sinks": list(sinks),
        "output_dtype": output_dtype,
        "expect": {"output": [significant(x, 8) for x in exact],
                   "output_tolerance": tolerance(exact, [round_to(x, output_dtype) for x in exact], output_dtype, 2),
                   "lse": [significant(x, 8) for x in flatten(lse)], "lse_tolerance": 1e-4},
    }


def make_cases():
    mixed = [(5, 23), (1, 34), (4, 4)]
    return [
        succeeding("causal", "prefill with context, decode and a first prefill in one batch", 1, mixed, lse=1),
        succeeding("non_causal", "the same batch, every query sees all of its sequence", 2, mixed, causal=0, lse=1,
                   non_causal=1, use_plan=1),
        succeeding("non_causal_by_call", "the call's flag wins over the metadata's", 3, [(4, 20), (3, 3)], causal=1,
                   forward_causal=2, non_causal=1, query_dtype="bf16", use_plan=1),
        succeeding("causal_by_call", "the other way round", 4, [(4, 20), (3, 3)], causal=0, forward_causal=1,
                   non_causal=1),
        succeeding("draft_block", "a block of 8 draft tokens on a paged cache sees the context and itself", 5,
                   [(8, 57)], causal=0, non_causal=1, query_dtype="bf16", use_plan=1),
        succeeding("causal_window", "a causal window of 8 tokens; blocks outside it have no entry", 6,
                   [(3, 50), (2, 9)], window_left=7, query_dtype="f16"),
        succeeding("non_causal_window", "a window on both sides of non-causal rows", 7, [(6, 40), (5, 5)],
                   window_left=6, window_right=2, causal=0, non_causal=1),
        succeeding("per_sequence", "each sequence has its own flag; they win over the call's", 8,
                   [(4, 20), (4, 20), (2, 2)], causal_per_sequence=(1, 0, 0), forward_causal=1, non_causal=1,
                   per_sequence_causal=1, lse=1, use_plan=1),
        succeeding("fp8_e4m3fn_per_tensor", "an fp8 cache with one scale", 9, [(3, 21), (1, 17)], causal=0,
                   non_causal=1, query_dtype="bf16", kv_cache_dtype="f8_e4m3fn", kv_scales="per_tensor",
                   k_scale=(0.3125,), v_scale=(0.375,)),
        succeeding("fp8_e5m2_per_head", "an fp8 cache with a scale for each KV head", 10, [(3, 21), (1, 17)],
                   query_dtype="f32", kv_cache_dtype="f8_e5m2", kv_scales="per_head", k_scale=(0.5, 0.1875),
                   v_scale=(1.25, 0.25)),
        succeeding("fp8_e4m3fnuz_saturates", "values beyond the largest become the largest", 11, [(2, 18)],
                   query_dtype="f16", kv_cache_dtype="f8_e4m3fnuz", kv_scales="per_tensor", k_scale=(0.00625,),
                   v_scale=(0.0078125,)),
        succeeding("dense_chunk", "this step's keys come from the call and are not in the cache", 12, mixed, dense=True,
                   causal=0, non_causal=1),
        succeeding("scores", "soft cap, ALiBi, sinks and a scale of its own", 13, [(3, 19)], soft_cap=2.5,
                   alibi="linear", alibi_slopes=(0.5, 0.25, 0.125, -0.0625), sinks=(0.5, -1.0, MINUS_INFINITY, 2.0),
                   scale=0.375, lse=1),
        succeeding("alibi_sqrt", "the square-root form, non-causal", 14, [(3, 19)], alibi="sqrt",
                   alibi_slopes=(0.5, 0.25, 0.125, 0.0625), causal=0, non_causal=1),
        succeeding("prefix_ranges", "tokens of an image see each other", 15, [(10, 26), (4, 12)],
                   ranges=[[(14, 19), (22, 24)], [(9, 10)]], prefix_ranges="full", lse=1),
        succeeding("vectorized_cache", "the other layout of the cache", 16, [(3, 35), (2, 2)], causal=0, non_causal=1,
                   query_dtype="f16", kv_cache_layout="vectorized"),
        succeeding("value_size", "values of another size than keys, blocks of 32", 17, [(2, 40)], head_size=24,
                   head_size_v=8, block_size=32, query_dtype="bf16", output_dtype="f32"),
        succeeding("empty_sequences", "no queries, no keys, and rows that see nothing", 18,
                   [(0, 5), (2, 0), (3, 2), (0, 0), (1, 3)], lse=1),
        succeeding("encoder", "no cache; never causal", 19, [(5, 5), (3, 3)], attention_type="encoder", lse=1,
                   query_dtype="f16"),
        succeeding("encoder_decoder", "more queries than keys", 20, [(5, 3), (2, 18)],
                   attention_type="encoder_decoder"),
        succeeding("partial_state", "fp32 output of a bf16 query", 21, [(3, 18)], causal=0, non_causal=1, lse=1,
                   query_dtype="bf16", partial_state=1),
        succeeding("batch_invariant", "one KV head for all", 22, [(2, 30), (2, 31)], num_query_heads=6, num_kv_heads=1,
                   head_size=8, batch_invariant=1),
    ]


def make_errors():
    def shorten_table(case):
        metadata = case["metadata"]
        metadata["block_table"][1] = case["cache"]["key_shape"][0] + 100

    def break_boundaries(case):
        case["metadata"]["query_start_loc"] = [0, 5, 3]

    def beyond_cache(case):
        case["slot_mapping"][2] = case["cache"]["key_shape"][0] * case["config"]["block_size"]

    def bad_heads(case):
        case["config"]["num_query_heads"] = 3

    two = [(2, 20), (1, 17)]
    return [
        failing("forward", "NOT_SUPPORTED", ["non-causal attention not supported"], "non_causal_not_declared",
                "non-causal metadata, but the config does not declare it", 31, two, causal=0),
        failing("plan", "NOT_SUPPORTED", ["non-causal attention not supported"], "non_causal_plan_not_declared",
                "the same, asked for by the call, met by the plan", 32, two, forward_causal=2, use_plan=1),
        failing("check", "NOT_SUPPORTED", ["head_size not supported", "block_size not supported"], "all_reasons",
                "a check collects every reason", 33, [(1, 4)], reasons=(1, 4), head_size=12, head_size_v=16,
                block_size=24),
        failing("check", "NOT_SUPPORTED", ["sliding window"], "contradiction", "cross-attention has no window", 34,
                [(2, 4)], reasons=(21,), attention_type="encoder_decoder", window_left=3),
        failing("config", "INVALID_ARGUMENT", ["num_query_heads", "3"], "heads", "3 query heads for 2 KV heads", 35,
                two, change=bad_heads),
        failing("metadata", "INVALID_ARGUMENT", ["query_start_loc", "3", "5"], "boundaries",
                "query_start_loc decreases", 36, [(5, 9), (2, 4)], change=break_boundaries),
        failing("write", "INVALID_ARGUMENT", ["slot_mapping", "2"], "slot_beyond_cache",
                "slot 2 lies past the last block", 37, two, change=beyond_cache),
        failing("forward", "INVALID_ARGUMENT", ["block_table"], "block_beyond_cache",
                "an entry that is read names a block that the cache does not have", 38, two, change=shorten_table),
    ]


def make_merges():
    empty = MINUS_INFINITY
    return [
        merging("two_states", "context and draft block, combined", 41,
                [[[0.5, 1.25], [-3.0, 2.0]], [[0.75, -1.5], [4.0, 2.0]]], 2, 2, 8),
        merging("empty_states", "an empty state weighs nothing; only empty ones give 0 and minus infinity", 42,
                [[[empty, 1.0], [empty, 2.0]], [[0.25, empty], [empty, -2.0]], [[1.0, empty], [empty, 0.5]]], 2, 2, 8),
        merging("sinks", "the sink joins once, bf16 output", 43, [[[0.5, 1.25]], [[0.75, -1.5]]], 1, 2, 16,
                sinks=(1.0, empty), output_dtype="bf16"),
    ]


def write_text(document):
    """JSON with one field of a case a line, so that differences can be read."""
    parts = []
    for section in ("cases", "errors", "merges"):
        entries = []
        for case in document[section]:
            fields = [f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in case.items()]
            entries.append("{\n" + ",\n".join(fields) + "\n}")
        parts.append(f"{json.dumps(section)}: [\n" + ",\n".join(entries) + "\n]")
    return f"{{\n\"format\": {document['format']},\n" + ",\n".join(parts) + "\n}\n"


def differences(a, b, path=""):
    """Where two documents differ; numbers may differ in their last digits."""
    if isinstance(a, float) or isinstance(b, float):
        if not isinstance(b, (int, float)) or not isinstance(a, (int, float)) or abs(a - b) > 1e-6 * max(1, abs(a)):
            yield f"{path}: {a} became {b}"
    elif type(a) is not type(b):
        yield f"{path}: {a} became {b}"
    elif isinstance(a, dict):
        if list(a) != list(b):
            yield f"{path}: other fields"
        for name in a:
            if name in b:
                yield from differences(a[name], b[name], f"{path}.{name}")
    elif isinstance(a, list):
        if len(a) != len(b):
            yield f"{path}: {len(a)} entries became {len(b)}"
        for index, (x, y) in enumerate(zip(a, b)):
            yield from differences(x, y, f"{path}[{index}]")
    elif a != b:
        yield f"{path}: {a} became {b}"


def main():
    text = write_text({"format": 1, "cases": make_cases(), "errors": make_errors(), "merges": make_merges()})
    if sys.argv[1:] == ["--check"]:
        with open(FILE, encoding="utf-8") as file:
            found = list(differences(json.loads(text), json.load(file)))
        print("\n".join(found[:20]) or "cases.json is fresh")
        sys.exit(1 if found else 0)
    with open(FILE, "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    main()
