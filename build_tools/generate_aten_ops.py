#!/usr/bin/env python3
"""Generates the ODS and the route table of the aten ops, and of the prim ops on numbers.

Reads the op table (AtenOps.yaml) and the operator schemas that the installed
torch registers. Writes AtenOps.td (one record an op, the in-place variants
included), AtenOps.def (`ATEN_OP(class, "name", family, route)` a line) and
AtenSchemas.def (`ATEN_SCHEMA("name", {"argument", "type", list size, default}...)`
a line, the default as JSON or nullptr for an argument that must be given).
An op of the table that torch does not have is an error.
"""
import argparse
import json
import os
import re
import sys

import torch
import torch.ao.quantization.fx._decomposed  # noqa: F401: registers quantized_decomposed
import yaml

ROUTES = ("fold", "decompose", "lower")
FAMILIES = (
    "Elementwise", "Reduction", "Contraction", "Convolution", "Pooling", "Normalization",
    "Attention", "Shape", "Indexing", "Creation", "Random", "Sort", "Quantization", "Scalar",
    "ControlFlow", "LinearAlgebra", "Spectral",
)

SCALARS = {
    "int": "Torch_IntType", "SymInt": "Torch_IntType", "float": "Torch_FloatType",
    "bool": "Torch_BoolType", "str": "Torch_StringType", "number": "AnyTorchScalar",
    "Scalar": "AnyTorchScalar", "Tensor": "AnyTorchTensor", "Device": "Torch_DeviceType",
    "Generator": "Torch_GeneratorType", "ScalarType": "Torch_IntType", "Layout": "Torch_IntType",
    "MemoryFormat": "Torch_IntType", "None": "Torch_NoneType", "Any": "AnyTorch", "t": "AnyTorch",
}


def constraint(type_text):
    """The ODS constraint of a schema type such as `Optional[List[int]]`."""
    match = re.fullmatch(r"(Optional|List)\[(.*)\]", type_text)
    if match:
        kind, inner = match.groups()
        inner = constraint(inner)
        return f"TorchOptional<{inner}>" if kind == "Optional" else f"TorchListOf<{inner}>"
    if type_text not in SCALARS:
        raise SystemExit(f"generate_aten_ops: unknown schema type '{type_text}'")
    return SCALARS[type_text]


def argument_type(argument):
    """The type of a schema argument; ints that stand for enums are ints here too."""
    return re.sub(r"Tensor\([^)]*\)", "Tensor", argument.type.annotation_str)


def class_name(op):
    """`aten.add.Tensor` -> `AtenAddTensorOp`, `aten.add_.Tensor` -> `AtenAdd_TensorOp`,
    `aten._softmax` -> `Aten_SoftmaxOp`: underscores at either end tell ops apart."""
    def camel(part):
        words = "".join(word[0].upper() + word[1:] for word in part.split("_") if word)
        leading = len(part) - len(part.lstrip("_"))
        trailing = len(part) - len(part.rstrip("_"))
        return "_" * leading + words + "_" * trailing
    return "".join(camel(part) for part in op.split(".")) + "Op"


def operand_name(name):
    """Names that C++ reserves, or that MLIR's Operation uses, get a suffix."""
    return name + "_" if name in ("operator", "operands", "operand", "attributes", "type", "default", "register") else name


def record(op, schema, family):
    """The TableGen record of one operator. Those on ints and lists fold: numbers in
    a folder (ScalarFolds.cpp), the others by canonicalization."""
    writes = any(a.alias_info is not None and a.alias_info.is_write for a in schema.arguments)
    in_place = writes and schema.arguments[0].alias_info is not None and schema.arguments[0].alias_info.is_write
    views = any(r.alias_info is not None for r in schema.returns) and not writes
    traits = []
    tags = []
    try:
        namespace, base = schema.name.split("::")
        packet = getattr(getattr(torch.ops, namespace), base)
        tags = getattr(packet, schema.overload_name or "default").tags
    except AttributeError:
        pass  # Operators on ints and lists are not in torch.ops.
    seeded = torch.Tag.nondeterministic_seeded in tags
    effect = schema.name in ("aten::_assert_scalar", "aten::_assert_tensor_metadata", "aten::_local_scalar_dense", "aten::item",
                             "aten::_linalg_check_errors")
    if in_place:
        traits.append("Torch_InPlace")
    elif not seeded and not effect and not writes:
        traits.append("Pure")
    if views:
        traits.append("Torch_View")
    operands = [f"{constraint(argument_type(a))}:${operand_name(a.name)}" for a in schema.arguments]
    if len(schema.returns) == 1:
        results = [f"{constraint(argument_type(schema.returns[0]))}:$result"]
    else:
        # What the mask of a backward op does not ask for is None.
        masked = any(a.name == "output_mask" for a in schema.arguments)
        types = [f"Optional[{argument_type(r)}]" if masked else argument_type(r) for r in schema.returns]
        results = [f"{constraint(type_text)}:$result{i}" for i, type_text in enumerate(types)]
    summary = str(schema).replace("\\", "\\\\").replace('"', '\\"')
    name = class_name(op)
    hook = ""
    if family == "Scalar":
        is_number = len(schema.returns) == 1 and argument_type(schema.returns[0]) in ("int", "float", "bool", "number", "Scalar", "SymInt")
        hook = f"  let {'hasFolder' if is_number else 'hasCanonicalizer'} = 1;\n"
    return (
        f'def Torch_{name} : Torch_AtenOp<"{op}", [{", ".join(traits)}]> {{\n'
        f'  let summary = "{summary}";\n'
        f'  let arguments = (ins {", ".join(operands)});\n'
        f'  let results = (outs {", ".join(results)});\n'
        f"{hook}}}\n"
    )


def schema_arguments(op, schema):
    """The line of AtenSchemas.def of one operator."""
    def text(value):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'

    def argument(a):
        default = text(json.dumps(a.default_value)) if a.has_default_value() else "nullptr"
        type_text = re.sub(r"Tensor\([^)]*\)", "Tensor", str(a.real_type))
        return f"{{{text(a.name)}, {text(type_text)}, {a.N or 0}, {default}}}"

    return f'ATEN_SCHEMA("torch.{op}", {", ".join(argument(a) for a in schema.arguments)})\n'


def write(path, text):
    """Replaces the file only where its text changes, so that nothing is rebuilt for nothing."""
    if not os.path.exists(path) or open(path).read() != text:
        temporary = path + ".tmp"
        with open(temporary, "w") as file:
            file.write(text)
        os.replace(temporary, path)
    os.utime(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", required=True, help="AtenOps.yaml")
    parser.add_argument("--ods", required=True, help="the .td file to write")
    parser.add_argument("--routes", required=True, help="AtenOps.def, to write")
    parser.add_argument("--schemas", required=True, help="AtenSchemas.def, to write")
    options = parser.parse_args()

    schemas = {}
    for schema in torch._C._jit_get_all_schemas():
        if schema.name.startswith(("aten::", "prim::", "quantized_decomposed::")):
            overload = "." + schema.overload_name if schema.overload_name else ""
            schemas[schema.name.replace("::", ".") + overload] = schema

    rows = {}
    for family, routes in yaml.safe_load(open(options.table)).items():
        if family not in FAMILIES:
            raise SystemExit(f"generate_aten_ops: unknown family '{family}'")
        for route, ops in routes.items():
            if route not in ROUTES:
                raise SystemExit(f"generate_aten_ops: unknown route '{route}'")
            for op in ops:
                if op in rows:
                    raise SystemExit(f"generate_aten_ops: '{op}' stands twice in the table")
                rows[op] = (family, route)

    missing = [op for op in rows if op not in schemas]
    if missing:
        raise SystemExit("generate_aten_ops: torch has no operator " + ", ".join(missing))

    for op, (family, _) in list(rows.items()):
        namespace, name, *overload = op.split(".")
        in_place = ".".join([namespace, name.removesuffix("_functional") + "_"] + overload)
        if in_place in schemas and schemas[in_place].arguments[0].alias_info is not None:
            rows[in_place] = (family, "normalize")

    ods = ["// Generated by build_tools/generate_aten_ops.py from AtenOps.yaml.\n"]
    ods += [record(op, schemas[op], rows[op][0]) for op in sorted(rows)]
    write(options.ods, "\n".join(ods))
    routes = [f'ATEN_OP({class_name(op)}, "torch.{op}", {rows[op][0]}, {rows[op][1].capitalize()})\n' for op in sorted(rows)]
    write(options.routes, "".join(routes))
    write(options.schemas, "".join(schema_arguments(op, schemas[op]) for op in sorted(rows)))


if __name__ == "__main__":
    sys.exit(main())
