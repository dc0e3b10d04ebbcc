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
# The files of an exported model, with parameters or without.
cat >"$work/m-symbol.json" <<'END'
{"format": "mlpjit-symbol", "schema_version": 1, "numerics_version": 1,
 "inputs": [{"name": "x", "dtype": "f32", "shape": ["B", 4]},
            {"name": "fc.weight", "kind": "parameter", "dtype": "f32", "shape": [3, 4]},
            {"name": "fc.bias", "kind": "parameter", "dtype": "f32", "shape": [3]}],
 "nodes": [{"op": "dense", "name": "h", "inputs": ["x", "fc.weight", "fc.bias"], "layer": "fc"},
           {"op": "tanh", "name": "y", "inputs": ["h"], "layer": "fc"}],
 "heads": [{"name": "y", "value": "y"}]}
END
expect 0 'param "fc.weight"' 'f32\[B, 4\]' '@"fc"' -- "$dump" "$work/m-symbol.json" --stage trace
expect 0 'f32\[7, 4\]' 'tanh' -- "$dump" "$work/m-symbol.json" --stage trace --dim B=7
expect 0 'workspace' -- "$dump" "$work/m-symbol.json" --stage plan
expect 0 'param "fc.bias"' -- bash -c '"$0" - --stage trace <"$1"' "$dump" "$work/m-symbol.json"
sed 's/"tanh"/"tnah"/' "$work/m-symbol.json" >"$work/wrong.json"
expect 1 'wrong.json:6:' 'tnah' -- "$dump" "$work/wrong.json"
# A constant that stands in the parameter file is asked for there.
sed 's/{"op": "tanh".*/{"op": "constant", "name": "c", "attributes": {"value": {"dtype": "f32", "shape": [3], "tensor": "constant.0"}}}, {"op": "add", "name": "y", "inputs": ["h", "c"]}],/' \
  "$work/m-symbol.json" >"$work/constant-symbol.json"
expect 1 "no tensor 'constant.0'" -- "$dump" "$work/constant-symbol.json"
header='{"constant.0":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}} '
{ printf "\\x$(printf %x ${#header})\\0\\0\\0\\0\\0\\0\\0%s" "$header"; printf 'abcdefghijkl'; } >"$work/constant-0000.params"
expect 0 'constant' 'add' -- "$dump" "$work/constant-symbol.json" --stage trace
expect 0 'constant' -- "$dump" "$work/constant-symbol.json" --params "$work/constant-0000.params" --stage trace
expect 1 'nosuch' -- "$dump" "$work/constant-symbol.json" --params "$work/nosuch"
finish
