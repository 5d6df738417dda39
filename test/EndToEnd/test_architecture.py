"""The samples of docs/Architecture.md are what the stages write."""
import os
import pathlib
import re
import subprocess

import pytest

from cases import find_case, write_model

DOCUMENT = pathlib.Path(__file__).parents[2] / "docs" / "Architecture.md"
SECTIONS = re.findall(r"^## (\d)\. (\w+)\n(.*?)(?=^## )", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
SAMPLES = [
    (f"{number}-{name.lower()}", line.strip())
    for number, name, text in SECTIONS
    for block in re.findall(r"^```mlir\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
    if line.strip(" }")
]


@pytest.fixture(scope="module")
def stages(tmp_path_factory):
    """stage's file name -> the MLP's IR after it, with one blank between words."""
    folder = tmp_path_factory.mktemp("architecture")
    path, _ = write_model(find_case("mlp"), "pt2", folder)
    tool = pathlib.Path(os.environ["TORCHC_BIN"]) / "torchc-compile"
    subprocess.run([tool, path, "-o", folder / "mlp.vmfb", f"--dump-stages={folder}"], check=True)
    return {file.stem: " ".join(file.read_text().split()) for file in folder.glob("*.mlir")}


@pytest.mark.parametrize("stage, sample", SAMPLES)
def test_sample_is_real(stages, stage, sample):
    # Values are numbered in order of their place in the file; an ellipsis stands for what is left out.
    words = re.escape(" ".join(sample.split()))
    pattern = re.sub(r"%\d+", r"%\\d+", words).replace(re.escape("..."), ".*?")
    pattern = re.sub(r"%(in|out)(_\d+)?(?![\w])", r"%\1\\w*", pattern)
    assert re.search(pattern, stages[stage]), f"{stage} does not write: {sample}"
