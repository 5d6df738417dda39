#!/usr/bin/env bash
# Lines of the runtime's loader, verifier and interpreter that its unit tests reach, by
# clang's source coverage. Fails below 95 %. A page by line is in build/coverage/html.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=build/coverage
cmake -S runtime -B $build -G Ninja -DCMAKE_C_COMPILER=clang-22 -DCMAKE_CXX_COMPILER=clang++-22 -DCMAKE_BUILD_TYPE=Debug \
  -DCMAKE_CXX_FLAGS="-fprofile-instr-generate -fcoverage-mapping -Og" \
  -DCMAKE_EXE_LINKER_FLAGS="-fprofile-instr-generate" > $build.log 2>&1 || { cat $build.log; exit 1; }
tests=(torchc-runtime-test torchc-faults-test)
ninja -C $build "${tests[@]}" > $build.log 2>&1 || { cat $build.log; exit 1; }
for test in "${tests[@]}"; do
  LLVM_PROFILE_FILE=$PWD/$build/$test.profraw $build/bin/$test --gtest_brief=1 > $build.log 2>&1 || { cat $build.log; exit 1; }
done
objects=($build/bin/torchc-runtime-test -object $build/bin/torchc-faults-test)
llvm-profdata-22 merge -o $build/all.profdata $build/*.profraw
files=(runtime/src/module/{ModuleFile,Verify*,Disassembler}.cpp runtime/src/vm/*.cpp)
llvm-cov-22 show "${objects[@]}" -instr-profile=$build/all.profdata -format=html -output-dir=$build/html "${files[@]}" > /dev/null 2>&1
llvm-cov-22 report "${objects[@]}" -instr-profile=$build/all.profdata "${files[@]}" 2> /dev/null |
  awk '/\.cpp/ { printf "%-30s %5d lines %8s\n", $1, $8, $10 } /^TOTAL/ { total = $10 } END { print "lines covered: " total; exit total + 0 < 95 }'
