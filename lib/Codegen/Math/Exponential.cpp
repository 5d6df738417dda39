//===- Exponential.cpp - exp2, exp, pow, sinh, cosh and fmod ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Codegen/MathExpansion.h"

using namespace mlir;
using namespace torchc;

/// f32: exp(x) = value 2^n = e^r 2^n, n = round(x / ln 2), |r| <= ln 2 / 2, with a minimax polynomial for
/// (e^r - 1 - r) / r^2.
static std::pair<Value, Value> splitExponential(Formula &f, Value x) {
  Type type = x.getType();
  Value n = f.round(f.mul(x, f.constant(1.44269504088896341, type)));
  // ln 2 as a sum of two, so that the first product is exact: 8 bits by 9.
  Value r = f.mulAdd(n, f.constant(-0.693359375, type), x);
  r = f.mulAdd(n, f.constant(2.12194440e-4, type), r);
  Value rest = f.polynomial(r, {0.49999994, 0.16666521, 0.041668389, 0.0083687110, 0.0013814610});
  return {f.add(f.mulAdd(f.mul(r, r), rest, r), f.constant(1, type)), n};
}

/// f32: exp(x) for |x| <= 80, where neither it nor 2^n overflows.
static Value getNearExponential(Formula &f, Value x) {
  auto [value, n] = splitExponential(f, x);
  return f.scaleNormal(value, n);
}

/// f64: expm1(x) = x (1 + x / 2! + x^2 / 3! + ...) below 0.7, else exp(x) - 1. 3 ulp.
static Value buildExpm1(Formula &f, Value x) {
  SmallVector<double> series{1};
  for (int i = 2; i <= 18; ++i)
    series.push_back(series.back() / i);
  Value near = f.mul(x, f.polynomial(x, series));
  Value far = f.sub(f.exp64(x), f.constant(1, x.getType()));
  return f.select(f.less(f.abs(x), f.constant(0.7, x.getType())), near, far);
}

/// f32: by pieces, or erf(x) = x + x p(x^2) below 0.93, else 1 - exp(-t - t q(t)) with t = |x|, which is 1 from 4 on; p
/// and q are minimax polynomials. 1.5 ulp.
static Value buildErf(Formula &f, Value x) {
  if (f.looksUp())
    return f.oddByPieces(x, std::erf, /*width=*/135.0 / 256, /*degree=*/6, /*limit=*/3.93);
  Type type = x.getType();
  Value z = f.mul(x, x), t = f.min(f.abs(x), 4);
  Value p =
      f.polynomial(z, {0.1283791512, -0.3761247993, 0.1128168255, -0.02676171996, 0.004985939711, -5.953738582e-4});
  Value q =
      f.polynomial(t, {0.1285111457, 0.6357291341, 0.1052476764, -0.02288091928, 0.003212145297, -2.136450775e-4});
  Value power = getNearExponential(f, f.neg(f.mulAdd(t, q, t)));
  Value large = f.copySign(f.sub(f.constant(1, type), power), x);
  Value isLarge = f.compare(arith::CmpFPredicate::OGE, f.abs(x), f.constant(0.93, type));
  // -0 stays -0, and NaN, which is not large, NaN.
  Value small = f.copySign(f.mulAdd(x, p, x), x);
  return f.select(isLarge, large, small);
}

namespace {
/// exp2(x) = 2^n e^(r ln 2), n = round(x), |r| <= 1/2: Taylor's series. f32 and f64: 1 ulp.
struct ExpandExp2 : OpRewritePattern<math::Exp2Op> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::Exp2Op op, PatternRewriter &rewriter) const override {
    Value x = op.getOperand();
    bool single = isSingle(x);
    if (!single && !isDouble(x))
      return rewriter.notifyMatchFailure(op, "not f32 or f64");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Formula f(b, x.getType());
    Value inRange = single ? f.clampExponent(x, -151, 129) : f.clampExponent(x, -1076, 1025);
    Value n = f.round(inRange);
    Value r = f.sub(inRange, n);
    // (ln 2)^i / i!
    SmallVector<double> series{1};
    for (int i = 1; i <= (single ? 7 : 13); ++i)
      series.push_back(series.back() * 0.6931471805599453 / i);
    rewriter.replaceOp(op, f.scaleUnlessNaN(f.polynomial(r, series), n, x));
    return success();
  }
};

/// f32 and f64: 1 ulp.
struct ExpandExp : OpRewritePattern<math::ExpOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::ExpOp op, PatternRewriter &rewriter) const override {
    Value x = op.getOperand();
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Formula f(b, x.getType());
    if (isDouble(x)) {
      rewriter.replaceOp(op, f.exp64(x));
      return success();
    }
    if (!isSingle(x))
      return rewriter.notifyMatchFailure(op, "not f32 or f64");
    auto [value, n] = splitExponential(f, f.clampExponent(x, -104, 89));
    rewriter.replaceOp(op, f.scaleUnlessNaN(value, n, x));
    return success();
  }
};

/// pow(x, y) = sign exp(y log |x|) with the cases of IEEE 754. f32 computes in
/// f64: 1 ulp. f64: 1.5 ulp.
struct ExpandPowF : OpRewritePattern<math::PowFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::PowFOp op, PatternRewriter &rewriter) const override {
    Value x = op.getLhs(), y = op.getRhs();
    bool single = isSingle(x);
    if (!single && !isDouble(x))
      return rewriter.notifyMatchFailure(op, "not f32 or f64");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Formula f(b, x.getType());
    if (single) {
      x = f.extend(x);
      y = f.extend(y);
    }
    Type type = x.getType();
    Value zero = f.constant(0, type), one = f.constant(1, type);
    auto equal = [&](Value p, Value q) { return f.compare(arith::CmpFPredicate::OEQ, p, q); };
    Value base = f.abs(x);
    Value power = single ? f.exp64(f.mul(y, f.log64(base))) : f.pow64(base, y);
    // A base below 0 takes integral exponents only; odd ones keep its sign. That
    // holds for -0 and -infinity as well.
    Value integral = equal(f.trunc(y), y);
    Value halfY = f.mul(y, f.constant(0.5, type));
    Value odd = arith::AndIOp::create(b, integral, f.compare(arith::CmpFPredicate::ONE, f.trunc(halfY), halfY));
    Value signedPower = f.select(odd, f.copySign(power, x), power);
    Value finite = f.less(f.abs(x), f.constant(std::numeric_limits<double>::infinity(), type));
    Value negative = arith::AndIOp::create(b, f.less(x, zero), finite);
    Value fractional = f.compare(arith::CmpFPredicate::ONE, f.trunc(y), y);
    Value undefined = arith::AndIOp::create(b, negative, fractional);
    Value result = f.select(undefined, f.constant(std::numeric_limits<double>::quiet_NaN(), type), signedPower);
    // (-1)^(+-infinity) is 1, and so is anything to the 0 and 1 to anything.
    Value isOne = arith::OrIOp::create(b, equal(y, zero), equal(x, one));
    Value infinite = equal(f.abs(y), f.constant(std::numeric_limits<double>::infinity(), type));
    isOne = arith::OrIOp::create(b, isOne, arith::AndIOp::create(b, infinite, equal(f.abs(x), one)));
    result = f.select(isOne, one, result);
    rewriter.replaceOp(op, single ? f.truncate(result) : result);
    return success();
  }
};

/// sinh(x) = x + x^3/3! + ... below 1, else (t t - 1 / (t t)) / 2 with t = exp(|x| / 2),
/// which overflows no earlier than the result. f32: 3 ulp.
struct ExpandSinh : OpRewritePattern<math::SinhOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::SinhOp op, PatternRewriter &rewriter) const override {
    Value x = op.getOperand();
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Formula f(b, x.getType());
    Type type = x.getType();
    Value z = f.mul(x, x), size = f.abs(x);
    SmallVector<double> series{1};
    for (int i = 1; i <= (isSingle(x) ? 4 : 8); ++i)
      series.push_back(series.back() / ((2 * i) * (2 * i + 1)));
    Value small = f.mul(x, f.polynomial(z, series));
    Value t = math::ExpOp::create(b, f.mul(size, f.constant(0.5, type)));
    Value half = f.constant(0.5, type);
    Value large = f.sub(f.mul(f.mul(half, t), t), f.div(f.div(half, t), t));
    rewriter.replaceOp(op, f.select(f.less(size, f.constant(1, type)), small, f.copySign(large, x)));
    return success();
  }
};

/// cosh(x) = (t t + 1 / (t t)) / 2 with t = exp(|x| / 2). f32: 3 ulp.
struct ExpandCosh : OpRewritePattern<math::CoshOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::CoshOp op, PatternRewriter &rewriter) const override {
    Value x = op.getOperand();
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Formula f(b, x.getType());
    Value half = f.constant(0.5, x.getType());
    Value t = math::ExpOp::create(b, f.mul(f.abs(x), half));
    rewriter.replaceOp(op, f.add(f.mul(f.mul(half, t), t), f.div(f.div(half, t), t)));
    return success();
  }
};

/// tanh(x) = 1 - 2 / (exp(2 |x|) + 1), but near 0 for f32 a minimax polynomial, for f64
/// sinh / cosh. f32: 2 ulp, f64: 4.
struct ExpandTanh : OpRewritePattern<math::TanhOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::TanhOp op, PatternRewriter &rewriter) const override {
    Value x = op.getOperand();
    bool single = isSingle(x);
    if (!single && !isDouble(x))
      return rewriter.notifyMatchFailure(op, "not f32 or f64");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Formula f(b, x.getType());
    Type type = x.getType();
    Value size = f.abs(x), one = f.constant(1, type), two = f.constant(2, type);
    // From 10 on the f32 nearest to it is 1.
    Value power = single ? getNearExponential(f, f.mul(f.min(size, 10), two)) : f.exp64(f.mul(size, two));
    Value large = f.sub(one, f.div(two, f.add(power, one)));
    Value small;
    if (single) {
      Value z = f.mul(size, size);
      Value p = f.polynomial(z, {-0.3333328068, 0.1333144158, -0.05373971537, 0.02063908614, -0.005704985});
      small = f.mulAdd(f.mul(size, z), p, size);
    } else {
      small = f.div(math::SinhOp::create(b, size), math::CoshOp::create(b, size));
    }
    // NaN takes what is small, which keeps it.
    Value isLarge = f.compare(arith::CmpFPredicate::OGE, size, f.constant(single ? 0.625 : 1, type));
    rewriter.replaceOp(op, f.copySign(f.select(isLarge, large, small), x));
    return success();
  }
};

/// fmod(x, y) = x - trunc(x / y) y, in f64: exact for f32 while |x / y| < 2^53.
struct ExpandRemF : OpRewritePattern<arith::RemFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::RemFOp op, PatternRewriter &rewriter) const override {
    Value x = op.getLhs(), y = op.getRhs();
    bool single = isSingle(x);
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Formula f(b, x.getType());
    if (single) {
      x = f.extend(x);
      y = f.extend(y);
    }
    Type type = x.getType();
    Value size = f.abs(x), step = f.abs(y);
    Value quotient = f.trunc(f.div(size, step));
    Value rest = f.fma(f.neg(quotient), step, size);
    // The quotient may have been rounded up to the next integer, or down below it.
    rest = f.select(f.less(rest, f.constant(0, type)), f.add(rest, step), rest);
    rest = f.select(f.compare(arith::CmpFPredicate::OGE, rest, step), f.sub(rest, step), rest);
    // x mod infinity is x.
    constexpr double infinity = std::numeric_limits<double>::infinity();
    Value toInfinity = arith::AndIOp::create(b, f.compare(arith::CmpFPredicate::OEQ, step, f.constant(infinity, type)),
                                             f.less(size, f.constant(infinity, type)));
    rest = f.copySign(f.select(toInfinity, size, rest), x);
    rewriter.replaceOp(op, single ? f.truncate(rest) : rest);
    return success();
  }
};
} // namespace

void torchc::populateExponentialPatterns(RewritePatternSet &patterns) {
  patterns.add<ExpandCosh, ExpandSingle<math::ErfOp, buildErf>, ExpandExp, ExpandExp2,
               ExpandDouble<math::ExpM1Op, buildExpm1>, ExpandPowF, ExpandRemF, ExpandSinh, ExpandTanh>(
      patterns.getContext(),
      /*benefit=*/2);
}
