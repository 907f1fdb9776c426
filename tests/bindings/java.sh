#!/usr/bin/env bash
# java.sh BUILD_DIR: tests the Java binding with the library built there. Installs what is missing.
#
# Maven's downloads and what it installs stay in BUILD_DIR. The last line is "N passed, M failed, K skipped".
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/tools.sh"
begin java "${1:-}"
if [ -n "$sanitizers" ]; then
  echo "SKIP  this machine's Java virtual machine is not built with -fsanitize=$sanitizers"
  count 0 0 1
  finish
fi
need "command -v gcc" gcc
need "command -v swig" swig
need "command -v javac" openjdk-17-jdk-headless
need "command -v mvn" maven
java=$root/bindings/java
mvn=(mvn -B -Dstyle.color=never "-Dmaven.repo.local=$build/java-m2")
cd "$java" || exit 2
javac -version
# The artefact must bring the library by itself.
unset LD_LIBRARY_PATH

check "SWIG's output is fresh" "$root/bindings/swig/check_fresh.sh"

# One of the tests needs a directory that is mounted noexec.
noexec=$build/java-noexec
mkdir -p "$noexec"
if ! mountpoint -q "$noexec" && mount -t tmpfs -o noexec,size=16m fovea-noexec "$noexec" 2>/dev/null; then
  trap 'umount "$noexec"' EXIT
fi

rm -rf fovea/target/surefire-reports
if "${mvn[@]}" -Dfovea.test.noexec="$noexec" install >"$build/java-mvn.log" 2>&1; then
  grep -E 'rounds left' "$build/java-mvn.log"
  built=0
else
  grep -vE '^(\[INFO\] Download|Progress|Download)' "$build/java-mvn.log" | tail -n 120
  built=1
fi
counts=$(python3 - "$java"/fovea/target/surefire-reports <<'PYTHON'
import pathlib, sys, xml.etree.ElementTree
counts = [0, 0, 0]
for report in sorted(pathlib.Path(sys.argv[1]).glob("TEST-*.xml")):
    for case in xml.etree.ElementTree.parse(report).getroot().findall("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            counts[1] += 1
            print(f"FAIL  {name}", file=sys.stderr)
        elif skipped is not None:
            counts[2] += 1
            print(f"SKIP  {name}: {skipped.get('message')}", file=sys.stderr)
        else:
            counts[0] += 1
print(*counts)
PYTHON
)
read -r passes failures skips <<<"$counts"
# A build that fails before its tests, or that runs none, has failed.
if [ "$failures" -eq 0 ] && { [ "$built" -ne 0 ] || [ "$passes" -eq 0 ]; }; then failures=1; fi
echo "$([ "$failures" -eq 0 ] && echo "ok    " || echo "FAILED")  mvn install: $passes passed, $failures failed, $skips skipped"
count "$passes" "$failures" "$skips"
check "no warnings of -Xcheck:jni" bash -c '! grep -E "WARNING.*(native|JNI)|FATAL ERROR in native" "$1"' - "$build/java-mvn.log"

# The public package only; the generated one has no comments.
documentation() {
  rm -rf "$build/java-doc"
  javadoc -quiet -Xdoclint:all,-missing -Werror -d "$build/java-doc" -sourcepath fovea/src/main/java org.libfovea
}
check "javadoc" documentation

draft_block() {
  local output
  output=$("${mvn[@]}" -q exec:java) || {
    echo "$output"
    return 1
  }
  echo "$output"
  grep -Eq '^layer 2, non-causal: within 0\.00[0-4][0-9]* of the definition' <<<"$output"
}
check "mvn -q exec:java" draft_block

# The program of the documentation, with the two artefacts on its class path and nothing else.
documented() {
  local folder=$build/java-documented jars
  mkdir -p "$folder"
  jars=$java/fovea/target/fovea-1.0.0.jar:$java/fovea-linux-x86_64/target/fovea-linux-x86_64-1.0.0.jar
  sed -n '/^```java$/,/^```$/{/^```/d;p}' "$root/docs/java.md" >"$folder/Hello.java"
  javac -cp "$jars" -d "$folder" "$folder/Hello.java" &&
    java -cp "$jars:$folder" Hello | grep -Fx '1.5: every token sees the mean of 0, 1, 2, 3'
}
check "the program in docs/java.md" documented
finish
