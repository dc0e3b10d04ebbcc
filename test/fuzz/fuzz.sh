#!/usr/bin/env bash
# Fuzzes: fuzz.sh BUILD TARGET [SECONDS]. What fails stays in BUILD/findings/TARGET, what leads further in
# BUILD/corpus/TARGET, where the next run begins.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")") target=$2 seconds=${3:-600}
build=$(readlink -f "$1")
mkdir -p "$build/corpus/$target" "$build/findings/$target"
bash "$here/seeds.sh" "$target" "$build/seeds/$target"
folders=("$build/corpus/$target" "$build/seeds/$target")
[ ! -d "$here/found/$target" ] || folders+=("$here/found/$target")
# ONNX's own models of one op each, where they are here.
nodes=/usr/share/libonnx-testdata/data/node
if [ "$target" = model ] && [ -d "$nodes" ]; then
  mkdir -p "$build/seeds/nodes"
  for file in "$nodes"/*/model.onnx; do cp "$file" "$build/seeds/nodes/$(basename "$(dirname "$file")")"; done
  folders+=("$build/seeds/nodes")
fi

options=(-max_len=16384 -rss_limit_mb=2048 -timeout=10 -print_final_stats=1 "-max_total_time=$seconds"
  "-artifact_prefix=$build/findings/$target/")
# Words: names of the ops, and what else stands in quotes in the readers.
words() { grep -ohE '"[A-Za-z_.<>|]{2,24}"' "$@" | sort -u; }
ops() { sed -nE 's/^MLPJIT_OP\((\w+),.*/"\1"/p' "$here/../../include/mlpjit/detail/ops.def"; }
cd "$here/../.."
case $target in
  graph) { ops; words lib/ir/*.cpp; printf '"%s"\n' 'func @main(' ' = param \"' ' = state' ' : f32[' 'f32[B, 3]' '%x' 'return '; } ;;
  symbol) { ops; words src/model/symbol_*.cpp include/mlpjit/detail/ops.def; printf '"\\"%s\\":"\n' attributes regions checks functions; } ;;
  params) words src/model/safetensors*.cpp ;;
  model) words src/onnx/*.cpp ;;
  csv) printf '"%s"\n' '\"\"' '\x0d\x0a' '\xef\xbb\xbf' nan inf 1e308 true ;;
  arrays) words tools/mlpjit-run/np*.cpp; printf '"%s"\n' '<f4' '<U3' '|S2' '>i8' '|b1' "'descr': " "'fortran_order': True" "'shape': (" 'PK\x01\x02' 'PK\x03\x04' 'PK\x05\x06' '\x93NUMPY' .npy ;;
esac >"$build/seeds/$target.dict"
options+=("-dict=$build/seeds/$target.dict")
# Tensors that do not fit into memory are an error of the user's.
export ASAN_OPTIONS=${ASAN_OPTIONS:-allocator_may_return_null=1:detect_leaks=1}
exec "$build/bin/fuzz_$target" "${options[@]}" "${folders[@]}"
