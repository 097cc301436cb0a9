#!/bin/bash
# The guides for plugins are right: the sixty lines build and pass the checker,
# every reason of a refusal and every member of a policy is told, the reference
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

# words FILE PATTERN: the first group of each match
words() {
    perl -ne 'print "$1\n" while /'"$2"'/g' "$1"
}
for word in $(words "$source_dir/core/plugin/refusal.c" '\[CCB_REFUSED_\w+\] = \{"(\w+)"'); do
    [ "$word" = none ] || grep -q "\`$word\`" operating.md || fail "the reason $word is not told"
done
for member in $(words "$source_dir/core/plugin/policy.c" '^    \{"(\w+)", decode_'); do
    grep -q "^| \`$member\`" operating.md || fail "the member $member is not told"
done
"$source_dir/docs/make-plugin-reference" "$source_dir" | diff - reference.md ||
    fail "reference.md is not that of the headers: make docs"
