//===- LiftScales.cpp - multiply integers, and scale what they add up to ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A quantised product multiplies scale * (integer - zero point) by another of the kind. Where scales and zero
// points are the same for all that is summed up, they leave the sum:
//
//   sum (a - za) sa (w - zw) sw = sa sw (sum a w - za sum w - zw sum a + k za zw)
//
// What is left is a product of integers of eight bits, which CPUs have instructions for. The sum of the weights is
// a constant. Sums are integers of 32 bits, which overflow never; zero points are subtracted as doubles, which
// hold all of it exactly, so that nothing is lost where the terms cancel.
//
//===----------------------------------------------------------------------===//

#include "ConstantEvaluator.h"
#include "Extents.h"

#include "torchc/Dispatch/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace torchc {
#define GEN_PASS_DEF_LIFTSCALES
#include "torchc/Dispatch/Passes.h.inc"
} // namespace torchc

using namespace mlir;
using namespace torchc;

/// Products of two integers of eight bits that a sum of 32 bits holds.
static constexpr int64_t kMostProducts = 1 << 15;

namespace {

/// A factor of a product that is scale * (integer - zero point).
class QuantizedFactor {
public:
  static std::optional<QuantizedFactor> match(linalg::LinalgOp product, OpOperand *factor);

  bool isSigned() const { return sign; }
  bool hasZeroPoint() const { return zeroPoint != nullptr; }
  /// Whether the integers are weights.
  bool isConstant() const;
  /// The integers as a tensor of their own, and where the product reads them.
  std::pair<Value, AffineMap> getIntegers(OpBuilder &builder, DenseMap<Value, Value> &known) const;

  /// Adds what scale and zero point are computed of to the inputs of an op over the product's result.
  void addInputs(SmallVectorImpl<Value> &inputs, SmallVectorImpl<AffineMap> &maps);
  /// Within that op, whose arguments `arguments` are; f32 and f64. Null for no scale or zero point.
  Value emitScale(OpBuilder &builder, ValueRange arguments) const;
  Value emitZeroPoint(OpBuilder &builder, ValueRange arguments) const;

private:
  bool isSameForSum(Value value) const;
  /// The map of one of the dequantising op's inputs, from the product's loops.
  AffineMap getMapOfInput(OpOperand *input) const;
  void collectArguments(Value value, SmallVectorImpl<BlockArgument> &found) const;
  Value emit(OpBuilder &builder, Value value, ValueRange arguments) const;

  linalg::LinalgOp product;
  OpOperand *factor = nullptr;
  linalg::GenericOp dequantize;
  Value integer, scale, zeroPoint; ///< In its body.
  bool sign = false;
  DenseMap<Value, unsigned> places; ///< Of the body's arguments among the inputs.
};

} // namespace

static Value skipFloatCasts(Value value) {
  while (isa_and_present<arith::TruncFOp, arith::ExtFOp>(value.getDefiningOp()))
    value = value.getDefiningOp()->getOperand(0);
  return value;
}

AffineMap QuantizedFactor::getMapOfInput(OpOperand *input) const {
  linalg::GenericOp op = dequantize;
  AffineMap written = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  AffineMap read = linalg::LinalgOp(product).getMatchingIndexingMap(factor);
  // The element of the factor at the point of a loop of `dequantize`.
  return op.getMatchingIndexingMap(input).compose(inversePermutation(written)).compose(read);
}

bool QuantizedFactor::isSameForSum(Value value) const {
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    linalg::GenericOp op = dequantize;
    OpOperand *input = op.getMatchingOpOperand(argument);
    if (argument.getOwner() != op.getBody() || op.isDpsInit(input))
      return false;
    linalg::LinalgOp sum = product;
    return llvm::all_of(getMapOfInput(input).getResults(), [&](AffineExpr expr) {
      auto loop = dyn_cast<AffineDimExpr>(expr);
      return loop && linalg::isParallelIterator(sum.getIteratorTypesArray()[loop.getPosition()]);
    });
  }
  Operation *op = value.getDefiningOp();
  return isa<arith::ArithDialect>(op->getDialect()) && op->getNumRegions() == 0 &&
         llvm::all_of(op->getOperands(), [&](Value operand) { return isSameForSum(operand); });
}

std::optional<QuantizedFactor> QuantizedFactor::match(linalg::LinalgOp product, OpOperand *factor) {
  QuantizedFactor found;
  found.product = product;
  found.factor = factor;
  found.dequantize = factor->get().getDefiningOp<linalg::GenericOp>();
  linalg::GenericOp op = found.dequantize;
  if (!op || op.getNumReductionLoops() != 0 || op.getNumDpsInits() != 1 ||
      !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isPermutation() ||
      !llvm::all_of(op.getIndexingMapsArray(), [](AffineMap map) { return map.isProjectedPermutation(); }))
    return std::nullopt;
  // Takes `value` apart, if one side is the same for all that is summed up.
  Value value = skipFloatCasts(op.getBody()->getTerminator()->getOperand(0));
  auto split = [&](bool commutes) -> Value {
    Operation *binary = value.getDefiningOp();
    for (unsigned side : {1, 0})
      if ((side == 1 || commutes) && found.isSameForSum(binary->getOperand(side))) {
        value = skipFloatCasts(binary->getOperand(1 - side));
        return binary->getOperand(side);
      }
    return {};
  };
  if (value.getDefiningOp<arith::MulFOp>())
    if (!(found.scale = split(true)))
      return std::nullopt;
  if (value.getDefiningOp<arith::SubFOp>())
    if (!(found.zeroPoint = split(false)))
      return std::nullopt;
  Operation *convert = value.getDefiningOp();
  if (!isa_and_present<arith::SIToFPOp, arith::UIToFPOp>(convert))
    return std::nullopt;
  found.sign = isa<arith::SIToFPOp>(convert);
  value = convert->getOperand(0);
  // A difference of eight or 16 bits may wrap.
  if (value.getDefiningOp<arith::SubIOp>() && value.getType().getIntOrFloatBitWidth() >= 32 && found.sign &&
      !found.zeroPoint)
    if (!(found.zeroPoint = split(false)))
      return std::nullopt;
  while (isa_and_present<arith::ExtSIOp, arith::ExtUIOp>(value.getDefiningOp())) {
    found.sign = isa<arith::ExtSIOp>(value.getDefiningOp());
    value = value.getDefiningOp()->getOperand(0);
  }
  if (!value.getType().isInteger(8))
    return std::nullopt;
  found.integer = value;
  return found;
}

bool QuantizedFactor::isConstant() const {
  auto argument = dyn_cast<BlockArgument>(integer);
  linalg::GenericOp op = dequantize;
  return argument && isComputedOfConstants(op.getMatchingOpOperand(argument)->get());
}

std::pair<Value, AffineMap> QuantizedFactor::getIntegers(OpBuilder &builder, DenseMap<Value, Value> &known) const {
  linalg::GenericOp op = dequantize;
  if (auto argument = dyn_cast<BlockArgument>(integer)) {
    OpOperand *input = op.getMatchingOpOperand(argument);
    return {input->get(), getMapOfInput(input)};
  }
  // Several products may read them.
  Value &integers = known[integer];
  if (!integers) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(op);
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, op.getLoc(), op.getDpsInits()[0]);
    Value empty = tensor::EmptyOp::create(builder, op.getLoc(), sizes, integer.getType());
    auto quantize = linalg::GenericOp::create(builder, op.getLoc(), empty.getType(), op.getDpsInputs(), empty,
                                              op.getIndexingMapsArray(), op.getIteratorTypesArray(),
                                              [&](OpBuilder &body, Location loc, ValueRange arguments) {
                                                IRMapping mapping;
                                                mapping.map(op.getRegionInputArgs(), arguments.drop_back());
                                                for (Operation &inner : op.getBody()->without_terminator()) {
                                                  body.clone(inner, mapping);
                                                  if (&inner == integer.getDefiningOp())
                                                    break;
                                                }
                                                linalg::YieldOp::create(body, loc, mapping.lookup(integer));
                                              });
    integers = quantize.getResult(0);
  }
  return {integers, linalg::LinalgOp(product).getMatchingIndexingMap(factor)};
}

void QuantizedFactor::collectArguments(Value value, SmallVectorImpl<BlockArgument> &found) const {
  if (auto argument = dyn_cast<BlockArgument>(value))
    return found.push_back(argument);
  for (Value operand : value.getDefiningOp()->getOperands())
    collectArguments(operand, found);
}

void QuantizedFactor::addInputs(SmallVectorImpl<Value> &inputs, SmallVectorImpl<AffineMap> &maps) {
  linalg::LinalgOp sum = product;
  AffineMap output = sum.getMatchingIndexingMap(sum.getDpsInitOperand(0));
  SmallVector<BlockArgument> arguments;
  for (Value value : {scale, zeroPoint})
    if (value)
      collectArguments(value, arguments);
  for (BlockArgument argument : arguments) {
    if (!places.try_emplace(argument, inputs.size()).second)
      continue;
    OpOperand *input = dequantize.getMatchingOpOperand(argument);
    SmallVector<AffineExpr> exprs;
    for (AffineExpr loop : getMapOfInput(input).getResults())
      exprs.push_back(getAffineDimExpr(*output.getResultPosition(loop), product->getContext()));
    inputs.push_back(input->get());
    maps.push_back(AffineMap::get(output.getNumResults(), 0, exprs, product->getContext()));
  }
}

Value QuantizedFactor::emit(OpBuilder &builder, Value value, ValueRange arguments) const {
  if (isa<BlockArgument>(value))
    return arguments[places.lookup(value)];
  IRMapping mapping;
  for (Value operand : value.getDefiningOp()->getOperands())
    mapping.map(operand, emit(builder, operand, arguments));
  return builder.clone(*value.getDefiningOp(), mapping)->getResult(0);
}

/// A number, signed if it is an integer, as a float of other width.
static Value convert(OpBuilder &builder, Location loc, Value value, FloatType type) {
  return convertScalarToDtype(builder, loc, value, type, /*isUnsignedCast=*/false);
}

Value QuantizedFactor::emitScale(OpBuilder &builder, ValueRange arguments) const {
  return scale ? convert(builder, scale.getLoc(), emit(builder, scale, arguments), builder.getF32Type()) : Value();
}

Value QuantizedFactor::emitZeroPoint(OpBuilder &builder, ValueRange arguments) const {
  return zeroPoint ? convert(builder, zeroPoint.getLoc(), emit(builder, zeroPoint, arguments), builder.getF64Type())
                   : Value();
}

/// The sum of all that `integers` has of each column or row, f64, and the dims of the result that it has.
static std::pair<Value, AffineMap> sumUp(OpBuilder &builder, linalg::LinalgOp product, Value integers, AffineMap read,
                                         bool isSigned) {
  Location loc = product.getLoc();
  AffineMap output = product.getMatchingIndexingMap(product.getDpsInitOperand(0));
  SmallVector<OpFoldResult> sizes, extents = getMixedExtents(builder, integers);
  SmallVector<AffineExpr> kept, places;
  SmallVector<utils::IteratorType> iterators;
  for (auto [dim, loop] : llvm::enumerate(read.getResults())) {
    std::optional<unsigned> place = output.getResultPosition(loop);
    iterators.push_back(place ? utils::IteratorType::parallel : utils::IteratorType::reduction);
    if (!place)
      continue;
    kept.push_back(builder.getAffineDimExpr(dim));
    places.push_back(builder.getAffineDimExpr(*place));
    sizes.push_back(extents[dim]);
  }
  const unsigned rank = read.getNumResults();
  Value zero = arith::ConstantOp::create(builder, loc, builder.getF64FloatAttr(0));
  Value empty = tensor::EmptyOp::create(builder, loc, sizes, builder.getF64Type());
  Value start = linalg::FillOp::create(builder, loc, zero, empty).getResult(0);
  auto sum = linalg::GenericOp::create(
      builder, loc, empty.getType(), integers, start,
      {builder.getMultiDimIdentityMap(rank), AffineMap::get(rank, 0, kept, builder.getContext())}, iterators,
      [&](OpBuilder &body, Location loc, ValueRange arguments) {
        Type f64 = body.getF64Type();
        Value number = isSigned ? arith::SIToFPOp::create(body, loc, f64, arguments[0]).getResult()
                                : arith::UIToFPOp::create(body, loc, f64, arguments[0]).getResult();
        linalg::YieldOp::create(body, loc, arith::AddFOp::create(body, loc, arguments[1], number).getResult());
      });
  return {sum.getResult(0), AffineMap::get(output.getNumResults(), 0, places, builder.getContext())};
}

/// How many products each element of the result adds up; 0 if that is not known.
static int64_t countProducts(linalg::LinalgOp product) {
  int64_t count = 1;
  for (auto [extent, kind] : llvm::zip_equal(product.getStaticLoopRanges(), product.getIteratorTypesArray()))
    if (linalg::isReductionIterator(kind))
      count = ShapedType::isDynamic(extent) || count == 0 ? 0 : std::min(count, kMostProducts) * extent;
  return count;
}

/// Whether an op's body is a * b + sum.
static bool isSumOfProducts(linalg::LinalgOp op) {
  Block &body = *op.getBlock();
  auto add = body.getTerminator()->getOperand(0).getDefiningOp<arith::AddFOp>();
  Value sum = body.getArguments().back();
  if (!add || !llvm::is_contained(add->getOperands(), sum))
    return false;
  auto multiply = (add.getLhs() == sum ? add.getRhs() : add.getLhs()).getDefiningOp<arith::MulFOp>();
  return multiply && isa<BlockArgument>(skipFloatCasts(multiply.getLhs())) &&
         isa<BlockArgument>(skipFloatCasts(multiply.getRhs()));
}

/// The product of integers of 32 bits.
static Value multiply(OpBuilder &builder, linalg::LinalgOp product, ArrayRef<Value> integers, ArrayRef<AffineMap> maps,
                      ArrayRef<bool> signs) {
  Location loc = product.getLoc();
  Type i32 = builder.getI32Type();
  Value zero = arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(0));
  Value empty = tensor::EmptyOp::create(builder, loc, getMixedExtents(builder, product->getResult(0)), i32);
  Value start = linalg::FillOp::create(builder, loc, zero, empty).getResult(0);
  SmallVector<AffineMap> all(maps);
  all.push_back(product.getMatchingIndexingMap(product.getDpsInitOperand(0)));
  auto sum = linalg::GenericOp::create(
      builder, loc, empty.getType(), integers, start, all, product.getIteratorTypesArray(),
      [&](OpBuilder &body, Location loc, ValueRange arguments) {
        SmallVector<Value> wide;
        for (auto [argument, isSigned] : llvm::zip(arguments, signs))
          wide.push_back(isSigned ? arith::ExtSIOp::create(body, loc, i32, argument).getResult()
                                  : arith::ExtUIOp::create(body, loc, i32, argument).getResult());
        Value term = arith::MulIOp::create(body, loc, wide[0], wide[1]);
        linalg::YieldOp::create(body, loc, arith::AddIOp::create(body, loc, arguments[2], term).getResult());
      });
  return sum.getResult(0);
}

static void liftScales(linalg::LinalgOp product, DenseMap<Value, Value> &knownIntegers) {
  if (!linalg::isaContractionOpInterface(product) || !isSumOfProducts(product))
    return;
  auto fill = product.getDpsInits()[0].getDefiningOp<linalg::FillOp>();
  auto type = dyn_cast<FloatType>(getElementTypeOrSelf(product->getResult(0).getType()));
  const int64_t count = countProducts(product);
  if (!fill || !matchPattern(fill.getInputs()[0], m_AnyZeroFloat()) || !type || type.getWidth() > 32 || count == 0 ||
      count > kMostProducts)
    return;
  SmallVector<QuantizedFactor, 2> factors;
  for (OpOperand *operand : product.getDpsInputOperands())
    if (std::optional<QuantizedFactor> factor = QuantizedFactor::match(product, operand))
      factors.push_back(*factor);
  if (factors.size() != 2 || factors[0].isConstant() == factors[1].isConstant())
    return;

  OpBuilder builder(product);
  Location loc = product.getLoc();
  SmallVector<Value> integers;
  SmallVector<AffineMap> reads;
  for (QuantizedFactor &factor : factors) {
    auto [tensor, map] = factor.getIntegers(builder, knownIntegers);
    integers.push_back(tensor);
    reads.push_back(map);
  }
  SmallVector<Value> inputs{
      multiply(builder, product, integers, reads, {factors[0].isSigned(), factors[1].isSigned()})};
  const int64_t rank = cast<RankedTensorType>(inputs[0].getType()).getRank();
  SmallVector<AffineMap> maps{builder.getMultiDimIdentityMap(rank)};
  // Of each factor whose counterpart has a zero point.
  std::optional<unsigned> sums[2];
  for (unsigned i : {0, 1})
    if (factors[1 - i].hasZeroPoint()) {
      auto [sum, map] = sumUp(builder, product, integers[i], reads[i], factors[i].isSigned());
      sums[i] = inputs.size();
      inputs.push_back(sum);
      maps.push_back(map);
    }
  for (QuantizedFactor &factor : factors)
    factor.addInputs(inputs, maps);
  maps.push_back(builder.getMultiDimIdentityMap(rank));
  Value empty = tensor::EmptyOp::create(builder, loc, getMixedExtents(builder, product->getResult(0)), type);
  SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
  auto scaled = linalg::GenericOp::create(
      builder, loc, empty.getType(), inputs, empty, maps, iterators,
      [&](OpBuilder &body, Location loc, ValueRange arguments) {
        FloatType f32 = body.getF32Type(), f64 = body.getF64Type();
        Value zeroPoints[2] = {factors[0].emitZeroPoint(body, arguments), factors[1].emitZeroPoint(body, arguments)};
        Value sum = convert(body, loc, arguments[0], zeroPoints[0] || zeroPoints[1] ? f64 : f32);
        for (unsigned i : {0, 1}) {
          if (!zeroPoints[i])
            continue;
          // The other factor's sum, the second time less its zero point.
          Value other = arguments[*sums[1 - i]];
          if (i == 1 && zeroPoints[0]) {
            Value products = arith::ConstantOp::create(body, loc, body.getF64FloatAttr(count));
            other = arith::SubFOp::create(body, loc, other,
                                          arith::MulFOp::create(body, loc, products, zeroPoints[0]).getResult());
          }
          sum = arith::SubFOp::create(body, loc, sum, arith::MulFOp::create(body, loc, zeroPoints[i], other));
        }
        sum = convert(body, loc, sum, f32);
        for (QuantizedFactor &factor : factors)
          if (Value scale = factor.emitScale(body, arguments))
            sum = arith::MulFOp::create(body, loc, sum, scale);
        linalg::YieldOp::create(body, loc, convert(body, loc, sum, type));
      });
  product->getResult(0).replaceAllUsesWith(scaled.getResult(0));
  SmallVector<Operation *> dequantizing;
  for (Value factor : product.getDpsInputs())
    dequantizing.push_back(factor.getDefiningOp());
  product->erase();
  for (Operation *op : dequantizing)
    if (op->use_empty())
      op->erase();
}

namespace {
struct LiftScales : torchc::impl::LiftScalesBase<LiftScales> {
  void runOnOperation() override {
    SmallVector<linalg::LinalgOp> products;
    getOperation().walk([&](linalg::LinalgOp op) {
      if (op.getNumReductionLoops() != 0 && op.getNumDpsInputs() == 2 && op.getNumDpsInits() == 1 &&
          op.hasPureTensorSemantics())
        products.push_back(op);
    });
    DenseMap<Value, Value> integers;
    for (linalg::LinalgOp product : products)
      liftScales(product, integers);
  }
};
} // namespace
