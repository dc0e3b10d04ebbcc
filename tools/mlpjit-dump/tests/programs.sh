# Programs in text, from a file and from standard input.
. "$(dirname "$0")/common.inc"

cat >"$work/program.mlp" <<'END'
func @main() -> (f32[]) {
  %0 = constant {value = f32[] 4} : f32[]
  %1 = constant {value = f32[] 6} : f32[]
  %2 = call @plus(%0, %1) : f32[]
  return %2
}
func @plus(%a: f32[], %b: f32[]) -> (f32[]) {
  %0 = add %a, %b : f32[]
  return %0
}
END
expect 0 'call @plus' -- "$dump" "$work/program.mlp" --stage trace
expect 0 'constant f32\[\] 10' -- "$dump" "$work/program.mlp" --stage optimized
expect 0 'add' -- "$dump" "$work/program.mlp" --stage 'after inline_calls'
expect 0 'constant f32\[\] 10' -- bash -c '"$0" - --stage optimized <"$1"' "$dump" "$work/program.mlp"

printf 'func @main(%%a: f32[B, 2]) -> (f32[2*B]) {\n  %%0 = reshape %%a {shape = [2*B]} : f32[2*B]\n  return %%0\n}\n' >"$work/symbolic.mlp"
expect 0 'f32\[3, 2\]' 'shape = \[6\]' -- "$dump" "$work/symbolic.mlp" --stage trace --dim B=3
expect 0 'f32\[0, 2\]' -- "$dump" "$work/symbolic.mlp" --stage trace --dim B=0
expect 0 'f32\[B, 2\]' 'workspace' -- "$dump" "$work/symbolic.mlp" --stage plan
finish
