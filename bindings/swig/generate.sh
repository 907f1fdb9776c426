#!/usr/bin/env bash
# generate.sh [FOLDER]: writes what SWIG makes of fovea.i for Go and Java into the bindings, or below FOLDER instead.
#
# The output depends on SWIG's version, so it has to be 4.1.0, which Debian 12 has.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
into=$(cd "${1:-$here/..}" && pwd)
swig=${SWIG:-swig}

version=$("$swig" -version | sed -n 's/^SWIG Version //p')
if [ "$version" != 4.1.0 ]; then
  echo "generate.sh: $swig is version ${version:-unknown}, expected 4.1.0" >&2
  exit 1
fi

go=$into/go/internal/capi
java=$into/java/fovea/src/main/java/org/libfovea/capi
native=$into/java/fovea-linux-x86_64/src/main/native
mkdir -p "$go" "$java" "$native"
rm -f "$java"/*.java

# Relative paths only: SWIG writes the name of its input into its output.
cd "$here"
"$swig" -go -cgo -intgosize 64 -DSWIGWORDSIZE64 -module capi -I../../capi/include -outdir "$go" -o "$go/fovea_go_wrap.c" fovea.i
"$swig" -java -DSWIGWORDSIZE64 -module Capi -package org.libfovea.capi -I../../capi/include -outdir "$java" \
  -o "$native/fovea_java_wrap.c" fovea.i
