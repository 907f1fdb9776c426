#!/usr/bin/env python3
"""What PyTorch reaches on this machine's GPU for the prefill shapes of fovea-bench --device gpu: flash and cuDNN attention.

Run it beside fovea-bench, on the same GPU:

    python3 peers_torch_gpu.py [repeats]

Attention is torch.nn.functional.scaled_dot_product_attention on dense bf16 tensors with the KV heads repeated beforehand (not
timed). Rates count visible (query, key) pairs only.
"""
import statistics
import sys

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.attention.bias import causal_lower_right

HEADS, KV_HEADS, HEAD_SIZE = 32, 8, 128
SHAPES = (("prefill 1x4096 causal", 4096, 0, True), ("prefill 1x4096 non-causal", 4096, 0, False),
          ("prefill 1x8192 causal", 8192, 0, True), ("prefill 1x8192 non-causal", 8192, 0, False),
          ("prefill 1x16384 causal", 16384, 0, True), ("prefill 1x16384 non-causal", 16384, 0, False),
          ("chunk 2048 on 8192, causal", 2048, 8192, True))


def median_seconds(function, repeats, calls=8):
    for _ in range(3):
        function()
    seconds = []
    for _ in range(repeats):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        for _ in range(calls):
            function()
        end.record()
        end.synchronize()
        seconds.append(start.elapsed_time(end) * 1e-3 / calls)
    return statistics.median(seconds)


def main():
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    torch.manual_seed(0)
    print(f"PyTorch {torch.__version__}, {torch.cuda.get_device_name()}")
    print(f"{'case':36} {'flash TFLOP/s':>14} {'cuDNN TFLOP/s':>14}")
    for name, query_len, context_len, causal in SHAPES:
        length = query_len + context_len
        query = torch.randn(1, HEADS, query_len, HEAD_SIZE, device="cuda", dtype=torch.bfloat16)
        key, value = (torch.randn(1, KV_HEADS, length, HEAD_SIZE, device="cuda", dtype=torch.bfloat16)
                      .repeat_interleave(HEADS // KV_HEADS, 1) for _ in range(2))
        pairs = query_len * context_len + query_len * (query_len + 1) / 2 if causal else query_len * length
        mask = causal_lower_right(query_len, length) if causal and context_len > 0 else None
        rates = []
        for backend in (SDPBackend.FLASH_ATTENTION, SDPBackend.CUDNN_ATTENTION):
            try:
                with sdpa_kernel(backend):
                    seconds = median_seconds(lambda: F.scaled_dot_product_attention(
                        query, key, value, attn_mask=mask, is_causal=causal and mask is None), repeats)
                rates.append(f"{4.0 * pairs * HEADS * HEAD_SIZE / seconds / 1e12:14.1f}")
            except RuntimeError as error:
                rates.append(f"{str(error).splitlines()[0][:14]:>14}")
        print(f"{name:36} {' '.join(rates)}", flush=True)


if __name__ == "__main__":
    main()
