//===- Real.h - formulas on scalars, written as they are read ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_LIB_LOWER_TORCHTOLINALG_REAL_H
#define TORCHC_LIB_LOWER_TORCHTOLINALG_REAL_H

#include "Elementwise.h"

#include "mlir/Dialect/Math/IR/Math.h"

namespace torchc {

/// A truth value in the body of a generic.
struct Truth {
  mlir::ImplicitLocOpBuilder *b;
  mlir::Value value;

  Truth operator&&(Truth other) const { return {b, mlir::arith::AndIOp::create(*b, value, other.value)}; }
  Truth operator||(Truth other) const { return {b, mlir::arith::OrIOp::create(*b, value, other.value)}; }
  Truth operator!() const {
    return {b, mlir::arith::XOrIOp::create(*b, value, mlir::arith::ConstantIntOp::create(*b, 1, 1))};
  }
};

/// A float in the body of a generic. Numbers beside it have its type.
class Real {
public:
  Real(mlir::ImplicitLocOpBuilder &b, mlir::Value value) : b(&b), value(value) {}

  mlir::ImplicitLocOpBuilder &getBuilder() const { return *b; }
  mlir::Value get() const { return value; }
  /// A constant of the same type.
  Real number(double constant) const {
    return {*b, mlir::arith::ConstantOp::create(*b, b->getFloatAttr(value.getType(), constant))};
  }
  /// The same number in f64.
  Real widen() const {
    return value.getType().isF64() ? *this : Real(*b, mlir::arith::ExtFOp::create(*b, b->getF64Type(), value));
  }

  friend Real operator+(Real x, Real y) { return {*x.b, mlir::arith::AddFOp::create(*x.b, x.value, y.value)}; }
  friend Real operator-(Real x, Real y) { return {*x.b, mlir::arith::SubFOp::create(*x.b, x.value, y.value)}; }
  friend Real operator*(Real x, Real y) { return {*x.b, mlir::arith::MulFOp::create(*x.b, x.value, y.value)}; }
  friend Real operator/(Real x, Real y) { return {*x.b, mlir::arith::DivFOp::create(*x.b, x.value, y.value)}; }
  friend Real operator+(Real x, double y) { return x + x.number(y); }
  friend Real operator-(Real x, double y) { return x - x.number(y); }
  friend Real operator*(Real x, double y) { return x * x.number(y); }
  friend Real operator/(Real x, double y) { return x / x.number(y); }
  friend Real operator+(double x, Real y) { return y.number(x) + y; }
  friend Real operator-(double x, Real y) { return y.number(x) - y; }
  friend Real operator*(double x, Real y) { return y.number(x) * y; }
  friend Real operator/(double x, Real y) { return y.number(x) / y; }
  Real operator-() const { return {*b, mlir::arith::NegFOp::create(*b, value)}; }

  /// Ordered: false where either is NaN.
  friend Truth operator<(Real x, Real y) { return compare(mlir::arith::CmpFPredicate::OLT, x, y); }
  friend Truth operator<=(Real x, Real y) { return compare(mlir::arith::CmpFPredicate::OLE, x, y); }
  friend Truth operator>(Real x, Real y) { return compare(mlir::arith::CmpFPredicate::OGT, x, y); }
  friend Truth operator>=(Real x, Real y) { return compare(mlir::arith::CmpFPredicate::OGE, x, y); }
  friend Truth operator==(Real x, Real y) { return compare(mlir::arith::CmpFPredicate::OEQ, x, y); }
  friend Truth operator<(Real x, double y) { return x < x.number(y); }
  friend Truth operator<=(Real x, double y) { return x <= x.number(y); }
  friend Truth operator>(Real x, double y) { return x > x.number(y); }
  friend Truth operator>=(Real x, double y) { return x >= x.number(y); }
  friend Truth operator==(Real x, double y) { return x == x.number(y); }
  Truth isNan() const { return compare(mlir::arith::CmpFPredicate::UNO, *this, *this); }

  /// A function of the math dialect.
  template <typename Op> Real apply() const { return {*b, Op::create(*b, value)}; }
  template <typename Op> Real apply(Real other) const { return {*b, Op::create(*b, value, other.value)}; }

private:
  static Truth compare(mlir::arith::CmpFPredicate predicate, Real x, Real y) {
    return {x.b, mlir::arith::CmpFOp::create(*x.b, predicate, x.value, y.value)};
  }

  mlir::ImplicitLocOpBuilder *b;
  mlir::Value value;
};

inline Real select(Truth condition, Real x, Real y) {
  return {*condition.b, mlir::arith::SelectOp::create(*condition.b, condition.value, x.get(), y.get())};
}
inline Real abs(Real x) { return x.apply<mlir::math::AbsFOp>(); }
inline Real exp(Real x) { return x.apply<mlir::math::ExpOp>(); }
inline Real log(Real x) { return x.apply<mlir::math::LogOp>(); }
inline Real log1p(Real x) { return x.apply<mlir::math::Log1pOp>(); }
inline Real sqrt(Real x) { return x.apply<mlir::math::SqrtOp>(); }
inline Real sin(Real x) { return x.apply<mlir::math::SinOp>(); }
inline Real cos(Real x) { return x.apply<mlir::math::CosOp>(); }
inline Real floor(Real x) { return x.apply<mlir::math::FloorOp>(); }
inline Real ceil(Real x) { return x.apply<mlir::math::CeilOp>(); }
inline Real trunc(Real x) { return x.apply<mlir::math::TruncOp>(); }
inline Real roundEven(Real x) { return x.apply<mlir::math::RoundEvenOp>(); }
inline Real pow(Real x, Real y) { return x.apply<mlir::math::PowFOp>(y); }
/// x y + z, rounded once (Object/ExpandFma.cpp: nearly so on a CPU without the instruction).
inline Real fma(Real x, Real y, Real z) {
  return {x.getBuilder(), mlir::math::FmaOp::create(x.getBuilder(), x.get(), y.get(), z.get())};
}
inline Real copySign(Real x, Real sign) { return x.apply<mlir::math::CopySignOp>(sign); }
/// Beside 0, the 0 of x is the number that its sign stands for: math.atan2 of two constants 0 folds to NaN.
inline Real atan2(Real y, Real x) {
  Real unit = select(abs(x) + abs(y) == 0.0, copySign(x.number(1), x), x);
  return y.apply<mlir::math::Atan2Op>(unit);
}
/// NaN wins.
inline Real max(Real x, Real y) { return x.apply<mlir::arith::MaximumFOp>(y); }
inline Real min(Real x, Real y) { return x.apply<mlir::arith::MinimumFOp>(y); }

/// erf(x), in the type of x: f32 or f64.
Real erf(Real x);

/// c[0] + c[1] x + c[2] x^2 + ..., by Horner's rule.
inline Real polynomial(Real x, llvm::ArrayRef<double> coefficients) {
  Real sum = x.number(coefficients.back());
  for (double coefficient : llvm::reverse(coefficients.drop_back()))
    sum = sum * x + coefficient;
  return sum;
}

/// for (i = 0; i < count; ++i) state = step(i, state), i and `count` of the type of the state; the
/// kernel that holds it is not vectorised.
llvm::SmallVector<Real> iterate(Real count, llvm::ArrayRef<Real> state,
                                llvm::function_ref<llvm::SmallVector<Real>(Real, llvm::ArrayRef<Real>)> step);

/// An elementwise function that computes in f64, whatever the dtype.
template <Real (*function)(Real)> mlir::Value lowerInDouble(ElementBuilder &b, mlir::ValueRange x) {
  Real result = function(Real(b, x[0]).widen());
  return convertElement(b, result.get(), b.getF64Type(), b.getDtype());
}
template <Real (*function)(Real, Real)> mlir::Value lowerInDouble(ElementBuilder &b, mlir::ValueRange x) {
  Real result = function(Real(b, x[0]).widen(), Real(b, x[1]).widen());
  return convertElement(b, result.get(), b.getF64Type(), b.getDtype());
}

} // namespace torchc

#endif // TORCHC_LIB_LOWER_TORCHTOLINALG_REAL_H
