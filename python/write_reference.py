"""Writes the reference of the Python package: signatures from its type stubs, texts from its docstrings.

    python write_reference.py FOLDER_OF_THE_PACKAGE OUTPUT.md

Fails for a public module, class or function without a docstring.
"""
import ast
import re
import sys
from pathlib import Path

_MODULES = ("__init__", "compiler", "program", "runtime", "aot", "fx", "dynamo", "training", "eager", "lazy", "errors")


def main():
    folder, output = map(Path, sys.argv[1:])
    missing, parts = [], ["# The Python package\n"]
    for name in _MODULES:
        title = "torchc" if name == "__init__" else f"torchc.{name}"
        texts = ast.parse((folder / f"{name}.py").read_text())
        # Nothing of a module's is indented but its examples.
        text = ast.get_docstring(texts, clean=False)
        parts += [f"## {title}\n", _format(text or "")]
        if not text:
            missing.append(title)
        _describe(ast.parse((folder / f"{name}.pyi").read_text()), texts, title, parts, missing)
    if missing:
        sys.exit(f"without a docstring: {', '.join(missing)}")
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text("\n".join(parts))


def _describe(stub, source, title, parts, missing):
    """The public classes and functions of a scope, in the order of its stub."""
    definitions = {node.name: node for node in source.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
    for node in stub.body:
        if not isinstance(node, (ast.ClassDef, ast.FunctionDef)) or (node.name.startswith("_") and node.name != "__call__"):
            continue
        text = ast.get_docstring(definitions[node.name]) if node.name in definitions else None
        is_class, is_top = isinstance(node, ast.ClassDef), isinstance(stub, ast.Module)
        if text is None and is_top:
            missing.append(f"{title}.{node.name}")
        parts += [f"{'###' if is_top else '####'} `{_write_signature(node, is_class)}`\n", _format(text or "")]
        if is_class:
            _describe(node, definitions[node.name], f"{title}.{node.name}", parts, missing)


def _write_signature(node, is_class):
    if is_class:
        makers = [inner for inner in node.body if isinstance(inner, ast.FunctionDef) and inner.name == "__init__"]
        # Native objects are for the package to pass.
        arguments = _write_arguments(makers[0]) if makers and "_runtime." not in ast.unparse(makers[0]) else ""
        return f"class {node.name}({arguments})"
    decorators = {ast.unparse(decorator) for decorator in node.decorator_list}
    returned = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    if "property" in decorators:
        return f"{node.name}{returned}"
    return f"{node.name}({_write_arguments(node)}){returned}"


def _write_arguments(node):
    return re.sub(r"^(self|cls)(, )?", "", ast.unparse(node.args))


def _format(text):
    """A docstring as Markdown: programs indented by four, parameters as a list."""
    lines, is_list = [], False
    for line in text.splitlines():
        if lines and re.match(r"\w+(, \w+)*: ", line):
            line, is_list = "- **" + line.replace(":", "**:", 1), True
        elif is_list and line.startswith("    "):
            line = "  " + line.strip()
        elif is_list:
            lines.append("")
            is_list = False
        lines.append(line)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
