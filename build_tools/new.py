#!/usr/bin/env python3
"""Lays out a new pass, op or opcode: declaration, file, build entry, and a test that fails
until the work is done.

    new.py pass Dispatch FormDispatches "Groups ops into kernels"
    new.py op aten.sinh Elementwise lower
    new.py opcode AbsI64 "dst:i64 <- a:i64" "dst = |a|"
"""
import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STAGES = ("Normalize", "Decompose", "Lower", "Dispatch", "Codegen", "Object", "Package")

HEADER = """//===- {file} - {summary} ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

"""


def fail(text):
    sys.exit(f"new.py: {text}")


def insert_before(path, marker, text):
    """Inserts text before the last line that starts with the marker."""
    lines = path.read_text().splitlines(keepends=True)
    at = max((i for i, line in enumerate(lines) if line.startswith(marker)), default=None)
    if at is None:
        fail(f"{path.relative_to(ROOT)} has no line that starts with '{marker}'")
    lines.insert(at, text)
    path.write_text("".join(lines))
    print(f"edited  {path.relative_to(ROOT)}")


def create(path, text):
    if path.exists():
        fail(f"{path.relative_to(ROOT)} exists")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    print(f"created {path.relative_to(ROOT)}")


def add_to_build(cmake, entry):
    """Adds a source file to the list of a torchc_add_library, in order of the alphabet."""
    text = cmake.read_text()
    match = re.search(r"torchc_add_library\(\w+\n((?:  [\w/]+\.cpp\n?)+)", text)
    if not match:
        fail(f"{cmake.relative_to(ROOT)} has no torchc_add_library with a list of files")
    block = match.group(1)
    entries = sorted(set(block.split()) | {entry})
    end = "\n" if block.endswith("\n") else ""
    cmake.write_text(text.replace(block, "\n".join("  " + e for e in entries) + end))
    print(f"edited  {cmake.relative_to(ROOT)}")


def new_pass(stage, name, summary):
    if stage not in STAGES:
        fail(f"no stage {stage}; there are: {', '.join(STAGES)}")
    short = re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()
    folder = ROOT / "lib" / stage
    create(folder / f"{name}.cpp", HEADER.format(file=f"{name}.cpp", summary=summary) + f"""#include "torchc/{stage}/Passes.h"

namespace torchc {{
#define GEN_PASS_DEF_{name.upper()}
#include "torchc/{stage}/Passes.h.inc"
}} // namespace torchc

using namespace mlir;
using namespace torchc;

namespace {{

struct {name} : torchc::impl::{name}Base<{name}> {{
  void runOnOperation() override {{}}
}};

}} // namespace
""")
    insert_before(ROOT / "include/torchc" / stage / "Passes.td", "#endif", f"""def {name} : Pass<"torchc-{short}", "mlir::ModuleOp"> {{
  let summary = "{summary}";
  let description = [{{
    Before: what holds. After: what holds. Refuses: what.
  }}];
}}

""")
    add_to_build(folder / "CMakeLists.txt", f"{name}.cpp")
    create(ROOT / "test" / stage / f"{short}.mlir", f"""// RUN: torchc-opt %s --torchc-{short} | FileCheck %s

// CHECK: write what {name} makes of this
func.func @example() {{
  return
}}
""")
    print(f"next: add create{name}() to the {stage} stage in lib/Pipeline/Pipeline.cpp")


def new_op(op, family, route):
    table = ROOT / "include/torchc/Dialect/Torch/IR/AtenOps.yaml"
    lines = table.read_text().splitlines()
    if any(line.strip() == f"- {op}" for line in lines):
        fail(f"{op} is in the table")
    if f"{family}:" not in lines:
        fail(f"the table has no family {family}")
    at = lines.index(f"{family}:") + 1
    while at < len(lines) and lines[at] != f"  {route}:":
        if lines[at] and not lines[at].startswith(" "):
            fail(f"{family} has no route {route}")
        at += 1
    at += 1
    while at < len(lines) and lines[at].startswith("    - "):
        at += 1
    lines.insert(at, f"    - {op}")
    table.write_text("\n".join(lines) + "\n")
    print(f"edited  {table.relative_to(ROOT)}")

    pattern = "".join(part[0].upper() + part[1:] for part in re.split(r"[._]", op) if part)
    stage, test = ("Decompose", "decompose-ops") if route == "decompose" else ("Lower", "lower-torch-to-linalg")
    create(ROOT / "test" / stage / f"{test}-{op.removeprefix('aten.').replace('.', '-')}.mlir",
           f"// RUN: torchc-opt %s --torchc-{test} | FileCheck %s\n\n// CHECK: write what becomes of {op}\n"
           "func.func @example() {\n  return\n}\n")
    verb = "Decompose" if route == "decompose" else "Lower"
    print(f"next: {verb}{pattern} in the {family} file of lib/{stage}; see docs/HowTo/AddAnOp.md")


def new_opcode(name, operands, meaning):
    table = ROOT / "runtime/schema/Opcodes.def"
    text = table.read_text()
    if re.search(rf"\bOP\w*\({name},", text) or f"({name}," in text:
        fail(f"{name} is in the table")
    codes = [int(code, 16) for code in re.findall(r"^\w+\(\w+, (0x[0-9A-Fa-f]+),", text, re.MULTILINE)]
    # The generator of the vm dialect's ops reads rows of one line.
    insert_before(table, "#undef TERMINATOR", f'OP({name}, 0x{max(codes) + 1:02X}, "{operands}", "{meaning}")\n\n')
    print("next: its case in runtime/src/vm; see docs/HowTo/AddAnOpcode.md")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    for kind, names in (("pass", ("stage", "name", "summary")), ("op", ("op", "family", "route")),
                        ("opcode", ("name", "operands", "meaning"))):
        command = kinds.add_parser(kind)
        for name in names:
            command.add_argument(name)
    arguments = vars(parser.parse_args())
    {"pass": new_pass, "op": new_op, "opcode": new_opcode}[arguments.pop("kind")](**arguments)


if __name__ == "__main__":
    main()
