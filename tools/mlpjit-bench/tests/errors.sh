#!/usr/bin/env bash
# Wrong options are refused with exit code 2, lost output with 1.
set -u
bench=$1
failures=0
expect() {
  local want=$1 text=$2
  shift 2
  local output code=0
  output=$("$bench" "$@" 2>&1 >/dev/null) || code=$?
  if [ "$code" != "$want" ] || [[ "$output" != *"$text"* ]]; then
    echo "mlpjit-bench $*: exit code $code, expected $want with '$text' in: $output"
    failures=$((failures + 1))
  fi
}
expect 2 rlu --activation rlu
expect 2 rlu --layers 4-2 --activation rlu
for layers in abc 0- 0-8 8-0 4--2 99999999-2; do
  expect 2 'layer sizes' "$layers"
  expect 2 'layer sizes' --layers "$layers"
done
expect 2 'an output size' 3
expect 2 batch --batch=-1
expect 2 iterations --iterations 0
expect 2 nosuch --nosuch
if [ -w /dev/full ]; then
  "$bench" --layers 4-2 --iterations 2 --rounds 3 >/dev/full 2>/dev/null
  [ $? = 1 ] || { echo "output to a full device was lost in silence"; failures=$((failures + 1)); }
fi
exit "$failures"
