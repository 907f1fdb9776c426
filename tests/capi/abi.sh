#!/usr/bin/env bash
# abi.sh check|dump LIBRARY DUMP: compares the ABI with the committed dump, or writes the dump anew.
# LIBRARY has debugging information of the public functions.
set -euo pipefail
mode=$1 library=$2 dump=$3
for tool in abidw abidiff; do
  command -v $tool >/dev/null || { echo "skipped: $tool is not installed (package abigail-tools)"; exit 77; }
done
if [[ $(uname -m) != x86_64 ]]; then
  echo "skipped: the committed dump is of x86_64"
  exit 77
fi
current=$(mktemp)
trap 'rm -f "$current"' EXIT
# Without locations and paths the dump depends on the interface alone.
abidw --no-show-locs --no-corpus-path --no-comp-dir-path --no-elf-needed --out-file "$current" "$library"
if [[ $mode == dump ]]; then
  mkdir -p "$(dirname "$dump")"
  install -m 644 "$current" "$dump"
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
