# Shared by the benchmarks: servers on free loopback ports, stopped by their
# own process id, and what they use. To be sourced; `build` must be set.

bench=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$bench/../.." && pwd)
fixtures=$top/tests/fixtures/cc
bin=$(cd "$build/bin" && pwd)
tmp=$(mktemp -d)
pids=()

stop_all() {
    local pid
    for pid in "${pids[@]}"; do stop "$pid"; done
    rm -rf "$tmp"
}
trap stop_all EXIT
trap 'exit 130' INT TERM

# stop PID: asks, and insists after 5 s.
stop() {
    kill -TERM "$1" 2>/dev/null || return 0
    local i
    for ((i = 0; i < 100; i++)); do
        kill -0 "$1" 2>/dev/null || break
        sleep 0.05
    done
    kill -KILL "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}

# until_true SECONDS COMMAND...: asks again until it holds.
until_true() {
    local limit=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$limit" ] || return 1
        sleep 0.02
    done
}

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_port: sets `port` to one that nobody listens on, below the range from
# which the kernel takes client ports.
taken=" "
free_port() {
    local i
    for ((i = 0; i < 100; i++)); do
        port=$((20000 + RANDOM % 12000))
        case $taken in *" $port "*) continue ;; esac
        answers "$port" || { taken+="$port "; return 0; }
    done
    echo "no free port between 20000 and 32000" >&2
    return 1
}

# start_nginx NAME PORT: runs $tmp/NAME.conf in one process; sets `pid`.
start_nginx() {
    mkdir -p "$tmp/$1.d"
    nginx -p "$tmp/$1.d" -e "$tmp/$1.err" -c "$tmp/$1.conf" </dev/null &
    pid=$!
    pids+=("$pid")
    until_true 5 answers "$2" || { cat "$tmp/$1.err" >&2; return 1; }
}

# nginx_conf NAME: a configuration around the server blocks on stdin. One
# process, no access log, connections kept for ever.
nginx_conf() {
    {
        cat <<CONF
daemon off;
master_process off;
worker_processes 1;
pid $tmp/$1.pid;
events { worker_connections 512; }
http {
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_timeout 600s;
    keepalive_requests 100000000;
    client_body_temp_path $tmp/$1.d/body;
    proxy_temp_path $tmp/$1.d/proxy;
    fastcgi_temp_path $tmp/$1.d/fastcgi;
    uwsgi_temp_path $tmp/$1.d/uwsgi;
    scgi_temp_path $tmp/$1.d/scgi;
CONF
        cat
        echo "}"
    } >"$tmp/$1.conf"
}

# The peer: a 10 KB file. Sets peer_pid and peer_url.
start_peer() {
    mkdir -p "$tmp/www"
    head -c 10240 /dev/urandom >"$tmp/www/10k"
    free_port
    peer_url=http://127.0.0.1:$port
    nginx_conf peer <<<"server { listen 127.0.0.1:$port backlog=511; root $tmp/www; }"
    start_nginx peer "$port"
    peer_pid=$pid
}

# The fake Receptor, which answers at once. Sets fake_new (nothing is desired
# yet) and fake_old (everything is).
start_fake() {
    local new old
    free_port; new=$port
    free_port; old=$port
    fake_new=http://127.0.0.1:$new
    fake_old=http://127.0.0.1:$old
    mkdir -p "$tmp/fake"
    cp "$bench/lrp.json" "$tmp/fake/lrp.json"
    nginx_conf fake <<CONF
    default_type "";
    client_body_buffer_size 256k;
    server {
        listen 127.0.0.1:$new;
        location = /v1/tasks { return 201 ""; }
        location = /v1/desired_lrps { return 201 ""; }
        location /v1/desired_lrps/ {
            default_type application/json;
            return 404 '{"name":"DesiredLRPNotFound","message":"not found"}';
        }
    }
    server {
        listen 127.0.0.1:$old;
        root $tmp/fake;
        location /v1/desired_lrps/ {
            types { application/json json; }
            if (\$request_method = PUT) { return 204; }
            try_files /lrp.json =404;
        }
    }
CONF
    start_nginx fake "$new"
}

# The peer that does the same HTTP work: takes the body, hands it to the fake
# Receptor, answers what that answers. Sets proxy_pid and proxy_url.
start_proxy() {
    free_port
    proxy_url=http://127.0.0.1:$port
    nginx_conf proxy <<CONF
    client_body_buffer_size 256k;
    upstream receptor {
        server ${fake_new#http://};
        keepalive 64;
        keepalive_requests 100000000;
    }
    server {
        listen 127.0.0.1:$port backlog=511;
        location / {
            proxy_method POST;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            rewrite ^ /v1/tasks break;
            proxy_pass http://receptor;
        }
    }
CONF
    start_nginx proxy "$port"
    proxy_pid=$pid
}

# daemon_command ROLE BACK_END: sets `command` and `port` (of the role) and
# `ready` (the text of its log when it serves).
daemon_command() {
    free_port
    command=("$bin/ccbridged" "$1" -diegoAPIURL="$2"
        -fileServerURL=http://files.example.com:8080
        -lifecycle=buildpack/cflinuxfs2:buildpack_app_lifecycle/buildpack_app_lifecycle.tgz)
    case $1 in
    stager)
        ready='stager.Listening for staging requests!'
        command+=(-stagerURL="http://127.0.0.1:$port"
            -dockerStagingStack=cflinuxfs2
            -ccBaseURL=http://cc.example.com:9022 -ccUsername=bench
            -ccPassword=bench -ccUploaderURL=http://uploader.example.com:9090) ;;
    nsync-listener)
        ready='nsync-listener.started'
        command+=(-nsyncURL="http://127.0.0.1:$port") ;;
    esac
}

# start_daemon ROLE BACK_END [WRAPPER...]: its log goes to a file, as operators
# send it. Sets pid and url.
start_daemon() {
    local role=$1 back_end=$2 log
    shift 2
    daemon_command "$role" "$back_end"
    log=$tmp/$role.$port.log
    "$@" "${command[@]}" >"$log" 2>"$log.err" </dev/null &
    pid=$!
    pids+=("$pid")
    url=http://127.0.0.1:$port
    if ! until_true 20 grep -qsF "\"$ready\"" "$log"; then
        echo "${command[*]} did not get ready:" >&2
        cat "$log" "$log.err" >&2
        return 1
    fi
}

# start_role ROLE FLAGS...: a role that needs no back end, on a free port; its
# log goes to a file. Sets pid and url.
start_role() {
    local role=$1 log
    shift
    free_port
    log=$tmp/$role.$port.log
    "$bin/ccbridged" "$role" -address "127.0.0.1:$port" "$@" \
        >"$log" 2>"$log.err" </dev/null &
    pid=$!
    pids+=("$pid")
    url=http://127.0.0.1:$port
    if ! until_true 20 grep -qsF "$role.ready" "$log"; then
        echo "$role did not get ready:" >&2
        cat "$log" "$log.err" >&2
        return 1
    fi
}

# Bodies as the Cloud Controller sends them; "@GUID@" stands for the guid.
stage_body=$fixtures/2015-stage-buildpack-named.json
desire_body=$tmp/desire.json
sed -e 's/"process_guid":"[^"]*"/"process_guid":"@GUID@"/' \
    -e 's/"allow_ssh":true/"allow_ssh":false/' \
    "$fixtures/2015-desire-buildpack.json" >"$desire_body"

# cpu_ticks PID: user and system time of the whole process.
cpu_ticks() {
    local stat
    stat=$(<"/proc/$1/stat")
    set -- ${stat##*) }
    echo $((${12} + ${13}))
}

# private_kib PID: RssAnon.
private_kib() {
    awk '$1 == "RssAnon:" { print $2 }' "/proc/$1/status"
}

median() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
