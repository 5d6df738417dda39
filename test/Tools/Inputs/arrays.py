"""arrays.py write|check DIRECTORY: inputs for the `lines` model of export.py, and what it should give."""
import sys
import zipfile

import numpy as np

task, directory = sys.argv[1:]
x, scale = np.arange(12, dtype="f4").reshape(3, 4), np.full(2, 2, dtype="f4")
if task == "write":
    np.save(f"{directory}/x.npy", x)
    np.savez(f"{directory}/names.npz", scale=scale, x=x)
    np.savez_compressed(f"{directory}/order.npz", x, scale)
    with zipfile.ZipFile(f"{directory}/text.npz", "w") as archive:
        archive.writestr("readme.txt", "no array")
else:
    with np.load(f"{directory}/y.npz") as outputs:
        softmax, scaled = (outputs[name] for name in outputs.files)
        names = outputs.files
    assert softmax.shape == (3, 8) and scaled.shape == (2,), names
    assert np.allclose(softmax.sum(1), 1)
    near = softmax + np.eye(3, 8, dtype="f4") / 4
    np.savez(f"{directory}/near.npz", **{names[0]: near, names[1]: scaled})
    np.savez(f"{directory}/wrong.npz", **{names[0]: near, names[1]: scaled[:1]})
