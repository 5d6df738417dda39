"""Writes the ODS of the vm dialect's instructions from runtime/schema/Opcodes.def.

One op an opcode, with the table's operand names in the table's order. Only Block has
no op: a block of the function's region is one.
"""
import argparse
import re

ENTRY = re.compile(r'^(OP|TERMINATOR)\((\w+), (0x[0-9A-F]+), "([^"]*)", "([^"]*)"\)', re.MULTILINE)
LISTS = {"i64s": "I64", "refs": "VM_RefType", "values": "VM_Value"}
SYMBOLS = {"function", "external", "kernel", "constant", "parameter", "global_i64", "global_ref"}
ATTRIBUTES = {"imm64": "I64Attr", "index": "I32Attr", "type": "TypeAttr", "message": "StrAttr"}


def snake(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def declare(kind, name):
    """The ODS argument of an operand."""
    if kind in LISTS:
        return f"Variadic<{LISTS[kind]}>:${name}"
    if kind in SYMBOLS:
        return f"FlatSymbolRefAttr:${name}"
    if kind in ATTRIBUTES:
        return f"{ATTRIBUTES[kind]}:${name}"
    return {"i64": "I64", "ref": "VM_RefType"}[kind] + f":${name}"


def generate(name, terminator, operands, meaning):
    left, arrow, right = operands.partition("<-")
    if not arrow:
        left, right = "", operands
    results = [word.split(":") for word in left.split()]
    inputs = [word.split(":") for word in right.split()]
    targets = [word for word, kind in inputs if kind == "target"]
    inputs = [(word, kind) for word, kind in inputs if kind != "target"]

    arguments = [declare(kind, word) for word, kind in inputs]
    # A branch to one block passes values to it; the writer makes moves of them.
    if len(targets) == 1:
        arguments.append("Variadic<VM_Value>:$arguments")
    traits = []
    if terminator:
        traits.append("Terminator")
    if name == "Ret":
        traits.append("ReturnLike")
    if len(targets) == 1:
        traits.append("DeclareOpInterfaceMethods<BranchOpInterface>")
    if sum("Variadic" in argument for argument in arguments) > 1:
        traits.append("AttrSizedOperandSegments")
    scalar = {kind for _, kind in inputs + results} <= {"i64", "imm64"}
    if scalar and results and "fails" not in meaning:
        traits.append("Pure")

    calls = any(kind == "values" for _, kind in results)
    parts = []
    for word, kind in inputs:
        if kind == "values" and calls:
            parts[-1] += f" `(` ${word} `)`"
        elif kind == "values":
            parts.append(f"(${word}^ `:` type(${word}))?")
        elif kind in LISTS:
            parts.append(f"`[` ${word} `]`")
        else:
            parts.append(f"${word}")
    if len(targets) == 1:
        parts.append(f"${targets[0]}Block (`(` $arguments^ `:` type($arguments) `)`)?")
    else:
        parts += [f"${target}Block" for target in targets]
    form = " `,` ".join(parts) + " attr-dict"
    if calls:
        form += f" `:` functional-type($arguments, ${results[0][0]})"

    lines = [f'def VM_{name}Op : VM_Instruction<"{snake(name)}", "{name}", [{", ".join(traits)}]> {{',
             f"  let summary = {quote(meaning)};",
             f"  let arguments = (ins {', '.join(arguments)});"]
    if results:
        lines.append(f"  let results = (outs {', '.join(declare(kind, word) for word, kind in results)});")
    if targets:
        lines.append(f"  let successors = (successor {', '.join(f'AnySuccessor:${target}Block' for target in targets)});")
    lines += [f"  let assemblyFormat = {quote(form)};", "}", ""]
    return "\n".join(lines)


def quote(text):
    return '"' + text.replace('"', '\\"') + '"'


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table")
    parser.add_argument("-o", dest="output", required=True)
    arguments = parser.parse_args()
    with open(arguments.table) as file:
        entries = ENTRY.findall(file.read())
    ops = [generate(name, macro == "TERMINATOR", operands, meaning)
           for macro, name, _, operands, meaning in entries if name != "Block"]
    with open(arguments.output, "w") as file:
        file.write("// Generated from Opcodes.def.\n\n" + "\n".join(ops))


if __name__ == "__main__":
    main()
