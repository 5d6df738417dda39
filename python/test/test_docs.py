"""The Python of docs/HowTo/UseFromPython.md, block by block, as one program; the reference, of docstrings."""
import re
import subprocess
import sys
from pathlib import Path

import torch

import torchc

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


def test_reference(tmp_path):
    """Each public class and function is there, with a text; those without one are named."""
    script = Path(__file__).resolve().parents[1] / "write_reference.py"
    package = Path(torchc.__file__).parent
    subprocess.run([sys.executable, script, package, tmp_path / "Python.md"], check=True)
    page = (tmp_path / "Python.md").read_text()
    for part in ("## torchc.runtime", "### `class SystemContext(vm_modules: Sequence[VmModule]=(), config: Config | None=None)`",
                 "#### `invoke_async(*args: Any, **kwargs: Any) -> Future[Any]`", "- **dynamic_shapes**: as for torch.export.export.",
                 "    y = context.modules.model.forward(x).to_host()"):
        assert part in page, part
    for name in package.glob("*.py*"):
        if name.is_file():
            (tmp_path / name.name).write_text(name.read_text().replace('    """Compiles a model.\n', '    0\n    """'))
    silent = subprocess.run([sys.executable, script, tmp_path, tmp_path / "none.md"], capture_output=True, text=True)
    assert silent.returncode == 1 and "without a docstring: torchc.compiler.compile\n" in silent.stderr
