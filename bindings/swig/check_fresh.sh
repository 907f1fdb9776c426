#!/usr/bin/env bash
# check_fresh.sh: fails unless the committed output of SWIG is what SWIG makes of fovea.i and fovea.h today.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT

"$here/generate.sh" "$fresh"
stale=0
while IFS= read -r -d '' file; do
  if ! cmp -s "$fresh/$file" "$here/../$file"; then
    echo "bindings/$file: is not what SWIG writes; run bindings/swig/generate.sh"
    stale=1
  fi
done < <(cd "$fresh" && find . -type f -printf '%P\0')
# A struct that left the header leaves a class behind.
while IFS= read -r -d '' file; do
  if [ ! -e "$fresh/java/$file" ]; then
    echo "bindings/java/$file: is no longer written by SWIG"
    stale=1
  fi
done < <(cd "$here/../java" && find . -path '*/org/libfovea/capi/*' -name '*.java' -not -path './*/target/*' -printf '%P\0')
exit $stale
