//===- Normalization.cpp - softmax and layer norms as rows of generics ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Reduction.h"
#include "Sizes.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

// All in the compute dtype: half types are read as f32, and only the last
// generic writes the result's dtype.

namespace {

/// A tensor and the dims that its rows go along.
struct Rows {
  Rows(Lowering &b, Value torchTensor, ArrayRef<int64_t> dims)
      : b(b), tensor(b.get(torchTensor)), dtype(Lowering::getDtype(torchTensor)), compute(getComputeDtype(dtype)),
        sizes(getDims(b, tensor)), dims(dims) {}

  /// Reads the whole tensor.
  MappedOperand whole() const { return {tensor, b.getMultiDimIdentityMap(sizes.size())}; }
  /// Reads a tensor of one element a row.
  MappedOperand perRow(Value value) const { return {value, getKeptMap(b.getContext(), sizes.size(), dims)}; }
  /// Reads a tensor whose dims are the last ones.
  MappedOperand perColumn(Value value) const {
    return {value, getBroadcastMap(cast<RankedTensorType>(value.getType()), sizes)};
  }
  Value load(ImplicitLocOpBuilder &body, Value element) const { return convertElement(body, element, dtype, compute); }
  /// One sum a row.
  Value sum(ArrayRef<MappedOperand> operands, ElementFunction term) const {
    return createReduction(b, operands, sizes, dims, getNumber(b, compute, 0),
                           [&](ImplicitLocOpBuilder &body, ValueRange elements) {
                             return createContractingAdd(body, elements.back(), term(body, elements.drop_back()));
                           });
  }
  /// The length of a row, i64.
  Value count() const {
    OpFoldResult product = b.getIndexAttr(1);
    for (int64_t dim : dims)
      product = mulSizes(b, product, sizes[dim]);
    return toI64(b, product);
  }
  /// sum / count
  Value mean(ImplicitLocOpBuilder &body, Value sum, Value count) const {
    return arith::DivFOp::create(body, sum, body.createOrFold<arith::SIToFPOp>(compute, count));
  }

  Lowering &b;
  Value tensor;
  Type dtype, compute;
  SmallVector<OpFoldResult> sizes;
  SmallVector<int64_t> dims;
};

} // namespace

//===----------------------------------------------------------------------===//
// Softmax
//===----------------------------------------------------------------------===//

static Value findRowMaximum(const Rows &rows) {
  return createReduction(rows.b, rows.whole(), rows.sizes, rows.dims, getLowest(rows.b, rows.compute),
                         [&](ImplicitLocOpBuilder &body, ValueRange elements) {
                           Value element = rows.load(body, elements[0]);
                           return arith::MaximumFOp::create(body, elements[1], element).getResult();
                         });
}

/// The rows of a softmax; its operand is a float.
template <typename OpT> static FailureOr<Rows> getSoftmaxRows(OpT op, Lowering &b) {
  std::optional<int64_t> dim = getConstantInt(op.getDim());
  if (!dim || !isFloat(Lowering::getDtype(op.getSelf())))
    return b.refuse("dim is not constant, or operand is not a real float");
  int64_t rank = b.getTensorType(op.getSelf()).getRank();
  SmallVector<int64_t> dims;
  if (rank > 0)
    dims.push_back(wrapDim(*dim, rank));
  return Rows(b, op.getSelf(), dims);
}

namespace {

/// exp(x - max) / sum(exp(x - max))
struct LowerAten_Softmax : LowerOp<LowerAten_Softmax, Aten_SoftmaxOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(Aten_SoftmaxOp op, Lowering &b) const {
    FailureOr<Rows> rows = getSoftmaxRows(op, b);
    if (failed(rows))
      return failure();
    Type dtype = Lowering::getDtype(op.getResult());
    Value maximum = findRowMaximum(*rows);
    Value powers = createMapped(b, {rows->whole(), rows->perRow(maximum)}, rows->sizes, rows->compute,
                                [&](ImplicitLocOpBuilder &body, ValueRange elements) {
                                  Value element = rows->load(body, elements[0]);
                                  Value difference = arith::SubFOp::create(body, element, elements[1]);
                                  return math::ExpOp::create(body, difference).getResult();
                                });
    MappedOperand wholePowers = {powers, b.getMultiDimIdentityMap(rows->sizes.size())};
    Value sum = rows->sum(wholePowers, [](ImplicitLocOpBuilder &, ValueRange elements) { return elements[0]; });
    return createMapped(b, {wholePowers, rows->perRow(sum)}, rows->sizes, getValueType(dtype),
                        [&](ImplicitLocOpBuilder &body, ValueRange elements) {
                          Value quotient = arith::DivFOp::create(body, elements[0], elements[1]);
                          return convertElement(body, quotient, rows->compute, dtype);
                        });
  }
};

/// x - max - log(sum(exp(x - max)))
struct LowerAten_LogSoftmax : LowerOp<LowerAten_LogSoftmax, Aten_LogSoftmaxOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(Aten_LogSoftmaxOp op, Lowering &b) const {
    FailureOr<Rows> rows = getSoftmaxRows(op, b);
    if (failed(rows))
      return failure();
    Type dtype = Lowering::getDtype(op.getResult());
    Value maximum = findRowMaximum(*rows);
    Value sum = rows->sum({rows->whole(), rows->perRow(maximum)}, [&](ImplicitLocOpBuilder &body, ValueRange elements) {
      Value difference = arith::SubFOp::create(body, rows->load(body, elements[0]), elements[1]);
      return math::ExpOp::create(body, difference).getResult();
    });
    Value log =
        createElementwise(b, sum, getDims(b, sum), rows->compute, [](ImplicitLocOpBuilder &body, ValueRange elements) {
          return math::LogOp::create(body, elements[0]).getResult();
        });
    return createMapped(b, {rows->whole(), rows->perRow(maximum), rows->perRow(log)}, rows->sizes, getValueType(dtype),
                        [&](ImplicitLocOpBuilder &body, ValueRange elements) {
                          Value difference = arith::SubFOp::create(body, rows->load(body, elements[0]), elements[1]);
                          Value result = arith::SubFOp::create(body, difference, elements[2]);
                          return convertElement(body, result, rows->compute, dtype);
                        });
  }
};

} // namespace

//===----------------------------------------------------------------------===//
// Layer norms
//===----------------------------------------------------------------------===//

/// Rows along the last dims, as many as `normalized_shape` has.
template <typename OpT> static FailureOr<Rows> getNormalizedRows(OpT op, Lowering &b) {
  std::optional<SmallVector<Value>> shape = getListElements(op.getNormalizedShape());
  if (!shape || !isFloat(Lowering::getDtype(op.getInput())))
    return b.refuse("normalized_shape is not a list built in sight, or input is not a real float");
  int64_t rank = b.getTensorType(op.getInput()).getRank();
  return Rows(b, op.getInput(), llvm::to_vector(llvm::seq<int64_t>(rank - shape->size(), rank)));
}

/// sum / count per row.
static Value createMean(const Rows &rows, Value sum) {
  Value count = rows.count();
  return createElementwise(
      rows.b, sum, getDims(rows.b, sum), rows.compute,
      [&](ImplicitLocOpBuilder &body, ValueRange elements) { return rows.mean(body, elements[0], count); });
}

/// 1 / sqrt(sum / count + eps) per row.
static Value createInverseDeviation(const Rows &rows, Value sum, Value eps) {
  Value count = rows.count();
  return createElementwise(rows.b, sum, getDims(rows.b, sum), rows.compute,
                           [&](ImplicitLocOpBuilder &body, ValueRange elements) {
                             Value variance = rows.mean(body, elements[0], count);
                             Value shifted = arith::AddFOp::create(body, variance, eps);
                             return math::RsqrtOp::create(body, shifted).getResult();
                           });
}

namespace {

/// (x - mean) / sqrt(mean((x - mean)^2) + eps) weight + bias
struct LowerAtenLayerNorm : LowerOp<LowerAtenLayerNorm, AtenLayerNormOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenLayerNormOp op, Lowering &b) const {
    FailureOr<Rows> rows = getNormalizedRows(op, b);
    if (failed(rows))
      return failure();
    Value eps = convertElement(b, b.get(op.getEps()), b.getF64Type(), rows->compute);
    auto center = [&](ImplicitLocOpBuilder &body, ValueRange elements) {
      return arith::SubFOp::create(body, rows->load(body, elements[0]), elements[1]).getResult();
    };
    Value mean = createMean(*rows, rows->sum(rows->whole(), [&](ImplicitLocOpBuilder &body, ValueRange elements) {
      return rows->load(body, elements[0]);
    }));
    Value squares =
        rows->sum({rows->whole(), rows->perRow(mean)}, [&](ImplicitLocOpBuilder &body, ValueRange elements) {
          Value difference = center(body, elements);
          return createContractingMul(body, difference, difference);
        });
    Value scale = createInverseDeviation(*rows, squares, eps);

    SmallVector<MappedOperand> operands = {rows->whole(), rows->perRow(mean), rows->perRow(scale)};
    SmallVector<Type> dtypes;
    for (Value parameter : {op.getWeight(), op.getBias()})
      if (!isNone(parameter)) {
        operands.push_back(rows->perColumn(b.get(parameter)));
        dtypes.push_back(Lowering::getDtype(parameter));
      }
    bool hasWeight = !isNone(op.getWeight()), hasBias = !isNone(op.getBias());
    Type dtype = Lowering::getDtype(op.getResult());
    return createMapped(
        b, operands, rows->sizes, getValueType(dtype), [&](ImplicitLocOpBuilder &body, ValueRange elements) {
          Value result = createContractingMul(body, center(body, elements), elements[2]);
          if (hasWeight)
            result =
                createContractingMul(body, result, convertElement(body, elements[3], dtypes.front(), rows->compute));
          if (hasBias)
            result = createContractingAdd(
                body, result, convertElement(body, elements[operands.size() - 1], dtypes.back(), rows->compute));
          return convertElement(body, result, rows->compute, dtype);
        });
  }
};

/// x / sqrt(mean(x^2) + eps) weight; eps None is the dtype's epsilon.
struct LowerAtenRmsNorm : LowerOp<LowerAtenRmsNorm, AtenRmsNormOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenRmsNormOp op, Lowering &b) const {
    FailureOr<Rows> rows = getNormalizedRows(op, b);
    if (failed(rows))
      return failure();
    Value eps;
    if (isNone(op.getEps())) {
      APFloat epsilon = scalbn(APFloat::getOne(cast<mlir::FloatType>(rows->compute).getFloatSemantics()),
                               1 - static_cast<int>(cast<mlir::FloatType>(rows->compute).getFPMantissaWidth()),
                               APFloat::rmNearestTiesToEven);
      eps = arith::ConstantOp::create(b, b.getFloatAttr(rows->compute, epsilon));
    } else {
      eps = convertElement(b, b.get(op.getEps()), b.getF64Type(), rows->compute);
    }
    Value squares = rows->sum(rows->whole(), [&](ImplicitLocOpBuilder &body, ValueRange elements) {
      Value element = rows->load(body, elements[0]);
      return createContractingMul(body, element, element);
    });
    Value scale = createInverseDeviation(*rows, squares, eps);
    SmallVector<MappedOperand> operands = {rows->whole(), rows->perRow(scale)};
    bool hasWeight = !isNone(op.getWeight());
    if (hasWeight)
      operands.push_back(rows->perColumn(b.get(op.getWeight())));
    Type dtype = Lowering::getDtype(op.getResult());
    return createMapped(
        b, operands, rows->sizes, getValueType(dtype), [&](ImplicitLocOpBuilder &body, ValueRange elements) {
          Value result = createContractingMul(body, rows->load(body, elements[0]), elements[1]);
          if (hasWeight) {
            Value weight = convertElement(body, elements[2], Lowering::getDtype(op.getWeight()), rows->compute);
            result = createContractingMul(body, result, weight);
          }
          return convertElement(body, result, rows->compute, dtype);
        });
  }
};

} // namespace

void torchc::populateNormalizationPatterns(RewritePatternSet &patterns, LoweringContext &context) {
  addPatterns<LowerAten_Softmax, LowerAten_LogSoftmax, LowerAtenLayerNorm, LowerAtenRmsNorm>(patterns, context);
}
