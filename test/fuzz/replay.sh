#!/usr/bin/env bash
# A target over its seeds and over what once failed: replay.sh PROGRAM TARGET FOLDER.
set -euo pipefail
here=$(dirname "$0") program=$1 target=$2 folder=$3
bash "$here/seeds.sh" "$target" "$folder/$target"
found=$here/found/$target
[ -d "$found" ] || found=
exec "$program" "$folder/$target" ${found:+"$found"}
