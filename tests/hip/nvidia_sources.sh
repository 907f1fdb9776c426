#!/usr/bin/env bash
# nvidia_sources.sh FOLDER: the GPU sources with NVIDIA's compiler, on a machine without its GPU.
#
# Compiles the module's host side and one source of each kind of kernels for sm_80 and sm_90a; warnings and spilled registers are
# failures. A compiler that is not installed is put into FOLDER by pip. The last line is
# "N passed, M failed, K skipped".
set -uo pipefail
folder=$(mkdir -p "$1" && cd "$1" && pwd)
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
passed=0 failed=0

finish() {
  printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "${1:-0}"
  [ "$failed" -eq 0 ]
  exit
}

compiler=$(command -v nvcc || ls "${CUDA_HOME:-/usr/local/cuda}/bin/nvcc" 2>/dev/null)
if [ -z "$compiler" ]; then
  toolkit=$folder/toolkit/nvidia/cu13
  compiler=$toolkit/bin/nvcc
  packages=()
  for package in nvcc crt cccl runtime; do packages+=("nvidia-cuda-$package==13.0.*"); done
  if [ ! -x "$compiler" ] && ! python3 -m pip install --quiet --target "$folder/toolkit" "${packages[@]}" "nvidia-nvvm==13.0.*"; then
    echo "SKIP nvcc is not installed, and pip did not bring it"
    finish 1
  fi
fi
"$compiler" --version | sed -n 's/.*, release \(.*\)/nvcc \1/p'

if ! cmake -S "$source" -B "$folder" -G Ninja -DCMAKE_BUILD_TYPE=Release -DFOVEA_HIP=NVIDIA -DFOVEA_CUDA_COMPILER="$compiler" \
  "-DFOVEA_CUDA_FLAGS=-Xptxas;-warn-spills;-Werror;all-warnings" -DFOVEA_CPU_ISAS= -DFOVEA_BUILD_TESTS=OFF -DFOVEA_BUILD_EXAMPLES=OFF; then
  echo "FAILED to configure"
  failed=1
  finish
fi
# All side by side, then one by one for the counts: what was built is not built again.
ninja -C "$folder" -k 0 nvidia-sample
for target in fovea_hip_nvidia_host $(ninja -C "$folder" -t targets all | sed -n 's/^\(nvidia-sample-[a-z0-9_]*\): .*/\1/p'); do
  if ninja -C "$folder" "$target" >"$folder/again.txt" 2>&1; then
    echo "ok      $target"
    passed=$((passed + 1))
  else
    echo "FAILED $target"
    failed=$((failed + 1))
  fi
done
finish
