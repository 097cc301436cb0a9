#!/usr/bin/env bash
# tests/bench/files.sh BUILD_DIR: what it costs to serve a file, as a ratio to
# nginx with sendfile, in the same minutes on the same machine; then what it
# costs to pass an upload on.
#
# Every round measures nginx, then the file server; a row's ratio is the median
# over the rounds. Figures of a busy machine are noisy and are not judged: only
# a transfer that fails is an error. BENCH_SECONDS (5), BENCH_ROUNDS (3).
set -euo pipefail
build=$1
seconds=${BENCH_SECONDS:-5}
rounds=${BENCH_ROUNDS:-3}
connections=16
. "$(dirname "$0")/lib.sh"
hertz=$(getconf CLK_TCK)

# small URL: as many requests as wrk gets through; sets `units`, in 1,000s.
small() {
    local result
    result=$(timeout $((seconds + 30)) wrk -t1 -c"$connections" \
        -d"${seconds}s" --timeout 10s "$1")
    if grep -q 'Non-2xx\|Socket errors' <<<"$result"; then
        echo "$1: $result" >&2
        return 1
    fi
    units=$(awk '/requests in/ { print $1 / 1000 }' <<<"$result")
}

# large URL: a few times the file, to a client that discards it; sets `units`,
# in GB.
large() {
    local i got
    units=0
    for ((i = 0; i < repeats; i++)); do
        got=$(curl -sS -o /dev/null -w '%{size_download}' "$1")
        units=$(awk -v u="$units" -v g="$got" 'BEGIN { print u + g / 1e9 }')
    done
}

# cost KIND PID URL: CPU seconds of PID for each unit; sets `cost`.
cost() {
    local before
    before=$(cpu_ticks "$2")
    "$1" "$3"
    cost=$(awk -v t=$(($(cpu_ticks "$2") - before)) -v h="$hertz" \
        -v u="$units" 'BEGIN { printf "%.4f", t / h / u }')
}

line() { printf '%-26s %12s %12s %8s %6s  %s\n' "$@"; }

# row NAME UNIT KIND PATH
row() {
    local name=$1 unit=$2 kind=$3 path=$4 round
    local theirs=() ours=() ratios=()
    "$kind" "$peer_url/$path" # brings it into memory; not counted
    for ((round = 0; round < rounds; round++)); do
        cost "$kind" "$peer_pid" "$peer_url/$path"
        theirs+=("$cost")
        cost "$kind" "$pid" "$url/v1/static/$path"
        ours+=("$cost")
        ratios+=("$(awk -v a="$cost" -v b="${theirs[-1]}" \
            'BEGIN { printf "%.2f", a / b }')")
    done
    line "$name, $unit" "$(printf '%s\n' "${theirs[@]}" | median)" \
        "$(printf '%s\n' "${ours[@]}" | median)" \
        "$(printf '%s\n' "${ratios[@]}" | median)" 1.1 "(rounds: ${ratios[*]})"
}

# The far end of uploads: nginx, which takes a body and keeps none of it.
start_sink() {
    free_port
    sink_url=http://127.0.0.1:$port
    nginx_conf sink <<CONF
    client_max_body_size 0;
    server {
        listen 127.0.0.1:$port backlog=511;
        location / { proxy_pass $sink_url/taken; proxy_request_buffering off; }
        location = /taken { return 200 ""; }
    }
CONF
    start_nginx sink "$port"
}

# upload: 1 GiB through the uploader, from nowhere to nowhere.
upload() {
    local size=1073741824 before status
    before=$(cpu_ticks "$pid")
    status=$(head -c $size /dev/zero | curl -sS -o /dev/null -X POST -T - \
        -w '%{http_code}' -H "Content-Length: $size" -H 'Transfer-Encoding:' \
        -H 'Expect:' \
        "$url/v1/build_artifacts/g?cc-build-artifacts-upload-uri=$sink_url/")
    if [ "$status" != 200 ]; then
        echo "the upload was answered $status" >&2
        return 1
    fi
    awk -v t=$(($(cpu_ticks "$pid") - before)) -v h="$hertz" -v s=$size \
        'BEGIN { printf "%.2f\n", t / h / s * 1e9 }'
}

start_peer
head -c 100000000 /dev/urandom >"$tmp/www/100m"
truncate -s 4G "$tmp/www/4g"
start_role file-server -staticDirectory "$tmp/www"
echo "wrk, $connections connections; curl; $rounds rounds"
line "CPU s of the server" nginx file-server ratio bar ""
row "10 KB" "1,000 times" small 10k
repeats=20 row "100 MB" "a GB" large 100m
repeats=1 row "4 GiB, sparse" "a GB" large 4g
stop "$pid"

start_sink
start_role cc-uploader
costs=()
for ((i = 0; i < rounds; i++)); do costs+=("$(upload)"); done
echo "cc-uploader, 1 GiB: $(printf '%s\n' "${costs[@]}" | median) CPU s a GB" \
    "(rounds: ${costs[*]}), most memory $(awk '/VmHWM/ { print $2 }' \
        "/proc/$pid/status") KiB"
