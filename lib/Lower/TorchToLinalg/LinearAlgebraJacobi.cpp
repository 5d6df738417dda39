//===- LinearAlgebraJacobi.cpp - eigenvalues and singular values by rotations ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Sweeps of rotations, each of which brings one pair of columns at right angles (C. Jacobi, 1846; for
// singular values M. Hestenes, 1958). They end when none was needed; small values come out with as
// many digits as large ones.
//
//===----------------------------------------------------------------------===//

#include "MatrixLoops.h"
#include "Reshape.h"
#include "Sizes.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

/// Convergence is quadratic: 6 to 10 sweeps do. NaN never ends it.
static constexpr int64_t kMaxSweeps = 64;
/// Columns at right angles but for rounding.
static constexpr double kPrecision = 0x1p-52;

namespace {
struct Rotation {
  Real cosine, sine, tangent;
};
} // namespace

/// The smaller rotation by an angle t with cot(2t) = `cotangent`.
static Rotation getRotation(Real cotangent) {
  Real tangent = copySign(1.0 / (abs(cotangent) + sqrt(cotangent * cotangent + 1.0)), cotangent);
  Real cosine = 1.0 / sqrt(tangent * tangent + 1.0);
  return {cosine, cosine * tangent, tangent};
}

/// Runs `sweep` until it declares no activity.
static void runSweeps(MatrixLoops &loops, function_ref<void(MatrixLoops::Variable active)> sweep) {
  auto boolean = [&](bool value) { return arith::ConstantIntOp::create(loops, value, 1).getResult(); };
  auto active = loops.declare(boolean(true));
  loops.forEach(0, loops.at(kMaxSweeps), [&](Place) {
    loops.ifThen({&loops, loops.get(active)}, [&] {
      loops.set(active, boolean(false));
      sweep(active);
    });
  });
}

/// Swaps what `swap` swaps until the values are in order.
static void sortValues(MatrixLoops &loops, Place count, function_ref<Truth(Place, Place)> isBefore,
                       function_ref<void(Place, Place)> swap) {
  loops.forEach(0, count, [&](Place i) {
    auto best = loops.declare(i.get());
    loops.forEach(i + 1, count,
                  [&](Place j) { loops.ifThen(isBefore(j, loops.getPlace(best)), [&] { loops.set(best, j.get()); }); });
    swap(i, loops.getPlace(best));
  });
}

static Value createIdentity(Lowering &b, OpFoldResult count, OpFoldResult size) {
  return createMatrices(b, count, size, size, [&](ImplicitLocOpBuilder &body, ValueRange at) -> Value {
    Value isDiagonal = arith::CmpIOp::create(body, arith::CmpIPredicate::eq, at[1], at[2]);
    return arith::UIToFPOp::create(body, body.getF64Type(), isDiagonal);
  });
}

namespace {

/// Eigenvalues in ascending order, and eigenvectors as columns, of the symmetric matrix that one
/// triangle stands for.
struct LowerAten_LinalgEigh : LowerMultiResultOp<LowerAten_LinalgEigh, Aten_LinalgEighOp> {
  using LowerMultiResultOp::LowerMultiResultOp;
  FailureOr<SmallVector<Value>> lower(Aten_LinalgEighOp op, Lowering &b) const {
    std::optional<StringRef> triangle = getConstantString(op.getUPLO());
    std::optional<bool> vectors = getConstantBool(op.getComputeV());
    RankedTensorType type = b.getTensorType(op.getA());
    if (!triangle || !vectors || type.getRank() < 2)
      return b.refuse("an option that is not constant, or a tensor that is no matrix");
    FailureOr<Matrices> a = getMatrices(b, op.getA());
    if (failed(a))
      return failure();
    assertEqualSizes(b, a->rows, a->columns, "eigenvalues of matrices that are not square");
    bool isLower = triangle->lower() == "l";
    Value symmetric =
        createMatrices(b, a->count, a->rows, a->columns, [&](ImplicitLocOpBuilder &body, ValueRange at) -> Value {
          Value larger = arith::MaxSIOp::create(body, at[1], at[2]),
                smaller = arith::MinSIOp::create(body, at[1], at[2]);
          return tensor::ExtractOp::create(body, a->tensor,
                                           ValueRange{at[0], isLower ? larger : smaller, isLower ? smaller : larger});
        });
    Value values = createEmpty(b, {a->count, a->rows}, b.getF64Type());
    SmallVector<Value> inits{values, createIdentity(b, a->count, a->rows), symmetric};
    SmallVector<Value> results = MatrixLoops::run(b, a->count, inits, [&](MatrixLoops &loops) {
      Vector w(loops, 0);
      Matrix v(loops, 1), s(loops, 2);
      Place n = loops.at(a->rows);
      runSweeps(loops, [&](MatrixLoops::Variable active) { sweep(loops, s, v, n, active); });
      loops.forEach(0, n, [&](Place i) { w.set(i, s(i, i)); });
      sortValues(
          loops, n, [&](Place i, Place j) { return w(i) < w(j); },
          [&](Place i, Place j) {
            Real value = w(i), other = w(j);
            w.set(i, other);
            w.set(j, value);
            loops.forEach(0, n, [&](Place k) { v.swap({k, i}, {k, j}); });
          });
    });
    Value eigenvectors = *vectors
                             ? restoreBatch(b, results[1], a->batch, op.getResult1())
                             : createEmpty(b, {b.getIndexAttr(0)}, b.getTensorType(op.getResult1()).getElementType());
    return SmallVector<Value>{restoreBatch(b, results[0], a->batch, op.getResult0()), eigenvectors};
  }

  /// V^T A V for rotations V that bring each off-diagonal element to 0 in turn.
  static void sweep(MatrixLoops &loops, Matrix &a, Matrix &v, Place n, MatrixLoops::Variable active) {
    loops.forEach(0, n, [&](Place p) {
      loops.forEach(p + 1, n, [&](Place q) {
        Real off = a(p, q), first = a(p, p), second = a(q, q);
        loops.ifThen(abs(off) > (abs(first) + abs(second)) * (kPrecision / 8), [&] {
          loops.set(active, arith::ConstantIntOp::create(loops, 1, 1));
          auto [cosine, sine, tangent] = getRotation((second - first) / (off * 2.0));
          loops.forEach(0, n, [&](Place k) { a.rotate({k, p}, {k, q}, cosine, sine); });
          loops.forEach(0, n, [&](Place k) { a.rotate({p, k}, {q, k}, cosine, sine); });
          loops.forEach(0, n, [&](Place k) { v.rotate({k, p}, {k, q}, cosine, sine); });
          // Known without rounding.
          a.set(p, p, first - tangent * off);
          a.set(q, q, second + tangent * off);
          a.set(p, q, loops.real(0));
          a.set(q, p, loops.real(0));
        });
      });
    });
  }
};

/// Whether matrices are wider than high: known, or what a call says.
class Orientation {
public:
  Orientation(OpFoldResult rows, OpFoldResult columns)
      : rows(rows), columns(columns), staticRows(getConstantIntValue(rows)),
        staticColumns(getConstantIntValue(columns)) {}

  bool isKnown() const { return staticRows && staticColumns; }
  bool isSurelyWide() const { return isKnown() && *staticColumns > *staticRows; }
  Value get(ImplicitLocOpBuilder &body) const { return compare(body, arith::CmpIPredicate::sgt); }
  Value getInverse(ImplicitLocOpBuilder &body) const { return compare(body, arith::CmpIPredicate::sle); }

private:
  Value compare(ImplicitLocOpBuilder &body, arith::CmpIPredicate predicate) const {
    return arith::CmpIOp::create(body, predicate, toIndex(body, columns), toIndex(body, rows));
  }

  OpFoldResult rows, columns;
  std::optional<int64_t> staticRows, staticColumns;
};

/// That of `size` elements, of which there is one at least.
static Value getLastIndex(ImplicitLocOpBuilder &body, OpFoldResult size) {
  Value one = arith::ConstantIndexOp::create(body, 1);
  if (getConstantIntValue(size))
    return arith::SubIOp::create(body, toIndex(body, size), one);
  return arith::SubIOp::create(body, arith::MaxSIOp::create(body, toIndex(body, size), one), one);
}

/// What the rotations start from, [m, columns]: the matrix, or its transpose where it is wide, and zeros behind its n
/// columns.
static Value createLeft(Lowering &b, const Matrices &a, const Orientation &wide, OpFoldResult m, OpFoldResult n,
                        OpFoldResult columns) {
  bool isWhole = areEqualSizes(columns, n);
  Value matrices = a.tensor;
  if (!isWhole && !wide.isKnown()) {
    // There is an element to read for those outside.
    OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
    SmallVector<OpFoldResult> sizes = getDims(b, matrices),
                              grown{sizes[0], maxSizes(b, sizes[1], one), maxSizes(b, sizes[2], one)};
    Value zeros = createFilled(b, grown, b.getF64FloatAttr(0));
    matrices = insertSlice(b, matrices, zeros, {zero, zero, zero}, sizes, {one, one, one});
  }
  return createMatrices(b, a.count, m, columns, [&](ImplicitLocOpBuilder &body, ValueRange at) -> Value {
    Value row = at[1], column = at[2], zero = arith::ConstantOp::create(body, body.getF64FloatAttr(0));
    if (!isWhole && getConstantIntValue(n) == 0)
      return zero;
    if (!isWhole)
      column = arith::MinSIOp::create(body, column, getLastIndex(body, n));
    if (!wide.isKnown()) {
      Value isWide = wide.get(body), i = row;
      row = arith::SelectOp::create(body, isWide, column, i);
      column = arith::SelectOp::create(body, isWide, i, column);
    }
    Value element = tensor::ExtractOp::create(body, matrices, ValueRange{at[0], row, column});
    if (isWhole)
      return element;
    Value isInside = arith::CmpIOp::create(body, arith::CmpIPredicate::slt, at[2], toIndex(body, n));
    return arith::SelectOp::create(body, isInside, element, zero);
  });
}

/// U, the singular values in descending order, and V^T.
struct LowerAten_LinalgSvd : LowerMultiResultOp<LowerAten_LinalgSvd, Aten_LinalgSvdOp> {
  using LowerMultiResultOp::LowerMultiResultOp;
  FailureOr<SmallVector<Value>> lower(Aten_LinalgSvdOp op, Lowering &b) const {
    std::optional<bool> full = getConstantBool(op.getFullMatrices()), vectors = getConstantBool(op.getComputeUv());
    RankedTensorType type = b.getTensorType(op.getA());
    if (!full || !vectors || type.getRank() < 2)
      return b.refuse("an option that is not constant, or a tensor that is no matrix");
    // Rotations work on the columns of a matrix that is no wider than high.
    SmallVector<OpFoldResult> sizes = getDims(b, b.get(op.getA()));
    OpFoldResult rows = sizes.end()[-2], columns = sizes.end()[-1];
    Orientation wide(rows, columns);
    FailureOr<Matrices> a = getMatrices(b, op.getA(), wide.isSurelyWide());
    if (failed(a))
      return failure();
    OpFoldResult m = maxSizes(b, rows, columns), n = minSizes(b, rows, columns), leftColumns = *full ? m : n;
    Value values = createEmpty(b, {a->count, n}, b.getF64Type());
    SmallVector<Value> inits{values, createLeft(b, *a, wide, m, n, leftColumns),
                             createIdentity(b, a->count, wide.isKnown() ? n : maxSizes(b, n, b.getIndexAttr(1)))};
    SmallVector<Value> results = MatrixLoops::run(b, a->count, inits, [&](MatrixLoops &loops) {
      decompose(loops, loops.at(m), loops.at(n), loops.at(leftColumns));
    });
    auto createAbsent = [&](Value result) {
      return createEmpty(b, {b.getIndexAttr(0)}, b.getTensorType(result).getElementType());
    };
    Value s = restoreBatch(b, results[0], a->batch, op.getResult1());
    if (!*vectors)
      return SmallVector<Value>{createAbsent(op.getResult0()), s, createAbsent(op.getResult2())};
    Value u, vh;
    if (wide.isKnown()) {
      u = results[wide.isSurelyWide() ? 2 : 1];
      Value v = results[wide.isSurelyWide() ? 1 : 2];
      SmallVector<OpFoldResult> own = getDims(b, v);
      vh = createMatrices(b, a->count, own[2], own[1], [&](ImplicitLocOpBuilder &body, ValueRange at) -> Value {
        return tensor::ExtractOp::create(body, v, ValueRange{at[0], at[2], at[1]});
      });
    } else {
      // Either is the one or the other result. The small one may have fewer rows and columns than are asked for.
      auto choose = [&](ImplicitLocOpBuilder &body, Value isSmall, Value member, Value i, Value j) -> Value {
        Value last = getLastIndex(body, n);
        Value small = tensor::ExtractOp::create(
            body, results[2],
            ValueRange{member, arith::MinSIOp::create(body, i, last), arith::MinSIOp::create(body, j, last)});
        Value large = tensor::ExtractOp::create(body, results[1], ValueRange{member, i, j});
        return arith::SelectOp::create(body, isSmall, small, large);
      };
      u = createMatrices(b, a->count, rows, *full ? rows : n, [&](ImplicitLocOpBuilder &body, ValueRange at) {
        return choose(body, wide.get(body), at[0], at[1], at[2]);
      });
      vh = createMatrices(b, a->count, *full ? columns : n, columns, [&](ImplicitLocOpBuilder &body, ValueRange at) {
        return choose(body, wide.getInverse(body), at[0], at[2], at[1]);
      });
    }
    return SmallVector<Value>{restoreBatch(b, u, a->batch, op.getResult0()), s,
                              restoreBatch(b, vh, a->batch, op.getResult2())};
  }

  static void decompose(MatrixLoops &loops, Place m, Place n, Place leftColumns) {
    Vector s(loops, 0);
    Matrix u(loops, 1), v(loops, 2);
    Place zero = loops.at(0);
    runSweeps(loops, [&](MatrixLoops::Variable active) {
      loops.forEach(0, n, [&](Place p) {
        loops.forEach(p + 1, n, [&](Place q) {
          auto dot = [&](Place i, Place j) { return loops.sum(zero, m, [&](Place k) { return u(k, i) * u(k, j); }); };
          Real first = dot(p, p), second = dot(q, q), off = dot(p, q);
          loops.ifThen(abs(off) > sqrt(first * second) * kPrecision, [&] {
            loops.set(active, arith::ConstantIntOp::create(loops, 1, 1));
            auto [cosine, sine, tangent] = getRotation((second - first) / (off * 2.0));
            loops.forEach(0, m, [&](Place k) { u.rotate({k, p}, {k, q}, cosine, sine); });
            loops.forEach(0, n, [&](Place k) { v.rotate({k, p}, {k, q}, cosine, sine); });
          });
        });
      });
    });
    loops.forEach(0, n,
                  [&](Place j) { s.set(j, sqrt(loops.sum(zero, m, [&](Place k) { return u(k, j) * u(k, j); }))); });
    sortValues(
        loops, n, [&](Place i, Place j) { return s(i) > s(j); },
        [&](Place i, Place j) {
          Real value = s(i), other = s(j);
          s.set(i, other);
          s.set(j, value);
          loops.forEach(0, m, [&](Place k) { u.swap({k, i}, {k, j}); });
          loops.forEach(0, n, [&](Place k) { v.swap({k, i}, {k, j}); });
        });
    // A value that is rounding alone has no left vector, nor have further columns.
    loops.forEach(0, leftColumns, [&](Place j) {
      auto isGiven = loops.declare(arith::ConstantIntOp::create(loops, 0, 1));
      loops.ifThen(j < n, [&] {
        Real value = s(j);
        Truth counts = value > s(zero) * (kPrecision * 16);
        loops.ifThen(counts, [&] {
          loops.set(isGiven, arith::ConstantIntOp::create(loops, 1, 1));
          loops.forEach(0, m, [&](Place k) { u.set(k, j, u(k, j) / value); });
        });
      });
      loops.ifThen(!Truth{&loops, loops.get(isGiven)}, [&] { complete(loops, u, m, j); });
    });
  }

  /// Sets column `j` to a unit vector at right angles to all before it: what is left of the unit
  /// vector of an axis that has the largest part outside of them.
  static void complete(MatrixLoops &loops, Matrix &u, Place m, Place j) {
    Place zero = loops.at(0);
    auto axis = loops.declare(zero.get()), most = loops.declare(loops.real(-1).get());
    loops.forEach(0, m, [&](Place i) {
      Real outside = 1.0 - loops.sum(zero, j, [&](Place k) { return u(i, k) * u(i, k); });
      loops.ifThen(outside > loops.getReal(most), [&] {
        loops.set(axis, i.get());
        loops.set(most, outside.get());
      });
    });
    Place chosen = loops.getPlace(axis);
    loops.forEach(0, m, [&](Place i) { u.set(i, j, select(i == chosen, loops.real(1), loops.real(0))); });
    // Twice is enough (L. Giraud et al., 2005).
    loops.forEach(0, loops.at(2), [&](Place) {
      loops.forEach(zero, j, [&](Place k) {
        Real part = loops.sum(zero, m, [&](Place i) { return u(i, k) * u(i, j); });
        loops.forEach(0, m, [&](Place i) { u.set(i, j, u(i, j) - part * u(i, k)); });
      });
    });
    Real length = sqrt(loops.sum(zero, m, [&](Place i) { return u(i, j) * u(i, j); }));
    loops.forEach(0, m, [&](Place i) { u.set(i, j, u(i, j) / length); });
  }
};

} // namespace

void torchc::populateLinearAlgebraJacobiPatterns(RewritePatternSet &patterns, LoweringContext &context) {
  addPatterns<LowerAten_LinalgEigh, LowerAten_LinalgSvd>(patterns, context);
}
