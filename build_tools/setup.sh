#!/usr/bin/env bash
# Installs what torchc needs on Debian 12 and configures the build. Sourced by
# the other scripts; a second run finds everything in place and does nothing.
set -euo pipefail

torchc_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
torchc_build=${TORCHC_BUILD_DIR:-$torchc_root/build}

say() { printf '\033[1m== %s\033[0m\n' "$*" >&2; }
[ -t 2 ] && [ -z "${NO_COLOR:-}" ] || say() { printf '== %s\n' "$*" >&2; }

debian_packages=(
  libmlir-22-dev mlir-22-tools llvm-22-dev llvm-22-tools clang-22 lld-22 liblld-22-dev
  clang-format-22 libclang-rt-22-dev libflatbuffers-dev flatbuffers-compiler libgtest-dev
  libbenchmark-dev nlohmann-json3-dev libcli11-dev ccache ninja-build cmake g++ git pkg-config
  python3-dev python3-venv zlib1g-dev libminizip-dev libzstd-dev
)

install_packages() {
  local missing=() package
  for package in "${debian_packages[@]}"; do
    dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  local sudo=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "setup.sh: install these packages as root: ${missing[*]}" >&2; return 1; }
    sudo=(sudo)
  fi
  say "installing ${#missing[@]} Debian packages"
  "${sudo[@]}" apt-get -qq update
  DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
}

# The Python environment lies in the build folder; a stamp holds the
# requirements that it was made from.
install_python() {
  local requirements=$torchc_root/build_tools/requirements.txt stamp=$torchc_build/venv/requirements.txt
  cmp -s "$requirements" "$stamp" && return
  say "installing PyTorch and the test tools into $torchc_build/venv"
  python3 -m venv "$torchc_build/venv"
  "$torchc_build/venv/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
  cp "$requirements" "$stamp"
}

configure_build() {
  [ -f "$torchc_build/build.ninja" ] && return
  say "configuring"
  cmake --preset default -S "$torchc_root" -B "$torchc_build" \
    -DPython3_EXECUTABLE="$torchc_build/venv/bin/python" >"$torchc_build/configure.log" 2>&1 ||
    { cat "$torchc_build/configure.log" >&2; return 1; }
}

mkdir -p "$torchc_build"
install_packages
install_python
configure_build
