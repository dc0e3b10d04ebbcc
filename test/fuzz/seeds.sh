#!/usr/bin/env bash
# Seeds of a fuzz target, from files of this repository: seeds.sh TARGET FOLDER. Large ones are left out.
set -euo pipefail
shopt -s nullglob globstar
target=$1 out=$2
cd "$(dirname "$0")/../.."
rm -rf "$out"
mkdir -p "$out"
small() { [ "$(stat -c %s "$1")" -le 16384 ]; }
flat() { echo "$out/${1//\//_}"; }

# parts FILE: the texts of a golden file; of a page its examples.
parts() {
  awk -v out="$(flat "$1")" '/^; ---- |^;;|^```/ { ++part; next } { print > (out "." part + 0) }' "$1"
}

case $target in
  graph)
    for file in test/filetest/cases/**/*.mlp docs/ir.md; do parts "$file"; done
    ;;
  symbol)
    for file in test/portable/**/*-symbol.json; do
      { cat "$file"; printf '\0'; cat "${file%-symbol.json}-0000.params"; } >"$(flat "$file")"
    done
    parts docs/formats.md
    for file in "$out"/docs_formats.md.*; do grep -q '^ *"format"' "$file" || rm "$file"; done
    cp test/fuzz/seeds/symbol/* "$out"
    for file in "$out"/docs_formats.md.* "$out"/*.json; do # without tensors
      grep -qP '\0' "$file" || printf '\0\2\0\0\0\0\0\0\0{}' >>"$file"
    done
    ;;
  params)
    for file in test/**/*.safetensors test/**/*.params test/**/*.mlpjit examples/data/**/*.safetensors; do
      ! small "$file" || cp "$file" "$(flat "$file")"
    done
    ;;
  model)
    for file in test/onnx/{models,exported}/*.onnx test/portable/**/*.mlpjit; do
      ! small "$file" || cp "$file" "$(flat "$file")"
    done
    ;;
  csv | arrays)
    files=(tools/mlpjit-run/tests/data/*.np[yz] test/onnx/exported/*.npz)
    [ "$target" = arrays ] || files=(tools/mlpjit-run/tests/data/*.csv test/fuzz/seeds/csv/*)
    for file in "${files[@]}"; do
      small "$file" || continue
      for choice in @ A B C D E F G H P; do # the target's first byte
        { printf %s "$choice"; cat "$file"; } >"$(flat "$file").$choice"
      done
    done
    ;;
  *) echo "seeds.sh: no target $target" >&2; exit 2 ;;
esac
