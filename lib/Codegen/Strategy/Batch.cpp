//===- Batch.cpp - algorithms on the members of a batch ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Each member of a dispatch.batch runs from start to end in one work group, in the memory of
// the results; what is no result is in scratch memory. Code is scalar.
//
// Grid: x counts ranges of members, as many a group as make up kWorkPerGroup.
//
//===----------------------------------------------------------------------===//

#include "torchc/Codegen/Strategy.h"

using namespace mlir;
using namespace torchc;

static dispatch::BatchOp getBatch(dispatch::KernelOp kernel) {
  auto batches = kernel.getBody().getOps<dispatch::BatchOp>();
  return batches.empty() ? dispatch::BatchOp() : *batches.begin();
}

static bool matchesBatch(dispatch::KernelOp kernel, const TargetInfo &) { return static_cast<bool>(getBatch(kernel)); }

/// The elements of one member; dynamic extents as `kAssumedExtent`.
static int64_t countElements(RankedTensorType type, int64_t assumed) {
  int64_t count = 1;
  for (int64_t extent : type.getShape().drop_front())
    count *= ShapedType::isDynamic(extent) ? assumed : extent;
  return count;
}

/// The algorithms are cubic in the extents of square matrices.
static int64_t getMembersPerGroup(dispatch::BatchOp batch) {
  double work = 1;
  for (Type type : batch.getResultTypes())
    work = std::max(work, std::pow(countElements(cast<RankedTensorType>(type), kAssumedExtent), 1.5));
  return std::max<int64_t>(1, std::llround(kWorkPerGroup / work));
}

/// Where result `i` is computed.
static Buffer getMemory(ValueEmitter &emitter, dispatch::BatchOp batch, unsigned i) {
  Value result = batch.getResult(i);
  auto returned = emitter.getKernel().getBody().front().getTerminator()->getOperands();
  if (auto found = llvm::find(returned, result); found != returned.end())
    return emitter.getResultBuffer(std::distance(returned.begin(), found), result);
  auto type = cast<RankedTensorType>(result.getType());
  if (llvm::any_of(type.getShape().drop_front(), ShapedType::isDynamic))
    emitter.fail(batch, "scratch memory of a size that is not constant");
  int64_t bytes = countElements(type, 0) * llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  Buffer buffer = emitter.getBuffer(emitter.allocateScratch(bytes), type.getElementType(), emitter.getExtents(result),
                                    /*readOnly=*/false);
  // All members take turns.
  buffer.strides.front() = Index(0);
  return buffer;
}

/// Copies what the algorithm starts from.
static void emitInit(ValueEmitter &emitter, Value init, const Buffer &buffer, Indices at, unsigned dim) {
  if (init.getDefiningOp<tensor::EmptyOp>())
    return;
  if (dim == at.size())
    return emitter.store(emitter.emit(init, at), buffer, at);
  emitter.emitLoop(0, emitter.getExtent(init, dim), 1, [&](Index index) {
    at[dim] = index;
    emitInit(emitter, init, buffer, at, dim + 1);
  });
}

static Grid emitBatchKernel(ValueEmitter &emitter) {
  dispatch::BatchOp batch = getBatch(emitter.getKernel());
  AffineExpr one = getAffineConstantExpr(1, batch.getContext());
  AffineExpr count = emitter.getScalarExpr(OpFoldResult(batch.getCount()));
  if (!count) {
    emitter.fail(batch, "the size of a batch does not follow from the sizes");
    return {one, one, one};
  }
  SmallVector<Buffer> memory;
  for (unsigned i = 0; i != batch.getNumResults(); ++i)
    memory.push_back(getMemory(emitter, batch, i));
  int64_t share = getMembersPerGroup(batch);
  Index lower = emitter.mul(emitter.getWorkgroup(0), share);
  Index upper = emitter.min(emitter.add(lower, share), emitter.evaluate(count, {}));
  emitter.emitLoop(lower, upper, 1, [&](Index member) {
    for (auto [init, buffer] : llvm::zip_equal(batch.getInits(), memory)) {
      Indices at(buffer.strides.size());
      at.front() = member;
      emitInit(emitter, init, buffer, at, 1);
    }
    emitter.emitBatch(batch, member, memory);
  });
  return {count.ceilDiv(share), one, one};
}

const Strategy torchc::kBatch = {"batch", {}, matchesBatch, emitBatchKernel};
