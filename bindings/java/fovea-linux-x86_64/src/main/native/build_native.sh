#!/usr/bin/env bash
# build_native.sh FOLDER: builds libfovea_java.so into FOLDER and puts the library, which pkg-config finds, beside it.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
into=$1
mkdir -p "$into"

if ! pkg-config --exists fovea; then
  echo "build_native.sh: pkg-config does not find the library; set PKG_CONFIG_PATH to PREFIX/lib/pkgconfig" >&2
  exit 1
fi
if [ -z "${JAVA_HOME:-}" ]; then
  JAVA_HOME=$(dirname "$(dirname "$(readlink -f "$(command -v javac)")")")
fi
read -ra flags <<<"$(pkg-config --cflags --libs fovea) ${CFLAGS:-} ${LDFLAGS:-}"
# Two libraries side by side find each other, wherever they are moved together.
# SWIG keeps pointers in 64-bit numbers of Java, which strict aliasing forbids.
"${CC:-cc}" -O2 -fPIC -shared -Wall -fno-strict-aliasing -I"$JAVA_HOME/include" -I"$JAVA_HOME/include/linux" "$here/fovea_java_wrap.c" \
  -o "$into/libfovea_java.so" "${flags[@]}" -Wl,-rpath,'$ORIGIN' -Wl,-z,defs
cp -L "$(pkg-config --variable=libdir fovea)/libfovea.so.1" "$into/libfovea.so.1"
