#!/usr/bin/env bash
# The one test command: installs what is missing, builds, runs every test, ends with the counts.
#
#   tests/run.sh            everything: 35 to 50 minutes on 2 cores
#   tests/run.sh --quick    without the sanitizer builds
#
# Needs Debian 12 or later (or what it would install there, from elsewhere), root or sudo for the packages, no GPU; where there
# is one, with nvcc or a ROCm, the GPU suite runs too. Builds into build/, build-asan/, build-tsan/, build-nvidia/ and build-gpu/
# and may be run again: what is built already is not built anew, and ccache is used where it is installed. The last line is "N
# passed, M failed, K skipped"; the exit status is 0 only if nothing failed. A test whose tool is not installed is skipped, and
# fails where CI=true.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

quick=0
for argument in "$@"; do
  case $argument in
    --quick) quick=1 ;;
    -h | --help)
      sed -n '2,12s/^# \{0,1\}//p' tests/run.sh
      exit 0
      ;;
    *)
      echo "tests/run.sh: unknown argument $argument (--help tells more)" >&2
      exit 2
      ;;
  esac
done

jobs=$(nproc)
started=$SECONDS
results=()
exec </dev/null

step() { printf '\n== %s (%d:%02d)\n' "$*" $(((SECONDS - started) / 60)) $(((SECONDS - started) % 60)); }

finish() {
  step "Counts"
  python3 tests/summary.py "${results[@]}"
  exit $?
}

# --- what has to be there: "a check|the Debian package that brings it"
has_header() { echo "#include <$1>" | ${CXX:-c++} -std=c++20 -E -x c++ - >/dev/null 2>&1; }
has_hip() { [ -e /usr/include/hip/hip_runtime_api.h ] || [ -e "${ROCM_PATH:-/opt/rocm}/include/hip/hip_runtime_api.h" ]; }
requirements=(
  "command -v g++|g++"
  "command -v cmake|cmake"
  "command -v ninja|ninja-build"
  "command -v python3|python3"
  "command -v nm|binutils"
  "has_header hwy/highway.h|libhwy-dev"
  "has_header gtest/gtest.h|libgtest-dev"
)
# What single tests need; without it they are skipped.
wishes=(
  "command -v clang|clang"
  "command -v pkg-config|pkg-config"
  "command -v valgrind|valgrind"
  "command -v abidw|abigail-tools"
  "command -v doxygen|doxygen"
  "has_header dlpack/dlpack.h|libdlpack-dev"
  "has_hip|libamdhip64-dev"
  "command -v clang++-22|clang-22"
  "command -v ld.lld-22|lld-22"
  "command -v llvm-objdump-22|llvm-22"
  "command -v clang-offload-bundler-22|clang-tools-22"
  "has_header nlohmann/json.hpp|nlohmann-json3-dev"
  "python3 -m pip --version|python3-pip"
)

missing() {
  local entry
  for entry in "$@"; do
    eval "${entry%%|*}" >/dev/null 2>&1 || echo "${entry##*|}"
  done
}

install_missing() {
  local wanted as_root=() package
  mapfile -t wanted < <(missing "${requirements[@]}" "${wishes[@]}")
  [ ${#wanted[@]} -gt 0 ] || { echo "everything that is needed is there"; return; }
  echo "missing: ${wanted[*]}"
  if ! command -v apt-get >/dev/null; then
    echo "There is no apt-get here; install these, or what brings the same, by hand."
    return
  fi
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "Installing packages needs root or sudo; there is neither."
      return
    fi
    as_root=(sudo)
  fi
  apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@"; }
  apt update || echo "apt-get update failed; trying with the package lists that are there"
  if ! apt install -y --no-install-recommends "${wanted[@]}"; then
    # One that cannot be had must not keep the others away.
    for package in "${wanted[@]}"; do
      apt install -y --no-install-recommends "$package" || echo "Could not install $package."
    done
  fi
}

step "Packages"
install_missing
mapfile -t absent < <(missing "${requirements[@]}")
if [ ${#absent[@]} -gt 0 ]; then
  echo "Cannot go on without: ${absent[*]}"
  printf '\n0 passed, 1 failed, 0 skipped\n'
  exit 1
fi
mapfile -t absent < <(missing "${wishes[@]}")
[ ${#absent[@]} -eq 0 ] || echo "Not installed, so the tests that need them are skipped: ${absent[*]}"

# --- builds. ThreadSanitizer needs an address space that is not laid out at random; its builds run tests too (to list
# them), so they get it as well.
plainly=()
if setarch "$(uname -m)" -R true 2>/dev/null; then plainly=(setarch "$(uname -m)" -R); fi

launcher=()
if command -v ccache >/dev/null; then launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi

# build SUITE FOLDER TARGETS OPTION...
build() {
  local suite=$1 folder=$2 targets
  read -ra targets <<<"$3"
  shift 3
  step "Build $suite into $folder/"
  if ! "${plainly[@]}" cmake -S . -B "$folder" -G Ninja -DFOVEA_BUILD_TESTS=ON "${launcher[@]}" "$@" ||
    ! "${plainly[@]}" cmake --build "$folder" --parallel "$jobs" --target "${targets[@]}"; then
    results+=("$suite=!the build failed")
    return 1
  fi
}

# run_tests SUITE FOLDER CTEST_ARGUMENT...
run_tests() {
  local suite=$1 folder=$2
  shift 2
  step "Test $suite"
  rm -f "$folder/results.xml"
  "${plainly[@]}" ctest --test-dir "$folder" --parallel "$jobs" --timeout 1500 --output-on-failure \
    --test-output-size-passed 4096 --output-junit results.xml "$@"
  results+=("$suite=$folder/results.xml")
}

# run_bindings TITLE FOLDER LANGUAGE...: the scripts of the languages print their own counts as the last line.
run_bindings() {
  local title=$1 folder=$2 language
  shift 2
  for language in "$@"; do
    step "Test $title of $language"
    "${plainly[@]}" tests/bindings/"$language".sh "$folder" 2>&1 | tee "$folder/bindings-$language.txt"
    results+=("$title: $language=$folder/bindings-$language.txt")
  done
}

# The AMD module needs no GPU to be built and looked at; the release build has it, so that its tests run on the shipped one.
hip=AMD
mapfile -t absent < <(missing "${wishes[@]}" | grep -E '^(clang-22|lld-22|llvm-22|clang-tools-22|libamdhip64-dev)$')
if [ ${#absent[@]} -gt 0 ]; then
  hip=OFF
  echo "The AMD module is not built without: ${absent[*]}"
  [ "${CI:-}" != true ] || results+=("AMD module=!was not built, without ${absent[*]}")
fi
if build release build all -DCMAKE_BUILD_TYPE=Release -DFOVEA_SANITIZE= -DFOVEA_BUILD_EXAMPLES=ON -DFOVEA_HIP=$hip; then
  run_tests release build
  run_bindings binding build rust go java
fi

step "Test NVIDIA sources"
mkdir -p build-nvidia
tests/hip/nvidia_sources.sh build-nvidia 2>&1 | tee build-nvidia/sources.txt
results+=("NVIDIA sources=build-nvidia/sources.txt")

# --- the GPU suite, where there is a GPU with its compiler
gpu_options=()
if { command -v nvcc || [ -x "${CUDA_HOME:-/usr/local/cuda}/bin/nvcc" ]; } >/dev/null && nvidia-smi -L 2>/dev/null | grep -q '^GPU'; then
  gpu_options=(-DFOVEA_HIP=NVIDIA)
elif [ -e /dev/kfd ] && PATH="$PATH:${ROCM_PATH:-/opt/rocm}/llvm/bin" command -v amdclang++ >/dev/null; then
  rocm=${ROCM_PATH:-/opt/rocm}/llvm/bin
  architectures=$("$rocm/amdgpu-arch" 2>/dev/null | sort -u | paste -sd ';')
  [ -z "$architectures" ] || gpu_options=(-DFOVEA_HIP=AMD "-DFOVEA_HIP_ARCHITECTURES=$architectures" "-DFOVEA_HIP_COMPILER=$rocm/amdclang++")
fi
if [ ${#gpu_options[@]} -eq 0 ]; then
  step "No GPU with its compiler is here: the GPU suite is left out"
elif build "GPU suite" build-gpu all -DCMAKE_BUILD_TYPE=Release -DFOVEA_SANITIZE= -DFOVEA_BUILD_EXAMPLES=OFF "${gpu_options[@]}"; then
  for backend in ROCM_ATTN ROCM_UNIFIED_ATTN; do
    step "Test GPU suite of $backend"
    build-gpu/tests/conformance/fovea-test --device gpu --backend $backend 2>&1 | tee build-gpu/$backend.txt
    results+=("GPU suite of $backend=build-gpu/$backend.txt")
  done
fi
[ $quick -eq 0 ] || finish

# One instruction set besides the portable code is enough for a sanitizer; each of the others takes minutes to compile.
sanitized=(-DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE=-O1 -DCMAKE_C_FLAGS_RELEASE=-O1 -DFOVEA_BUILD_EXAMPLES=OFF)
# Which kernels a processor gets is the release build's to test; here one set and the portable one are enough.
[ "$(uname -m)" != x86_64 ] || sanitized+=(-DFOVEA_CPU_ISAS=avx2)
export TSAN_OPTIONS="halt_on_error=1 second_deadlock_stack=1 ${TSAN_OPTIONS:-}"
export ASAN_OPTIONS="detect_stack_use_after_return=1 strict_string_checks=1 ${ASAN_OPTIONS:-}"
export UBSAN_OPTIONS="halt_on_error=1 print_stacktrace=1 ${UBSAN_OPTIONS:-}"
if build "threads (TSan)" build-tsan "fovea_test_threads fovea_test_impl fovea-test" "${sanitized[@]}" -DFOVEA_SANITIZE=thread; then
  run_tests "threads (TSan)" build-tsan --label-regex '^tsan$'
fi
if build "memory (ASan, UBSan)" build-asan all "${sanitized[@]}" -DFOVEA_SANITIZE=address,undefined; then
  run_tests "memory (ASan, UBSan)" build-asan --label-regex '^(sanitize|tsan)$'
  run_bindings "binding (ASan)" build-asan rust go
fi
finish
