//===- ExportedProgram.h - reader of torch.export archives -----*- C++ -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   auto file = llvm::MemoryBuffer::getFile("model.pt2", false, false);
//   CaptureResult result = readExportedProgram(std::move(*file));
//   if (!result)
//     for (const std::string &error : result.errors) ...
//
// Neither Python nor libtorch takes part, and nothing of the file is run: the
// pickled sample inputs of an archive are never opened.
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_IMPORT_EXPORTEDPROGRAM_H
#define TORCHC_IMPORT_EXPORTEDPROGRAM_H

#include "torchc/Import/CaptureResult.h"
#include "torchc/Import/ZipArchive.h"

#include "llvm/ADT/ArrayRef.h"

#include <memory>

namespace llvm {
class MemoryBuffer;
}

namespace torchc {

/// Whether an archive is one that `torch.export.save` writes.
bool isExportedProgram(const ZipArchive &archive);

/// Reads an archive of `torch.export.save`, schema version 8. Tensors point
/// into `file`, which the program keeps alive: a mapped file is not read.
///
/// Strict: unknown tags, missing fields, sizes that do not fit and another
/// schema version are errors; fields that this reader does not know are not.
CaptureResult readExportedProgram(std::shared_ptr<const llvm::MemoryBuffer> file);

/// An entry point of a program that lives in memory: the text of an archive's
/// `models/NAME.json`.
struct ExportedGraph {
  std::string name;
  llvm::StringRef text;
};

/// The same for graphs that are in no file, over tensors that they share by name.
/// A symbol of several graphs is one and the same.
CaptureResult readExportedGraphs(llvm::ArrayRef<ExportedGraph> graphs, std::vector<StoredTensor> tensors);

} // namespace torchc

#endif // TORCHC_IMPORT_EXPORTEDPROGRAM_H
