#!/usr/bin/env bash
# abi.sh check|dump LIBRARY HEADER_DIR... DUMP: compares the ABI with the committed dump, or writes the dump anew.
# LIBRARY is the shared library built with debugging information.
set -euo pipefail
mode=$1 library=$2
shift 2
dump=${*: -1}
headers=("${@:1:$#-1}")
for tool in abidw abidiff; do
  command -v $tool >/dev/null || { echo "skipped: $tool is not installed (package abigail-tools)"; exit 77; }
done
if [[ $(uname -m) != x86_64 ]]; then
  echo "skipped: the committed dump is of x86_64"
  exit 77
fi
options=()
for dir in "${headers[@]}"; do options+=(--headers-dir "$dir"); done
current=$(mktemp)
trap 'rm -f "$current"' EXIT
# Without locations and paths the dump depends on the interface alone.
abidw "${options[@]}" --drop-private-types --no-show-locs --no-corpus-path --no-comp-dir-path --no-elf-needed \
  --out-file "$current" "$library"
if [[ $mode == dump ]]; then
  mkdir -p "$(dirname "$dump")"
  cp "$current" "$dump"
  echo "wrote $dump"
  exit 0
fi
functions=$(grep -c '<elf-symbol .*type=.func-type' "$current")
described=$(grep -c '<function-decl .*elf-symbol-id' "$current")
echo "$functions functions, $described described by debugging information"
[[ $functions -gt 50 && $described -eq $functions ]] || { echo "the library lacks debugging information"; exit 1; }
if ! abidiff "$dump" "$current"; then
  echo "The ABI differs from $dump. If that is intended, and compatible (or the major version was raised), run"
  echo "  cmake --build BUILD --target fovea_abi_dump"
  exit 1
fi
