//===- Trigonometric.cpp - sin, cos, tan, atan and atan2 ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Arguments are reduced in f64: r = x - n pi/2, n = round(x 2/pi), with pi/2 as a sum
// of three: good for |x| < 2^52, and NaN from there on, where the argument itself
// no longer tells an angle. Polynomials of r are Cephes' for f32, Taylor's series for f64.
//
//===----------------------------------------------------------------------===//

#include "torchc/Codegen/MathExpansion.h"

using namespace mlir;
using namespace torchc;

namespace {
struct Reduced {
  Value rest;     ///< f64
  Value quadrant; ///< i32: 0 to 3
};
} // namespace

static Reduced reduceToQuadrant(Formula &f, Value x) {
  ImplicitLocOpBuilder &b = f.b;
  Type type = x.getType();
  Value n = f.round(f.mul(x, f.constant(0.63661977236758134308, type)));
  Value r = f.fma(n, f.constant(-1.57079632679489655800, type), x);
  r = f.fma(n, f.constant(-6.12323399573676603587e-17, type), r);
  r = f.fma(n, f.constant(1.49738490485916983e-33, type), r);
  Value large = f.compare(arith::CmpFPredicate::OGE, f.abs(x), f.constant(0x1p52, type));
  r = f.select(large, f.constant(std::numeric_limits<double>::quiet_NaN(), type), r);
  // n mod 4; where n is no number, the rest is none either.
  Value quarter = math::FloorOp::create(b, f.mul(n, f.constant(0.25, type)));
  Value quadrant = f.clamp(f.mulAdd(quarter, f.constant(-4, type), n), 0, 3);
  return {r, arith::FPToSIOp::create(b, f.shaped(b.getI32Type()), quadrant)};
}

/// sin(r) or cos(r) for |r| <= pi/4.
static Value getSine(Formula &f, Value r) {
  Value z = f.mul(r, r);
  if (isSingle(r))
    return f.mulAdd(f.mul(r, z), f.polynomial(z, {-1.6666654611e-1, 8.3321608736e-3, -1.9515295891e-4}), r);
  SmallVector<double> series{-1.0 / 6};
  for (int i = 2; i <= 8; ++i)
    series.push_back(-series.back() / ((2 * i) * (2 * i + 1)));
  return f.mulAdd(f.mul(r, z), f.polynomial(z, series), r);
}

static Value getCosine(Formula &f, Value r) {
  Value z = f.mul(r, r), one = f.constant(1, r.getType());
  Value start = f.mulAdd(z, f.constant(-0.5, r.getType()), one);
  if (isSingle(r))
    return f.mulAdd(f.mul(z, z), f.polynomial(z, {4.166664568298827e-2, -1.388731625493765e-3, 2.443315711809948e-5}),
                    start);
  SmallVector<double> series{1.0 / 24};
  for (int i = 3; i <= 9; ++i)
    series.push_back(-series.back() / ((2 * i - 1) * (2 * i)));
  return f.mulAdd(f.mul(z, z), f.polynomial(z, series), start);
}

static Value hasBit(Formula &f, Value quadrant, int64_t bit) {
  Type i32 = f.b.getI32Type();
  Value masked = arith::AndIOp::create(f.b, quadrant, f.constantInt(bit, i32));
  return arith::CmpIOp::create(f.b, arith::CmpIPredicate::ne, masked, f.constantInt(0, i32));
}

/// sin(x + shift pi/2). f32 and f64: 1 ulp, near zeros of the function an absolute error of 1e-8.
static LogicalResult expandSine(Operation *op, int64_t shift, PatternRewriter &rewriter) {
  Value x = op->getOperand(0);
  bool single = isSingle(x);
  if (!single && !isDouble(x))
    return rewriter.notifyMatchFailure(op, "not f32 or f64");
  ImplicitLocOpBuilder b(op->getLoc(), rewriter);
  Formula f(b, x.getType());
  Reduced reduced = reduceToQuadrant(f, single ? f.extend(x) : x);
  Value r = single ? f.truncate(reduced.rest) : reduced.rest;
  Value quadrant = arith::AddIOp::create(b, reduced.quadrant, f.constantInt(shift, b.getI32Type()));
  Value value = f.select(hasBit(f, quadrant, 1), getCosine(f, r), getSine(f, r));
  value = f.select(hasBit(f, quadrant, 2), f.neg(value), value);
  // sin(-0) is -0.
  if (shift == 0)
    value = f.select(f.compare(arith::CmpFPredicate::OEQ, x, f.constant(0, x.getType())), x, value);
  rewriter.replaceOp(op, value);
  return success();
}

namespace {
struct ExpandSin : OpRewritePattern<math::SinOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::SinOp op, PatternRewriter &rewriter) const override {
    return expandSine(op, 0, rewriter);
  }
};

struct ExpandCos : OpRewritePattern<math::CosOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::CosOp op, PatternRewriter &rewriter) const override {
    return expandSine(op, 1, rewriter);
  }
};

/// tan(x) = sin / cos of the rest, or -cos / sin in odd quadrants; in f64. f32: 1 ulp.
struct ExpandTan : OpRewritePattern<math::TanOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::TanOp op, PatternRewriter &rewriter) const override {
    Value x = op.getOperand();
    bool single = isSingle(x);
    if (!single && !isDouble(x))
      return rewriter.notifyMatchFailure(op, "not f32 or f64");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Formula f(b, x.getType());
    Reduced reduced = reduceToQuadrant(f, single ? f.extend(x) : x);
    Value sine = getSine(f, reduced.rest), cosine = getCosine(f, reduced.rest);
    Value odd = hasBit(f, reduced.quadrant, 1);
    Value value = f.div(f.select(odd, f.neg(cosine), sine), f.select(odd, sine, cosine));
    value = single ? f.truncate(value) : value;
    // tan(-0) is -0.
    rewriter.replaceOp(op, f.select(f.compare(arith::CmpFPredicate::OEQ, x, f.constant(0, x.getType())), x, value));
    return success();
  }
};
} // namespace

/// atan(a) for a >= 0. Above tan(3 pi/8) by 1/a, above tan(pi/8) by (a - 1) / (a + 1); what is
/// left is at most 0.42: Cephes' polynomial for f32, Taylor's series for f64.
static Value getArcTangent(Formula &f, Value a) {
  Type type = a.getType();
  Value one = f.constant(1, type), zero = f.constant(0, type);
  Value large = f.compare(arith::CmpFPredicate::OGT, a, f.constant(2.414213562373095, type));
  Value middle = f.compare(arith::CmpFPredicate::OGT, a, f.constant(0.4142135623730950, type));
  Value numerator = f.select(large, f.neg(one), f.select(middle, f.sub(a, one), a));
  Value denominator = f.select(large, a, f.select(middle, f.add(a, one), one));
  Value start = f.select(large, f.constant(1.5707963267948966, type),
                         f.select(middle, f.constant(0.7853981633974483, type), zero));
  Value t = f.div(numerator, denominator), z = f.mul(t, t);
  if (isDouble(a)) {
    SmallVector<double> series;
    for (int i = 1; i <= 21; ++i)
      series.push_back((i % 2 == 0 ? 1.0 : -1.0) / (2 * i + 1));
    return f.add(start, f.mulAdd(f.mul(t, z), f.polynomial(z, series), t));
  }
  Value p = f.polynomial(z, {-3.33329491539e-1, 1.99777106478e-1, -1.38776856032e-1, 8.05374449538e-2});
  return f.add(start, f.mulAdd(f.mul(t, z), p, t));
}

namespace {
/// f32 and f64: 2 ulp.
struct ExpandAtan : OpRewritePattern<math::AtanOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::AtanOp op, PatternRewriter &rewriter) const override {
    Value x = op.getOperand();
    if (!isSingle(x) && !isDouble(x))
      return rewriter.notifyMatchFailure(op, "not f32 or f64");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Formula f(b, x.getType());
    rewriter.replaceOp(op, f.copySign(getArcTangent(f, f.abs(x)), x));
    return success();
  }
};

/// f32: asin(s) = s + s^3 p(s^2), a minimax polynomial, for s = a up to a = 1/2, else for s = sqrt((1 - a) / 2), which
/// is the sine of half of acos(a).
struct ArcSine {
  Value isSmall, angle;
};
} // namespace

static ArcSine getArcSine(Formula &f, Value a) {
  Type type = a.getType();
  Value half = f.constant(0.5, type);
  Value isSmall = f.compare(arith::CmpFPredicate::OLE, a, half);
  Value z = f.select(isSmall, f.mul(a, a), f.mul(f.sub(f.constant(1, type), a), half));
  Value s = f.select(isSmall, a, f.sqrt(z));
  Value p = f.polynomial(z, {0.166667521, 0.07495297492, 0.04547037929, 0.02417950332, 0.04216632992});
  return {isSmall, f.mulAdd(f.mul(s, z), p, s)};
}

/// f32: 2.5 ulp.
static Value buildAsin(Formula &f, Value x) {
  auto [isSmall, angle] = getArcSine(f, f.abs(x));
  Value rest = f.mulAdd(f.constant(-2, x.getType()), angle, f.constant(1.5707963267948966, x.getType()));
  return f.copySign(f.select(isSmall, angle, rest), x);
}

/// f32: 1.5 ulp.
static Value buildAcos(Formula &f, Value x) {
  Type type = x.getType();
  auto [isSmall, angle] = getArcSine(f, f.abs(x));
  Value small = f.sub(f.constant(1.5707963267948966, type), f.copySign(angle, x));
  Value twice = f.add(angle, angle);
  Value isLeft = f.less(x, f.constant(0, type));
  Value large = f.select(isLeft, f.sub(f.constant(3.14159265358979323846, type), twice), twice);
  return f.select(isSmall, small, large);
}

namespace {
/// atan2(y, x): the angle of |y| / |x|, then the quadrant by the signs. f32 and f64: 3 ulp.
struct ExpandAtan2 : OpRewritePattern<math::Atan2Op> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::Atan2Op op, PatternRewriter &rewriter) const override {
    Value y = op.getLhs(), x = op.getRhs();
    if (!isSingle(x) && !isDouble(x))
      return rewriter.notifyMatchFailure(op, "not f32 or f64");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Formula f(b, x.getType());
    Type type = x.getType(), integer = isSingle(x) ? b.getI32Type() : b.getI64Type();
    Value ratio = f.div(f.abs(y), f.abs(x));
    // 0 / 0 is 0 here, and infinity / infinity 1.
    Value same = f.compare(arith::CmpFPredicate::OEQ, f.abs(y), f.abs(x));
    Value isZero = f.compare(arith::CmpFPredicate::OEQ, y, f.constant(0, type));
    ratio = f.select(same, f.select(isZero, f.constant(0, type), f.constant(1, type)), ratio);
    Value angle = getArcTangent(f, ratio);
    Value bits = arith::BitcastOp::create(b, f.shaped(integer), x);
    Value left = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, bits, f.constantInt(0, integer));
    angle = f.select(left, f.sub(f.constant(3.14159265358979323846, type), angle), angle);
    Value undefined = f.compare(arith::CmpFPredicate::UNO, x, y);
    rewriter.replaceOp(op, f.select(undefined, f.add(x, y), f.copySign(angle, y)));
    return success();
  }
};
} // namespace

void torchc::populateTrigonometricPatterns(RewritePatternSet &patterns) {
  patterns.add<ExpandSingle<math::AcosOp, buildAcos>, ExpandSingle<math::AsinOp, buildAsin>, ExpandAtan, ExpandAtan2,
               ExpandCos, ExpandSin, ExpandTan>(patterns.getContext(),
                                                /*benefit=*/2);
}
