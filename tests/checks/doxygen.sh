#!/usr/bin/env bash
# doxygen.sh SOURCE_DIR OUTPUT_DIR: the documentation builds without a warning.
set -euo pipefail
source_dir=$1 output_dir=$2
command -v doxygen >/dev/null || { echo "skipped: doxygen is not installed"; exit 77; }
mkdir -p "$output_dir"
cd "$source_dir"
{ cat docs/Doxyfile; echo "OUTPUT_DIRECTORY = $output_dir"; } | doxygen - 2>&1 | tee "$output_dir/warnings.txt"
if [ -s "$output_dir/warnings.txt" ]; then
  echo "doxygen has warnings"
  exit 1
fi
pages=$(find "$output_dir/html" -name '*.html' | wc -l)
[ "$pages" -gt 20 ] || { echo "only $pages pages were written"; exit 1; }
echo "$pages pages in $output_dir/html"
