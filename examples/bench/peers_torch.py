#!/usr/bin/env python3
"""What PyTorch reaches on this machine's CPU for the shapes of fovea-bench: matrix product, attention, streaming read.

Run it beside fovea-bench, on the same machine with the same number of threads:

    python3 peers_torch.py [threads] [repeats]

Attention is torch.nn.functional.scaled_dot_product_attention on dense tensors with the KV heads repeated beforehand (not
timed), since its CPU kernels have no paged cache. Rates count visible (query, key) pairs only.
"""
import statistics
import sys
import time

import torch
import torch.nn.functional as F

HEADS, KV_HEADS, HEAD_SIZE = 32, 8, 128


def median_seconds(function, repeats):
    for _ in range(2):
        function()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def attention(name, dtype, seqs, query_len, context_len, causal, repeats):
    length = query_len + context_len
    query = torch.randn(seqs, HEADS, query_len, HEAD_SIZE).to(dtype)
    key = torch.randn(seqs, KV_HEADS, length, HEAD_SIZE).to(dtype).repeat_interleave(HEADS // KV_HEADS, 1)
    value = torch.randn(seqs, KV_HEADS, length, HEAD_SIZE).to(dtype).repeat_interleave(HEADS // KV_HEADS, 1)
    is_causal = causal and context_len == 0  # one query row at the end sees everything anyway
    seconds = median_seconds(lambda: F.scaled_dot_product_attention(query, key, value, is_causal=is_causal), repeats)
    pairs = query_len * (query_len + 1) / 2 if is_causal else query_len * length
    flops = 4.0 * pairs * seqs * HEADS * HEAD_SIZE
    bytes_read = 2.0 * seqs * length * KV_HEADS * HEAD_SIZE * query.element_size()
    print(f"{name:36} {str(dtype)[6:]:9} {seconds * 1e3:10.3f} ms {flops / seconds / 1e9:9.1f} GFLOP/s "
          f"{bytes_read / seconds / 1e9:8.1f} GB/s", flush=True)


def main():
    threads = int(sys.argv[1]) if len(sys.argv) > 1 else torch.get_num_threads()
    repeats = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    print(f"PyTorch {torch.__version__}, {threads} threads, {torch.backends.cpu.get_cpu_capability()}")
    for dtype in (torch.float32, torch.bfloat16):
        for size in (2048, 4096):
            a, b = torch.randn(size, size).to(dtype), torch.randn(size, size).to(dtype)
            seconds = median_seconds(lambda: a @ b, repeats)
            print(f"{f'matrix product {size}':36} {str(dtype)[6:]:9} {seconds * 1e3:10.3f} ms {2 * size**3 / seconds / 1e9:9.1f} "
                  "GFLOP/s", flush=True)
        attention("prefill 1x2048 causal", dtype, 1, 2048, 0, True, repeats)
        attention("prefill 1x2048 non-causal", dtype, 1, 2048, 0, False, repeats)
        attention("prefill 1x4096 causal", dtype, 1, 4096, 0, True, repeats)
        attention("prefill 1x4096 non-causal", dtype, 1, 4096, 0, False, repeats)
        attention("decode 8x4096", dtype, 8, 1, 4095, True, repeats)
        attention("decode 1x32768", dtype, 1, 1, 32767, True, repeats)
        attention("dflash 8 x 16 on 4096, non-causal", dtype, 8, 16, 4080, False, repeats)


if __name__ == "__main__":
    main()
