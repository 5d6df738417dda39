//===- Elementwise.cpp - result types of elementwise ops ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Inference.h"

using namespace mlir;
using namespace torchc::torch;

static Type getBool(ValueRange operands) { return IntegerType::get(operands.front().getContext(), 1); }

/// The magnitude of a complex number is real.
static Types inferAbs(ValueRange operands) {
  Type dtype = getDtype(operands.front());
  auto complex = dyn_cast_or_null<ComplexType>(dtype);
  return tensorOf(getShape(operands.front()), complex ? complex.getElementType() : dtype);
}

/// exp(int) is f32.
static Types inferFloat(ValueRange operands) {
  Type dtype = getDtype(operands.front());
  return tensorOf(getShape(operands.front()), dtype ? getFloatDtype(dtype) : Type());
}

/// isnan(x) is bool.
static Types inferPredicate(ValueRange operands) { return tensorOf(getShape(operands.front()), getBool(operands)); }

/// The promoted type of the first two operands; a third is an alpha.
static Types inferBinary(ValueRange operands) {
  operands = operands.take_front(2);
  return tensorOf(broadcast(operands), getResultDtype(operands));
}

/// int / int is f32.
static Types inferFloatBinary(ValueRange operands) {
  operands = operands.take_front(2);
  Type dtype = getResultDtype(operands);
  return tensorOf(broadcast(operands), dtype ? getFloatDtype(dtype) : Type());
}

/// A true division without a rounding mode, an integer one with it.
static Types inferRoundedDivision(ValueRange operands) {
  return isNone(operands[2]) ? inferFloatBinary(operands) : inferBinary(operands);
}

static Types inferComparison(ValueRange operands) { return tensorOf(broadcast(operands), getBool(operands)); }

/// The promoted type of all operands; None is skipped.
static Types inferPromoted(ValueRange operands) { return tensorOf(broadcast(operands), getResultDtype(operands)); }

/// The promoted type of the three tensors; a fourth operand is a factor.
static Types inferTernary(ValueRange operands) { return inferPromoted(operands.take_front(3)); }

/// where(condition, a, b): the condition has no part in the dtype.
static Types inferWhere(ValueRange operands) {
  return tensorOf(broadcast(operands), getResultDtype(operands.drop_front()));
}

/// The dtype of the first tensor, broadcast.
static Types inferFirstBroadcast(ValueRange operands) {
  return tensorOf(broadcast(operands), getDtype(operands.front()));
}

static Types inferSquare(ValueRange operands) {
  Type dtype = getDtype(operands.front());
  return tensorOf(getShape(operands.front()), dtype && isBoolDtype(dtype) ? getSumDtype(dtype) : dtype);
}

static Types inferDouble(ValueRange operands) {
  return tensorOf(broadcast(operands), Float64Type::get(operands.front().getContext()));
}

/// The shape of the first tensor, the dtype that the op names.
template <typename Op> static Types inferConverted(typename Op::Adaptor op) {
  return tensorOf(getShape(op.getSelf()), getDtypeOr(op.getDtype(), getDtype(op.getSelf())));
}

/// The shape of the first tensor, the dtype of the second.
static Types inferConvertedToOther(ValueRange operands) {
  return tensorOf(getShape(operands[0]), getDtype(operands[1]));
}

void torchc::torch::addElementwiseInference(InferenceTable &table) {
  table.addAll<AtenAbsOp>(inferAbs);
  table.addAll<AtenNegOp, AtenFloorOp, AtenCeilOp, AtenRoundOp, AtenTruncOp, AtenSignOp, AtenReluOp, AtenGeluOp,
               AtenSiluOp, AtenBitwiseNotOp, AtenCloneOp, AtenLeakyReluOp, AtenEluOp, AtenSoftplusOp, AtenHardtanhOp,
               AtenHardsigmoidOp, AtenHardswishOp, AtenMishOp, AtenRelu6Op, AtenThresholdOp, AtenLogSigmoidOp,
               AtenContiguousOp, AtenDetachOp, AtenAliasOp, AtenLiftFreshCopyOp>(inferLikeFirst);
  table.addAll<AtenExpOp, AtenExpm1Op, AtenLogOp, AtenLog1pOp, AtenLog2Op, AtenSqrtOp, AtenRsqrtOp, AtenReciprocalOp,
               AtenLgammaOp, AtenDigammaOp, AtenErfcOp, AtenErfinvOp, AtenTanOp, AtenAsinOp, AtenAcosOp, AtenAtanOp,
               AtenSinhOp, AtenCoshOp, AtenAsinhOp, AtenAcoshOp, AtenAtanhOp, AtenExp2Op, AtenLog10Op, AtenSinOp,
               AtenCosOp, AtenTanhOp, AtenSigmoidOp, AtenErfOp>(inferFloat);
  table.addAll<AtenLogicalNotOp, AtenIsnanOp, AtenIsinfOp, AtenIsfiniteOp, AtenIsposinfOp, AtenIsneginfOp,
               AtenSignbitOp>(inferPredicate);
  table.addAll<AtenAddTensorOp, AtenAddScalarOp, AtenSubTensorOp, AtenSubScalarOp, AtenRsubScalarOp, AtenRsubTensorOp,
               AtenMulTensorOp, AtenMulScalarOp, AtenFloorDivideOp, AtenFloorDivideScalarOp, AtenRemainderTensorOp,
               AtenRemainderScalarOp, AtenFmodTensorOp, AtenFmodScalarOp, AtenPowTensorTensorOp, AtenPowTensorScalarOp,
               AtenPowScalarOp, AtenMaximumOp, AtenMinimumOp, AtenFmaxOp, AtenFminOp, AtenClampMinTensorOp,
               AtenClampMaxTensorOp, AtenClampMinOp, AtenClampMaxOp, AtenBitwiseAndTensorOp, AtenBitwiseAndScalarOp,
               AtenBitwiseOrTensorOp, AtenBitwiseOrScalarOp, AtenBitwiseXorTensorOp, Aten__And__TensorOp,
               Aten__Or__TensorOp, AtenGcdOp>(inferBinary);
  table.addAll<AtenDivTensorOp, AtenDivScalarOp, AtenXlogyTensorOp, AtenCopysignTensorOp, AtenTrueDivideTensorOp,
               AtenAtan2Op>(inferFloatBinary);
  table.addAll<AtenDivTensorModeOp, AtenDivScalarModeOp>(inferRoundedDivision);
  table.addAll<AtenClampOp, AtenClampTensorOp>(inferPromoted);
  table.addAll<AtenAddcmulOp, AtenAddcdivOp>(inferTernary);
  table.addAll<AtenEqTensorOp, AtenEqScalarOp, AtenNeTensorOp, AtenNeScalarOp, AtenLtTensorOp, AtenLtScalarOp,
               AtenLeTensorOp, AtenLeScalarOp, AtenGtTensorOp, AtenGtScalarOp, AtenGeTensorOp, AtenGeScalarOp,
               AtenLogicalAndOp, AtenLogicalOrOp, AtenLogicalXorOp, AtenIscloseOp>(inferComparison);
  table.addAll<AtenWhereSelfOp, AtenWhereScalarSelfOp, AtenWhereScalarOtherOp, AtenWhereScalarOp>(inferWhere);
  table.addAll<AtenMaskedFillScalarOp, AtenMaskedFillTensorOp, AtenLerpScalarOp, AtenLerpTensorOp>(inferFirstBroadcast);
  table.addAll<AtenSquareOp>(inferSquare);
  table.addAll<AtenFloatPowerTensorScalarOp>(inferDouble);
  table.add<AtenToDtypeOp>(inferConverted<AtenToDtypeOp>);
  table.add<AtenToDeviceOp>(inferConverted<AtenToDeviceOp>);
  table.add<AtenToDtypeLayoutOp>(inferConverted<AtenToDtypeLayoutOp>);
  table.add<Aten_ToCopyOp>(inferConverted<Aten_ToCopyOp>);
  table.addAll<AtenToOtherOp, AtenTypeAsOp>(inferConvertedToOther);
}
