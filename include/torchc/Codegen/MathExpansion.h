//===- MathExpansion.h - functions of one lane written as arithmetic ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_CODEGEN_MATHEXPANSION_H
#define TORCHC_CODEGEN_MATHEXPANSION_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/PatternMatch.h"

namespace torchc {

/// Of functions for a CPU that permutes floats (TargetInfo).
inline constexpr llvm::StringLiteral kPermutesFloatsAttrName = "dispatch.permutes_floats";

/// Writes arithmetic on scalars or vectors of one shape as formulas.
class Formula {
public:
  Formula(mlir::ImplicitLocOpBuilder &b, mlir::Type like) : b(b), like(like) {}

  /// An operand: a value or a constant of the formula's shape.
  mlir::Value constant(double value, mlir::Type element);
  mlir::Value constantInt(int64_t value, mlir::Type element);
  mlir::Type shaped(mlir::Type element);

  mlir::Value add(mlir::Value x, mlir::Value y) { return mlir::arith::AddFOp::create(b, x, y); }
  mlir::Value sub(mlir::Value x, mlir::Value y) { return mlir::arith::SubFOp::create(b, x, y); }
  mlir::Value mul(mlir::Value x, mlir::Value y) { return mlir::arith::MulFOp::create(b, x, y); }
  mlir::Value div(mlir::Value x, mlir::Value y) { return mlir::arith::DivFOp::create(b, x, y); }
  mlir::Value neg(mlir::Value x) { return mlir::arith::NegFOp::create(b, x); }
  mlir::Value abs(mlir::Value x) { return mlir::math::AbsFOp::create(b, x); }
  mlir::Value sqrt(mlir::Value x) { return mlir::math::SqrtOp::create(b, x); }
  mlir::Value round(mlir::Value x) { return mlir::math::RoundEvenOp::create(b, x); }
  mlir::Value trunc(mlir::Value x) { return mlir::math::TruncOp::create(b, x); }
  /// x y + z, rounded once. Slow on CPUs without the instruction.
  mlir::Value fma(mlir::Value x, mlir::Value y, mlir::Value z) { return mlir::math::FmaOp::create(b, x, y, z); }
  /// x y + z, rounded once or twice, as is faster.
  mlir::Value mulAdd(mlir::Value x, mlir::Value y, mlir::Value z);
  mlir::Value copySign(mlir::Value x, mlir::Value sign) { return mlir::math::CopySignOp::create(b, x, sign); }
  mlir::Value select(mlir::Value condition, mlir::Value x, mlir::Value y) {
    return mlir::arith::SelectOp::create(b, condition, x, y);
  }
  mlir::Value compare(mlir::arith::CmpFPredicate predicate, mlir::Value x, mlir::Value y) {
    return mlir::arith::CmpFOp::create(b, predicate, x, y);
  }
  mlir::Value isNaN(mlir::Value x) { return compare(mlir::arith::CmpFPredicate::UNO, x, x); }
  mlir::Value less(mlir::Value x, mlir::Value y) { return compare(mlir::arith::CmpFPredicate::OLT, x, y); }
  /// Within [low, high]; NaN becomes low.
  mlir::Value clamp(mlir::Value x, double low, double high);
  /// Within [low, high], for a function that ends in `scaleUnlessNaN`.
  mlir::Value clampExponent(mlir::Value x, double low, double high);
  /// At most `high`, which NaN becomes.
  mlir::Value min(mlir::Value x, double high);
  /// c0 + c1 x + c2 x^2 + ..., by Horner's rule.
  mlir::Value polynomial(mlir::Value x, llvm::ArrayRef<double> coefficients);
  /// x 2^n for an integral float n: in two steps, as 2^n alone may be too large or too small.
  mlir::Value scale(mlir::Value x, mlir::Value n);
  /// The same for a function of x, which gives NaN of NaN.
  mlir::Value scaleUnlessNaN(mlir::Value value, mlir::Value n, mlir::Value x);
  /// The same where 2^n is a normal number.
  mlir::Value scaleNormal(mlir::Value x, mlir::Value n);
  /// Whether one instruction looks up each lane's float in a table of 8.
  bool looksUp() const;
  /// An odd function of f32 where `looksUp` holds: on each of 8 pieces of `width`, the first around 0, a polynomial of
  /// `degree`. Beyond `limit` the function is what it is there; -0 stays -0, and NaN NaN. Some 1.2 ulp.
  mlir::Value oddByPieces(mlir::Value x, double (*function)(double), double width, unsigned degree, double limit);
  mlir::Value extend(mlir::Value x) { return mlir::arith::ExtFOp::create(b, shaped(b.getF64Type()), x); }
  mlir::Value truncate(mlir::Value x) { return mlir::arith::TruncFOp::create(b, shaped(b.getF32Type()), x); }

  // Functions of f64.
  mlir::Value exp64(mlir::Value x) { return exp64({x, nullptr}); }
  mlir::Value log64(mlir::Value x);
  /// exp(y log x) for x >= 0.
  mlir::Value pow64(mlir::Value x, mlir::Value y);

  mlir::ImplicitLocOpBuilder &b;

private:
  /// A number as the sum of two, of which the second is less than a unit in the last place of the first, or null.
  struct Pair {
    mlir::Value high, low;
  };
  /// Of numbers of which the first is the larger one, or 0.
  Pair add(Pair x, Pair y);
  Pair mul(Pair x, Pair y);
  /// exp(x)
  mlir::Value exp64(Pair x);
  /// x = 2^e m, sqrt(1/2) <= m < sqrt(2): {e, m}.
  std::pair<mlir::Value, mlir::Value> splitExponent(mlir::Value x);
  /// log(x) at 0, below it, at infinity and of NaN, else `value`.
  mlir::Value selectSpecialLogs(mlir::Value x, mlir::Value value);
  /// log(x) to some 64 bits, for a finite x > 0.
  Pair logPair(mlir::Value x);
  /// What the formula is part of, if anything; its attributes say what the CPU has.
  mlir::LLVM::LLVMFuncOp getFunction() const;
  /// Whether one instruction scales by a power of two that is a float, however large.
  bool scalesDirectly() const;
  /// `build` of vectors of `lanes`: of parts of the operands, or of these repeated.
  mlir::Value inRegisters(llvm::ArrayRef<mlir::Value> operands, int64_t lanes,
                          llvm::function_ref<mlir::Value(llvm::ArrayRef<mlir::Value>)> build);
  /// The element of a table that the lowest three bits of each lane of `index`, i32, say.
  mlir::Value lookUp(llvm::ArrayRef<float> table, mlir::Value index);
  mlir::Value toInt(mlir::Value x);
  /// 2^exponent of `type`, for an i32 exponent.
  mlir::Value powerOfTwo(mlir::Value exponent, mlir::Type type);

  mlir::Type like;
};

/// Whether a value is of f32, or of f64, or a vector of them.
bool isSingle(mlir::Value value);
bool isDouble(mlir::Value value);

/// Writes a function of one number, where `isOfType` holds of it, as the formula that `build` gives.
template <typename Op, mlir::Value (*build)(Formula &, mlir::Value), bool (*isOfType)(mlir::Value)>
struct ExpandFunction : mlir::OpRewritePattern<Op> {
  using mlir::OpRewritePattern<Op>::OpRewritePattern;
  mlir::LogicalResult matchAndRewrite(Op op, mlir::PatternRewriter &rewriter) const override {
    mlir::Value x = op.getOperand();
    if (!isOfType(x))
      return rewriter.notifyMatchFailure(op, "another type");
    mlir::ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Formula f(b, x.getType());
    rewriter.replaceOp(op, build(f, x));
    return mlir::success();
  }
};
/// Of f32, of f64.
template <typename Op, mlir::Value (*build)(Formula &, mlir::Value)>
using ExpandSingle = ExpandFunction<Op, build, isSingle>;
template <typename Op, mlir::Value (*build)(Formula &, mlir::Value)>
using ExpandDouble = ExpandFunction<Op, build, isDouble>;

/// Functions that upstream has no polynomial for, or none of a few ulp. The
/// largest errors, in units of the last place, stand above each pattern.
void populateExponentialPatterns(mlir::RewritePatternSet &patterns);
void populateLogarithmPatterns(mlir::RewritePatternSet &patterns);
void populateTrigonometricPatterns(mlir::RewritePatternSet &patterns);

} // namespace torchc

#endif // TORCHC_CODEGEN_MATHEXPANSION_H
