#!/usr/bin/env bash
# Compares the committed bindings (fovea-sys/src/types.rs and functions.rs) with what the header gives now.
#
#   bindings/rust/check_rust_fresh.sh           fails and shows the differences if there are any
#   bindings/rust/check_rust_fresh.sh --write   replaces the committed files
#
# Needs libclang (Debian: libclang-dev), and the generated headers: FOVEA_INCLUDE_DIR is a list of folders as in PATH, e.g.
# capi/include:build/capi/include. The exit status is 0 only if the files are fresh.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${FOVEA_INCLUDE_DIR:?names the folders that hold the headers of libfovea, separated by colons}"

# What is linked does not matter here; dynamic loading needs no library.
if ! messages=$(cargo build --manifest-path "$here/Cargo.toml" --locked --package fovea-sys \
  --features generate,dynamic-loading --message-format json-render-diagnostics); then
  echo "the bindings could not be generated"
  exit 1
fi
out=$(sed -n 's/.*"reason":"build-script-executed".*#fovea-sys@.*"out_dir":"\([^"]*\)".*/\1/p' <<<"$messages")
[ -n "$out" ] || out=$(sed -n 's/.*"reason":"build-script-executed".*fovea-sys.*"out_dir":"\([^"]*\)".*/\1/p' <<<"$messages")
[ -f "$out/types.rs" ] || { echo "cargo named no folder with generated bindings"; exit 1; }

if [ "${1:-}" = --write ]; then
  cp "$out/types.rs" "$out/functions.rs" "$here/fovea-sys/src/"
  exit
fi
stale=0
for file in types.rs functions.rs; do
  diff -u "$here/fovea-sys/src/$file" "$out/$file" || stale=1
done
if [ $stale -ne 0 ]; then
  echo "The committed bindings are not what fovea.h gives; check_rust_fresh.sh --write makes them anew."
  exit 1
fi
echo "the bindings are fresh"
