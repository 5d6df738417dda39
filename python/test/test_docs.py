"""The Python of docs/HowTo/UseFromPython.md, block by block, as one program."""
import re
from pathlib import Path

import torch

PAGE = Path(__file__).resolve().parents[2] / "docs/HowTo/UseFromPython.md"


def test_use_from_python(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TORCHC_CACHE_DIR", str(tmp_path / "cache"))
    torch._dynamo.reset()
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    names = {}
    for number, block in enumerate(blocks):
        exec(compile(block, f"block {number}", "exec"), names)
    assert torch.allclose(
        torch.as_tensor(names["y"]), names["model"](torch.ones(5, 8)), atol=1e-5)
    assert "is 3x9xf32, must be 3x8xf32" in capsys.readouterr().out
