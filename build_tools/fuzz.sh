#!/usr/bin/env bash
# Gives the runtime any bytes: every one-byte edit of the smallest modules, then mutants
# of many, under AddressSanitizer and UndefinedBehaviorSanitizer.
#
#   build_tools/fuzz.sh            the whole: 1,000,000 mutants, some 20 minutes
#   build_tools/fuzz.sh --short    for CI: no edits, 50,000 mutants, the same each time, of runtime/fuzz/corpus only
#   build_tools/fuzz.sh --runs=N   the whole with N mutants
#
# Seeds are what torchc-compile (build/bin/torchc-compile, or COMPILER=file) makes of
# runtime/fuzz/models, or the .vmfb files of MODULES=folder, and runtime/fuzz/corpus. What
# fails is left in build/fuzz/ (or BUILD=folder); the last lines are the figures.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
runs=1000000 limit=() short=
for option in "$@"; do
  case $option in
    --short) short=1 runs=50000 limit=(-seed=1) ;;
    --runs=*) runs=${option#--runs=} ;;
    *) sed -n '2,12s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 2 ;;
  esac
done

build=${BUILD:-build/fuzz}
mkdir -p "$build"
modules=()
if [ ! "$short" ]; then
  modules=("${MODULES:-$build/modules}")
  if [ ! "${MODULES:-}" ]; then
    compiler=${COMPILER:-build/bin/torchc-compile}
    [ -x "$compiler" ] || { echo "no $compiler: build it (ninja -C build torchc-compile) or set COMPILER or MODULES"; exit 2; }
    rm -rf "${modules[0]}" && mkdir -p "${modules[0]}"
    for model in runtime/fuzz/models/*.mlir; do
      $compiler -q "$model" --target-cpu=x86-64-v2 --custom-ops=mylib.scale,mylib.split -o "${modules[0]}/$(basename "$model" .mlir).vmfb"
    done
    $compiler -q runtime/fuzz/models/static.mlir --target-cpu=portable -o "${modules[0]}/portable.vmfb"
  fi
  smallest=$(ls -S "${modules[0]}"/*.vmfb | tail -1)
fi
cmake -S runtime -B $build -G Ninja -DCMAKE_C_COMPILER=clang-22 -DCMAKE_CXX_COMPILER=clang++-22 -DCMAKE_BUILD_TYPE=Release \
  -DTORCHC_ENABLE_TESTS=OFF -DTORCHC_SANITIZE=address,undefined,fuzzer-no-link > $build.log 2>&1 || { cat $build.log; exit 1; }
ninja -C $build torchc-runtime-fuzz torchc-edit-every-byte torchc-runtime-fuzz-corpus > $build.log 2>&1 || { cat $build.log; exit 1; }

export ASAN_OPTIONS=allocator_may_return_null=1:detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
if [ ! "$short" ]; then
  for module in $build/fuzz/corpus/smallest.vmfb "$smallest"; do
    echo "$module: $($build/bin/torchc-edit-every-byte "$module")"
  done
fi
mkdir -p $build/found
$build/bin/torchc-runtime-fuzz -runs="$runs" "${limit[@]}" -max_len=65536 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
  -artifact_prefix=$build/ $build/found $build/fuzz/corpus "${modules[@]}" 2> $build/report.log || { tail -60 $build/report.log; exit 1; }
mutants=$(sed -n 's/^stat::number_of_executed_units: *//p' $build/report.log)
slowest=$(sed -n 's/^stat::slowest_unit_time_sec: *//p' $build/report.log)
coverage=$(grep -oE 'cov: [0-9]+' $build/report.log | tail -1)
seeds=$(ls $build/fuzz/corpus "${modules[@]}" | grep -c vmfb)
echo "mutants: $mutants of $seeds modules, 0 reports, slowest $slowest s, $coverage"
