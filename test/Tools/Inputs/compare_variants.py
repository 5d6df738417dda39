"""Runs every variant of a program that this machine can run: their results agree, and one is chosen.

    compare_variants.py PROGRAM --input=...

Prints a line for each: its name, and `equal` or what the CPU lacks.
"""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

program, *inputs = sys.argv[1:]
libraries = json.loads(subprocess.check_output(["torchc-run", program, "--list", "--json"]))["libraries"]
assert sum(library["chosen"] for library in libraries) == 1, libraries
with tempfile.TemporaryDirectory() as folder:
    output, reference = Path(folder) / "y.npy", None
    for library in reversed(libraries):  # The last one demands least.
        command = ["torchc-run", program, f"--variant={library['cpu']}", f"--output=@{output}", *inputs]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode == 4 and "this CPU lacks" in done.stderr:
            assert not library["chosen"]
            print(library["cpu"], done.stderr.strip())
            continue
        assert done.returncode == 0, done.stderr
        y = np.load(output)
        reference = y if reference is None else reference
        np.testing.assert_allclose(y, reference, rtol=1e-4, atol=1e-5)
        print(library["cpu"], "equal", "chosen" if library["chosen"] else "")
