# Every stage of a network given by sizes.
. "$(dirname "$0")/common.inc"

expect 0 '^func @main\(' '%x: f32\[1, 24\]' 'param "0.weight"' 'dense .*f32\[1, 32\]' 'relu' -- \
  "$dump" 24-32-3 --stage trace
expect 0 'f64\[5, 24\]' 'tanh' -- "$dump" 24-32-3 --stage trace --activation tanh --batch 5 --dtype f64
expect 0 'fusion .*kind = "dense"' -- "$dump" 24-32-3 --stage 'after fuse'
expect 0 'changed nothing' -- "$dump" 24-32-3 --stage 'after inline_calls'
expect 0 'fusion' -- "$dump" 24-32-3 --stage optimized
expect 0 'digraph' -- "$dump" 24-32-3 --stage optimized --format dot
expect 0 'dense' -- "$dump" 24-32-3 --stage plan --isa baseline
expect 0 '== trace ==' '== optimized ==' '== report ==' -- "$dump" 24-32-3 --backend graph
if "$dump" 24-32-3 --backend graph | grep -q fusion; then
  echo "FAILED: the graph backend fuses"
  failures=1
fi
# What a stage prints can be read again.
"$dump" 24-32-3 --stage optimized >"$work/optimized" && expect 0 'func @main' -- "$dump" "$work/optimized" --stage trace
# A pass switched off does nothing.
if "$dump" 24-32-3 --stage optimized --disable-pass fuse | grep -q fusion; then
  echo "FAILED: --disable-pass fuse"
  failures=1
fi

if [ "$with_llvm" = 1 ]; then
  expect 0 'define' -- "$dump" 24-32-3 --stage llvm --isa avx2
  expect 0 'vfmadd.*ymm' -- "$dump" 24-32-3 --stage assembly --isa avx2
  expect 0 'vfmadd.*zmm' -- "$dump" 24-32-3 --stage assembly --isa avx512
  expect 0 '== trace ==' '== plan ==' '== llvm ==' '== assembly ==' '== report ==' 'kernel ' -- "$dump" 24-32-3
else
  expect 3 '== plan ==' 'built without LLVM' 'Backend::graph' -- "$dump" 24-32-3
fi
finish
