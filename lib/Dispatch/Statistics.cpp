//===- Statistics.cpp - what the kernels of a program move and compute ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Dispatch/Statistics.h"

#include "torchc/Dialect/Dispatch/IR/DispatchDialect.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/Format.h"

#include <numeric>

using namespace mlir;
using namespace torchc;

static constexpr int64_t kAssumedExtent = 64;

static double getExtent(int64_t extent) { return ShapedType::isDynamic(extent) ? kAssumedExtent : extent; }

static double countElements(ShapedType type) {
  double count = 1;
  for (int64_t extent : type.getShape())
    count *= getExtent(extent);
  return count;
}

static double countBytes(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return 0;
  Type element = tensor.getElementType();
  int64_t parts = isa<ComplexType>(element) ? 2 : 1;
  if (auto complex = dyn_cast<ComplexType>(element))
    element = complex.getElementType();
  int64_t bits = element.isIndex() ? 64 : element.getIntOrFloatBitWidth();
  return countElements(tensor) * parts * llvm::divideCeil(bits, 8);
}

/// Whether the kernel reads only some elements of `tensor`, at places that it computes or at those of a slice.
static bool isLookedUp(Value tensor) {
  return llvm::all_of(tensor.getUsers(), [](Operation *user) {
    // Packed weights in their own order are but a view.
    if (auto unpack = dyn_cast<linalg::UnPackOp>(user))
      return isLookedUp(unpack.getResult());
    return isa<tensor::ExtractOp, tensor::ExtractSliceOp, tensor::DimOp>(user);
  });
}

namespace {
struct KernelStatistics {
  std::string name;
  std::vector<double> readBytes; ///< Of each tensor argument.
  double writtenBytes = 0;
  double operations = 0; ///< Of its sums: two for each element that is multiplied and added.
  unsigned calls = 0;

  explicit KernelStatistics(dispatch::KernelOp kernel);
  double getBytes() const { return std::accumulate(readBytes.begin(), readBytes.end(), writtenBytes); }
};
} // namespace

KernelStatistics::KernelStatistics(dispatch::KernelOp kernel) : name(kernel.getSymName()) {
  for (Type type : kernel.getResultTypes())
    writtenBytes += countBytes(type);
  for (BlockArgument argument : kernel.getBody().getArguments().take_front(kernel.getNumTensors())) {
    double bytes = countBytes(argument.getType());
    readBytes.push_back(isLookedUp(argument) ? std::min(bytes, writtenBytes) : bytes);
  }
  kernel.walk([&](linalg::LinalgOp op) {
    if (op.getNumReductionLoops() == 0)
      return;
    double points = 1;
    for (int64_t extent : op.getStaticLoopRanges())
      points *= getExtent(extent);
    operations += op.getNumDpsInputs() > 1 ? 2 * points : points;
  });
  kernel.walk([&](dispatch::AttentionOp op) {
    constexpr unsigned kKey = 1;
    auto key = cast<RankedTensorType>(op.getInputs()[kKey].getType()),
         result = cast<RankedTensorType>(op.getInit().getType());
    double keys = getExtent(key.getDimSize(op.getDim(kKey, op.getKeyLoop())));
    double inner = getExtent(key.getDimSize(op.getDim(kKey, op.getInnerLoop())));
    double columns = getExtent(result.getShape().back());
    operations += 2 * countElements(result) / columns * keys * (inner + columns);
  });
}

/// What no kernel makes: the parameter or the global that `tensor` is a view of. Null for a kernel's result.
static std::optional<std::pair<void *, StringRef>> findOrigin(Value tensor) {
  while (Operation *op = tensor.getDefiningOp()) {
    if (auto load = dyn_cast<ml_program::GlobalLoadConstOp>(op))
      return std::pair(nullptr, load.getGlobal().getLeafReference().getValue());
    if (auto load = dyn_cast<ml_program::GlobalLoadOp>(op))
      return std::pair(nullptr, load.getGlobal().getLeafReference().getValue());
    if (!isa<tensor::CastOp, tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op))
      return std::nullopt;
    tensor = op->getOperand(0);
  }
  auto argument = cast<BlockArgument>(tensor);
  if (!isa<func::FuncOp>(argument.getOwner()->getParentOp()))
    return std::nullopt;
  return std::pair(tensor.getAsOpaquePointer(), StringRef());
}

void torchc::printStatistics(ModuleOp module, llvm::raw_ostream &out) {
  llvm::MapVector<StringRef, KernelStatistics> kernels;
  bool isDynamic = false;
  for (auto kernel : module.getOps<dispatch::KernelOp>()) {
    kernels.try_emplace(kernel.getSymName(), KernelStatistics(kernel));
    isDynamic |= kernel.getArgumentTypes().size() != kernel.getNumTensors();
  }
  llvm::MapVector<std::pair<void *, StringRef>, double> origins; // The most that any call reads.
  double least = 0;
  module.walk([&](Operation *op) {
    if (auto call = dyn_cast<dispatch::CallOp>(op)) {
      KernelStatistics &kernel = kernels.find(call.getKernel())->second;
      ++kernel.calls;
      for (auto [input, bytes] : llvm::zip_equal(call.getInputs(), kernel.readBytes))
        if (auto origin = findOrigin(input))
          origins[*origin] = std::max(origins[*origin], bytes);
    } else if (isa<func::ReturnOp>(op)) {
      for (Value result : op->getOperands())
        least += findOrigin(result) ? 0 : countBytes(result.getType());
    }
  });
  for (const auto &[origin, bytes] : origins)
    least += bytes;

  SmallVector<KernelStatistics *> list;
  double bytes = 0, operations = 0;
  unsigned calls = 0;
  for (auto &[name, kernel] : kernels) {
    list.push_back(&kernel);
    bytes += kernel.calls * kernel.getBytes();
    operations += kernel.calls * kernel.operations;
    calls += kernel.calls;
  }
  llvm::sort(list, [](const KernelStatistics *a, const KernelStatistics *b) {
    return std::pair(-(a->calls * a->getBytes()), StringRef(a->name)) <
           std::pair(-(b->calls * b->getBytes()), StringRef(b->name));
  });
  out << llvm::format("%zu kernels, %u calls, %.3f MB, %.3f GFLOP", list.size(), calls, bytes / 1e6, operations / 1e9)
      << llvm::format("; inputs, weights and outputs alone: %.3f MB\n", least / 1e6);
  if (isDynamic)
    out << "with " << kAssumedExtent << " for each dim that is not known\n";
  out << "   calls     MB read  MB written       GFLOP  kernel\n";
  for (const KernelStatistics *kernel : list)
    out << llvm::format("%8u%12.3f%12.3f%12.4f  ", kernel->calls,
                        kernel->calls * (kernel->getBytes() - kernel->writtenBytes) / 1e6,
                        kernel->calls * kernel->writtenBytes / 1e6, kernel->calls * kernel->operations / 1e9)
        << kernel->name << "\n";
}
