#!/bin/bash
# The units as they are installed: systemd takes them, and what they start is
# there. With the file that is installed for `all`, so is its configuration.
#   service.sh BUILD_DIR
set -eu
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
cmake --install "$1" --prefix "$root" >"$root/log" || { cat "$root/log"; exit 1; }
units=$root/lib/systemd/system

cp "$units/ccbridged@.service" "$root/ccbridged@stager.service"
said=$(systemd-analyze verify --man=no "$units/ccbridged.service" \
    "$root/ccbridged@stager.service" 2>&1) || { echo "$said"; exit 1; }
[ -z "$said" ] || { echo "FAIL: systemd says: $said"; exit 1; }

check=$(sed -n 's/^ExecStartPre=//p' "$units/ccbridged.service")
said=$($check) || { echo "FAIL: $check"; exit 1; }
case $said in
"$root/etc/ccbridge/all.json: good for "*) ;;
*) echo "FAIL: $check says: $said"; exit 1 ;;
esac
