#!/bin/bash
# The way of a stranger who writes a plugin: with nothing but what is installed
# (source and build tree are not there), from `ccbridge plugin new` to a daemon
# that serves the plugin, survives a bad build of it, and serves it again.
#   stranger.sh install|deb BUILD_DIR PREFIX CCB_SCRIPT
# `install` is what `cmake --install` writes, `deb` what the packages hold.
set -eu
how=$1
build_dir=$2
prefix=$3
runner=$4
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

make_root() {
    case $how in
    install)
        cmake --install "$build_dir" --prefix "$work/root"
        ;;
    deb)
        cpack --config "$build_dir/CPackConfig.cmake" -G DEB -B "$work/deb"
        mkdir "$work/unpacked"
        for package in "$work"/deb/*.deb; do
            dpkg-deb -x "$package" "$work/unpacked"
        done
        mv "$work/unpacked$prefix" "$work/root"
        ;;
    esac
}
make_root > "$work/log" 2>&1 || {
    cat "$work/log"
    echo "FAIL $how: nothing could be installed"
    exit 1
}

mkdir "$work/test"
cp "$here/stranger_inside.sh" "$here/stranger.script" "$runner" "$work/test"
# Only these of the system: programs, libraries, and where its links lead.
system=()
for path in /bin /sbin /lib /lib32 /lib64 /libx32; do
    if [ -L "$path" ]; then
        system+=(--symlink "$(readlink "$path")" "$path")
    elif [ -d "$path" ]; then
        system+=(--ro-bind "$path" "$path")
    fi
done
exec_in_root() {
    bwrap --die-with-parent --unshare-net --unshare-pid --unshare-ipc \
        --ro-bind /usr /usr "${system[@]}" \
        --ro-bind /etc/alternatives /etc/alternatives \
        --ro-bind-try /etc/ld.so.cache /etc/ld.so.cache \
        --proc /proc --dev /dev --tmpfs /tmp --dir /home/author \
        --bind "$work/root" "$prefix" --ro-bind "$work/test" /test \
        --chdir /home/author --clearenv --setenv HOME /home/author \
        --setenv PATH "$prefix/bin:/usr/bin:/bin" "$@"
}
exec_in_root sh /test/stranger_inside.sh "$prefix"
