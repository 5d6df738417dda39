//===- Scalar.cpp - numbers outside of tensors ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ElementTypes.h"
#include "Lowering.h"
#include "Sizes.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;
using arith::CmpIPredicate;

namespace {

template <typename OpT> struct LowerConstant : LowerOp<LowerConstant<OpT>, OpT> {
  using LowerOp<LowerConstant<OpT>, OpT>::LowerOp;
  FailureOr<Value> lower(OpT op, Lowering &b) const {
    return arith::ConstantOp::create(b, cast<TypedAttr>(Attribute(op.getValueAttr()))).getResult();
  }
};
using LowerConstantInt = LowerConstant<ConstantIntOp>;
using LowerConstantFloat = LowerConstant<ConstantFloatOp>;
using LowerConstantBool = LowerConstant<ConstantBoolOp>;

/// The extent of one dim.
template <typename OpT> struct LowerSize : LowerOp<LowerSize<OpT>, OpT> {
  using LowerOp<LowerSize<OpT>, OpT>::LowerOp;
  FailureOr<Value> lower(OpT op, Lowering &b) const {
    std::optional<int64_t> dim = getConstantInt(op.getDim());
    if (!dim)
      return b.refuse("dim is not a constant");
    Value tensor = b.get(op.getSelf());
    return toI64(b, getDim(b, tensor, wrapDim(*dim, cast<RankedTensorType>(tensor.getType()).getRank())));
  }
};
using LowerAtenSizeInt = LowerSize<AtenSizeIntOp>;
using LowerAtenSymSizeInt = LowerSize<AtenSymSizeIntOp>;

/// The number of elements.
struct LowerAtenSymNumel : LowerOp<LowerAtenSymNumel, AtenSymNumelOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenSymNumelOp op, Lowering &b) const {
    return toI64(b, multiplySizes(b, getDims(b, b.get(op.getSelf()))));
  }
};

/// The number in a tensor of one element.
template <typename OpT> struct LowerItem : LowerOp<LowerItem<OpT>, OpT> {
  using LowerOp<LowerItem<OpT>, OpT>::LowerOp;
  FailureOr<Value> lower(OpT op, Lowering &b) const {
    Value tensor = b.get(op.getSelf());
    SmallVector<Value> origin;
    for (OpFoldResult size : getDims(b, tensor)) {
      assertEqualSizes(b, size, b.getIndexAttr(1), "a tensor of more than one element has no item()");
      origin.push_back(arith::ConstantIndexOp::create(b, 0));
    }
    Type from = Lowering::getDtype(op.getSelf()), to = Lowering::getDtype(op.getResult());
    if (!to || isa<ComplexType>(from))
      return b.refuse("result is neither int nor float nor bool");
    return convertElement(b, tensor::ExtractOp::create(b, tensor, origin), from, to);
  }
};
using LowerAtenItem = LowerItem<AtenItemOp>;
using LowerAten_LocalScalarDense = LowerItem<Aten_LocalScalarDenseOp>;

/// An operation on two i64.
template <typename OpT, typename ArithOp> struct LowerIntOp : LowerOp<LowerIntOp<OpT, ArithOp>, OpT> {
  using LowerOp<LowerIntOp<OpT, ArithOp>, OpT>::LowerOp;
  FailureOr<Value> lower(OpT op, Lowering &b) const {
    return b.createOrFold<ArithOp>(b.get(op.getA()), b.get(op.getB()));
  }
};
using LowerAtenAddInt = LowerIntOp<AtenAddIntOp, arith::AddIOp>;
using LowerAtenSubInt = LowerIntOp<AtenSubIntOp, arith::SubIOp>;
using LowerAtenMulInt = LowerIntOp<AtenMulIntOp, arith::MulIOp>;

struct LowerAtenNegInt : LowerOp<LowerAtenNegInt, AtenNegIntOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenNegIntOp op, Lowering &b) const {
    return b.createOrFold<arith::SubIOp>(toI64(b, b.getIndexAttr(0)), b.get(op.getA()));
  }
};

/// The divisor, reported where it is zero.
static Value checkDivisor(Lowering &b, Value divisor) {
  if (!matchPattern(divisor, m_Constant()) || matchPattern(divisor, m_Zero())) {
    Value isNonZero = arith::CmpIOp::create(b, CmpIPredicate::ne, divisor, toI64(b, b.getIndexAttr(0)));
    cf::AssertOp::create(b, isNonZero, "division by zero");
  }
  return divisor;
}

/// Python's a // b.
struct LowerAtenFloordivInt : LowerOp<LowerAtenFloordivInt, AtenFloordivIntOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenFloordivIntOp op, Lowering &b) const {
    return b.createOrFold<arith::FloorDivSIOp>(b.get(op.getA()), checkDivisor(b, b.get(op.getB())));
  }
};

/// Python's a % b: a - b (a // b).
struct LowerAtenRemainderInt : LowerOp<LowerAtenRemainderInt, AtenRemainderIntOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenRemainderIntOp op, Lowering &b) const {
    Value divisor = checkDivisor(b, b.get(op.getB()));
    Value quotient = b.createOrFold<arith::FloorDivSIOp>(b.get(op.getA()), divisor);
    return b.createOrFold<arith::SubIOp>(b.get(op.getA()), b.createOrFold<arith::MulIOp>(divisor, quotient));
  }
};

template <typename OpT, CmpIPredicate predicate>
struct LowerIntComparison : LowerOp<LowerIntComparison<OpT, predicate>, OpT> {
  using LowerOp<LowerIntComparison<OpT, predicate>, OpT>::LowerOp;
  FailureOr<Value> lower(OpT op, Lowering &b) const {
    return b.createOrFold<arith::CmpIOp>(predicate, b.get(op.getA()), b.get(op.getB()));
  }
};
using LowerAtenEqInt = LowerIntComparison<AtenEqIntOp, CmpIPredicate::eq>;
using LowerAtenNeInt = LowerIntComparison<AtenNeIntOp, CmpIPredicate::ne>;
using LowerAtenLtInt = LowerIntComparison<AtenLtIntOp, CmpIPredicate::slt>;
using LowerAtenLeInt = LowerIntComparison<AtenLeIntOp, CmpIPredicate::sle>;
using LowerAtenGtInt = LowerIntComparison<AtenGtIntOp, CmpIPredicate::sgt>;
using LowerAtenGeInt = LowerIntComparison<AtenGeIntOp, CmpIPredicate::sge>;

struct LowerAten_AssertScalar : LowerMultiResultOp<LowerAten_AssertScalar, Aten_AssertScalarOp> {
  using LowerMultiResultOp::LowerMultiResultOp;
  FailureOr<SmallVector<Value>> lower(Aten_AssertScalarOp op, Lowering &b) const {
    Type dtype = Lowering::getDtype(op.getSelf());
    if (!dtype)
      return b.refuse("condition is neither int nor float nor bool");
    std::optional<StringRef> message = getConstantString(op.getAssertMsg());
    cf::AssertOp::create(b, convertElement(b, b.get(op.getSelf()), dtype, b.getI1Type()),
                         b.getStringAttr(message.value_or("assertion of the model failed")));
    return SmallVector<Value>();
  }
};

} // namespace

void torchc::populateScalarPatterns(RewritePatternSet &patterns, LoweringContext &context) {
  addPatterns<LowerConstantInt, LowerConstantFloat, LowerConstantBool, LowerAtenSizeInt, LowerAtenSymSizeInt,
              LowerAtenSymNumel, LowerAtenItem, LowerAten_LocalScalarDense, LowerAtenAddInt, LowerAtenSubInt,
              LowerAtenMulInt, LowerAtenNegInt, LowerAtenFloordivInt, LowerAtenRemainderInt, LowerAtenEqInt,
              LowerAtenNeInt, LowerAtenLtInt, LowerAtenLeInt, LowerAtenGtInt, LowerAtenGeInt, LowerAten_AssertScalar>(
      patterns, context);
}
