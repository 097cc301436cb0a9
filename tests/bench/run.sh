#!/usr/bin/env bash
# tests/bench/run.sh BUILD_DIR: what a request costs, as a ratio to nginx
# serving a 10 KB file, and to nginx handing the same body to the same Receptor
# and its answer back, in the same minutes on the same machine; then what one
# call of a plugin costs.
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
recipes=$top/tests/fixtures/recipes
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

line() { printf '%-30s %9s %12s %10s %8s %6s %6s %8s  %s\n' "$@"; }

per_cpu_second() { awk -v c="$1" 'BEGIN { printf "%.0f", 1000 / c }'; }

quotient() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }

# row NAME BAR AIM METHOD PATH BODY: on `pid` and `url`.
row() {
    local name=$1 bar=$2 aim=$3 row_pid=$pid row_url=$url round failed=0 unit
    local ratios=() proxied=() costs=() rates=() sampler ratio word same
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
        load "$proxy_pid" "$proxy_url" "$@"
        same=$per_1000
        failed=$((failed + bad))
        proxy_costs+=("$same")
        proxy_rates+=("$per_second")
        load "$row_pid" "$row_url" "$@"
        failed=$((failed + bad))
        costs+=("$per_1000")
        rates+=("$per_second")
        ratios+=("$(quotient "$per_1000" "$unit")")
        proxied+=("$(quotient "$per_1000" "$same")")
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
    same=$(printf '%s\n' "${costs[@]}" | median)
    line "$name" "$(printf '%s\n' "${rates[@]}" | median)" "$same" \
        "$(per_cpu_second "$same")" "$ratio" "$bar" "$aim" \
        "$(printf '%s\n' "${proxied[@]}" | median)" \
        "$word (rounds: ${ratios[*]})"
}

# peer_row NAME COSTS RATES RATIO: names of the arrays with its rounds.
peer_row() {
    local -n of_costs=$2 of_rates=$3
    local cost
    cost=$(printf '%s\n' "${of_costs[@]}" | median)
    line "$1" "$(printf '%s\n' "${of_rates[@]}" | median)" "$cost" \
        "$(per_cpu_second "$cost")" "$4" "" "" "" ""
}

# recipe NAME PLUGIN FUNCTION MESSAGE [GATHERED]
recipe() {
    printf '%-40s %8s us CPU\n' "$1" "$("$build/tests/ccb-recipe-cost" \
        "$build/plugins/$2.so" "$3" "$4" "$recipes/facts.json" \
        ${5:+"$5"})"
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
proxy_costs=()
proxy_rates=()
notes=()
start_peer
start_fake
start_proxy

echo "wrk, $connections connections, $rounds rounds of $seconds s; the daemon's log goes to a file"
line "" "req/s" "CPU s/1000" "per CPU s" "x 10 KB" "bar" "aim" "x proxy" ""

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

peer_row "nginx, 10 KB file (the unit)" peer_costs peer_rates 1
peer_row "nginx, the body proxied" proxy_costs proxy_rates \
    "$(quotient "$(printf '%s\n' "${proxy_costs[@]}" | median)" \
        "$(printf '%s\n' "${peer_costs[@]}" | median)")"
printf '%s\n' "${notes[@]}"
start_up

echo
echo "one call of a plugin, in its own"
recipe "buildpack, stage" buildpack stage "$stage_body"
recipe "buildpack, run" buildpack run "$desire_body"
recipe "buildpack, ports" buildpack ports "$desire_body"
recipe "windows, run" windows run "$recipes/run-windows/request.json" \
    "$recipes/run-windows/gathered.json"
recipe "docker, stage" docker stage "$fixtures/2015-stage-docker-private.json"
recipe "docker, run" docker run "$recipes/run-docker-cc/request.json" \
    "$recipes/run-docker-cc/gathered.json"

echo
echo "one call of a plugin, through loop and pool (bar 100 us more, aim 40)"
printf '%-40s %s\n' "buildpack, stage" "$("$build/tests/ccb-isolation-cost" \
    "$build/bin/ccbridge-plugin-host" "$build/plugins/buildpack.so" \
    "$stage_body" "$recipes/facts.json")"
exit "$invalid"
