#!/bin/bash
# ccbridge-plugin-call says what a plugin answers, and its goldens hold when the
# documents mean the same, and only then.
#   call.sh PROGRAM PLUGIN.so FIXTURES
# PLUGIN is the docker lifecycle; FIXTURES are those of tests/fixtures/recipes.
set -u
program=$1
plugin=$2
fixtures=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
case=run-docker-cc-2018
failed=0

# expect STATUS STREAM TEXT WORDS...: what the program does with these words.
expect() {
    local status=$1 stream=$2 text=$3
    shift 3
    "$program" "$@" > "$work/out" 2> "$work/err" < /dev/null
    local got=$?
    [ $got = "$status" ] && grep -qF -- "$text" "$work/$stream" && return
    echo "FAIL $*: status $got, wanted $status and \"$text\" in $stream"
    cat "$work/out" "$work/err"
    failed=1
}

request=$fixtures/$case/request.json
gathered=$fixtures/$case/gathered.json
facts=$fixtures/facts.json
expect 0 out '"setup": {' --facts "$facts" --gathered "$gathered" \
    "$plugin" build_lrp "$request"
expect 1 err 'build_lrp: need facts: ssh_keys' --facts "$facts" \
    "$plugin" build_lrp "$request"
expect 1 err 'build_lrp: invalid: ' "$plugin" build_lrp "$facts"
expect 2 err 'build_lr: no such function' "$plugin" build_lr "$request"
expect 2 err 'the plugin does not offer it' "$plugin" run "$request"
expect 2 err 'none.json: No such file' "$plugin" build_lrp "$work/none.json"
expect 2 err 'none.so: cannot open' "$work/none.so" build_lrp "$request"
expect 2 err usage: "$plugin"
# A bare name is a file of this directory, as everywhere else.
(
    cd "$(dirname "$plugin")" || exit 1
    "$program" "$(basename "$plugin")" build_lrp "$facts" 2>&1
) | grep -q 'build_lrp: invalid: ' || {
    echo "FAIL a bare name"
    failed=1
}
expect 0 out usage: --help

# Goldens: written, kept, and compared by what they mean.
mkdir -p "$work/g/requests" "$work/g/gathered"
cp "$facts" "$work/g"
cp "$request" "$work/g/requests/build_lrp-a.json"
cp "$gathered" "$work/g/gathered/build_lrp-a.json"
echo '{}' > "$work/g/requests/build_lrp-b.json"
goldens=(--goldens "$work/g" "$plugin")
expect 1 out 'nothing is expected yet' "${goldens[@]}"
expect 0 out '2 requests, 0 failed, 2 written' --update "${goldens[@]}"
expect 0 out '2 requests, 0 failed' "${goldens[@]}"
expect 0 out '2 requests, 0 failed, 0 written' --update "${goldens[@]}"
golden=$work/g/expected/build_lrp-a.json
cp "$fixtures/$case/recipe.json" "$golden" # the order of another hand
expect 0 out '2 requests, 0 failed' "${goldens[@]}"
sed -i 's/"memory_mb": *[0-9]*/"memory_mb": 7/' "$golden"
expect 1 out 'FAIL build_lrp-a: memory_mb: expected 7, found ' "${goldens[@]}"
echo 'failed' > "$work/g/expected/build_lrp-b.error"
expect 1 out 'FAIL build_lrp-b: expected' "${goldens[@]}"
echo '{}' > "$work/g/expected/build_lrp-b.json"
expect 1 out 'FAIL build_lrp-b: both' "${goldens[@]}"
expect 0 out '2 written' --update "${goldens[@]}"
[ ! -e "$work/g/expected/build_lrp-b.json" ] || { echo "FAIL: not one answer"; failed=1; }
echo '{}' > "$work/g/requests/other-c.json"
expect 1 out 'FAIL other-c: other: no such function' "${goldens[@]}"
rm "$work"/g/requests/*
expect 2 err 'holds no FUNCTION-NAME.json' "${goldens[@]}"
exit $failed
