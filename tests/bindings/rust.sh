#!/usr/bin/env bash
# rust.sh BUILD_DIR: tests the Rust binding with the library built there. Installs what is missing.
#
# A library built with AddressSanitizer is tested under it, leaks included; any other one linked, loaded at run time, and
# in each way in which it is found. The last line is "N passed, M failed, K skipped".
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/tools.sh"
begin rust "${1:-}"
need "command -v cc" gcc

# As bindings/rust/Cargo.toml has it. Debian 12's cargo is older, but there is a newer one beside it.
oldest=81
cargo_is_there() {
  local version
  version=$(cargo --version 2>/dev/null | sed -n 's/^cargo 1\.\([0-9]*\).*/\1/p')
  [ "${version:-0}" -ge $oldest ]
}
cargo_is_there || need false cargo-web
if ! cargo_is_there; then
  echo "FAILED  there is no Rust 1.$oldest or later, and it could not be installed"
  count 0 1 0
  finish
fi
cd "$root/bindings/rust" || exit 2
cargo --version
export CARGO_TARGET_DIR=$build/rust CARGO_TERM_COLOR=never
unset FOVEA_LIB_DIR FOVEA_INCLUDE_DIR FOVEA_LIBRARY

# test_rust WHAT OPTION...: runs tests and counts them one by one.
test_rust() {
  local what=$1 output=$build/rust-test.txt counts status=0
  shift
  cargo test --locked --workspace --no-fail-fast "$@" >"$output" 2>&1 || status=1
  counts=$(awk '/^test result: /{passed += $4; failed += $6; ignored += $8} END {print passed + 0, failed + 0, ignored + 0}' \
    "$output")
  # shellcheck disable=SC2086
  set -- $counts
  # What cannot be built or ends before its result has failed, too.
  if [ $status -ne 0 ] && [ "$2" -eq 0 ]; then set -- "$1" 1 "$3"; fi
  if [ "$1" -eq 0 ] && [ "$2" -eq 0 ]; then set -- 0 1 0; fi
  [ "$2" -eq 0 ] || cat "$output"
  sed -n 's/^test \(.*\) \.\.\. ignored.*/SKIP    \1/p' "$output"
  echo "$([ "$2" -eq 0 ] && echo "ok     " || echo "FAILED ") $what: $1 passed, $2 failed, $3 ignored"
  count "$1" "$2" "$3"
}

case $sanitizers in
  *address*)
    # Only the tests themselves get the sanitizer's runtime, not the compiler. Freed memory is given back at once, so that
    # the test of flat memory sees what is in use.
    runtime=$(${CC:-cc} -print-file-name=libasan.so)
    host=$(rustc -vV | sed -n 's/^host: //p' | tr 'a-z-' 'A-Z_')
    export "CARGO_TARGET_${host}_RUNNER=env LD_PRELOAD=$runtime"
    export ASAN_OPTIONS="quarantine_size_mb=0:thread_local_quarantine_size_kb=0:${ASAN_OPTIONS:-}"
    test_rust "under AddressSanitizer" --tests
    finish
    ;;
  ?*)
    echo "SKIP    Rust's tests are not run with -fsanitize=$sanitizers"
    count 0 0 1
    finish
    ;;
esac

# bindgen asks libclang for the compiler's own headers, too.
has_libclang() { find /usr/lib "${LIBCLANG_PATH:-/usr/lib}" -name 'libclang[-.][0-9s]*' 2>/dev/null | grep -q .; }
need has_libclang libclang-dev
check "the raw bindings are fresh" env FOVEA_INCLUDE_DIR="$prefix/include" ./check_rust_fresh.sh
if cargo fmt --version >/dev/null 2>&1; then
  check "cargo fmt" cargo fmt --check
else
  echo "SKIP    cargo fmt is not installed"
  count 0 0 1
fi
if cargo clippy --version >/dev/null 2>&1; then
  check "cargo clippy" cargo clippy --locked --workspace --all-targets -- -D warnings
  check "cargo clippy, loaded" cargo clippy --locked --workspace --all-targets --features fovea/dynamic-loading -- -D warnings
else
  echo "SKIP    cargo clippy is not installed"
  count 0 0 1
fi
check "cargo doc" env RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps
test_rust "tests, linked"
test_rust "tests, loaded" --features fovea/dynamic-loading

# The draft block runs in each way of finding the library.
block() {
  local output
  output=$("$@" cargo run --locked --quiet --package fovea --example dflash_block "${features[@]}") || return
  [ "$(grep -c 'non-causal: within 0\.00' <<<"$output")" -eq 3 ]
}
features=()
check "the example, by pkg-config" block env
check "the example, by FOVEA_LIB_DIR" block env PKG_CONFIG_PATH= PKG_CONFIG_LIBDIR=/nonexistent FOVEA_LIB_DIR="$libdir"
features=(--features dynamic-loading)
check "the example, loaded" block env PKG_CONFIG_PATH= PKG_CONFIG_LIBDIR=/nonexistent
check "the example, by FOVEA_LIBRARY" block env LD_LIBRARY_PATH= FOVEA_LIBRARY="$libdir/libfovea.so.1"
check "bindings made in the build" cargo test --locked --quiet --package fovea-sys --features generate
tells_what_to_do() {
  local output
  ! output=$(env PKG_CONFIG_PATH= PKG_CONFIG_LIBDIR=/nonexistent cargo build --locked --package fovea-sys 2>&1) &&
    grep -q 'set FOVEA_LIB_DIR' <<<"$output"
}
check "a build without the library says what to do" tells_what_to_do
too_new() {
  local folder=$build/rust-too-new output
  mkdir -p "$folder"
  sed 's/^Version: .*/Version: 2.0.0/' "$(pkg-config --variable=pcfiledir fovea)/fovea.pc" >"$folder/fovea.pc"
  ! output=$(env PKG_CONFIG_PATH= PKG_CONFIG_LIBDIR="$folder" cargo build --locked --package fovea-sys 2>&1) &&
    grep -q 'below 2.0.0' <<<"$output"
}
check "a library of another ABI is not linked" too_new

# The program of the documentation, as a crate of its own.
documented() {
  local folder=$build/rust-documented
  mkdir -p "$folder/src"
  sed -n '/^```rust$/,/^```$/{/^```/d;p}' "$root/docs/rust.md" >"$folder/src/main.rs"
  cp Cargo.lock "$folder/Cargo.lock"
  cat >"$folder/Cargo.toml" <<TOML
[package]
name = "documented"
version = "0.0.0"
edition = "2021"
[dependencies]
fovea = { path = "$root/bindings/rust/fovea" }
[workspace]
TOML
  cargo run --quiet --manifest-path "$folder/Cargo.toml" | grep -Fx '1.5: every token sees the mean of 0, 1, 2, 3'
}
check "the program in docs/rust.md" documented
finish
