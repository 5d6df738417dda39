//===- Signature.cpp - what the caller of a function sees ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Signature.h"

#include "ElementTypes.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace torchc;

std::optional<runtime::ElementType> torchc::getOutputType(DictionaryAttr signature, unsigned output) {
  auto outputs = signature ? signature.getAs<ArrayAttr>("outputs") : ArrayAttr();
  auto value = outputs && output < outputs.size() ? dyn_cast<DictionaryAttr>(outputs[output]) : DictionaryAttr();
  auto dtype = value ? value.getAs<StringAttr>("dtype") : StringAttr();
  return dtype ? parseElementType(dtype.getValue()) : std::nullopt;
}

static ArrayAttr inferValues(TypeRange types, StringRef prefix, Builder &builder) {
  SmallVector<Attribute> values;
  for (auto [i, type] : llvm::enumerate(types)) {
    SmallVector<Attribute> dims;
    Type element = type;
    if (auto tensor = dyn_cast<RankedTensorType>(type)) {
      element = tensor.getElementType();
      for (int64_t dim : tensor.getShape())
        dims.push_back(ShapedType::isDynamic(dim) ? Attribute(builder.getStringAttr("?"))
                                                  : builder.getI64IntegerAttr(dim));
    }
    std::optional<runtime::ElementType> known = element.isIndex() ? runtime::ElementType::I64 : getElementType(element);
    const char *spelling = known ? runtime::getElementName(*known) : "?";
    values.push_back(builder.getDictionaryAttr({builder.getNamedAttr("name", builder.getStringAttr(prefix + Twine(i))),
                                                builder.getNamedAttr("dtype", builder.getStringAttr(spelling)),
                                                builder.getNamedAttr("dims", builder.getArrayAttr(dims))}));
  }
  return builder.getArrayAttr(values);
}

DictionaryAttr torchc::inferSignature(FunctionOpInterface function) {
  Builder builder(function->getContext());
  return builder.getDictionaryAttr(
      {builder.getNamedAttr("inputs", inferValues(function.getArgumentTypes(), "input", builder)),
       builder.getNamedAttr("outputs", inferValues(function.getResultTypes(), "output", builder))});
}

static LogicalResult verifyValues(FunctionOpInterface function, DictionaryAttr signature, StringRef which,
                                  unsigned count) {
  auto fail = [&](const Twine &message) { return function.emitError() << kSignatureAttr << ": " << message; };
  auto values = signature.getAs<ArrayAttr>(which);
  if (!values || values.size() != count)
    return fail("needs " + Twine(count) + " " + which);
  for (Attribute attribute : values) {
    auto value = dyn_cast<DictionaryAttr>(attribute);
    if (!value || !value.getAs<StringAttr>("name") || !value.getAs<StringAttr>("dtype") ||
        !value.getAs<ArrayAttr>("dims"))
      return fail("each of its " + which + " needs a name, a dtype and dims");
    if (!parseElementType(value.getAs<StringAttr>("dtype").getValue()))
      return fail("unknown dtype '" + value.getAs<StringAttr>("dtype").getValue() + "'");
    Attribute fixed = value.get("fixed");
    if (fixed && (!value.contains("scalar") || !isa<IntegerAttr, FloatAttr>(fixed)))
      return fail("a fixed value is that of a scalar");
    for (Attribute dim : value.getAs<ArrayAttr>("dims"))
      if (!isa<IntegerAttr, StringAttr>(dim))
        return fail("a dim is an integer or a symbol");
  }
  return success();
}

LogicalResult torchc::verifySignature(FunctionOpInterface function, DictionaryAttr signature) {
  return success(succeeded(verifyValues(function, signature, "inputs", function.getNumArguments())) &&
                 succeeded(verifyValues(function, signature, "outputs", function.getNumResults())));
}
