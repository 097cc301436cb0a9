#!/usr/bin/env bash
# The tests of ccbridge-plugin-check.
#   check.sh PART CHECK BUILD SOURCE PLUGIN...
set -uo pipefail
part=$1 check=$2 build=$3 source=$4
shift 4
here=$(dirname "$0")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failed=0
complain() {
    echo "FAILED: $*" >&2
    failed=1
}

# Every plugin that is shipped, and the good members, keep all rules.
shipped() {
    local file
    for file in "${@/#/$build/plugins/}" "$build"/check-zoo/good*; do
        file=${file%.so}.so
        "$check" "$file" >"$tmp/out" || complain "$file: $(cat "$tmp/out")"
        grep -q '0 warnings, 0 failed' "$tmp/out" ||
            complain "$file: $(cat "$tmp/out")"
        grep -q '^  ok  *isolated ' "$tmp/out" ||
            complain "$file was not run in a worker: $(cat "$tmp/out")"
    done
}

# Every other member is caught, by the rule that it breaks.
members() {
    local member rule file status
    while read -r member rule; do
        file=$build/check-zoo/$member.so
        [[ $member == zoo/* ]] && file=$build/$member.so
        "$check" --tap --timeout 4s --include "$rule" "$file" >"$tmp/out" \
            2>"$tmp/err" </dev/null
        status=$?
        # A sanitizer's memory can't be counted.
        grep -q "SKIP this build's sanitizer" "$tmp/out" && continue
        grep -q "^  rule: $rule\$" "$tmp/out" ||
            complain "$member is not caught by $rule: $(cat "$tmp"/{out,err})"
        if grep -q '^not ok' "$tmp/out"; then
            [[ $status == 1 ]] || complain "$member: status $status"
        else # a warning
            [[ $status == 0 ]] || complain "$member: status $status"
        fi
    done < <(grep -v '^#' "$here/expected")
    for file in "$build"/check-zoo/*.so; do
        member=$(basename "$file" .so)
        [[ $member == good* ]] || grep -q "^$member " "$here/expected" ||
            complain "$member is in no line of expected"
    done
}

# JSON and TAP are what they say; options are heeded; mistakes are named.
forms() {
    local good=$build/check-zoo/good.so silent=$build/check-zoo/silent.so
    "$check" --json "$good" "$silent" >"$tmp/out"
    [[ $? == 1 ]] || complain "--json: status"
    python3 - "$tmp/out" <<'END' || complain "--json: $(cat "$tmp/out")"
import json, sys
with open(sys.argv[1]) as f:
    report = json.load(f)
good, silent = report["files"]
assert good["plugin"] == "check.good 1", good["plugin"]
assert good["failed"] == 0 and silent["failed"] > 0
bad = [t for t in silent["tests"] if t["status"] == "failed"]
assert bad[0]["rule"] == "CCB-P-030", bad
assert all(t[k] for t in bad for k in ("expected", "found", "advice"))
assert len(good["tests"]) >= 40
END
    "$check" --tap "$good" "$silent" >"$tmp/out"
    python3 - "$tmp/out" <<'END' || complain "--tap: $(cat "$tmp/out")"
import re, sys
with open(sys.argv[1]) as f:
    lines = f.read().splitlines()
assert lines[0] == "TAP version 14"
tests = [l for l in lines if re.match(r"(not )?ok \d+ - \S+ CCB-P-", l)]
assert lines[-1] == "1..%d" % len(tests), lines[-1]
assert [int(re.search(r"\d+", l)[0]) for l in tests] == \
    list(range(1, len(tests) + 1))
assert lines.count("  ---") == lines.count("  ...") > 0
END
    echo 'answers # not now' >"$tmp/off"
    "$check" --config "$tmp/off" "$silent" >"$tmp/out"
    grep -q ' answers ' "$tmp/out" && complain "--config: answers ran"
    echo 'no-such-test' >"$tmp/off"
    "$check" --config "$tmp/off" "$silent" >"$tmp/out" 2>"$tmp/err"
    [[ $? == 2 ]] && grep -q no-such-test "$tmp/err" ||
        complain "--config: an unknown test"
    "$check" --exclude 'answers|CCB-P-03' "$good" >"$tmp/out" ||
        complain "--exclude: status"
    grep -q ' again ' "$tmp/out" && complain "--exclude: again ran"
    mkdir "$tmp/requests"
    echo '{"app_id":"mine"}' >"$tmp/requests/build_recipe-mine.json"
    "$check" --requests "$tmp/requests" --include answers "$good" >"$tmp/out" ||
        complain "--requests: $(cat "$tmp/out")"
    grep -q '1 requests\|was asked nothing' "$tmp/out" ||
        complain "--requests: $(cat "$tmp/out")"
    "$check" --in-process again "$good" >"$tmp/out" ||
        complain "--in-process: $(cat "$tmp/out")"
    for wrong in '' --nonsense "--timeout no $good" "--json --tap $good" \
        "--include ( $good"; do
        # shellcheck disable=SC2086
        "$check" $wrong >"$tmp/out" 2>"$tmp/err"
        [[ $? == 2 && -s $tmp/err ]] || complain "taken: '$wrong'"
    done
    "$check" --help | grep -q -- --reproduce || complain "--help"
    "$check" --list | grep -q CCB-P-055 || complain "--list"
}

# A seed gives the same cases again; a case that fails is reproduced alone.
fuzz() {
    local member file status
    "$check" --fuzz 1s --seed 7 "$build/check-zoo/good.so" >"$tmp/out" ||
        complain "fuzz: $(cat "$tmp/out")"
    grep -q -- '--seed 7' "$tmp/out" || complain "fuzz: no seed"
    for member in counts crashes; do
        file=$build/check-zoo/$member.so
        "$check" --fuzz 5s --seed 7 "$file" >"$tmp/out"
        status=$?
        [[ $status == 1 ]] || complain "fuzz $member: status $status"
        grep -o -- '--reproduce [0-9]*' "$tmp/out" >"$tmp/again"
        grep '^        case' "$tmp/out" >"$tmp/first"
        # shellcheck disable=SC2046
        "$check" $(cat "$tmp/again") "$file" >"$tmp/out"
        [[ $? == 1 ]] || complain "reproduce $member: status"
        grep '^        case' "$tmp/out" | cmp -s - "$tmp/first" ||
            complain "reproduce $member: $(cat "$tmp"/{first,out})"
    done
}

# What hangs or forks leaves no process behind.
gone() {
    local member file
    for member in hangs forks; do
        "$check" --timeout 1s --include 'answers|leftovers' \
            "$build/check-zoo/$member.so" >"$tmp/out" && complain "$member passed"
    done
    # A process may end while one looks.
    for file in /proc/[0-9]*/cmdline; do
        { tr '\0' ' ' <"$file"; } 2>/dev/null
        echo
    done | grep -F "$build" | grep -E 'check-zoo/(hangs|forks)\.so' &&
        complain "a process is left"
}

# The page has the table that the rules make.
page() {
    "$check" --rules >"$tmp/rules"
    grep '^| *\(rule\|CCB-P\|--\)\|^|--' "$source/docs/plugins/policy.md" |
        diff - "$tmp/rules" || complain "docs/plugins/policy.md: take --rules"
}

"$part" "$@"
exit $failed
