#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test: layout and format checks,
# lit, GoogleTest, pytest. Exits non-zero on any failure.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

say "checking layout and format"
"$torchc_build/venv/bin/python" "$torchc_root/build_tools/check_layout.py"
"$torchc_root/build_tools/format.sh" --check

say "building"
cmake --build "$torchc_build"

say "testing"
cmake --build "$torchc_build" --target check-torchc-lit
cmake --build "$torchc_build" --target check-torchc-unit
cmake --build "$torchc_build" --target check-torchc-e2e
