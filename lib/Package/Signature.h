//===- Signature.h - what the caller of a function sees ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_PACKAGE_SIGNATURE_H
#define TORCHC_LIB_PACKAGE_SIGNATURE_H

#include "torchc/runtime/Format.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

#include <optional>

namespace torchc {

/// The attribute of a public function:
///   {inputs = [{name = "x", dtype = "f32", dims = ["s0", 4]}], outputs = [...],
///    input_spec = "...", output_spec = "..."}
/// A dim that is no integer is a symbol, or "?" where only a run tells it. An
/// input with `scalar` is a Python number.
inline constexpr llvm::StringLiteral kSignatureAttr = "torchc.signature";

/// The module attribute with the ranges of symbols: {s0 = [2, 64]}.
inline constexpr llvm::StringLiteral kSymbolsAttr = "torchc.symbols";

/// The declared element type of an output, if there is one.
std::optional<runtime::ElementType> getOutputType(mlir::DictionaryAttr signature, unsigned output);

/// The signature that the types of a function tell, for one that has none.
mlir::DictionaryAttr inferSignature(mlir::FunctionOpInterface function);

/// Fails, with an error, unless `signature` is well-formed and has as many
/// inputs and outputs as the function.
mlir::LogicalResult verifySignature(mlir::FunctionOpInterface function, mlir::DictionaryAttr signature);

} // namespace torchc

#endif // TORCHC_LIB_PACKAGE_SIGNATURE_H
