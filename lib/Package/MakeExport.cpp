//===- MakeExport.cpp - signatures in the file's header ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ElementTypes.h"
#include "ModuleTables.h"
#include "Signature.h"

#include <limits>

using namespace mlir;
using namespace torchc;
namespace schema = torchc::runtime::schema;

/// A dim that only a call tells.
static constexpr int64_t kUnknown = std::numeric_limits<int64_t>::min();

/// The ordinal of a symbol in the export's table, where it is put on first use.
static int64_t getSymbol(StringRef name, DictionaryAttr ranges, schema::ExportT &result) {
  for (auto [i, symbol] : llvm::enumerate(result.symbols))
    if (symbol->name == name)
      return i;
  auto symbol = std::make_unique<schema::SymbolT>();
  symbol->name = name.str();
  if (auto range = ranges ? ranges.getAs<ArrayAttr>(name) : ArrayAttr(); range && range.size() == 2)
    if (auto min = dyn_cast<IntegerAttr>(range[0]), max = dyn_cast<IntegerAttr>(range[1]); min && max) {
      symbol->min = min.getInt();
      symbol->max = max.getInt();
    }
  result.symbols.push_back(std::move(symbol));
  return result.symbols.size() - 1;
}

static std::unique_ptr<schema::ValueT> makeValue(DictionaryAttr value,
                                                 llvm::function_ref<int64_t(StringRef, unsigned)> getDim) {
  auto result = std::make_unique<schema::ValueT>();
  result->name = value.getAs<StringAttr>("name").str();
  auto type = *parseElementType(value.getAs<StringAttr>("dtype").getValue());
  result->element_type = static_cast<uint8_t>(type);
  if (value.contains("scalar"))
    result->kind = type == runtime::ElementType::I64   ? schema::ValueKind::Int
                   : type == runtime::ElementType::F64 ? schema::ValueKind::Float
                   : type == runtime::ElementType::I1  ? schema::ValueKind::Bool
                                                       : schema::ValueKind::Tensor;
  if (auto leaf = value.getAs<IntegerAttr>("leaf"))
    result->leaf = static_cast<int32_t>(leaf.getInt());
  if (Attribute fixed = value.get("fixed")) {
    result->is_fixed = true;
    auto number = dyn_cast<FloatAttr>(fixed);
    result->fixed_bits =
        number ? number.getValue().bitcastToAPInt().getSExtValue() : cast<IntegerAttr>(fixed).getValue().getZExtValue();
  }
  for (auto [i, dim] : llvm::enumerate(value.getAs<ArrayAttr>("dims"))) {
    if (auto size = dyn_cast<IntegerAttr>(dim))
      result->dims.push_back(size.getInt());
    else
      result->dims.push_back(getDim(cast<StringAttr>(dim).getValue(), i));
  }
  return result;
}

LogicalResult torchc::makeExport(vm::FuncOp function, schema::ExportT &result) {
  auto signature = function->getAttrOfType<DictionaryAttr>(kSignatureAttr);
  if (!signature)
    return function.emitError() << "is public and has no " << kSignatureAttr;
  if (failed(verifySignature(function, signature)))
    return failure();
  result.name = function.getName().str();
  auto ranges = function->getParentOfType<ModuleOp>()->getAttrOfType<DictionaryAttr>(kSymbolsAttr);
  for (DictionaryAttr value : signature.getAs<ArrayAttr>("inputs").getAsRange<DictionaryAttr>()) {
    std::string name = value.getAs<StringAttr>("name").str();
    result.inputs.push_back(makeValue(value, [&](StringRef dim, unsigned i) -> int64_t {
      // A dim of which nothing is known is a symbol that nothing else uses.
      std::string own = name + "[" + std::to_string(i) + "]";
      return -1 - getSymbol(dim == "?" ? StringRef(own) : dim, ranges, result);
    }));
  }
  size_t bound = result.symbols.size();
  for (DictionaryAttr value : signature.getAs<ArrayAttr>("outputs").getAsRange<DictionaryAttr>()) {
    result.outputs.push_back(makeValue(value, [&](StringRef dim, unsigned) -> int64_t {
      // Only the inputs say what a symbol is.
      for (size_t i = 0; i < bound; ++i)
        if (result.symbols[i]->name == dim)
          return -1 - static_cast<int64_t>(i);
      return kUnknown;
    }));
    // Names of inputs are unique.
    if (auto mutated = value.getAs<StringAttr>("mutates"))
      for (auto [i, input] : llvm::enumerate(result.inputs))
        if (input->name == mutated.getValue())
          result.outputs.back()->mutates = static_cast<int32_t>(i);
  }
  auto getSpec = [&](StringRef name) {
    auto spec = signature.getAs<StringAttr>(name);
    return spec ? spec.str() : std::string();
  };
  result.input_spec = getSpec("input_spec");
  result.output_spec = getSpec("output_spec");
  return success();
}
