#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test: layout check, lit,
# GoogleTest, pytest. Exits non-zero on any failure.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

say "checking the layout"
"$torchc_build/venv/bin/python" "$torchc_root/build_tools/check_layout.py"

say "building"
cmake --build "$torchc_build"

say "testing"
cmake --build "$torchc_build" --target check-torchc-lit
cmake --build "$torchc_build" --target check-torchc-unit
cmake --build "$torchc_build" --target check-torchc-e2e
