#!/bin/bash
# Plugins built away from this tree, with nothing but the installed SDK, by
# pkg-config and by CMake, are as good as those built within.
#   outside.sh SOURCE_DIR BUILD_DIR PLUGIN_RECIPES PLUGIN...
set -eu
source_dir=$1
build_dir=$2
recipes=$3
shift 3
work=$(mktemp -d)
umask 002 # as developers have it: the host takes nothing that others may write
trap 'rm -rf "$work"' EXIT

fail() {
    echo "FAIL $*"
    exit 1
}

# judge HOW FOLDER PLUGIN...
judge() {
    how=$1
    folder=$2
    shift 2
    for plugin; do
        exported=$(nm -D --defined-only "$folder/$plugin.so" | awk '{print $3}')
        [ "$exported" = ccb_lifecycle_entry_v1 ] ||
            fail "$how: $plugin exports $exported"
    done
    "$recipes" "$folder" "$source_dir/tests/fixtures/recipes" > "$work/log" || {
        grep -v '^ok' "$work/log"
        fail "$how: the goldens"
    }
    echo "$how: $(tail -n 1 "$work/log")"
}

cmake --install "$build_dir" --prefix "$work/prefix" --component sdk > /dev/null
mkdir "$work/mine" "$work/plain"
for plugin; do
    mkdir "$work/mine/$plugin"
    cp "$source_dir/plugins/$plugin"/*.[ch] "$work/mine/$plugin"
done
cd "$work/mine"

pc=$(find "$work/prefix" -name ccbridge-plugin.pc)
[ -n "$pc" ] || fail "ccbridge-plugin.pc is not installed"
export PKG_CONFIG_PATH=${pc%/*}
[ "$(pkg-config --variable=abi ccbridge-plugin)" = 1.1 ] || fail "abi"
case $(pkg-config --variable=plugindir ccbridge-plugin) in
*/ccbridge/plugins) ;;
*) fail "plugindir" ;;
esac
for tool in checker caller; do
    [ -x "$(pkg-config --variable=$tool ccbridge-plugin)" ] || fail "$tool"
done
for plugin; do
    cc -O2 -Wall -Wextra -Werror -shared -o "$work/plain/$plugin.so" \
        "$plugin"/*.c $(pkg-config --cflags --libs ccbridge-plugin)
done
judge "cc with pkg-config" "$work/plain" "$@"

cat > CMakeLists.txt << END
cmake_minimum_required(VERSION 3.17)
project(mine C)
find_package(CCBridge REQUIRED)
foreach(plugin $*)
  file(GLOB sources \${plugin}/*.c)
  ccb_add_plugin(\${plugin} SOURCES \${sources})
endforeach()
END
cmake -B build -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_PREFIX_PATH="$work/prefix" > cmake.log 2>&1 &&
    cmake --build build >> cmake.log 2>&1 || {
    cat cmake.log
    fail "CMake"
}
judge "CMake package" "$work/mine/build/plugins" "$@"
writable=$(find "$work/mine/build/plugins" -perm /022)
[ -z "$writable" ] || fail "CMake package: others may write $writable"
