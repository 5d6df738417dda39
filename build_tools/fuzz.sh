#!/usr/bin/env bash
# Gives the runtime any bytes: every one-byte edit of the smallest module, then mutants
# of the corpus, under AddressSanitizer and UndefinedBehaviorSanitizer.
#
#   build_tools/fuzz.sh            the whole: 1,000,000 mutants, some 20 minutes
#   build_tools/fuzz.sh --short    50,000 mutants, the same ones each time, for CI
#   build_tools/fuzz.sh --runs=N   N mutants
#
# Modules that are given as MODULES=dir (torchc-compile's, say) are seeds, too. What
# fails is left in build/fuzz/ (or BUILD=dir); the last line is the figure.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
runs=1000000 limit=()
for option in "$@"; do
  case $option in
    --short) runs=50000 limit=(-seed=1) ;;
    --runs=*) runs=${option#--runs=} ;;
    *) sed -n '2,12s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 2 ;;
  esac
done

build=${BUILD:-build/fuzz}
mkdir -p "$(dirname "$build")"
cmake -S runtime -B $build -G Ninja -DCMAKE_C_COMPILER=clang-22 -DCMAKE_CXX_COMPILER=clang++-22 -DCMAKE_BUILD_TYPE=Release \
  -DTORCHC_ENABLE_TESTS=OFF -DTORCHC_SANITIZE=address,undefined,fuzzer-no-link > $build.log 2>&1 || { cat $build.log; exit 1; }
ninja -C $build torchc-runtime-fuzz torchc-edit-every-byte torchc-runtime-fuzz-corpus > $build.log 2>&1 || { cat $build.log; exit 1; }

export ASAN_OPTIONS=allocator_may_return_null=1:detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
edits="not run"
if [ ${#limit[@]} = 0 ]; then
  edits=$($build/bin/torchc-edit-every-byte $build/fuzz/corpus/smallest.vmfb)
  echo "smallest.vmfb: $edits"
fi
mkdir -p $build/found
$build/bin/torchc-runtime-fuzz -runs="$runs" "${limit[@]}" -max_len=8192 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
  -artifact_prefix=$build/ $build/found $build/fuzz/corpus ${MODULES:-} 2> $build/report.log || { tail -60 $build/report.log; exit 1; }
mutants=$(sed -n 's/^stat::number_of_executed_units: *//p' $build/report.log)
slowest=$(sed -n 's/^stat::slowest_unit_time_sec: *//p' $build/report.log)
coverage=$(grep -oE 'cov: [0-9]+' $build/report.log | tail -1)
echo "one-byte edits: $edits"
echo "mutants: $mutants, 0 reports, slowest $slowest s, $coverage"
