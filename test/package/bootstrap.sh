#!/usr/bin/env bash
# Each command of ./bootstrap configures and builds what it needs and no more, after every other: tried on a copy of the
# tree, with builds that are listed only and packages of which some are missing.
#   $1 the tree, $2 a folder for all this
set -uo pipefail
root=$1 work=$2
rm -rf "$work"
mkdir -p "$work/tools"
failures=0
fail() { echo "FAILED: $*"; failures=$((failures + 1)); }

# Stand-ins. dpkg-query: every package is there, so that nothing is installed. cmake: configures in truth, without GTest
# where $hide_gtest is set; of builds the commands are listed, installs are noted. ctest: nothing.
cat >"$work/tools/dpkg-query" <<'END'
#!/bin/sh
echo installed
END
cat >"$work/tools/cmake" <<'END'
#!/usr/bin/env bash
case "$1" in
  --build) ninja -C "build/$3" -t commands "${@:5}" >>"$log" ;; # --build --preset NAME --target TARGETS
  --install) echo "INSTALL $*" >>"$log" ;;
  *) "$real_cmake" "$@" "-DCMAKE_DISABLE_FIND_PACKAGE_GTest=${hide_gtest:-OFF}" ;;
esac
END
printf '#!/bin/sh\n' >"$work/tools/ctest"
printf '#!/bin/sh\necho "PACKAGE $*" >>"$log"\n' >"$work/tools/cpack"
chmod +x "$work"/tools/*
real_cmake=$(command -v cmake)
export real_cmake log="$work/log" hide_gtest=

# tree NAME: a fresh copy, as from a clone.
tree() {
  mkdir "$work/$1"
  (cd "$root" && cp -r bootstrap CMakeLists.txt CMakePresets.json .clang-format cmake docs examples include lib src test tools "$work/$1")
  current=$work/$1
}
# bootstrap COMMAND...: in the current tree. What it would have run at last is not there: dry runs make nothing.
bootstrap() {
  : >"$log"
  (cd "$work" && PATH="$work/tools:$PATH" "$current/bootstrap" "$@") >"$work/out" 2>&1
}
configured() { [ -f "$current/build/release/build.ninja" ] || { fail "$1: not configured"; tail -n 20 "$work/out"; }; }
listed() { sed "s|$work|WORK|g" "$log"; } # this folder may lie in one called test
builds() { grep -q "$2" "$log" || fail "$1: does not build $2"; }
builds_no() { ! listed | grep -q "$2" || fail "$1: builds $2: $(listed | grep -m 1 "$2")"; }

# Alone, from a clean clone, where GTest is not there.
hide_gtest=yes
for command in demo bench 'install out' package sizes; do
  tree "clean-${command%% *}"
  bootstrap $command
  configured "$command"
  builds "$command" libmlpjit.so
  builds "$command" libmlpjit-codegen.so
  builds_no "$command" 'test_\|/test/'
  case $command in
    demo) builds demo example_digits; builds_no demo 'bin/mlpjit-' ;;
    bench) builds bench bin/mlpjit-bench; builds_no bench 'mlpjit-dump\|example_' ;;
    install*)
      builds install bin/mlpjit-bench
      builds install bin/mlpjit-dump
      builds_no install 'example_\|mlpjit-ulp'
      builds install "INSTALL --install build/release --prefix $work/out"
      ;;
    package)
      builds package bin/mlpjit-run
      builds_no package 'example_\|mlpjit-ulp'
      builds package 'PACKAGE -G DEB'
      ;;
    sizes) builds_no sizes ' -o bin/' ;;
  esac
done

# One after the other in one tree: what the tests switched on stays, and is not in the way of the others when GTest is
# gone; and the tests come after them.
tree chain
hide_gtest=
bootstrap install out
bootstrap test
builds 'test after install' test_unit_nn
builds 'test after install' mlpjit-dump
bootstrap install out
builds_no 'install after test' 'test_\|/test/'
grep -q 'BUILD_TESTS:BOOL=ON' "$current/build/release/CMakeCache.txt" || fail 'install after test: the tests are switched off'
hide_gtest=yes
for command in 'install out' package bench demo sizes; do
  bootstrap $command
  configured "$command without GTest"
  builds "$command without GTest" libmlpjit.so
done
hide_gtest=
bootstrap test
builds 'test again' test_unit_nn
bootstrap test --all
builds 'test of all' test_unit_nn

# A fuzz target and what it reads with; in a folder of its own, without LLVM.
bootstrap fuzz
grep -q '^targets: .*graph' "$work/out" || fail 'fuzz does not list its targets'
bootstrap fuzz graph 1
builds fuzz fuzz_graph
builds_no fuzz 'fuzz_model\|test_unit\|codegen\|mlpjit-bench'

# What is no command, no target, and no preset.
bootstrap fuzz nosuch && fail 'an unknown fuzz target'
bootstrap install && fail 'install without a prefix'
bootstrap nosuch && fail 'an unknown command'
bootstrap times 5 nosuch && fail 'times of nothing'
bootstrap test --preset nosuch && fail 'an unknown preset'
bootstrap help || fail 'help'
for command in demo test fuzz bench install package sizes times format lint; do grep -q "^  $command " "$work/out" || fail "help does not name $command"; done
[ "$failures" = 0 ] || exit 1
rm -rf "$work"
