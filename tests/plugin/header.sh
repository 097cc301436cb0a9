#!/bin/bash
# The public headers compile alone, without a word, by every standard they
# promise, in each compiler that is there; and a manifest is still in the file
# after optimising, dropping unused sections and stripping.
#   header.sh SOURCE_DIR
set -u
source_dir=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags="-pedantic -Wall -Wextra -Werror -I$source_dir/sdk/include"
failed=0

complain() {
    echo "FAIL $*"
    failed=1
}

# compile COMPILER LANGUAGE STANDARD FILE
compile() {
    $1 -x "$2" -std="$3" $flags -fsyntax-only "$4" || complain "$@"
}

for header in "$source_dir"/sdk/include/ccbridge/*.h; do
    header=${header##*/}
    echo "#include \"ccbridge/$header\"" > "$work/${header%.h}.inc"
done

for cc in gcc clang; do
    command -v $cc > /dev/null || continue
    for standard in c99 c11 c17; do
        for file in "$work"/*.inc "$source_dir/tests/plugin/header_probe.inc"; do
            compile $cc c $standard "$file"
        done
    done
done
for cxx in g++ clang++; do
    command -v $cxx > /dev/null || continue
    for standard in c++11 c++14 c++17 c++20; do
        for file in "$work"/*.inc "$source_dir/tests/plugin/header_probe.inc"; do
            compile $cxx c++ $standard "$file"
        done
    done
done

# survives COMPILER LANGUAGE OPTION...
survives() {
    local compiler=$1 language=$2 so=$work/probe.so
    shift 2
    $compiler -x "$language" $flags "$@" -ffunction-sections -fdata-sections \
        -shared -fPIC -fvisibility=hidden -Wl,--gc-sections -o "$so" \
        "$source_dir/tests/plugin/header_probe.inc" &&
        strip --strip-all "$so" || { complain "$compiler $* does not build"; return; }
    readelf -nW "$so" | grep -A1 'CCB' | grep -q '7b 22 6d 61 6e' ||
        complain "$compiler $*: the manifest is gone"
    readelf -lW "$so" | grep -q '\.note\.ccb' ||
        complain "$compiler $*: the manifest is in no segment"
    [ "$(nm -D --defined-only "$so" | wc -l)" = 1 ] ||
        complain "$compiler $*: exports more than the entry"
}

for cc in gcc clang; do
    command -v $cc > /dev/null || continue
    survives $cc c -O0
    survives $cc c -O2
done
survives gcc c -O2 -flto
for cxx in g++ clang++; do
    command -v $cxx > /dev/null || continue
    survives $cxx c++ -O2
done
exit $failed
