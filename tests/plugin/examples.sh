#!/bin/bash
# Each example, as who copies it builds it, and each project that `ccbridge
# plugin new` writes: by make and by CMake, with nothing but an installed SDK;
# goldens and the checker pass both ways, and `make update` changes nothing.
#   examples.sh BUILD_DIR
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$1" --prefix "$work/prefix" >"$work/log"
export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(dirname "$(find "$work/prefix" -name ccbridge-plugin.pc)")
cp -R "$work/prefix/share/doc/ccbridge-sdk/examples" "$work/examples"
for language in c c++; do
    (cd "$work/examples" && "$work/prefix/bin/ccbridge" plugin new \
        "new-${language/++/pp}" --lang $language >>"$work/log")
done
cp -R "$work/examples" "$work/before"

# step NAME COMMAND...: says what failed only when something does.
step() {
    local name=$1
    shift
    "$@" >"$work/log" 2>&1 || { cat "$work/log"; echo "FAIL $name"; exit 1; }
}
count=0
for makefile in "$work"/examples/*/Makefile; do
    example=$(dirname "$makefile")
    name=$(basename "$example")
    step "$name: make check" make -C "$example" check
    step "$name: make update" make -C "$example" update
    rm -rf "$example/build"
    step "$name: make update changes a golden" \
        diff -r "$work/before" "$work/examples"
    step "$name: cmake" cmake -S "$example" -B "$work/$name" \
        -DCMAKE_PREFIX_PATH="$work/prefix"
    step "$name: cmake --build" cmake --build "$work/$name"
    step "$name: ctest" ctest --test-dir "$work/$name" --no-tests=error \
        --output-on-failure
    count=$((count + 1))
done
[ "$count" -ge 6 ] || { echo "FAIL: only $count examples"; exit 1; }
