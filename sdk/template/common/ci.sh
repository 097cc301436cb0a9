#!/bin/sh
# What a build server runs: builds the plugin by CMake and by pkg-config, and
# tests both. Needs ccbridge's SDK; for one in a prefix of its own set
# CMAKE_PREFIX_PATH and PKG_CONFIG_PATH.
set -eu
cd "$(dirname "$0")"

cmake -B build -DCMAKE_COMPILE_WARNING_AS_ERROR=ON
cmake --build build
ctest --test-dir build --output-on-failure
make check
