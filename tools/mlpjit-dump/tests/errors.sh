# Exit codes and messages.
. "$(dirname "$0")/common.inc"

expect 0 'Exit codes' 'Examples' '--stage' '--isa' -- "$dump" --help
expect 2 'program is required' -- "$dump"
expect 2 'expected all, trace, optimized, plan' -- "$dump" 2-3 --stage nosuch
expect 2 'no such stage' -- "$dump" 2-3 --stage llvm --backend graph
expect 2 'no graph' -- "$dump" 2-3 --stage assembly --format dot
expect 2 'isa' -- "$dump" 2-3 --isa sse9
expect 2 'activation' -- "$dump" 2-3 --activation rlu
expect 2 'batch' -- "$dump" 2-3 --batch -1
expect 2 'nosuchoption' -- "$dump" 2-3 --nosuchoption
expect 2 'an input size and an output size' -- "$dump" 512
for sizes in 512--2 0-8 8-0 99999999-2; do expect 2 'expected layer sizes' -- "$dump" "$sizes"; done
expect 2 'no symbols' '--batch' -- "$dump" 2-3 --dim B=4
expect 2 'no file of parameters' -- "$dump" 2-3 --params x
expect 1 'cannot be opened' -- "$dump" "$work"
expect 1 'cannot be opened' 'nosuchfile' -- "$dump" nosuchfile
printf 'func @main(%%a: f32[]) -> (f32[]) {\n  %%0 = frobnicate %%a : f32[]\n  return %%0\n}\n' >"$work/bad.mlp"
expect 1 'bad.mlp:2:8: ' 'an op such as' -- "$dump" "$work/bad.mlp"
printf 'func @main(%%a: f32[B]) -> (f32[B]) {\n  return %%a\n}\n' >"$work/symbolic.mlp"
expect 1 'no such symbol' 'it has B' -- "$dump" "$work/symbolic.mlp" --dim C=1
for option in '--activation tanh' '--dtype f64' '--batch 3'; do
  expect 2 'networks given by sizes' -- "$dump" "$work/symbolic.mlp" $option
done
expect 1 'graph as text' -- "$dump" "$work/symbolic.mlp" --params x
if [ -w /dev/full ]; then expect 1 'cannot be written' -- bash -c '"$0" 2-3 --stage plan >/dev/full' "$dump"; fi
for dim in B B= =1 B=-1 B=1x; do expect 2 'such as B=4' -- "$dump" "$work/symbolic.mlp" --dim "$dim"; done

if [ "$with_llvm" = 1 ]; then
  expect 3 'cannot be opened' '/nosuch.so: no such file' 'Backend::graph' -- \
    env MLPJIT_CODEGEN_LIBRARY=/nosuch.so "$dump" 2-3 --stage llvm
  expect 3 'not a code generator' -- env MLPJIT_CODEGEN_LIBRARY=libc.so.6 "$dump" 2-3 --stage llvm
  expect 0 'dense' -- env MLPJIT_CODEGEN_LIBRARY=/nosuch.so "$dump" 2-3 --stage plan
fi
finish
