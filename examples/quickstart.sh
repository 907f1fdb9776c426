#!/usr/bin/env bash
# From a fresh checkout to text from a language model whose attention is computed by libfovea.
#
#   examples/quickstart.sh                                   a default question
#   examples/quickstart.sh --prompt "Why is the sky blue?"   arguments go to the generator; --help lists them
#
# Installs what is missing (Debian packages, as root or through sudo), builds into build/, fetches the model once into
# ~/.cache/fovea, and runs it. The text goes to standard output, all messages go to standard error.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { echo "quickstart: $*" >&2; }
fail() {
  say "$*"
  exit 1
}

missing_packages() {
  command -v cmake > /dev/null || echo cmake
  command -v ninja > /dev/null || command -v make > /dev/null || echo ninja-build
  command -v g++ > /dev/null || command -v clang++ > /dev/null || echo g++
  echo '#include <hwy/highway.h>' | ${CXX:-c++} -std=c++17 -E -x c++ - > /dev/null 2>&1 || echo libhwy-dev
  command -v python3 > /dev/null || echo python3
  python3 -m pip --version > /dev/null 2>&1 || echo python3-pip
}

install_packages() {
  local as_root=()
  command -v apt-get > /dev/null \
    || fail "this needs $*, and there is no apt-get to install them with; install them by hand and run this again"
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo > /dev/null || fail "this needs $*; run it as root, or install them by hand and run this again"
    as_root=(sudo)
  fi
  say "installing $*"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update < /dev/null >&2 \
    || say "apt-get update failed; trying with the package lists that are there"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" < /dev/null >&2 \
    || fail "could not install $*: apt-get's own message is above"
}

wants_model=1
for argument in "$@"; do
  case $argument in
    --help | -h | --model | --model=*) wants_model=0 ;;
  esac
done

mapfile -t packages < <(missing_packages)
if [ ${#packages[@]} -gt 0 ]; then
  install_packages "${packages[@]}"
  mapfile -t packages < <(missing_packages)
  [ ${#packages[@]} -eq 0 ] || fail "still missing after the installation: ${packages[*]}"
fi

if [ ! -f build/build.ninja ] && [ ! -f build/Makefile ]; then
  generator=()
  if [ ! -f build/CMakeCache.txt ] && command -v ninja > /dev/null; then generator=(-G Ninja); fi
  say "configuring build/"
  cmake -S . -B build "${generator[@]}" -DCMAKE_BUILD_TYPE=Release -DFOVEA_BUILD_TESTS=OFF >&2 || fail "cmake could not configure build/"
fi
say "building"
cmake --build build --parallel "$(nproc)" --target generate >&2 || fail "the build failed: the compiler's message is above"

if [ $wants_model -eq 1 ]; then
  examples/generate/fetch_model.sh > /dev/null || fail "there is no model to run; --model FILE takes one that you have"
fi
exec build/examples/generate/generate "$@"
