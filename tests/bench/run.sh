#!/usr/bin/env bash
# tests/bench/run.sh BUILD_DIR: what a request costs, as a ratio to nginx
# serving a 10 KB file in the same minutes on the same machine.
#
# Every round measures nginx, then the row; a row's ratio is the median over
# the rounds. Figures of a busy machine are noisy and are not judged: only a
# row with failed answers is an error. BENCH_SECONDS (5), BENCH_ROUNDS (3).
set -euo pipefail
build=$1
seconds=${BENCH_SECONDS:-5}
rounds=${BENCH_ROUNDS:-3}
connections=16
. "$(dirname "$0")/lib.sh"
hertz=$(getconf CLK_TCK)
invalid=0
runs=0

# load PID URL METHOD PATH [BODY]: one run of wrk; sets per_1000 (CPU seconds
# of PID), per_second and bad.
load() {
    local target=$1 address=$2 before after result requests micros status errors
    shift 2
    runs=$((runs + 1))
    before=$(cpu_ticks "$target")
    result=$(BENCH_RUN=$(($$ % 65536 * 1000 + runs)) timeout $((seconds + 30)) \
        wrk -t1 -c"$connections" -d"${seconds}s" --timeout 10s \
        -s "$bench/load.lua" "$address" -- "$@")
    after=$(cpu_ticks "$target")
    read -r _ requests micros status errors <<<"$(grep '^result ' <<<"$result")"
    [ "$requests" -gt 0 ] || { echo "no answers from $address" >&2; exit 1; }
    bad=$((status + errors))
    per_1000=$(awk -v t=$((after - before)) -v h="$hertz" -v n="$requests" \
        'BEGIN { printf "%.4f", t / h * 1000 / n }')
    per_second=$((requests * 1000000 / micros))
}

# sample PID FILE: the most private memory seen, until FILE goes away.
sample() {
    local most=0 now
    while [ -e "$2" ]; do
        now=$(private_kib "$1") || break
        [ "${now:-0}" -le "$most" ] || { most=$now; echo "$most" >"$2.most"; }
        sleep 0.2
    done
}

line() { printf '%-30s %9s %12s %8s %6s %6s  %s\n' "$@"; }

# row NAME BAR AIM METHOD PATH BODY: on `pid` and `url`.
row() {
    local name=$1 bar=$2 aim=$3 row_pid=$pid row_url=$url round failed=0 unit
    local ratios=() costs=() rates=() sampler ratio word
    shift 3
    load "$row_pid" "$row_url" "$@" # warm; not counted
    touch "$tmp/sampling"
    sample "$row_pid" "$tmp/sampling" &
    sampler=$!
    for ((round = 0; round < rounds; round++)); do
        load "$peer_pid" "$peer_url" GET /10k
        unit=$per_1000
        failed=$((failed + bad))
        peer_costs+=("$unit")
        peer_rates+=("$per_second")
        load "$row_pid" "$row_url" "$@"
        failed=$((failed + bad))
        costs+=("$per_1000")
        rates+=("$per_second")
        ratios+=("$(awk -v a="$per_1000" -v b="$unit" \
            'BEGIN { printf "%.2f", a / b }')")
    done
    rm "$tmp/sampling"
    wait "$sampler"
    under_load=$(<"$tmp/sampling.most")
    ratio=$(printf '%s\n' "${ratios[@]}" | median)
    word=$(awk -v r="$ratio" -v bar="$bar" -v aim="$aim" 'BEGIN {
        print r <= aim ? "at the aim" : r <= bar ? "within the bar" : "over the bar" }')
    if [ "$failed" -ne 0 ]; then
        word="INVALID: $failed answers were not 2xx"
        invalid=1
    fi
    line "$name" "$(printf '%s\n' "${rates[@]}" | median)" \
        "$(printf '%s\n' "${costs[@]}" | median)" "$ratio" "$bar" "$aim" \
        "$word (rounds: ${ratios[*]})"
}

# started_ms PATTERN COMMAND...: from before fork to the first line of stdout
# that holds PATTERN.
started_ms() {
    local pattern=$1 begun ended out child text
    shift
    begun=$EPOCHREALTIME
    exec {out}< <(exec "$@" 2>/dev/null)
    child=$!
    while IFS= read -r -t 10 -u "$out" text; do
        [[ $text != *"$pattern"* ]] || break
    done
    ended=$EPOCHREALTIME
    kill -TERM "$child" 2>/dev/null || true
    cat <&"$out" >/dev/null
    exec {out}<&-
    wait "$child" 2>/dev/null || true
    awk -v d=$((${ended/[.,]/} - ${begun/[.,]/})) 'BEGIN { printf "%.1f\n", d / 1000 }'
}

start_up() {
    local i times=() floor=()
    daemon_command stager "$fake_new"
    for ((i = 0; i < 9; i++)); do
        times+=("$(started_ms "$ready" "${command[@]}")")
        floor+=("$(started_ms x /bin/echo x)")
    done
    echo "stager, start to ready: $(printf '%s\n' "${times[@]}" | median) ms" \
        "(bar 20, aim 10; /bin/echo measured the same way:" \
        "$(printf '%s\n' "${floor[@]}" | median) ms)"
}

memory() {
    echo "$1, private memory (RssAnon): idle $2 KiB (bar 4096, aim 3072)," \
        "under load $3 KiB (bar 8192)"
}

peer_costs=()
peer_rates=()
notes=()
start_peer
start_fake

echo "wrk, $connections connections, $rounds rounds of $seconds s; the daemon's log goes to a file"
line "" "req/s" "CPU s/1000" "ratio" "bar" "aim" ""

start_daemon stager "$fake_new"
idle=$(private_kib "$pid")
row "stager, PUT staging" 4 3 PUT /v1/staging/@GUID@ "$stage_body"
notes+=("$(memory stager "$idle" "$under_load")")
stop "$pid"

start_daemon nsync-listener "$fake_new"
idle=$(private_kib "$pid")
row "nsync-listener, create" 6 4 PUT /v1/apps/@GUID@ "$desire_body"
notes+=("$(memory nsync-listener "$idle" "$under_load")")
stop "$pid"

start_daemon nsync-listener "$fake_old"
row "nsync-listener, update" 6 4 PUT /v1/apps/@GUID@ "$desire_body"
stop "$pid"

line "nginx, 10 KB file (the unit)" "$(printf '%s\n' "${peer_rates[@]}" | median)" \
    "$(printf '%s\n' "${peer_costs[@]}" | median)" 1 "" "" ""
printf '%s\n' "${notes[@]}"
start_up
exit "$invalid"
