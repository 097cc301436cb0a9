#!/bin/sh
# What stranger.sh does in its root: makes projects of plugins, builds them in
# both ways, checks them, and makes a build of one that crashes. Then the script
# takes them to a daemon.
#   stranger_inside.sh PREFIX
set -eu
prefix=$1
umask 002

fail() {
    echo "FAIL $*"
    exit 1
}

# quietly WHAT COMMAND...
quietly() {
    what=$1
    shift
    "$@" > /tmp/log 2>&1 || {
        cat /tmp/log
        fail "$what"
    }
}

for pair in jar:c static-site:c++; do
    name=${pair%%:*}
    quietly "plugin new $name" ccbridge plugin new "$name" --lang "${pair#*:}"
    quietly "ci.sh of $name" "$name/ci.sh"
    for plugin in "$name/build/plugins/$name.so" "$name/build/make/$name.so"; do
        # All green: not even a warning.
        quietly "check of $plugin" ccbridge plugin check \
            --requests "$name/golden/requests" \
            --facts "$name/golden/facts.json" "$plugin"
        grep -qE '^ *(warning|failed|crashed|timeout) ' /tmp/log &&
            cat /tmp/log && fail "check of $plugin"
    done
done

# Nothing is overwritten, and what can't be a name is said to be none.
for name in jar Jar 9lives ../jar ""; do
    ccbridge plugin new "$name" > /tmp/log 2>&1 && fail "plugin new '$name'"
    grep -q . /tmp/log || fail "plugin new '$name' says nothing"
done
[ ! -e Jar ] && [ ! -e 9lives ] || fail "plugin new wrote in spite of the name"

# The order of keys is no difference, a value is.
golden=jar/golden/expected/build_recipe-app.json
sed -i 's/"memory_mb": 1024/"memory_mb": 1025/' $golden
ctest --test-dir jar/build > /tmp/log 2>&1 && fail "a wrong golden passes"
ctest --test-dir jar/build --rerun-failed --output-on-failure |
    grep -q 'memory_mb: expected 1025, found 1024' || fail "a golden's words"
quietly "update" cmake --build jar/build --target jar-update-goldens
quietly "the goldens again" ctest --test-dir jar/build

# A build that crashes as soon as it is asked for a recipe.
mkdir bad
sed 's/struct staging s = {0};/&\n    *(volatile int *)0 = 1;/' \
    jar/plugin.c > bad/plugin.c
cp jar/Makefile bad
quietly "the bad build" make -C bad

exec /test/ccb-script -bin "$prefix/bin" -plugins /nowhere -src /test \
    /test/stranger.script
