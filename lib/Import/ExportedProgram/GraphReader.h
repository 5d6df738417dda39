//===- GraphReader.h - graphs of torch.export's schema ---------*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The dataclasses of torch/_export/serde/schema.py (schema version 8) below
// `Graph`, read into the structs of CapturedProgram.h. Failures stick in the
// JSON document that the cursors belong to.
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_IMPORT_EXPORTEDPROGRAM_GRAPHREADER_H
#define TORCHC_LIB_IMPORT_EXPORTEDPROGRAM_GRAPHREADER_H

#include "JsonCursor.h"

namespace torchc {

/// A `TensorMeta`, its sizes as the ranges of `symbols` let them be. Layouts other than strided are failures.
TensorMeta readTensorMeta(JsonCursor meta, llvm::ArrayRef<SymbolRange> symbols = {});

/// An `Argument`; one that is a graph is read with it.
Argument readArgument(JsonCursor argument);

/// A `ConstantValue`.
Argument readConstantValue(JsonCursor constant);

/// A `Graph` and the graphs inside of it.
CapturedGraph readGraph(JsonCursor graph, llvm::ArrayRef<SymbolRange> symbols);

} // namespace torchc

#endif // TORCHC_LIB_IMPORT_EXPORTEDPROGRAM_GRAPHREADER_H
