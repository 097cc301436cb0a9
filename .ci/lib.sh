# Shared by the scripts in .ci: which files are ours. To be sourced, by bash.
# CCB_CHECK_ROOT lets the self-test point a check at another tree.

# Without a root that is surely ours nothing may run: `make format` rewrites
# what our_files names.
[ -n "${BASH_VERSION:-}" ] || { echo ".ci/lib.sh: needs bash" >&2; exit 2; }
root=${CCB_CHECK_ROOT:-}
[ -n "$root" ] || root=$(cd "$(dirname "${BASH_SOURCE[0]:?}")/.." && pwd) || exit 2
[ -f "$root/.clang-format" ] && [ "$root" != / ] ||
    { echo ".ci/lib.sh: $root is not the project" >&2; exit 2; }
cd "$root" || exit 2

# our_files PATTERN...: tracked files and new ones that are not ignored, that
# exist. Only git says what is ours; without it this is an error.
our_files() {
    local top list
    top=$(git rev-parse --show-toplevel) && [ "$top" -ef "$root" ] ||
        { echo ".ci/lib.sh: $root is not a git work tree" >&2; return 2; }
    list=$(git ls-files -co --exclude-standard -- "$@" 2>/dev/null | sort -u)
    while IFS= read -r path; do
        [ ! -f "$path" ] || printf '%s\n' "$path"
    done <<<"$list"
}

# fail_if_any WORDS: reads findings (one a line) from stdin; none: success.
fail_if_any() {
    local found
    found=$(cat)
    [ -z "$found" ] && return 0
    printf '%s\n%s\n' "$found" "$1"
    return 1
}
