#!/usr/bin/env python3
"""summary.py SUITE=RESULTS.xml... [SUITE=OUTPUT.txt...] [SUITE=!SENTENCE...]: adds up what the runs of ctest report (their
JUnit files) and what other scripts print (a last line "N passed, M failed, K skipped", with a line that begins with "SKIP"
or "FAILED" for each test or group that was).

A suite that could not run at all is given as SUITE=!SENTENCE and counts as one failure. A test counts as skipped only if
it said so itself; one that could not be started has failed. Where CI=true a test that was skipped because something is
not installed has failed too; only what this machine's hardware cannot do may be skipped there, and such a test says "this
machine" or "this processor". The last line is the total; the exit status is 0 only if nothing failed.
"""
import os
import re
import sys
import xml.etree.ElementTree

strict = os.environ.get("CI") == "true"
passed, failed, skipped = 0, [], []


def reason_of(output):
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for line, following in zip(lines, lines[1:] + [""]):
        if line.endswith(": Skipped"):  # GoogleTest: the place, then the reason
            return following
        if line.lower().startswith("skipped:"):
            return line[len("skipped:"):].strip()
    return lines[-1] if lines else "no reason given"


for argument in sys.argv[1:]:
    suite, _, source = argument.partition("=")
    before = (passed, len(failed), len(skipped))
    if source.startswith("!"):
        failed.append((suite, source[1:]))
    elif not os.path.exists(source):
        failed.append((suite, "left no results"))
    elif source.endswith(".txt"):
        with open(source, encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
        counts = re.fullmatch(r"(\d+) passed, (\d+) failed, (\d+) skipped", lines[-1] if lines else "")
        counts = tuple(map(int, counts.groups())) if counts else (0, 0, 0)
        passed += counts[0]
        for word, number, entries in (("FAILED", counts[1], failed), ("SKIP", counts[2], skipped)):
            named = [line[len(word):].strip() for line in lines if line.startswith(word)]
            named += ["see the output above"] * (number - len(named))
            for why in named[:number]:
                missing = word == "SKIP" and strict and not re.search(r"this (machine|processor)", why)
                (failed if missing else entries).append((suite, "skipped, and CI=true: " + why if missing else why))
        if sum(counts) == 0:
            failed.append((suite, "ended before it had any counts"))
    else:
        cases = xml.etree.ElementTree.parse(source).getroot().findall("testcase")
        if not cases:
            failed.append((suite, "no test was run"))
        for case in cases:
            name = f"{suite}: {case.get('name')}"
            note = case.find("skipped")
            output = case.findtext("system-out") or ""
            if case.get("status") == "run":
                passed += 1
            elif note is not None and note.get("message", "").startswith("SKIP_"):
                reason = reason_of(output)
                if strict and not re.search(r"this (machine|processor)", output):
                    failed.append((name, "skipped, and CI=true: " + reason))
                else:
                    skipped.append((name, reason))
            else:
                failed.append((name, note.get("message") if note is not None else case.get("status")))
    counts = [now - then for now, then in zip((passed, len(failed), len(skipped)), before)]
    print(f"{suite:<28} {counts[0]:>5} passed {counts[1]:>4} failed {counts[2]:>4} skipped")

for title, entries in (("Skipped", skipped), ("Failed", failed)):
    if entries:
        print(f"\n{title}:")
    for name, why in entries:
        print(f"  {name}: {why}")
print(f"\n{passed} passed, {len(failed)} failed, {len(skipped)} skipped", flush=True)
sys.exit(1 if failed or not passed else 0)
