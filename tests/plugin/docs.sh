#!/bin/bash
# The guides for plugins are right: the sixty lines build and pass the checker,
# the tables for operators are those of the code (docs_tables.pl), the reference
# is that of the headers.
#   docs.sh SOURCE_DIR LIBRARY CHECKER
set -eu
source_dir=$1 library=$2 checker=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$source_dir/docs/plugins"

fail() {
    echo "FAIL $*"
    exit 1
}

sed -n '/^```c$/,/^```$/p' authors.md | sed '1d;/^```$/,$d' > "$work/static.c"
[ "$(wc -l < "$work/static.c")" -le 60 ] || fail "more than sixty lines"
cc -O2 -Wall -Wextra -Werror -fPIC -fvisibility=hidden -shared \
    -I"$source_dir/sdk/include" -o "$work/static.so" "$work/static.c" "$library" \
    -Wl,-z,defs -Wl,-z,now -Wl,-z,noexecstack -Wl,-Bsymbolic \
    -Wl,--version-script="$source_dir/sdk/cmake/plugin.map"
chmod go-w "$work" "$work/static.so"
"$checker" "$work/static.so" > "$work/log" || {
    cat "$work/log"
    fail "the checker"
}

perl "$source_dir/tests/plugin/docs_tables.pl" "$source_dir" || fail "the tables of operating.md"
"$source_dir/docs/make-plugin-reference" "$source_dir" | diff - reference.md ||
    fail "reference.md is not that of the headers: make docs"
