#!/usr/bin/env bash
# Installs what is missing, builds, exports a sample model with PyTorch,
# compiles it with torchc-compile, runs it with torchc-run, and shows the
# result beside PyTorch's.
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

say "building"
cmake --build "$torchc_build" --target torchc-compile torchc-run

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
say "exporting a sample model with PyTorch"
"$torchc_build/venv/bin/python" "$torchc_root/docs/examples/quickstart.py" export "$work"

export PATH="$torchc_build/bin:$PATH"
say "torchc-compile model.pt2 -o model.vmfb"
torchc-compile "$work/model.pt2" -o "$work/model.vmfb"
say "torchc-run model.vmfb --input=@x.npy --output=@y.npy"
torchc-run "$work/model.vmfb" --input=@"$work/x.npy" --output=@"$work/y.npy"

say "PyTorch and torchc side by side"
"$torchc_build/venv/bin/python" "$torchc_root/docs/examples/quickstart.py" compare "$work"
