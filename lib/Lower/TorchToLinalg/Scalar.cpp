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
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"

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
using LowerPrimMaxInt = LowerIntOp<PrimMaxIntOp, arith::MaxSIOp>;
using LowerPrimMinInt = LowerIntOp<PrimMinIntOp, arith::MinSIOp>;
using LowerAten__And__Bool = LowerIntOp<Aten__And__BoolOp, arith::AndIOp>;
using LowerAten__Or__Bool = LowerIntOp<Aten__Or__BoolOp, arith::OrIOp>;
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

struct LowerAten__Not__ : LowerOp<LowerAten__Not__, Aten__Not__Op> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(Aten__Not__Op op, Lowering &b) const {
    return b.createOrFold<arith::XOrIOp>(b.get(op.getSelf()), arith::ConstantIntOp::create(b, 1, 1));
  }
};

//===----------------------------------------------------------------------===//
// Floats: their arithmetic becomes part of the kernels that use them
//===----------------------------------------------------------------------===//

template <typename OpT, typename ArithOp> struct LowerFloatOp : LowerOp<LowerFloatOp<OpT, ArithOp>, OpT> {
  using LowerOp<LowerFloatOp<OpT, ArithOp>, OpT>::LowerOp;
  FailureOr<Value> lower(OpT op, Lowering &b) const {
    return ArithOp::create(b, b.get(llvm::to_vector(op->getOperands()))).getResult();
  }
};
using LowerAtenAddFloat = LowerFloatOp<AtenAddFloatOp, arith::AddFOp>;
using LowerAtenSubFloat = LowerFloatOp<AtenSubFloatOp, arith::SubFOp>;
using LowerAtenMulFloat = LowerFloatOp<AtenMulFloatOp, arith::MulFOp>;
using LowerAtenDivFloat = LowerFloatOp<AtenDivFloatOp, arith::DivFOp>;
using LowerAtenNegFloat = LowerFloatOp<AtenNegFloatOp, arith::NegFOp>;

/// The second operand where it compares so to the first, else the first.
template <typename OpT, arith::CmpFPredicate predicate>
struct LowerFloatChoice : LowerOp<LowerFloatChoice<OpT, predicate>, OpT> {
  using LowerOp<LowerFloatChoice<OpT, predicate>, OpT>::LowerOp;
  FailureOr<Value> lower(OpT op, Lowering &b) const {
    Value first = b.get(op.getA()), second = b.get(op.getB());
    Value isSecond = arith::CmpFOp::create(b, predicate, second, first);
    return arith::SelectOp::create(b, isSecond, second, first).getResult();
  }
};
using LowerPrimMaxFloat = LowerFloatChoice<PrimMaxFloatOp, arith::CmpFPredicate::OGT>;
using LowerPrimMinFloat = LowerFloatChoice<PrimMinFloatOp, arith::CmpFPredicate::OLT>;

/// An integer computed of floats, which decides on shapes or branches: a kernel
/// computes it as a tensor, of which it is the element.
template <typename Compute> static Value computeInKernel(Lowering &b, Type type, Compute compute) {
  Value empty = createEmpty(b, {}, type);
  auto map = AffineMap::get(0, 0, b.getContext());
  auto generic = linalg::GenericOp::create(b, TypeRange{empty.getType()}, ValueRange(), ValueRange{empty},
                                           ArrayRef<AffineMap>{map}, ArrayRef<utils::IteratorType>{},
                                           [&](OpBuilder &builder, Location loc, ValueRange) {
                                             ImplicitLocOpBuilder inner(loc, builder);
                                             linalg::YieldOp::create(inner, ValueRange{compute(inner)});
                                           });
  return tensor::ExtractOp::create(b, generic.getResult(0), ValueRange());
}

template <typename OpT, arith::CmpFPredicate predicate>
struct LowerFloatComparison : LowerOp<LowerFloatComparison<OpT, predicate>, OpT> {
  using LowerOp<LowerFloatComparison<OpT, predicate>, OpT>::LowerOp;
  FailureOr<Value> lower(OpT op, Lowering &b) const {
    Value first = b.get(op.getA()), second = b.get(op.getB());
    return computeInKernel(b, b.getI1Type(), [&](ImplicitLocOpBuilder &inner) -> Value {
      return arith::CmpFOp::create(inner, predicate, first, second);
    });
  }
};
using LowerAtenEqFloat = LowerFloatComparison<AtenEqFloatOp, arith::CmpFPredicate::OEQ>;
using LowerAtenNeFloat = LowerFloatComparison<AtenNeFloatOp, arith::CmpFPredicate::UNE>;
using LowerAtenLtFloat = LowerFloatComparison<AtenLtFloatOp, arith::CmpFPredicate::OLT>;
using LowerAtenLeFloat = LowerFloatComparison<AtenLeFloatOp, arith::CmpFPredicate::OLE>;
using LowerAtenGtFloat = LowerFloatComparison<AtenGtFloatOp, arith::CmpFPredicate::OGT>;
using LowerAtenGeFloat = LowerFloatComparison<AtenGeFloatOp, arith::CmpFPredicate::OGE>;

/// An int of a float, rounded by `RoundOp`.
template <typename OpT, typename RoundOp> struct LowerToInt : LowerOp<LowerToInt<OpT, RoundOp>, OpT> {
  using LowerOp<LowerToInt<OpT, RoundOp>, OpT>::LowerOp;
  FailureOr<Value> lower(OpT op, Lowering &b) const {
    Value number = b.get(op.getA());
    return computeInKernel(b, b.getI64Type(), [&](ImplicitLocOpBuilder &inner) -> Value {
      return arith::FPToSIOp::create(inner, inner.getI64Type(), RoundOp::create(inner, number));
    });
  }
};
using LowerAtenIntFloat = LowerToInt<AtenIntFloatOp, math::TruncOp>;
using LowerAtenFloorFloat = LowerToInt<AtenFloorFloatOp, math::FloorOp>;
using LowerAtenCeilFloat = LowerToInt<AtenCeilFloatOp, math::CeilOp>;

template <typename OpT> struct LowerConversion : LowerOp<LowerConversion<OpT>, OpT> {
  using LowerOp<LowerConversion<OpT>, OpT>::LowerOp;
  FailureOr<Value> lower(OpT op, Lowering &b) const {
    return convertElement(b, b.get(op.getA()), Lowering::getDtype(op.getA()), Lowering::getDtype(op.getResult()));
  }
};
using LowerAtenIntBool = LowerConversion<AtenIntBoolOp>;
using LowerAtenFloatInt = LowerConversion<AtenFloatIntOp>;
using LowerAtenFloatBool = LowerConversion<AtenFloatBoolOp>;

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
              LowerPrimMaxInt, LowerPrimMinInt, LowerAten__And__Bool, LowerAten__Or__Bool, LowerAten__Not__,
              LowerAtenAddFloat, LowerAtenSubFloat, LowerAtenMulFloat, LowerAtenDivFloat, LowerAtenNegFloat,
              LowerPrimMaxFloat, LowerPrimMinFloat, LowerAtenEqFloat, LowerAtenNeFloat, LowerAtenLtFloat,
              LowerAtenLeFloat, LowerAtenGtFloat, LowerAtenGeFloat, LowerAtenIntFloat, LowerAtenFloorFloat,
              LowerAtenCeilFloat, LowerAtenIntBool, LowerAtenFloatInt, LowerAtenFloatBool, LowerAtenNeInt,
              LowerAtenLtInt, LowerAtenLeInt, LowerAtenGtInt, LowerAtenGeInt, LowerAten_AssertScalar>(patterns,
                                                                                                      context);
}
