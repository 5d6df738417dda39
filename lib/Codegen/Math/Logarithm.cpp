//===- Logarithm.cpp - logarithms and inverse hyperbolic functions ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Codegen/MathExpansion.h"

using namespace mlir;
using namespace torchc;

/// x = 2^e m, sqrt(1/2) <= m < sqrt(2); denormals too. Returns {e, m}.
static std::pair<Value, Value> splitExponent(Formula &f, Value x) {
  ImplicitLocOpBuilder &b = f.b;
  Type type = x.getType(), i32 = b.getI32Type();
  Value tiny = f.less(x, f.constant(1.17549435e-38, type));
  Value scaled = f.select(tiny, f.mul(x, f.constant(0x1p25, type)), x);
  Value bits = arith::BitcastOp::create(b, f.shaped(i32), scaled);
  Value shifted = arith::SubIOp::create(b, bits, f.constantInt(0x3F3504F3, i32));
  Value exponent = arith::ShRSIOp::create(b, shifted, f.constantInt(23, i32));
  Value mantissa = arith::SubIOp::create(b, bits, arith::ShLIOp::create(b, exponent, f.constantInt(23, i32)));
  Value e = arith::SIToFPOp::create(b, type, exponent);
  return {f.select(tiny, f.sub(e, f.constant(25, type)), e), arith::BitcastOp::create(b, type, mantissa)};
}

/// log(1 + f) - f + f^2/2 for 1 + f = m: Cephes' logf polynomial times f^3.
static Value getLogRest(Formula &f, Value fraction) {
  Value z = f.mul(fraction, fraction);
  Value p =
      f.polynomial(fraction, {3.3333331174e-1, -2.4999993993e-1, 2.0000714765e-1, -1.6668057665e-1, 1.4249322787e-1,
                              -1.2420140846e-1, 1.1676998740e-1, -1.1514610310e-1, 7.0376836292e-2});
  return f.mul(f.mul(fraction, z), p);
}

/// The values at 0, below it, at infinity and of NaN.
static Value selectSpecialLogs(Formula &f, Value x, Value value) {
  Type type = x.getType();
  constexpr double infinity = std::numeric_limits<double>::infinity();
  Value high = f.constant(infinity, type), zero = f.constant(0, type);
  value = f.select(f.compare(arith::CmpFPredicate::OEQ, x, high), high, value);
  value = f.select(f.compare(arith::CmpFPredicate::OEQ, x, zero), f.constant(-infinity, type), value);
  Value undefined = f.compare(arith::CmpFPredicate::ULT, x, zero);
  return f.select(undefined, f.constant(std::numeric_limits<double>::quiet_NaN(), type), value);
}

/// log1p(x) for f64: log(u) + (x - (u - 1)) / u with u = 1 + x.
static Value buildLog1p(Formula &f, Value x) {
  Value one = f.constant(1, x.getType()), u = f.add(one, x);
  Value log = f.log64(u);
  Value corrected = f.add(log, f.div(f.sub(x, f.sub(u, one)), u));
  Value ordinary = f.less(f.abs(log), f.constant(std::numeric_limits<double>::infinity(), x.getType()));
  return f.select(ordinary, corrected, log);
}

namespace {
/// f32: 1 ulp, Cephes' logf. f64: 1 ulp.
struct ExpandLog : OpRewritePattern<math::LogOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::LogOp op, PatternRewriter &rewriter) const override {
    Value x = op.getOperand();
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Formula f(b, x.getType());
    if (isDouble(x)) {
      rewriter.replaceOp(op, f.log64(x));
      return success();
    }
    if (!isSingle(x))
      return rewriter.notifyMatchFailure(op, "not f32 or f64");
    Type type = x.getType();
    auto [e, m] = splitExponent(f, x);
    Value fraction = f.sub(m, f.constant(1, type));
    Value rest = f.mulAdd(e, f.constant(-2.12194440e-4, type), getLogRest(f, fraction));
    rest = f.mulAdd(f.mul(fraction, fraction), f.constant(-0.5, type), rest);
    Value value = f.mulAdd(e, f.constant(0.693359375, type), f.add(fraction, rest));
    rewriter.replaceOp(op, selectSpecialLogs(f, x, value));
    return success();
  }
};

/// log2(x) = e + log(m) / ln 2: exact for powers of two. f32: 2 ulp.
struct ExpandLog2 : OpRewritePattern<math::Log2Op> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::Log2Op op, PatternRewriter &rewriter) const override {
    Value x = op.getOperand();
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Formula f(b, x.getType());
    Type type = x.getType();
    if (isDouble(x)) {
      rewriter.replaceOp(op, f.mul(f.log64(x), f.constant(1.4426950408889634, type)));
      return success();
    }
    if (!isSingle(x))
      return rewriter.notifyMatchFailure(op, "not f32 or f64");
    auto [e, m] = splitExponent(f, x);
    Value fraction = f.sub(m, f.constant(1, type));
    Value rest = f.mulAdd(f.mul(fraction, fraction), f.constant(-0.5, type), getLogRest(f, fraction));
    // 1 / ln 2 = 1 + 0.4427
    Value factor = f.constant(0.44269504088896340736, type);
    Value value = f.add(f.mulAdd(rest, factor, f.mul(fraction, factor)), rest);
    value = f.add(f.add(value, fraction), e);
    rewriter.replaceOp(op, selectSpecialLogs(f, x, value));
    return success();
  }
};

/// log10(x) = log(x) / ln 10, in f64: 1 ulp for f32.
struct ExpandLog10 : OpRewritePattern<math::Log10Op> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::Log10Op op, PatternRewriter &rewriter) const override {
    Value x = op.getOperand();
    bool single = isSingle(x);
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Formula f(b, x.getType());
    Value wide = single ? f.extend(x) : x;
    Value value = f.mul(f.log64(wide), f.constant(0.43429448190325182765, wide.getType()));
    rewriter.replaceOp(op, single ? f.truncate(value) : value);
    return success();
  }
};

/// asinh(x) = sign(x) log1p(a + a^2 / (1 + sqrt(a^2 + 1))), a = |x|; log(a) + ln 2 for
/// large a, whose square overflows. f32: 3 ulp.
struct ExpandAsinh : OpRewritePattern<math::AsinhOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::AsinhOp op, PatternRewriter &rewriter) const override {
    Value x = op.getOperand();
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Formula f(b, x.getType());
    Type type = x.getType();
    Value a = f.abs(x), one = f.constant(1, type), square = f.mul(a, a);
    Value root = f.sqrt(f.add(square, one));
    Value near = math::Log1pOp::create(b, f.add(a, f.div(square, f.add(one, root))));
    Value far = f.add(math::LogOp::create(b, a), f.constant(0.69314718055994530942, type));
    Value value = f.select(f.compare(arith::CmpFPredicate::OGT, a, f.constant(1e9, type)), far, near);
    rewriter.replaceOp(op, f.copySign(value, x));
    return success();
  }
};

/// acosh(x) = log1p(t + sqrt(2 t + t^2)), t = x - 1; log(x) + ln 2 for large x. f32: 3 ulp.
struct ExpandAcosh : OpRewritePattern<math::AcoshOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::AcoshOp op, PatternRewriter &rewriter) const override {
    Value x = op.getOperand();
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Formula f(b, x.getType());
    Type type = x.getType();
    Value t = f.sub(x, f.constant(1, type));
    Value root = f.sqrt(f.mulAdd(t, t, f.add(t, t)));
    Value near = math::Log1pOp::create(b, f.add(t, root));
    Value far = f.add(math::LogOp::create(b, x), f.constant(0.69314718055994530942, type));
    Value value = f.select(f.compare(arith::CmpFPredicate::OGT, x, f.constant(1e9, type)), far, near);
    Value undefined = f.compare(arith::CmpFPredicate::ULT, x, f.constant(1, type));
    rewriter.replaceOp(op, f.select(undefined, f.constant(std::numeric_limits<double>::quiet_NaN(), type), value));
    return success();
  }
};

/// atanh(x) = sign(x) log1p(2 a / (1 - a)) / 2, a = |x|. f32: 3 ulp.
struct ExpandAtanh : OpRewritePattern<math::AtanhOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::AtanhOp op, PatternRewriter &rewriter) const override {
    Value x = op.getOperand();
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Formula f(b, x.getType());
    Type type = x.getType();
    Value a = f.abs(x), one = f.constant(1, type);
    Value log = math::Log1pOp::create(b, f.div(f.add(a, a), f.sub(one, a)));
    rewriter.replaceOp(op, f.copySign(f.mul(log, f.constant(0.5, type)), x));
    return success();
  }
};
} // namespace

void torchc::populateLogarithmPatterns(RewritePatternSet &patterns) {
  patterns.add<ExpandAcosh, ExpandAsinh, ExpandAtanh, ExpandLog, ExpandLog10, ExpandDouble<math::Log1pOp, buildLog1p>,
               ExpandLog2>(patterns.getContext(), /*benefit=*/2);
}
