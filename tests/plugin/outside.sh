#!/bin/bash
# A plugin built away from this tree, with nothing but the installed SDK, by
# pkg-config and by CMake, is as good as the one built within.
#   outside.sh SOURCE_DIR BUILD_DIR PLUGIN_RECIPES
set -eu
source_dir=$1
build_dir=$2
recipes=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "FAIL $*"
    exit 1
}

# judge HOW PLUGIN.so
judge() {
    exported=$(nm -D --defined-only "$2" | awk '{print $3}')
    [ "$exported" = ccb_lifecycle_entry_v1 ] ||
        fail "$1: exports $exported"
    "$recipes" "$2" "$source_dir/tests/fixtures/recipes" > "$work/log" || {
        grep -v '^ok' "$work/log"
        fail "$1: the goldens"
    }
    echo "$1: $(tail -n 1 "$work/log")"
}

cmake --install "$build_dir" --prefix "$work/prefix" --component sdk > /dev/null
mkdir "$work/mine"
cp "$source_dir"/plugins/buildpack/*.[ch] "$work/mine"
cd "$work/mine"

pc=$(find "$work/prefix" -name ccbridge-plugin.pc)
[ -n "$pc" ] || fail "ccbridge-plugin.pc is not installed"
export PKG_CONFIG_PATH=${pc%/*}
[ "$(pkg-config --variable=abi ccbridge-plugin)" = 1.0 ] || fail "abi"
case $(pkg-config --variable=plugindir ccbridge-plugin) in
*/ccbridge/plugins) ;;
*) fail "plugindir" ;;
esac
cc -O2 -Wall -Wextra -Werror -shared -o plain.so ./*.c \
    $(pkg-config --cflags --libs ccbridge-plugin)
judge "cc with pkg-config" "$work/mine/plain.so"

cat > CMakeLists.txt << 'END'
cmake_minimum_required(VERSION 3.17)
project(mine C)
find_package(CCBridge REQUIRED)
ccb_add_plugin(mine SOURCES plugin.c)
END
cmake -B build -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_PREFIX_PATH="$work/prefix" > cmake.log 2>&1 &&
    cmake --build build >> cmake.log 2>&1 || {
    cat cmake.log
    fail "CMake"
}
judge "CMake package" "$work/mine/build/plugins/mine.so"
