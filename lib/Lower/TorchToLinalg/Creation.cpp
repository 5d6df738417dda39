//===- Creation.cpp - tensors made from numbers ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Elementwise.h"
#include "Sizes.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

/// A tensor of `sizes` that repeats a number of the torch dialect.
static FailureOr<Value> createRepeated(Lowering &b, Value torchNumber, ArrayRef<OpFoldResult> sizes, Type dtype) {
  Type from = Lowering::getDtype(torchNumber);
  if (!from || isa<ComplexType>(dtype))
    return b.refuse("value is not an int, float or bool, or complex numbers");
  Value number = b.get(torchNumber);
  if (getConstantNumber(torchNumber))
    return linalg::FillOp::create(b, convertElement(b, number, from, dtype), createEmpty(b, sizes, getValueType(dtype)))
        .getResult(0);
  // The host has no floats: the number is converted where it is written.
  return createMapped(b, {}, sizes, getValueType(dtype), [&](ImplicitLocOpBuilder &body, ValueRange) {
    return convertElement(body, number, from, dtype);
  });
}

/// The sizes a list gives; those that the result's type knows are constants.
static FailureOr<SmallVector<OpFoldResult>> getResultSizes(Lowering &b, Value list, Value result) {
  std::optional<SmallVector<OpFoldResult>> sizes = b.getSizeList(list);
  RankedTensorType type = b.getTensorType(result);
  if (!sizes || type.getRank() != static_cast<int64_t>(sizes->size()))
    return b.refuse("sizes are not a list built in sight");
  for (auto [size, extent] : llvm::zip(*sizes, type.getShape()))
    if (!ShapedType::isDynamic(extent))
      size = b.getIndexAttr(extent);
  return *sizes;
}

namespace {

struct LowerAtenFull : LowerOp<LowerAtenFull, AtenFullOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenFullOp op, Lowering &b) const {
    FailureOr<SmallVector<OpFoldResult>> sizes = getResultSizes(b, op.getSize(), op.getResult());
    if (failed(sizes))
      return failure();
    return createRepeated(b, op.getFillValue(), *sizes, Lowering::getDtype(op.getResult()));
  }
};

struct LowerAtenScalarTensor : LowerOp<LowerAtenScalarTensor, AtenScalarTensorOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenScalarTensorOp op, Lowering &b) const {
    return createRepeated(b, op.getS(), {}, Lowering::getDtype(op.getResult()));
  }
};

struct LowerAtenEmptyMemoryFormat : LowerOp<LowerAtenEmptyMemoryFormat, AtenEmptyMemoryFormatOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenEmptyMemoryFormatOp op, Lowering &b) const {
    FailureOr<SmallVector<OpFoldResult>> sizes = getResultSizes(b, op.getSize(), op.getResult());
    if (failed(sizes))
      return failure();
    return createEmpty(b, *sizes, b.getTensorType(op.getResult()).getElementType());
  }
};

/// start + i step, as many as lie before end. Computed in i64 or f64.
struct LowerAtenArangeStartStep : LowerOp<LowerAtenArangeStartStep, AtenArangeStartStepOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenArangeStartStepOp op, Lowering &b) const {
    Type dtype = Lowering::getDtype(op.getResult());
    Type startDtype = Lowering::getDtype(op.getStart()), stepDtype = Lowering::getDtype(op.getStep());
    if (!startDtype || !stepDtype || isa<ComplexType>(dtype))
      return b.refuse("start or step is not an int or float, or complex numbers");
    FailureOr<OpFoldResult> size = getLength(op, b);
    if (failed(size))
      return failure();
    Type compute = isFloat(dtype) ? Type(b.getF64Type()) : IntegerType::get(b.getContext(), 64, IntegerType::Signed);
    Value start = b.get(op.getStart()), step = b.get(op.getStep());
    return createFromIndices(b, *size, getValueType(dtype), [&](ImplicitLocOpBuilder &body, ValueRange indices) {
      Value first = convertElement(body, start, startDtype, compute);
      Value factor = convertElement(body, step, stepDtype, compute);
      Value index = arith::IndexCastOp::create(body, body.getI64Type(), indices[0]);
      Value value;
      if (isFloat(compute)) {
        index = arith::SIToFPOp::create(body, compute, index);
        value = body.createOrFold<arith::AddFOp>(first, body.createOrFold<arith::MulFOp>(index, factor));
      } else {
        value = body.createOrFold<arith::AddIOp>(first, body.createOrFold<arith::MulIOp>(index, factor));
      }
      return convertElement(body, value, compute, dtype);
    });
  }

  /// ceil((end - start) / step)
  static FailureOr<OpFoldResult> getLength(AtenArangeStartStepOp op, Lowering &b) {
    int64_t extent = b.getTensorType(op.getResult()).getDimSize(0);
    if (!ShapedType::isDynamic(extent))
      return OpFoldResult(b.getIndexAttr(extent));
    std::optional<int64_t> step = getConstantInt(op.getStep());
    if (!isa<torch::IntType>(op.getStart().getType()) || !isa<torch::IntType>(op.getEnd().getType()) || !step ||
        *step == 0)
      return b.refuse("a length that is not static needs start and end of type int and a constant step");
    OpFoldResult start = b.getSize(op.getStart()), end = b.getSize(op.getEnd());
    OpFoldResult span = *step > 0 ? subSizes(b, end, start) : subSizes(b, start, end);
    return ceilDivSizes(b, span, b.getIndexAttr(std::abs(*step)));
  }
};

} // namespace

void torchc::populateCreationPatterns(RewritePatternSet &patterns, LoweringContext &context) {
  addPatterns<LowerAtenFull, LowerAtenScalarTensor, LowerAtenEmptyMemoryFormat, LowerAtenArangeStartStep>(patterns,
                                                                                                          context);
}
