#!/usr/bin/env bash
# packages.sh find_package|pkg_config|subdirectory SOURCE_DIR BUILD_DIR CMAKE
# Installs the built library into a new prefix, moves the prefix, and builds and runs a program from outside against it.
set -euo pipefail
way=$1 source_dir=$2 build_dir=$3 cmake=$4
outside=$source_dir/tests/capi/outside
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [[ $way == subdirectory ]]; then
  "$cmake" -S "$outside/subdirectory" -B "$work/build" -G Ninja -DFOVEA_SOURCE_DIR="$source_dir" >"$work/log" 2>&1 ||
    { cat "$work/log"; exit 1; }
  # Building all of it again would prove nothing new; that the program's build depends on the library does.
  "$cmake" --build "$work/build" -- -n engine >"$work/plan"
  grep -q libfovea.so "$work/plan" || { echo "the program's build does not include the library"; exit 1; }
  if grep -Eq 'tests/|examples/' <(grep -v "$outside" "$work/plan"); then
    echo "tests or examples would be built"
    exit 1
  fi
  echo "configured as a subdirectory"
  exit 0
fi

"$cmake" --install "$build_dir" --prefix "$work/first" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
mv "$work/first" "$work/prefix"  # an installed tree may be moved
library=$(find "$work/prefix" -name libfovea.so)
library_dir=$(dirname "$library")
for header in fovea.h fovea_dlpack.h fovea_export.h fovea_version.h; do
  [[ -f $work/prefix/include/fovea/$header ]] || { echo "$header was not installed"; exit 1; }
done
if grep -rIl -e "$source_dir" -e "$build_dir" -e "$work/first" "$work/prefix"; then
  echo "these installed files hold paths of the build"
  exit 1
fi
run() { LD_LIBRARY_PATH=$library_dir "$@"; }

case $way in
  find_package)
    "$cmake" -S "$outside/find_package" -B "$work/build" -G Ninja -DCMAKE_PREFIX_PATH="$work/prefix" \
      -DWANTED_VERSION=1.0 >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
    "$cmake" --build "$work/build" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
    "$work/build/engine"  # CMake gives a program in its build tree the library's place
    # A version that is not there is refused, with the one that is.
    if "$cmake" -S "$outside/find_package" -B "$work/future" -G Ninja -DCMAKE_PREFIX_PATH="$work/prefix" \
      -DWANTED_VERSION=2.0 >"$work/log" 2>&1; then
      echo "version 2.0 was found"
      exit 1
    fi
    ;;
  pkg_config)
    command -v pkg-config >/dev/null || { echo "skipped: pkg-config is not installed"; exit 77; }
    export PKG_CONFIG_PATH=$library_dir/pkgconfig
    pkg-config --print-errors --exists fovea
    read -ra cflags <<<"$(pkg-config --cflags fovea)"
    read -ra libs <<<"$(pkg-config --libs fovea)"
    [[ $(pkg-config --modversion fovea) == 1.* ]]
    cc -std=c99 -Wall -Wextra -Wpedantic -Werror "${cflags[@]}" "$outside/engine.c" -o "$work/engine" "${libs[@]}"
    run "$work/engine"
    if [[ -x $work/prefix/bin/fovea-info ]]; then run "$work/prefix/bin/fovea-info" >/dev/null; fi
    ;;
  *)
    echo "unknown way: $way"
    exit 2
    ;;
esac
