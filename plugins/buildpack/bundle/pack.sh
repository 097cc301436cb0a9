#!/bin/sh
# Packs programs as a bundle: stripped, mode 0755, and the same bytes each time.
# pack.sh STRIP FOLDER ARCHIVE PROGRAM...   (PROGRAM: NAME=FILE)
set -eu
strip=$1 folder=$2 archive=$3
shift 3
rm -rf "$folder" "$archive"
mkdir -p "$folder"
for program in "$@"; do
    "$strip" -o "$folder/${program%%=*}" "${program#*=}"
    chmod 0755 "$folder/${program%%=*}"
done
# Names sorted by bytes, at the archive's root, of nobody and no time.
cd "$folder"
LC_ALL=C tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner \
    --mode=0755 --format=ustar -cf - -- * | gzip -n9 >"$archive.new"
mv "$archive.new" "$archive"
