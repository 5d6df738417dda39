"""The type stubs say what the modules have."""
import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import torchc

PACKAGE = Path(torchc.__file__).parent
STUBS = sorted(path.stem for path in PACKAGE.glob("*.pyi"))
CONFIG = """
[mypy]
follow_imports_for_stubs = True
[mypy-torch.*,numpy.*,sympy.*,ml_dtypes.*,safetensors.*]
follow_imports = skip
ignore_missing_imports = True
"""


def test_each_public_module_has_a_stub():
    public = {path.stem for path in PACKAGE.glob("*.py")} - {"__main__", "cache", "graph", "pytree", "reference"}
    assert public | {"_compiler", "_lazy", "_runtime"} == set(STUBS)
    assert (PACKAGE / "py.typed").exists()


def test_python_modules(tmp_path):
    pytest.importorskip("mypy")
    (tmp_path / "mypy.ini").write_text(CONFIG)
    # A native base gives Program its metaclass; the last is what a wheel has beside the modules.
    others = r"torchc\.(_compiler|_runtime|_lazy|cache|graph|pytree|reference)\..*", r"torchc\.program\.Program", r"torchc\.libTorchcTorchScript"
    (tmp_path / "others").write_text("\n".join(others))
    result = subprocess.run([sys.executable, "-m", "mypy.stubtest", "torchc", "--concise", "--allowlist", tmp_path / "others",
                             "--ignore-unused-allowlist", "--mypy-config-file", tmp_path / "mypy.ini"], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def describe(body):
    """What a stub has by name: functions the names of their parameters, classes what they have."""
    found = {}
    for node in body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = [argument.arg for argument in node.args.args if argument.arg != "self"]
        elif isinstance(node, ast.ClassDef) and not any(ast.unparse(base) == "TypedDict" for base in node.bases):
            found[node.name] = describe(node.body)
        elif isinstance(node, ast.AnnAssign):
            found[node.target.id] = None
    return found


def read_parameters(signature):
    """Of "def f(self, x: list[tuple[str, int]]) -> None"."""
    while signature != (signature := re.sub(r"\[[^\[\]]*\]", "", signature)):
        pass
    return re.findall(r"(\w+): ", signature)


def describe_native(scope):
    found = {}
    for name, value in vars(scope).items():
        if isinstance(value, type):
            found[name] = describe_native(value)
        elif hasattr(value, "__nb_signature__"):
            found[name] = read_parameters(value.__nb_signature__[0][0])
        elif isinstance(value, property):
            found[name] = []
        elif not name.startswith("_"):
            found[name] = None
    return found


@pytest.mark.parametrize("name", ["_compiler", "_lazy", "_runtime"])
def test_native_modules(name):
    stub = describe(ast.parse((PACKAGE / f"{name}.pyi").read_text()).body)
    assert stub == describe_native(importlib.import_module(f"torchc.{name}"))
