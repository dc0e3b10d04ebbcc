#!/usr/bin/env bash
# Whatever peers are here compute what mlpjit does (the tool fails where one does not), and none is left out by an error.
set -u
bench=$1
failures=0
run() {
  local output code=0
  output=$("$bench" "$@" --iterations 2 --rounds 3 2>&1) || code=$?
  if [ "$code" != 0 ] || [[ "$output" != *"peers, on one thread: "* ]] || [[ "$output" == *"left out"* ]]; then
    echo "mlpjit-bench $*: exit code $code: $output"
    failures=$((failures + 1))
  fi
}
for activation in none relu tanh sigmoid elu gelu silu; do
  run 37-101-53-3 --activation "$activation" --batch 1,16
done
# Those that plain C++ has.
for network in 1-16-16-1 24-32-32-1 27-64-64-6; do
  run "$network" --activation tanh
done
run 32-64-64-64-64-16
run 5-3 --batch 1,2
exit "$failures"
