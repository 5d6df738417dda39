//===- TorchTypes.cpp - types of the torch dialect and their text ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Dialect/Torch/IR/TorchDialect.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace torchc::torch;

// A type inside `<...>` of another torch type is written without `!torch.`.
static ParseResult parseNestedType(AsmParser &parser, Type &type);
static void printNestedType(AsmPrinter &printer, Type type);

#define GET_TYPEDEF_CLASSES
#include "torchc/Dialect/Torch/IR/TorchTypes.cpp.inc"

static ParseResult parseNestedType(AsmParser &parser, Type &type) {
  llvm::SMLoc loc = parser.getCurrentLocation();
  StringRef mnemonic;
  OptionalParseResult result = generatedTypeParser(parser, &mnemonic, type);
  if (result.has_value())
    return *result;
  return parser.emitError(loc, "unknown torch type '") << mnemonic << "'";
}

static void printNestedType(AsmPrinter &printer, Type type) { (void)generatedTypePrinter(type, printer); }

void TorchDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "torchc/Dialect/Torch/IR/TorchTypes.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Containers
//===----------------------------------------------------------------------===//

template <typename ContainerType> static Type parseContainer(AsmParser &parser) {
  Type contained;
  if (parser.parseLess() || parseNestedType(parser, contained) || parser.parseGreater())
    return {};
  return ContainerType::get(contained);
}

template <typename ContainerType> static void printContainer(AsmPrinter &printer, ContainerType type) {
  printer << "<";
  printNestedType(printer, type.getContainedType());
  printer << ">";
}

Type ListType::parse(AsmParser &parser) { return parseContainer<ListType>(parser); }
void ListType::print(AsmPrinter &printer) const { printContainer(printer, *this); }
Type OptionalType::parse(AsmParser &parser) { return parseContainer<OptionalType>(parser); }
void OptionalType::print(AsmPrinter &printer) const { printContainer(printer, *this); }

Type torchc::torch::TupleType::parse(AsmParser &parser) {
  SmallVector<Type> types;
  if (parser.parseLess())
    return {};
  if (succeeded(parser.parseOptionalGreater()))
    return torchc::torch::TupleType::get(parser.getContext(), types);
  if (parser.parseCommaSeparatedList([&] { return parseNestedType(parser, types.emplace_back()); }) ||
      parser.parseGreater())
    return {};
  return torchc::torch::TupleType::get(parser.getContext(), types);
}

void torchc::torch::TupleType::print(AsmPrinter &printer) const {
  printer << "<";
  llvm::interleaveComma(getContainedTypes(), printer.getStream(), [&](Type type) { printNestedType(printer, type); });
  printer << ">";
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

static bool isTensorElementType(Type type) {
  if (auto integer = dyn_cast<IntegerType>(type)) {
    unsigned width = integer.getWidth();
    if (integer.isSignless())
      return width == 1;
    return width == 8 || width == 16 || width == 32 || width == 64;
  }
  if (auto complex = dyn_cast<ComplexType>(type))
    return isa<mlir::FloatType>(complex.getElementType());
  return isa<mlir::FloatType>(type);
}

static LogicalResult verifyTensor(function_ref<InFlightDiagnostic()> emitError, bool hasSizes, ArrayRef<int64_t> sizes,
                                  Type dtype) {
  if (!hasSizes && !sizes.empty())
    return emitError() << "a tensor of unknown rank has no sizes";
  for (int64_t size : sizes)
    if (size < 0 && !ShapedType::isDynamic(size))
      return emitError() << "negative size " << size;
  if (dtype && !isTensorElementType(dtype))
    return emitError() << "not an element type of torch tensors: " << dtype;
  return success();
}

template <typename TensorType> static Type parseTensor(AsmParser &parser) {
  MLIRContext *context = parser.getContext();
  if (failed(parser.parseOptionalLess()))
    return TensorType::get(context, false, {}, Type());
  llvm::SMLoc loc = parser.getCurrentLocation();
  bool hasSizes = failed(parser.parseOptionalStar());
  SmallVector<int64_t> sizes;
  if (hasSizes) {
    auto parseSize = [&]() -> ParseResult {
      if (succeeded(parser.parseOptionalQuestion())) {
        sizes.push_back(ShapedType::kDynamic);
        return success();
      }
      return parser.parseInteger(sizes.emplace_back());
    };
    if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseSize))
      return {};
  }
  Type dtype;
  if (parser.parseComma())
    return {};
  if (failed(parser.parseOptionalKeyword("unk")) && parser.parseType(dtype))
    return {};
  if (parser.parseGreater())
    return {};
  return parser.getChecked<TensorType>(loc, context, hasSizes, ArrayRef<int64_t>(sizes), dtype);
}

template <typename TensorType> static void printTensor(AsmPrinter &printer, TensorType type) {
  if (!type.hasRank() && !type.hasDtype())
    return;
  printer << "<";
  if (type.hasRank()) {
    printer << "[";
    llvm::interleave(
        type.getSizes(), printer.getStream(),
        [&](int64_t size) {
          if (ShapedType::isDynamic(size))
            printer << "?";
          else
            printer << size;
        },
        ",");
    printer << "]";
  } else {
    printer << "*";
  }
  printer << ",";
  if (type.hasDtype())
    printer << type.getDtype();
  else
    printer << "unk";
  printer << ">";
}

Type ValueTensorType::parse(AsmParser &parser) { return parseTensor<ValueTensorType>(parser); }
void ValueTensorType::print(AsmPrinter &printer) const { printTensor(printer, *this); }
LogicalResult ValueTensorType::verify(function_ref<InFlightDiagnostic()> emitError, bool hasSizes,
                                      ArrayRef<int64_t> sizes, Type dtype) {
  return verifyTensor(emitError, hasSizes, sizes, dtype);
}
Type NonValueTensorType::parse(AsmParser &parser) { return parseTensor<NonValueTensorType>(parser); }
void NonValueTensorType::print(AsmPrinter &printer) const { printTensor(printer, *this); }
LogicalResult NonValueTensorType::verify(function_ref<InFlightDiagnostic()> emitError, bool hasSizes,
                                         ArrayRef<int64_t> sizes, Type dtype) {
  return verifyTensor(emitError, hasSizes, sizes, dtype);
}

//===----------------------------------------------------------------------===//
// BaseTensorType
//===----------------------------------------------------------------------===//

template <typename Function> static auto visitTensor(Type type, Function function) {
  if (auto value = dyn_cast<ValueTensorType>(type))
    return function(value);
  return function(cast<NonValueTensorType>(type));
}

bool BaseTensorType::hasRank() const {
  return visitTensor(*this, [](auto type) { return type.hasRank(); });
}
ArrayRef<int64_t> BaseTensorType::getSizes() const {
  return visitTensor(*this, [](auto type) { return type.getSizes(); });
}
Type BaseTensorType::getOptionalDtype() const {
  return visitTensor(*this, [](auto type) { return type.getOptionalDtype(); });
}
ValueTensorType BaseTensorType::getValueType() const {
  return visitTensor(*this, [](auto type) {
    return ValueTensorType::get(type.getContext(), type.getHasSizes(), type.getKnownSizes(), type.getOptionalDtype());
  });
}
NonValueTensorType BaseTensorType::getNonValueType() const {
  return visitTensor(*this, [](auto type) {
    return NonValueTensorType::get(type.getContext(), type.getHasSizes(), type.getKnownSizes(),
                                   type.getOptionalDtype());
  });
}
RankedTensorType BaseTensorType::toBuiltinTensor() const {
  Type dtype = getDtype();
  if (auto integer = dyn_cast<IntegerType>(dtype))
    dtype = IntegerType::get(getContext(), integer.getWidth());
  return RankedTensorType::get(getSizes(), dtype);
}
