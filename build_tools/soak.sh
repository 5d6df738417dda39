#!/usr/bin/env bash
# A million calls and a hundred thousand loads in one process: memory must stay flat.
# Usage: build_tools/soak.sh [folder of a build with tests, build]. The figures come last.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
TORCHC_SOAK_CALLS=1000000 TORCHC_SOAK_LOADS=100000 "${1:-build}/bin/torchc-soak-test" --gtest_brief=1
