# For the scripts of the languages, which source it: what they install, what they count.
#
#   begin NAME BUILD_DIR     where the library was built; installs it into BUILD_DIR/bindings-NAME, which $prefix names
#   need CHECK PACKAGE       installs a Debian package where CHECK fails
#   check WHAT COMMAND...    one test: passes if the command does
#   count PASSED FAILED SKIPPED
#   finish                   prints the counts as the last line and exits with 0 only if nothing failed
passed=0
failed=0
skipped=0

begin() {
  local name=$1
  root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
  if [ ! -e "${2:-}/CMakeCache.txt" ]; then
    echo "usage: $0 BUILD_DIR, where the library was built by CMake" >&2
    exit 2
  fi
  build=$(cd "$2" && pwd)
  prefix=$build/bindings-$name
  sanitizers=$(sed -n 's/^FOVEA_SANITIZE:[A-Z]*=//p' "$build/CMakeCache.txt")
  need "command -v pkg-config" pkg-config
  if ! cmake --install "$build" --prefix "$prefix" >"$build/bindings-$name.log" 2>&1; then
    cat "$build/bindings-$name.log"
    count 0 1 0
    finish
  fi
  local file
  file=$(find "$prefix" -name fovea.pc | head -n 1)
  export PKG_CONFIG_PATH=${file%/*}${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
  libdir=$(pkg-config --variable=libdir fovea)
  export LD_LIBRARY_PATH=$libdir${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  # A GPU module without a GPU, for the tests of what a backend refuses: its folder.
  export FOVEA_TEST_CLAIMS_MODULE=$build/tests/impl/modules/claims
}

need() {
  eval "$1" >/dev/null 2>&1 && return
  local as_root=()
  [ "$(id -u)" -eq 0 ] || as_root=(sudo)
  command -v apt-get >/dev/null || return 0
  # The lists of packages are fetched only where they are missing or old.
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$2" >/dev/null 2>&1 ||
    { "${as_root[@]}" apt-get -qq update &&
      "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$2" >/dev/null; } ||
    echo "Could not install $2."
}

count() {
  passed=$((passed + $1))
  failed=$((failed + $2))
  skipped=$((skipped + $3))
}

check() {
  local what=$1 output
  shift
  if output=$("$@" 2>&1); then
    echo "ok      $what"
    count 1 0 0
  else
    printf 'FAILED  %s\n%s\n' "$what" "$output"
    count 0 1 0
  fi
}

finish() {
  echo "$passed passed, $failed failed, $skipped skipped"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
  exit
}
