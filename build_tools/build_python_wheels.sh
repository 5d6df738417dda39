#!/usr/bin/env bash
# Builds a wheel of the Python package into build/wheels, and tries it in a clean
# environment without the build tree: without PyTorch, then all its tests with it.
# Takes as long as a whole build.
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
megabytes=$(($(stat -c %s "$wheel") / 1000000))
echo "$wheel: $megabytes MB"
[ "$megabytes" -lt 80 ] || { echo "a wheel has less than 80 MB" >&2; exit 1; }

clean=$(mktemp -d)
trap 'rm -rf "$clean"' EXIT
"$python" -m venv "$clean/venv"
"$clean/venv/bin/pip" install --quiet --disable-pip-version-check "$wheel"
mkdir -p "$clean/python" "$clean/docs/HowTo"
cp -r "$root/python/test" "$root/python/write_reference.py" "$clean/python/"
cp "$root/docs/HowTo/UseFromPython.md" "$clean/docs/HowTo/"
cd "$clean"
unset PYTHONPATH
export PATH=$clean/venv/bin:/usr/bin:/bin TORCHC_CACHE_DIR=

# Nothing that it was linked from is needed.
libraries=$(ldd venv/lib/python*/site-packages/torchc/_*.so venv/lib/python*/site-packages/torchc/bin/*)
if grep -E "libLLVM|libMLIR|libzstd|libz3|libminizip" <<<"$libraries"; then
  echo "the wheel needs these libraries" >&2
  exit 1
fi

python - <<'EOF'
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
python -m torchc run double.vmfb --input=4xf32=1
python -m torchc compile --version
"$python" -c "import torch; torch.jit.save(torch.jit.script(torch.nn.ReLU()), 'relu.pt')" 2>/dev/null
if python -m torchc compile relu.pt --input=4xf32 -o relu.vmfb 2>message; then
  echo "a TorchScript file was read without libtorch" >&2
  exit 1
fi
grep -E "needs the libtorch of PyTorch [0-9]+\." message
echo "the wheel works without PyTorch"

# PyTorch, which is large, is linked instead of installed again; pip adds what it depends on.
site=$("$python" -c "import pathlib, torch; print(pathlib.Path(torch.__file__).parents[1])")
ln -s "$site"/{torch,torchgen,functorch,torch-*.dist-info} venv/lib/python*/site-packages/
pip install --quiet --disable-pip-version-check "$wheel[torch,dtypes]" safetensors pytest pytest-xdist hypothesis mypy
python -m torchc compile relu.pt --input=4xf32 -o relu.vmfb
python -m torchc run relu.vmfb --input=4xf32=-1
python -m pytest -q -n 2 -p no:cacheprovider python/test
echo "the wheel passes its tests"
