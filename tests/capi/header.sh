#!/usr/bin/env bash
# header.sh COMPILER STANDARD INCLUDE...: the public headers compile without a warning. 77 if there is no such compiler.
set -euo pipefail
compiler=$1 standard=$2
shift 2
command -v "$compiler" >/dev/null || { echo "skipped: $compiler is not installed"; exit 77; }
here=$(cd "$(dirname "$0")" && pwd)
warnings=(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wcast-qual -Wundef -Werror)
case $standard in
  c++*)
    source=$here/header_use.cc
    warnings+=(-Wold-style-cast -Wmissing-declarations)
    ;;
  *)
    source=$here/header_use.c
    warnings+=(-Wstrict-prototypes -Wmissing-prototypes)
    ;;
esac
case $compiler in
  clang*) warnings+=(-Wdocumentation -Wmissing-field-initializers) ;;
  g++) warnings+=(-Wzero-as-null-pointer-constant) ;;
esac
includes=()
for path in "$@"; do includes+=(-I "$path"); done
"$compiler" "-std=$standard" "${warnings[@]}" "${includes[@]}" -c "$source" -o /dev/null

# The header is complete by itself.
language=c
[[ $standard == c++* ]] && language=c++
printf '#include "fovea/fovea.h"\nextern foveaForwardArgs_t args;\n' |
  "$compiler" -x "$language" "-std=$standard" -Wall -Wextra -Wpedantic -Werror "${includes[@]}" -c - -o /dev/null
echo "$compiler -std=$standard: no warning"
