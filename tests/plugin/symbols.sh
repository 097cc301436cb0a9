#!/bin/bash
# Every function and object that the public headers declare is in libccb-sdk.a:
# a program that takes the address of each links with the library alone.
#   symbols.sh SOURCE_DIR LIBRARY
set -eu
source_dir=$1
library=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# p: prototypes, x: extern variables. The entry is the plugin's own.
ctags --kinds-C=px --sort=no -x "$source_dir"/sdk/include/ccbridge/*.h |
    awk '$1 ~ /^ccb_/ && $1 != "ccb_lifecycle_entry_v1" { print $1 }' |
    sort -u > "$work/names"
count=$(wc -l < "$work/names")
[ "$count" -ge 100 ] || { echo "FAIL only $count names were found"; exit 1; }

{
    for header in "$source_dir"/sdk/include/ccbridge/*.h; do
        echo "#include \"ccbridge/${header##*/}\""
    done
    echo "const void *volatile all[] = {"
    sed 's/.*/    (const void *)\&&,/' "$work/names"
    echo "};"
    echo "int main(void) { return all[0] == 0; }"
} > "$work/probe.c"
cc -std=c11 -Wall -Wextra -Werror -I"$source_dir/sdk/include" \
    -o "$work/probe" "$work/probe.c" "$library" > "$work/log" 2>&1 || {
    grep -E 'undefined reference|error' "$work/log" | sort -u
    echo "FAIL not all $count names are in ${library##*/}"
    exit 1
}
echo "$count names resolve"
