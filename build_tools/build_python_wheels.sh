#!/usr/bin/env bash
# Builds a wheel of the Python package into build/wheels, and tries it in a clean
# environment, without PyTorch and without the build tree. Takes as long as a whole build.
#
#   build_tools/build_python_wheels.sh [PYTHON]
#
# PYTHON has torch, scikit-build-core, nanobind and PyYAML; by default that of build/venv.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=${1:-$root/build/venv/bin/python}
wheels=$root/build/wheels

rm -rf "$wheels"
"$python" -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir "$wheels" \
  --config-settings=build-dir="${TORCHC_WHEEL_BUILD:-$root/build/wheel}" "$root/python"
wheel=$(ls "$wheels"/torchc-*.whl)
echo "$wheel: $(($(stat -c %s "$wheel") / 1000000)) MB"

clean=$(mktemp -d)
trap 'rm -rf "$clean"' EXIT
"$python" -m venv "$clean/venv"
"$clean/venv/bin/pip" install --quiet "$wheel"
cd "$clean"
env -u PYTHONPATH "$clean/venv/bin/python" - <<'EOF'
import sys

import numpy as np
import torchc
from torchc.runtime import load_vm_flatbuffer

vmfb = torchc.compiler.compile_str("""
func.func @forward(%x: tensor<4xf32>) -> tensor<4xf32> {
  %empty = tensor.empty() : tensor<4xf32>
  %y = linalg.add ins(%x, %x : tensor<4xf32>, tensor<4xf32>) outs(%empty : tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}""")
x = np.arange(4, dtype=np.float32)
assert torchc.load(vmfb)(x).tolist() == [0, 2, 4, 6]
assert load_vm_flatbuffer(vmfb).forward(x).to_host().tolist() == [0, 2, 4, 6]
torchc.load(vmfb).save("double.vmfb")
assert "torch" not in sys.modules
EOF
"$clean/venv/bin/python" -m torchc run double.vmfb --input=4xf32=1
"$clean/venv/bin/python" -m torchc compile --version
echo "the wheel works without PyTorch"
