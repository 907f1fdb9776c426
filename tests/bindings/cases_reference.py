"""cases_reference.py: inputs from a seed, number formats, attention and merging in double precision.

Written from docs/semantics.md alone; make_cases.py takes every expected value from here.
"""
import math
import struct

MINUS_INFINITY = -1e30  # how cases.json writes it
MASK64 = 2**64 - 1

# Exponent bits, mantissa bits, bias, largest finite value.
FP8 = {"f8_e4m3fn": (4, 3, 7, 448.0), "f8_e4m3fnuz": (4, 3, 8, 240.0), "f8_e5m2": (5, 2, 15, 57344.0)}


def make_tensor(seed, stream, num_rows, num_heads, head_size):
    """SplitMix64; README.md describes it. Returns [num_rows][num_heads][head_size]."""
    state = (seed * 16 + stream) & MASK64
    flat = []
    for _ in range(num_rows * num_heads * head_size):
        state = (state + 0x9E3779B97F4A7C15) & MASK64
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK64
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK64
        z ^= z >> 31
        flat.append(((z >> 57) - 64) / 32.0)
    return [[flat[(row * num_heads + head) * head_size:][:head_size] for head in range(num_heads)]
            for row in range(num_rows)]


def round_to(x, dtype):
    """Nearest value of a data type, ties to even."""
    if dtype == "f32":
        return struct.unpack("<f", struct.pack("<f", x))[0]
    if dtype == "f16":
        return struct.unpack("<e", struct.pack("<e", x))[0]
    if dtype == "bf16":
        if x == 0:
            return x
        unit = 2.0**(math.frexp(x)[1] - 8)
        return round(x / unit) * unit
    raise ValueError(dtype)


def fp8_stored(x, scale, dtype):
    """What an fp8 cache gives back for x: the fp32 quotient, rounded to nearest even, saturated, times the scale."""
    _, mantissa_bits, bias, largest = FP8[dtype]
    quotient = round_to(x / round_to(scale, "f32"), "f32")
    if quotient == 0:
        return 0.0
    exponent = max(math.frexp(quotient)[1] - 1, 1 - bias)  # below 1 - bias: subnormal, the same unit
    unit = 2.0**(exponent - mantissa_bits)
    stored = max(-largest, min(largest, round(quotient / unit) * unit))
    return stored * scale


def is_visible(p, t, seq_len, causal, left, right, spans, ranges_kind, cross):
    if not 0 <= t < seq_len:
        return False
    if cross:
        return True
    inside = left < 0 or p - t <= left
    plain = (t <= p if causal else right < 0 or t - p <= right) and inside
    if plain:
        return True
    together = any(first <= p <= last and first <= t <= last for first, last in spans)
    return together and (ranges_kind == "full" or inside)


def attention(case, inputs, probability_dtype=None, seen_only=False):
    """Output [num_tokens][num_query_heads][head_size_v] and log-sum-exp [num_tokens][num_query_heads] of a case.

    With probability_dtype the weights are rounded to it, as an implementation in that type does. With seen_only the
    result is the set of keys that any row sees, for each sequence.
    """
    config, metadata, forward = case["config"], case["metadata"], case["forward"]
    query, key, value = inputs or (None, None, None)
    kind = config["attention_type"]
    group = config["num_query_heads"] // config["num_kv_heads"]
    scale = config["scale"] or 1.0 / math.sqrt(config["head_size"])
    outputs, lses, seen = [], [], []
    key_start = 0
    for s in range(metadata["num_seqs"]):
        first_row, end_row = metadata["query_start_loc"][s:s + 2]
        seq_len = metadata["seq_lens"][s]
        context = seq_len - (end_row - first_row)
        causal = {0: metadata["causal"], 1: 1, 2: 0}[forward["causal"]]
        if metadata["causal_per_sequence"]:
            causal = metadata["causal_per_sequence"][s]
        if kind != "decoder":
            causal = 0
        spans = []
        if metadata["ranges"]:
            a, b = metadata["range_start_loc"][s:s + 2]
            spans = [metadata["ranges"][2 * i:2 * i + 2] for i in range(a, b)]
        seen.append(set())
        for row in range(first_row, end_row):
            p = context + row - first_row
            visible = [t for t in range(seq_len)
                       if is_visible(p, t, seq_len, causal, config["window_left"], config["window_right"], spans,
                                     config["prefix_ranges"], kind == "encoder_decoder")]
            seen[-1].update(visible)
            if seen_only:
                continue
            out_row, lse_row = [], []
            for h in range(config["num_query_heads"]):
                sink = case["sinks"][h] if case["sinks"] and not forward["partial_state"] else MINUS_INFINITY
                slope = case["alibi_slopes"][h] if case["alibi_slopes"] else 0.0
                scores = []
                for t in visible:
                    score = scale * math.fsum(a * b for a, b in zip(query[row][h], key[key_start + t][h // group]))
                    if config["soft_cap"]:
                        score = config["soft_cap"] * math.tanh(score / config["soft_cap"])
                    distance = abs(p - t)
                    scores.append(score - slope * (math.sqrt(distance) if config["alibi"] == "sqrt" else distance))
                head, lse = weigh(scores, [value[key_start + t][h // group] for t in visible], sink,
                                  config["head_size_v"], probability_dtype)
                out_row.append(head)
                lse_row.append(lse)
            outputs.append(out_row)
            lses.append(lse_row)
        key_start += seq_len
    return seen if seen_only else (outputs, lses)


def weigh(scores, values, sink, size, probability_dtype):
    """Softmax over the scores and the sink, applied to the values."""
    largest = max(scores + [sink])
    if largest <= MINUS_INFINITY:
        return [0.0] * size, MINUS_INFINITY
    weights = [math.exp(score - largest) for score in scores]
    total = math.fsum(weights) + (math.exp(sink - largest) if sink > MINUS_INFINITY else 0.0)
    if probability_dtype:
        weights = [round_to(weight, probability_dtype) for weight in weights]
    return ([math.fsum(weight * row[d] for weight, row in zip(weights, values)) / total for d in range(size)],
            largest + math.log(total))


def merge(states, lses, sinks):
    """Combines partial outputs [state][row][head][d] by their log-sum-exp [state][row][head]."""
    outputs, merged = [], []
    for row in range(len(states[0])):
        out_row, lse_row = [], []
        for h in range(len(states[0][row])):
            head, lse = weigh([state[row][h] for state in lses], [state[row][h] for state in states],
                              sinks[h] if sinks else MINUS_INFINITY, len(states[0][row][h]), None)
            out_row.append(head)
            lse_row.append(lse)
        outputs.append(out_row)
        merged.append(lse_row)
    return outputs, merged
