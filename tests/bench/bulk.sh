#!/usr/bin/env bash
# tests/bench/bulk.sh BUILD_DIR: what a pass of nsync-bulker costs, next to
# curl merely fetching the same bytes from the same server in the same minute.
#
# Rows of apps that all match (BULK_APPS), then 1,000 to create. The cost of an
# app must not grow with how many there are. Nothing is judged but that each
# pass did what it was for.
set -euo pipefail
build=$1
sizes=${BULK_APPS:-1000 10000 50000 250000}
. "$(dirname "$0")/lib.sh"
hertz=$(getconf CLK_TCK)
page=500

# make_world COUNT: what the Receptor lists and CC's pages, all matching; every
# tenth app allows SSH.
make_world() {
    rm -rf "$tmp/world"
    mkdir -p "$tmp/world/pages"
    perl -e '
        use strict;
        my ($count, $page, $dir, $fixture) = @ARGV;
        open(my $in, "<", $fixture) or die "$fixture: $!\n";
        local $/;
        my $lrp = <$in>;
        $lrp =~ s/,"diego-ssh":\{[^}]*\}//;
        my $key = "-----BEGIN RSA PRIVATE KEY-----\\n" .
            ("A" x 64 . "\\n") x 13 . "-----END RSA PRIVATE KEY-----\\n";
        my $ssh = qq("diego-ssh":{"container_port":2222,"private_key":"$key"},);
        open(my $list, ">", "$dir/list.json") or die;
        my @prints;
        print $list "[";
        for my $i (1 .. $count) {
            my $guid = sprintf("%08x-1111-4222-8333-444444444444-" .
                "%08x-5555-4666-8777-888888888888", $i, $i);
            my $one = $lrp;
            $one =~ s/"process_guid":"[^"]*"/"process_guid":"$guid"/;
            $one =~ s/"annotation":"[^"]*"/"annotation":"1440417600.$i"/;
            $one =~ s/"routes":\{/"routes":{$ssh/ if $i % 10 == 0;
            print $list $i > 1 ? "," : "", $one;
            push @prints, qq({"process_guid":"$guid","etag":"1440417600.$i"});
            next if @prints < $page && $i < $count;
            my $first = $i - @prints;
            open(my $out, ">", "$dir/pages/$first") or die;
            print $out qq({"token":$i,"fingerprints":[), join(",", @prints),
                "]}";
            @prints = ();
        }
        print $list "]";
        open(my $out, ">", "$dir/pages/$count") or die;
        print $out qq({"token":$count,"fingerprints":[]});
    ' "$1" "$page" "$tmp/world" "$bench/lrp.json"
}

# make_wishes COUNT SSH: nothing runs, CC wants that many.
make_wishes() {
    rm -rf "$tmp/world"
    mkdir -p "$tmp/world/pages"
    echo '[]' >"$tmp/world/list.json"
    perl -e '
        use strict;
        my ($count, $ssh, $dir, $fixture) = @ARGV;
        open(my $in, "<", $fixture) or die "$fixture: $!\n";
        local $/;
        my $app = <$in>;
        $app =~ s/\@GUID\@/PLACE/;
        $app =~ s/"allow_ssh":false/"allow_ssh":$ssh/;
        my (@prints, @apps);
        for my $i (1 .. $count) {
            my $one = $app;
            $one =~ s/PLACE/app-$i/;
            push @apps, $one;
            push @prints, qq({"process_guid":"app-$i","etag":"1.$i"});
        }
        open(my $out, ">", "$dir/pages/0") or die;
        print $out qq({"token":1,"fingerprints":[), join(",", @prints), "]}";
        open($out, ">", "$dir/apps.json") or die;
        print $out "[", join(",", @apps), "]";
    ' "$1" "$2" "$tmp/world" "$desire_body"
}

# The Receptor and CC, in one nginx. Sets world_url and world_port.
start_world() {
    mkdir -p "$tmp/world"
    free_port
    world_port=$port
    world_url=http://127.0.0.1:$port
    nginx_conf world <<CONF
    default_type application/json;
    map \$arg_token \$page { default \$arg_token; "%7B%7D" 0; "{}" 0; }
    client_body_buffer_size 1m;
    server {
        listen 127.0.0.1:$port;
        root $tmp/world;
        recursive_error_pages on;
        location = /v1/desired_lrps {
            if (\$request_method = POST) { return 201; }
            try_files /list.json =404;
        }
        location /v1/domains/ { return 204; }
        location = /internal/bulk/apps {
            error_page 418 = @apps;
            if (\$request_method = POST) { return 418; }
            try_files /pages/\$page =404;
        }
        location @apps {
            error_page 405 =200 /apps.json;
            try_files /apps.json =404;
        }
    }
CONF
    start_nginx world "$port"
}

# run_pass BATCH: one pass, from start to its end. Sets seconds, cpu, peak
# (KiB) and pass_log.
run_pass() {
    local begun child before
    pass_log=$tmp/pass.log
    begun=$EPOCHREALTIME
    "$bin/ccbridged" nsync-bulker -diegoAPIURL="$world_url" \
        -ccBaseURL="$world_url" -ccUsername=bench -ccPassword=bench \
        -lockFile="$tmp/lock" -pollingInterval=1h -bulkBatchSize="$1" \
        -communicationTimeout=10m -fileServerURL=http://files.example.com \
        -lifecycle=buildpack/cflinuxfs2:b.tgz \
        >"$pass_log" 2>&1 </dev/null &
    child=$!
    pids+=("$child")
    if ! until_true 600 grep -qsF '"nsync-bulker.sync.done"' "$pass_log"; then
        echo "the pass did not end:" >&2
        tail -n 5 "$pass_log" >&2
        exit 1
    fi
    seconds=$(awk -v a="${EPOCHREALTIME/,/.}" -v b="${begun/,/.}" \
        'BEGIN { printf "%.2f", a - b }')
    before=$(cpu_ticks "$child")
    cpu=$(awk -v t="$before" -v h="$hertz" 'BEGIN { printf "%.2f", t / h }')
    peak=$(awk '$1 == "VmHWM:" { print $2 }' "/proc/$child/status")
    stop "$child"
    if ! grep -qF '"nsync-bulker.sync.bumping-freshness"' "$pass_log"; then
        echo "the pass did not get to its end in good order:" >&2
        grep -F '"log_level":2' "$pass_log" | head -n 5 >&2
        exit 1
    fi
}

# fetch COUNT: curl's CPU seconds for the same bytes. Sets curl_cpu, megabytes.
fetch() {
    local i urls=("$world_url/v1/desired_lrps?domain=cf-apps")
    for ((i = 0; i <= $1; i += page)); do
        [ -e "$tmp/world/pages/$i" ] || continue
        urls+=("$world_url/internal/bulk/apps?batch_size=$page&token=$i")
    done
    printf 'url = "%s"\noutput = "/dev/null"\n' "${urls[@]}" >"$tmp/urls"
    TIMEFORMAT='%U %S'
    { time curl -s -K "$tmp/urls"; } 2>"$tmp/time"
    curl_cpu=$(awk '{ printf "%.2f", $1 + $2 }' "$tmp/time")
    megabytes=$(du -sm --apparent-size "$tmp/world" | cut -f1)
}

line() { printf '%-28s %8s %8s %9s %12s %10s %10s\n' "$@"; }

start_world
line "nsync-bulker, one pass" "MB" "seconds" "CPU s" "us CPU/app" \
    "curl CPU s" "peak KiB"
for count in $sizes; do
    make_world "$count"
    run_pass "$page"
    fetch "$count"
    line "$count apps, all matching" "$megabytes" "$seconds" "$cpu" \
        "$(awk -v c="$cpu" -v n="$count" 'BEGIN { printf "%.1f", c * 1e6 / n }')" \
        "$curl_cpu" "$peak"
done
for ssh in false true; do
    make_wishes 1000 "$ssh"
    run_pass 1001
    made=$(grep -cF '"nsync-bulker.sync.create-missing-desired-lrps.' \
        "$pass_log" || true)
    [ "$made" -gt 0 ] || { echo "nothing was created" >&2; exit 1; }
    line "1000 to create, SSH: $ssh" - "$seconds" "$cpu" \
        "$(awk -v c="$cpu" 'BEGIN { printf "%.1f", c * 1e3 }')" - "$peak"
done
