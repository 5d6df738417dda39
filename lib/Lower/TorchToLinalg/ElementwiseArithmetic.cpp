//===- ElementwiseArithmetic.cpp - sums, products, quotients, powers, conversions ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Elementwise.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;
using arith::CmpIPredicate;

//===----------------------------------------------------------------------===//
// The four operations; on bool, sum is "or" and product is "and"
//===----------------------------------------------------------------------===//

static Value add(ElementBuilder &b, Value lhs, Value rhs) {
  if (b.isFloat())
    return b.createOrFold<arith::AddFOp>(lhs, rhs);
  return b.isBool() ? b.createOrFold<arith::OrIOp>(lhs, rhs) : b.createOrFold<arith::AddIOp>(lhs, rhs);
}
static Value subtract(ElementBuilder &b, Value lhs, Value rhs) {
  return b.isFloat() ? b.createOrFold<arith::SubFOp>(lhs, rhs) : b.createOrFold<arith::SubIOp>(lhs, rhs);
}
static Value multiply(ElementBuilder &b, Value lhs, Value rhs) {
  if (b.isFloat())
    return b.createOrFold<arith::MulFOp>(lhs, rhs);
  return b.isBool() ? b.createOrFold<arith::AndIOp>(lhs, rhs) : b.createOrFold<arith::MulIOp>(lhs, rhs);
}

/// The divisor of an integer division that cannot trap: zero is reported, and
/// for -1, where the quotient may overflow, `isMinusOne` is set.
static Value makeSafeDivisor(ElementBuilder &b, Value divisor, Value &isMinusOne) {
  isMinusOne = {};
  if (matchPattern(divisor, m_Zero()) || !matchPattern(divisor, m_Constant())) {
    Value isNonZero = b.compare(CmpIPredicate::ne, divisor, b.number(0));
    cf::AssertOp::create(b, isNonZero, b.getStringAttr("division by zero in " + b.getOp()->getName().stripDialect()));
    divisor = arith::SelectOp::create(b, isNonZero, divisor, b.number(1));
    if (!b.isUnsigned()) {
      isMinusOne = b.compare(CmpIPredicate::eq, divisor, b.number(-1));
      divisor = arith::SelectOp::create(b, isMinusOne, b.number(1), divisor);
    }
  }
  return divisor;
}

/// Integer a / b, towards zero.
static Value divideIntegers(ElementBuilder &b, Value lhs, Value rhs) {
  Value isMinusOne;
  rhs = makeSafeDivisor(b, rhs, isMinusOne);
  if (b.isUnsigned())
    return arith::DivUIOp::create(b, lhs, rhs);
  Value quotient = arith::DivSIOp::create(b, lhs, rhs);
  return isMinusOne ? arith::SelectOp::create(b, isMinusOne, subtract(b, b.number(0), lhs), quotient) : quotient;
}

/// Integer a - b trunc(a / b); a remainder by -1 is 0, as by 1.
static Value remainderOfIntegers(ElementBuilder &b, Value lhs, Value rhs) {
  Value isMinusOne;
  rhs = makeSafeDivisor(b, rhs, isMinusOne);
  return b.isUnsigned() ? arith::RemUIOp::create(b, lhs, rhs).getResult() : arith::RemSIOp::create(b, lhs, rhs);
}

/// Whether a remainder has to move by one divisor to get the divisor's sign.
static Value hasOtherSign(ElementBuilder &b, Value remainder, Value divisor) {
  Value zero = b.number(0);
  Value isNonZero = b.compare(CmpIPredicate::ne, remainder, zero);
  Value differs = arith::XOrIOp::create(b, b.compare(CmpIPredicate::slt, remainder, zero),
                                        b.compare(CmpIPredicate::slt, divisor, zero));
  return arith::AndIOp::create(b, isNonZero, differs);
}

/// remainder(a, b) has b's sign: a - b floor(a / b).
static Value lowerAtenRemainder(ElementBuilder &b, ValueRange x) {
  Value remainder = b.isFloat() ? arith::RemFOp::create(b, x[0], x[1]).getResult() : remainderOfIntegers(b, x[0], x[1]);
  if (b.isUnsigned())
    return remainder;
  return arith::SelectOp::create(b, hasOtherSign(b, remainder, x[1]), add(b, remainder, x[1]), remainder);
}

/// fmod(a, b) has a's sign: a - b trunc(a / b).
static Value lowerAtenFmod(ElementBuilder &b, ValueRange x) {
  return b.isFloat() ? arith::RemFOp::create(b, x[0], x[1]).getResult() : remainderOfIntegers(b, x[0], x[1]);
}

/// floor(a / b), by the remainder where a / b itself would round up
/// (c10/util/generic_math.h: div_floor_floating).
static Value divideFloor(ElementBuilder &b, Value lhs, Value rhs) {
  if (b.isUnsigned())
    return divideIntegers(b, lhs, rhs);
  if (!b.isFloat()) {
    Value quotient = divideIntegers(b, lhs, rhs);
    Value remainder = subtract(b, lhs, multiply(b, quotient, rhs));
    return arith::SelectOp::create(b, hasOtherSign(b, remainder, rhs), subtract(b, quotient, b.number(1)), quotient);
  }
  Value exact = arith::DivFOp::create(b, lhs, rhs);
  Value remainder = arith::RemFOp::create(b, lhs, rhs);
  Value quotient = arith::DivFOp::create(b, subtract(b, lhs, remainder), rhs);
  quotient = arith::SelectOp::create(b, hasOtherSign(b, remainder, rhs), subtract(b, quotient, b.number(1)), quotient);
  Value floor = math::FloorOp::create(b, quotient);
  Value isShort = b.compare(CmpIPredicate::sgt, subtract(b, quotient, floor), b.number(0.5));
  floor = arith::SelectOp::create(b, isShort, add(b, floor, b.number(1)), floor);
  Value zero = math::CopySignOp::create(b, b.number(0), exact);
  Value result = arith::SelectOp::create(b, b.compare(CmpIPredicate::ne, quotient, b.number(0)), floor, zero);
  return arith::SelectOp::create(b, b.compare(CmpIPredicate::eq, rhs, b.number(0)), exact, result);
}

/// Euclid's algorithm: (a, b) becomes (b mod a, a) until a is 0.
static Value lowerAtenGcd(ElementBuilder &b, ValueRange x) {
  auto isBelowZero = [&](Value value) { return b.compare(CmpIPredicate::slt, value, b.number(0)); };
  auto magnitude = [&](Value value) -> Value {
    if (b.isUnsigned())
      return value;
    return arith::SelectOp::create(b, isBelowZero(value), subtract(b, b.number(0), value), value);
  };
  // Neighbours in Fibonacci's sequence take the most steps, 1.44 a bit.
  auto steps = static_cast<int64_t>(1.45 * b.getDtype().getIntOrFloatBitWidth()) + 2;
  auto index = [&](int64_t value) -> Value { return arith::ConstantIndexOp::create(b, value); };
  SmallVector<Value> inits{magnitude(x[0]), magnitude(x[1])};
  auto loop = scf::ForOp::create(
      b, index(0), index(steps), index(1), inits, [&](OpBuilder &nested, Location loc, Value, ValueRange pair) {
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPoint(nested.getInsertionBlock(), nested.getInsertionPoint());
        Value goesOn = b.compare(CmpIPredicate::ne, pair[0], b.number(0));
        auto branch = scf::IfOp::create(b, pair.getTypes(), goesOn, /*addThenBlock=*/true, /*addElseBlock=*/true);
        b.setInsertionPointToStart(branch.thenBlock());
        Value rest = b.isUnsigned() ? arith::RemUIOp::create(b, pair[1], pair[0]).getResult()
                                    : arith::RemSIOp::create(b, pair[1], pair[0]).getResult();
        scf::YieldOp::create(b, ValueRange{rest, pair[0]});
        b.setInsertionPointToStart(branch.elseBlock());
        scf::YieldOp::create(b, pair);
        b.setInsertionPointAfter(branch);
        scf::YieldOp::create(b, branch.getResults());
      });
  return loop.getResult(1);
}
static bool isOnIntegers(Operation *op) {
  Type dtype = cast<BaseTensorType>(op->getResult(0).getType()).getDtype();
  return isa<IntegerType>(dtype) && !dtype.isInteger(1);
}

/// a + alpha b
static Value lowerAtenAdd(ElementBuilder &b, ValueRange x) { return add(b, x[0], multiply(b, x[2], x[1])); }
/// a - alpha b
static Value lowerAtenSub(ElementBuilder &b, ValueRange x) { return subtract(b, x[0], multiply(b, x[2], x[1])); }
static Value lowerAtenMul(ElementBuilder &b, ValueRange x) { return multiply(b, x[0], x[1]); }
/// True division: the result is a float for integers too.
static Value lowerAtenDiv(ElementBuilder &b, ValueRange x) { return arith::DivFOp::create(b, x[0], x[1]); }

/// a / b, rounded as `rounding_mode` says: None, "trunc" or "floor".
static Value lowerAtenDivMode(ElementBuilder &b, ValueRange x) {
  Value mode = b.getOp()->getOperand(2);
  if (isNone(mode))
    return lowerAtenDiv(b, x);
  if (getConstantString(mode) == "floor")
    return divideFloor(b, x[0], x[1]);
  return b.isFloat() ? math::TruncOp::create(b, arith::DivFOp::create(b, x[0], x[1])).getResult()
                     : divideIntegers(b, x[0], x[1]);
}
static bool hasKnownRoundingMode(Operation *op) {
  Value mode = op->getOperand(2);
  return isNone(mode) || llvm::is_contained({"floor", "trunc"}, getConstantString(mode).value_or(""));
}

//===----------------------------------------------------------------------===//
// Powers
//===----------------------------------------------------------------------===//

/// Integer power by squaring, a step for each bit that the exponent may have.
/// Negative exponents give the integer part: 0, but for the bases 1 and -1.
static Value raiseInteger(ElementBuilder &b, Value base, Value exponent) {
  APInt constant;
  bool isConstant = matchPattern(exponent, m_ConstantInt(&constant)) && !constant.isNegative();
  unsigned width = base.getType().getIntOrFloatBitWidth();
  unsigned numBits = isConstant ? constant.getActiveBits() : b.isUnsigned() ? width : width - 1;
  Value zero = b.number(0), one = b.number(1), power = one, square = base;
  for (unsigned bit = 0; bit < numBits; ++bit) {
    Value mask = arith::ConstantOp::create(b, b.getIntegerAttr(base.getType(), APInt::getOneBitSet(width, bit)));
    Value isSet = b.compare(CmpIPredicate::ne, b.createOrFold<arith::AndIOp>(exponent, mask), zero);
    power = b.createOrFold<arith::SelectOp>(isSet, multiply(b, power, square), power);
    square = multiply(b, square, square);
  }
  if (isConstant || b.isUnsigned())
    return power;
  Value isOdd = b.compare(CmpIPredicate::ne, arith::AndIOp::create(b, exponent, one), zero);
  Value ofMinusOne = arith::SelectOp::create(b, isOdd, b.number(-1), one);
  Value inverse = arith::SelectOp::create(b, b.compare(CmpIPredicate::eq, base, b.number(-1)), ofMinusOne, zero);
  inverse = arith::SelectOp::create(b, b.compare(CmpIPredicate::eq, base, one), one, inverse);
  return arith::SelectOp::create(b, b.compare(CmpIPredicate::slt, exponent, zero), inverse, power);
}

/// a ^ b; exponents that have a shorter form take it.
static Value lowerAtenPow(ElementBuilder &b, ValueRange x) {
  APFloat exponent(0.0);
  APInt integer;
  double constant = NAN;
  if (matchPattern(x[1], m_ConstantFloat(&exponent)))
    constant = exponent.convertToDouble();
  else if (matchPattern(x[1], m_ConstantInt(&integer)))
    constant = static_cast<double>(integer.getSExtValue());
  if (constant == 0)
    return b.number(1);
  if (constant == 1)
    return x[0];
  if (constant == 2)
    return multiply(b, x[0], x[0]);
  if (constant == 3)
    return multiply(b, multiply(b, x[0], x[0]), x[0]);
  if (!b.isFloat())
    return raiseInteger(b, x[0], x[1]);
  if (constant == 0.5)
    return math::SqrtOp::create(b, x[0]);
  if (constant == -0.5)
    return math::RsqrtOp::create(b, x[0]);
  if (constant == -1)
    return arith::DivFOp::create(b, b.number(1), x[0]);
  if (constant == -2)
    return arith::DivFOp::create(b, b.number(1), multiply(b, x[0], x[0]));
  return math::PowFOp::create(b, x[0], x[1]);
}

//===----------------------------------------------------------------------===//
// Combinations
//===----------------------------------------------------------------------===//

/// a + weight (b - a), from the nearer end.
static Value lowerAtenLerp(ElementBuilder &b, ValueRange x) {
  Value difference = subtract(b, x[1], x[0]);
  Value fromStart = add(b, x[0], multiply(b, x[2], difference));
  Value fromEnd = subtract(b, x[1], multiply(b, difference, subtract(b, b.number(1), x[2])));
  Value magnitude = math::AbsFOp::create(b, x[2]);
  return b.createOrFold<arith::SelectOp>(b.compare(CmpIPredicate::slt, magnitude, b.number(0.5)), fromStart, fromEnd);
}
/// a + value t1 t2
static Value lowerAtenAddcmul(ElementBuilder &b, ValueRange x) {
  return add(b, x[0], multiply(b, multiply(b, x[3], x[1]), x[2]));
}
/// a + value t1 / t2
static Value lowerAtenAddcdiv(ElementBuilder &b, ValueRange x) {
  return add(b, x[0], arith::DivFOp::create(b, multiply(b, x[3], x[1]), x[2]));
}

//===----------------------------------------------------------------------===//
// Conversion
//===----------------------------------------------------------------------===//

namespace {

/// The operand in another dtype.
struct LowerAtenToDtype : LowerOp<LowerAtenToDtype, AtenToDtypeOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenToDtypeOp op, Lowering &b) const {
    Type from = Lowering::getDtype(op.getSelf()), to = Lowering::getDtype(op.getResult());
    if (from != to && (isa<ComplexType>(from) || isa<ComplexType>(to)))
      return b.refuse("complex numbers");
    return convertTensor(b, b.get(op.getSelf()), from, to);
  }
};

} // namespace

static constexpr StringRef unknownRounding = "rounding_mode is neither None nor 'floor' nor 'trunc'";

static const ElementwiseOp arithmetic[] = {
    {"torch.aten.add.Tensor", ComputeIn::Result, 3, lowerAtenAdd},
    {"torch.aten.add.Scalar", ComputeIn::Result, 3, lowerAtenAdd},
    {"torch.aten.sub.Tensor", ComputeIn::Result, 3, lowerAtenSub},
    {"torch.aten.sub.Scalar", ComputeIn::Result, 3, lowerAtenSub},
    {"torch.aten.mul.Tensor", ComputeIn::Result, 2, lowerAtenMul},
    {"torch.aten.mul.Scalar", ComputeIn::Result, 2, lowerAtenMul},
    {"torch.aten.div.Tensor", ComputeIn::Result, 2, lowerAtenDiv},
    {"torch.aten.div.Scalar", ComputeIn::Result, 2, lowerAtenDiv},
    {"torch.aten.div.Tensor_mode", ComputeIn::Result, 2, lowerAtenDivMode, -1, hasKnownRoundingMode, unknownRounding},
    {"torch.aten.div.Scalar_mode", ComputeIn::Result, 2, lowerAtenDivMode, -1, hasKnownRoundingMode, unknownRounding},
    {"torch.aten.remainder.Tensor", ComputeIn::Result, 2, lowerAtenRemainder},
    {"torch.aten.remainder.Scalar", ComputeIn::Result, 2, lowerAtenRemainder},
    {"torch.aten.fmod.Tensor", ComputeIn::Result, 2, lowerAtenFmod},
    {"torch.aten.gcd", ComputeIn::Result, 2, lowerAtenGcd, -1, isOnIntegers, "on other than integers"},
    {"torch.aten.fmod.Scalar", ComputeIn::Result, 2, lowerAtenFmod},
    {"torch.aten.pow.Tensor_Tensor", ComputeIn::Result, 2, lowerAtenPow},
    {"torch.aten.pow.Tensor_Scalar", ComputeIn::Result, 2, lowerAtenPow},
    {"torch.aten.pow.Scalar", ComputeIn::Result, 2, lowerAtenPow},
    {"torch.aten.lerp.Scalar", ComputeIn::Result, 3, lowerAtenLerp},
    {"torch.aten.lerp.Tensor", ComputeIn::Result, 3, lowerAtenLerp},
    {"torch.aten.addcmul", ComputeIn::Result, 4, lowerAtenAddcmul},
    {"torch.aten.addcdiv", ComputeIn::Result, 4, lowerAtenAddcdiv},
};

void torchc::populateElementwiseArithmeticPatterns(RewritePatternSet &patterns, LoweringContext &context) {
  populateElementwiseOps(patterns, context, arithmetic);
  addPatterns<LowerAtenToDtype>(patterns, context);
}
