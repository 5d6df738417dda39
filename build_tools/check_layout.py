#!/usr/bin/env python3
"""Checks the rules of the tree's layout: run by test.sh.

 - every pass of a stage's Passes.td has lib/<Stage>/**/<Pass>.cpp and test/<Stage>/<pass-flag>*.mlir
 - no hand-written file has more than 1,000 lines; those over 800 are named
 - families of lowering and decomposition files are those of the architecture
 - no file is called after nothing in particular (Utils, Misc, Helpers, Common)
 - every C++, C, TableGen and schema file names its licence
 - only the TorchScript reader and the module of lazy tensors include libtorch; the runtime includes neither LLVM, MLIR nor the compiler
 - links of Markdown files lead somewhere
 - the two lists of what benchmarks compare with are one
"""
import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FAMILIES = (
    "Elementwise", "Reduction", "Contraction", "Convolution", "Pooling", "Normalization", "Attention",
    "Shape", "Indexing", "Creation", "Random", "Sort", "Quantization", "Scalar", "ControlFlow",
    "LinearAlgebra", "Spectral",
)
STAGES = ("Normalize", "Decompose", "Lower", "Dispatch", "Codegen", "Object", "Package")
VAGUE = re.compile(r"(utils?|misc(ellaneous)?|helpers?|common|uncategorized)\.(cpp|h|td|py)$", re.IGNORECASE)
LICENSED = {".cpp", ".h", ".c", ".td", ".def", ".fbs"}
LICENCE = "SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception"
# What may be included only below a folder, and what may not be included below one.
LAZY_TENSORS = Path("python/src/Lazy.cpp")
LIBTORCH = re.compile(r"^#include [<\"](torch/|ATen/|c10/)", re.MULTILINE)
COMPILER = re.compile(r"^#include [<\"](llvm/|mlir/|lld/|llvm-c/|torchc/(?!runtime|linked))", re.MULTILINE)
CODE = {".cpp", ".h", ".td", ".py", ".def", ".fbs", ".c"}


def tracked_files():
    """The files that git tracks or would track; all files outside of a checkout."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    names = listed.stdout.split("\n") if listed.returncode == 0 else [str(p.relative_to(ROOT)) for p in ROOT.rglob("*")]
    return [Path(name) for name in names if name and (ROOT / name).is_file()]


def check_passes(files, problems):
    names = {str(f) for f in files}
    for stage in STAGES:
        definitions = (ROOT / "include/torchc" / stage / "Passes.td").read_text()
        for name, flag in re.findall(r'def (\w+)\s*:\s*(?:Interface)?Pass<\s*"([\w-]+)"', definitions):
            short = flag.removeprefix("torchc-")
            if flag == short:
                problems.append(f"{stage}: the flag of pass {name} does not start with torchc-: {flag}")
            if "".join(w.capitalize() for w in short.split("-")).lower() != name.lower():
                problems.append(f"{stage}: pass {name} and its flag {flag} have different names")
            if not any(re.fullmatch(rf"lib/{stage}/(.*/)?{name}\.cpp", n) for n in names):
                problems.append(f"{stage}: pass {name} has no file {name}.cpp under lib/{stage}")
            if not any(re.fullmatch(rf"test/{stage}/(.*/)?{short}(-[\w-]+)?\.(mlir|test)", n) for n in names):
                problems.append(f"{stage}: pass {name} has no test test/{stage}/{short}.mlir")


def check_families(files, problems):
    for file in files:
        if file.suffix == ".cpp" and (file.parts[:2] == ("lib", "Decompose") or file.parts[:3] == ("lib", "Lower", "TorchToLinalg")):
            text = (ROOT / file).read_text()
            if re.search(r"struct (Decompose|Lower)Aten", text) and not file.stem.startswith(FAMILIES):
                problems.append(f"{file}: holds patterns but its name starts with no op family")


def check_licences(files, problems):
    for file in files:
        if file.suffix in LICENSED and LICENCE not in (ROOT / file).read_text(errors="replace")[:1000]:
            problems.append(f"{file}: no line '{LICENCE}'")


def check_includes(files, problems):
    for file in files:
        if file.suffix not in {".cpp", ".h", ".hpp", ".c"}:
            continue
        text = (ROOT / file).read_text(errors="replace")
        if LIBTORCH.search(text) and file.parts[:3] != ("lib", "Import", "TorchScript") and file != LAZY_TENSORS:
            problems.append(f"{file}: includes libtorch outside of lib/Import/TorchScript")
        if file.parts[0] == "runtime" and COMPILER.search(text):
            problems.append(f"{file}: the runtime includes a header of the compiler")


def check_links(files, problems):
    # What the build writes is linked where an installed tree has it.
    for file in files:
        if file.suffix != ".md":
            continue
        for target in re.findall(r"\]\(([^)\s#]+)[^)]*\)", (ROOT / file).read_text()):
            if "://" not in target and not (ROOT / file.parent / target).exists():
                problems.append(f"{file}: the link to {target} leads nowhere")


def check_requirements(problems):
    # One is for environments without the package, one for those with it.
    extra = re.search(r"^benchmarks = (\[.*?\])$", (ROOT / "python/pyproject.toml").read_text(), re.MULTILINE | re.DOTALL)
    lines = (ROOT / "benchmarks/requirements.txt").read_text().splitlines()
    if ast.literal_eval(extra[1]) != [line for line in lines if not line.startswith("#")]:
        problems.append("benchmarks/requirements.txt: differs from the extra `benchmarks` of python/pyproject.toml")


def main():
    files, problems, notes = tracked_files(), [], []
    check_passes(files, problems)
    check_families(files, problems)
    check_licences(files, problems)
    check_includes(files, problems)
    check_links(files, problems)
    check_requirements(problems)
    for file in files:
        if VAGUE.search(file.name):
            problems.append(f"{file}: a name that says nothing")
        if file.suffix in CODE:
            lines = len((ROOT / file).read_text(errors="replace").splitlines())
            if lines > 1000:
                problems.append(f"{file}: {lines} lines; split it by op family or concern")
            elif lines > 800:
                notes.append(f"note: {file}: {lines} lines")
    for line in notes + problems:
        print(line, file=sys.stderr)
    if problems:
        print(f"check_layout: {len(problems)} problems", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
