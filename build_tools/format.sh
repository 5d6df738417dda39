#!/usr/bin/env bash
# Formats every C and C++ file by .clang-format; with --check it changes nothing,
# names what differs, and exits non-zero.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

case "${1:-}" in
"") mode=(-i) ;;
--check) mode=(--dry-run --Werror) ;;
*) echo "usage: build_tools/format.sh [--check]" >&2; exit 2 ;;
esac
git ls-files -z '*.h' '*.hpp' '*.c' '*.cpp' | xargs -0 -n 32 -P "$(nproc)" clang-format-22 "${mode[@]}"
