#!/usr/bin/env bash
# Stages and launches an app in an all but empty root; minimal-root.script.
set -euo pipefail
archive=$1
root=$2

mkdir -p "$root"/{dev,tmp/lifecycle,tmp/app,usr/bin,work,home/vcap}
ln -s usr/bin "$root/bin"
ln -s bash "$root/usr/bin/sh" # tar starts gzip by it
: >"$root/dev/null"
chmod 666 "$root/dev/null"
tar -xzf "$archive" -C "$root/tmp/lifecycle"
for program in bash tar gzip; do
    file=$(type -P "$program")
    cp -L "$file" "$root/usr/bin/"
    ldd "$file" | grep -o '/[^ ]*' | while read -r library; do
        mkdir -p "$root${library%/*}"
        cp -L "$library" "$root$library"
    done
done

# Static, but for sanitizer builds, which can't be.
for program in "$root"/tmp/lifecycle/*; do
    if ldd "$program" >/dev/null 2>&1; then
        echo "${program##*/} is dynamic: a sanitizer's build; done"
        exit 0
    fi
done

dir=$root/tmp/buildpacks/$(printf bp | md5sum | cut -c1-32)/bin
mkdir -p "$dir"
printf '#!/bin/bash\necho Bare\n' >"$dir/detect"
printf '#!/bin/bash\necho made >"$1/made"\necho kept >"$2/kept"\n' >"$dir/compile"
printf '#!/bin/bash\necho "default_process_types: {web: ./serve}"\n' >"$dir/release"
chmod +x "$dir"/*
printf '#!/bin/bash\necho served $HOME; exec /tmp/lifecycle/healthcheck -port=1\n' >"$root/tmp/app/serve"
chmod 750 "$root/tmp/app/serve"
ln -s serve "$root/tmp/app/link"

run() {
    env -i PATH=/usr/bin:/bin "$(type -P chroot)" "$root" "$@"
}
run /tmp/lifecycle/builder -buildpackOrder=bp
grep -q '"detected_buildpack":"Bare"' "$root/tmp/result.json"
run /bin/tar -xzf /tmp/droplet -C /home/vcap
# What the copy without cp must keep.
[ "$(stat -c %a "$root/home/vcap/app/serve")" = 750 ]
[ "$(readlink "$root/home/vcap/app/link")" = serve ]
[ "$(cat "$root/home/vcap/app/made")" = made ]
[ ! -e "$root/home/vcap/app.tar" ]
run /bin/tar -tzf /tmp/output-cache | grep -qx ./kept

status=0
out=$(run /bin/bash -c 'cd /home/vcap; exec /tmp/lifecycle/launcher app "" ""') ||
    status=$?
[ "$status" -eq 1 ]
[ "$out" = $'served /home/vcap/app\nhealthcheck failed' ]

# Without bash the launcher ends as the original does.
rm "$root/usr/bin/bash"
run /tmp/lifecycle/launcher app "x" ""
echo done
