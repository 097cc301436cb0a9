#!/usr/bin/env bash
# tests/bench/instructions.sh BUILD_DIR: instructions per request, counted by
# callgrind. The same program gives the same figure within a fraction of a
# percent, on a busy machine too, so that before and after can be compared.
# What starting costs is taken out by counting a short and a long run.
set -euo pipefail
build=$1
short=100
long=${BENCH_REQUESTS:-500}
. "$(dirname "$0")/lib.sh"
runs=0

# count ROLE BACK_END REQUESTS PATH BODY: sets `total`, all instructions of a
# run that serves that many. "@N@" in PATH is the request's number.
count() {
    local role=$1 back_end=$2 requests=$3 path=$4 body=$5 out answers
    runs=$((runs + 1))
    out=$tmp/callgrind.$runs
    start_daemon "$role" "$back_end" valgrind -q --tool=callgrind \
        --callgrind-out-file="$out"
    answers=$(curl -sS --max-time 120 -o /dev/null -w '%{http_code}\n' \
        -X PUT -H 'Content-Type: application/json' --data-binary "@$body" \
        "$url${path//@N@/[1-$requests]}" | sort | uniq -c)
    stop "$pid"
    if [ "$(awk '{ print $2 }' <<<"$answers")" != 202 ]; then
        echo "$role: not all answers were 202:" $answers >&2
        exit 1
    fi
    total=$(awk '$1 == "summary:" || $1 == "totals:" { print $2; exit }' "$out")
}

# per_request NAME ROLE BACK_END PATH BODY
per_request() {
    local name=$1 few
    shift
    count "$1" "$2" "$short" "$3" "$4"
    few=$total
    count "$1" "$2" "$long" "$3" "$4"
    printf '%-26s %9d instructions a request\n' "$name" \
        $(((total - few) / (long - short)))
}

start_fake
# The body must carry the guid of the path, which stays the same here.
fixed=$tmp/desire-fixed.json
sed 's/@GUID@/bench-app/' "$desire_body" >"$fixed"

per_request "stager, PUT staging" stager "$fake_new" \
    /v1/staging/bench-@N@ "$stage_body"
per_request "nsync-listener, create" nsync-listener "$fake_new" \
    '/v1/apps/bench-app?@N@' "$fixed"
per_request "nsync-listener, update" nsync-listener "$fake_old" \
    '/v1/apps/bench-app?@N@' "$fixed"
