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
// So do those of a convolution. What surrounds its image, 0, is the zero point among the integers.
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
#include "mlir/Dialect/Tensor/Utils/Utils.h"

namespace torchc {
#define GEN_PASS_DEF_LIFTSCALES
#include "torchc/Dispatch/Passes.h.inc"
} // namespace torchc

using namespace mlir;
using namespace torchc;

/// Products of two integers of eight bits that a sum of 32 bits holds.
static constexpr int64_t kMostProducts = 1 << 15;

namespace {

/// A factor of a product or convolution that is scale * (integer - zero point), perhaps transposed or padded.
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
  void addInputs(OpBuilder &builder, SmallVectorImpl<Value> &inputs, SmallVectorImpl<AffineMap> &maps);
  /// Within that op, whose arguments `arguments` are; f32 and f64. Null for no scale or zero point.
  Value emitScale(OpBuilder &builder, ValueRange arguments) const;
  Value emitZeroPoint(OpBuilder &builder, ValueRange arguments) const;

  /// Erases what the product alone has read, once that is gone.
  void eraseIfUnused();

private:
  bool isSameForSum(Value value) const;
  bool isSameForAll(Value value) const;
  /// The map of one of the dequantising op's inputs, from the product's loops.
  AffineMap getMapOfInput(OpOperand *input) const;
  std::optional<int64_t> getConstantZeroPoint() const;
  bool canPad(tensor::PadOp pad) const;
  Value quantize(OpBuilder &builder, DenseMap<Value, Value> &known) const;
  void collectArguments(Value value, SmallVectorImpl<BlockArgument> &found) const;
  Value emit(OpBuilder &builder, Value value, ValueRange arguments) const;

  linalg::LinalgOp product;
  OpOperand *factor = nullptr;
  SmallVector<Operation *> moves; ///< Behind `dequantize`, the last one first.
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

/// The dim of a group that may have more than one element.
static int64_t findLargestDim(ArrayRef<int64_t> shape, ArrayRef<int64_t> group) {
  auto found = llvm::find_if(group, [&](int64_t dim) { return shape[dim] != 1; });
  return found == group.end() ? group.front() : *found;
}

/// Whether a reshape adds or drops nothing but dims of one element.
static bool hasOnesOnly(ArrayRef<int64_t> shape, ArrayRef<ReassociationIndices> groups) {
  return llvm::all_of(groups, [&](const ReassociationIndices &group) {
    return llvm::count_if(group, [&](int64_t dim) { return shape[dim] != 1; }) <= 1;
  });
}

/// Whether an op only moves elements to other places, next to zeros or not.
static bool isMove(Operation *op) {
  if (auto expand = dyn_cast_if_present<tensor::ExpandShapeOp>(op))
    return hasOnesOnly(expand.getResultType().getShape(), expand.getReassociationIndices());
  if (auto collapse = dyn_cast_if_present<tensor::CollapseShapeOp>(op))
    return hasOnesOnly(collapse.getSrcType().getShape(), collapse.getReassociationIndices());
  return isa_and_present<linalg::TransposeOp, tensor::PadOp>(op);
}

AffineMap QuantizedFactor::getMapOfInput(OpOperand *input) const {
  linalg::GenericOp op = dequantize;
  AffineMap written = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  AffineMap read = linalg::LinalgOp(product).getMatchingIndexingMap(factor);
  for (Operation *move : moves) {
    SmallVector<AffineExpr> exprs(read.getResults());
    if (auto transpose = dyn_cast<linalg::TransposeOp>(move)) {
      exprs = applyPermutation(exprs, invertPermutationVector(transpose.getPermutation()));
    } else if (auto expand = dyn_cast<tensor::ExpandShapeOp>(move)) {
      ArrayRef<int64_t> shape = expand.getResultType().getShape();
      exprs = llvm::map_to_vector(expand.getReassociationIndices(),
                                  [&](const auto &group) { return exprs[findLargestDim(shape, group)]; });
    } else if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(move)) {
      ArrayRef<int64_t> shape = collapse.getSrcType().getShape();
      SmallVector<AffineExpr> sources(shape.size(), getAffineConstantExpr(0, read.getContext()));
      for (auto [expr, group] : llvm::zip_equal(exprs, collapse.getReassociationIndices()))
        sources[findLargestDim(shape, group)] = expr;
      exprs = std::move(sources);
    }
    read = AffineMap::get(read.getNumDims(), 0, exprs, read.getContext());
  }
  // The element of the factor at the point of a loop of `dequantize`.
  return op.getMatchingIndexingMap(input).compose(inversePermutation(written)).compose(read);
}

/// Whether `value` is computed of numbers alone, not of elements that have a place.
bool QuantizedFactor::isSameForAll(Value value) const {
  SmallVector<BlockArgument> arguments;
  if (value)
    collectArguments(value, arguments);
  linalg::GenericOp op = dequantize;
  return llvm::all_of(arguments, [&](BlockArgument argument) {
    return op.getMatchingIndexingMap(op.getMatchingOpOperand(argument)).getNumResults() == 0;
  });
}

std::optional<int64_t> QuantizedFactor::getConstantZeroPoint() const {
  if (!zeroPoint)
    return 0;
  APInt integer;
  if (matchPattern(zeroPoint, m_ConstantInt(&integer)))
    return integer.getSExtValue();
  APFloat number(0.0f);
  APSInt whole(64, /*isUnsigned=*/false);
  bool isExact = false;
  if (!matchPattern(skipFloatCasts(zeroPoint), m_ConstantFloat(&number)) ||
      number.convertToInteger(whole, APFloat::rmTowardZero, &isExact) != APFloat::opOK)
    return std::nullopt;
  return whole.getExtValue();
}

/// Whether the integers can be padded with their zero point, as `pad` does with what they stand for.
bool QuantizedFactor::canPad(tensor::PadOp pad) const {
  std::optional<int64_t> zero = getConstantZeroPoint();
  Value padding = pad.getConstantPaddingValue();
  return zero && (sign ? llvm::isInt<8>(*zero) : llvm::isUInt<8>(*zero)) && padding &&
         matchPattern(padding, m_AnyZeroFloat()) && isSameForAll(scale) && isSameForAll(zeroPoint);
}

bool QuantizedFactor::isSameForSum(Value value) const {
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    linalg::GenericOp op = dequantize;
    OpOperand *input = op.getMatchingOpOperand(argument);
    if (argument.getOwner() != op.getBody() || op.isDpsInit(input))
      return false;
    linalg::LinalgOp sum = product;
    return llvm::all_of(getMapOfInput(input).getResults(), [&](AffineExpr expr) {
      if (isa<AffineConstantExpr>(expr))
        return true;
      auto loop = dyn_cast<AffineDimExpr>(expr);
      return loop && (linalg::isParallelIterator(sum.getIteratorTypesArray()[loop.getPosition()]) ||
                      sum.getStaticLoopRanges()[loop.getPosition()] == 1);
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
  Value tensor = factor->get();
  for (; isMove(tensor.getDefiningOp()); tensor = tensor.getDefiningOp()->getOperand(0))
    found.moves.push_back(tensor.getDefiningOp());
  found.dequantize = tensor.getDefiningOp<linalg::GenericOp>();
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
  if (!llvm::all_of(found.moves, [&](Operation *move) {
        auto pad = dyn_cast<tensor::PadOp>(move);
        return !pad || found.canPad(pad);
      }))
    return std::nullopt;
  return found;
}

bool QuantizedFactor::isConstant() const {
  auto argument = dyn_cast<BlockArgument>(integer);
  linalg::GenericOp op = dequantize;
  return argument && isComputedOfConstants(op.getMatchingOpOperand(argument)->get());
}

/// What `dequantize` makes floats of, at the same places. Several products may read it: it is made once.
Value QuantizedFactor::quantize(OpBuilder &builder, DenseMap<Value, Value> &known) const {
  linalg::GenericOp op = dequantize;
  if (auto argument = dyn_cast<BlockArgument>(integer)) {
    OpOperand *input = op.getMatchingOpOperand(argument);
    if (op.getMatchingIndexingMap(input) == op.getMatchingIndexingMap(op.getDpsInitOperand(0)))
      return input->get();
  }
  Value &integers = known[integer];
  if (integers)
    return integers;
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
                                                if (isa<BlockArgument>(integer))
                                                  break;
                                                body.clone(inner, mapping);
                                                if (&inner == integer.getDefiningOp())
                                                  break;
                                              }
                                              linalg::YieldOp::create(body, loc, mapping.lookup(integer));
                                            });
  return integers = quantize.getResult(0);
}

std::pair<Value, AffineMap> QuantizedFactor::getIntegers(OpBuilder &builder, DenseMap<Value, Value> &known) const {
  linalg::GenericOp op = dequantize;
  auto argument = dyn_cast<BlockArgument>(integer);
  if (argument && moves.empty()) {
    OpOperand *input = op.getMatchingOpOperand(argument);
    return {input->get(), getMapOfInput(input)};
  }
  Value integers = quantize(builder, known);
  Type type = integer.getType();
  for (Operation *move : llvm::reverse(moves)) {
    ImplicitLocOpBuilder b(move->getLoc(), builder);
    if (auto pad = dyn_cast<tensor::PadOp>(move)) {
      const APInt zero(8, *getConstantZeroPoint(), /*isSigned=*/sign, /*implicitTrunc=*/true);
      Value padding = arith::ConstantOp::create(b, b.getIntegerAttr(type, zero));
      integers = tensor::PadOp::create(b, pad.getResultType().clone(type), integers, pad.getMixedLowPad(),
                                       pad.getMixedHighPad(), padding, pad.getNofold());
    } else if (auto expand = dyn_cast<tensor::ExpandShapeOp>(move)) {
      integers = tensor::ExpandShapeOp::create(b, expand.getResultType().clone(type), integers,
                                               expand.getReassociationIndices(), expand.getMixedOutputShape());
    } else if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(move)) {
      integers = tensor::CollapseShapeOp::create(b, collapse.getResultType().clone(type), integers,
                                                 collapse.getReassociationIndices());
    } else {
      auto transpose = cast<linalg::TransposeOp>(move);
      Value empty = tensor::EmptyOp::create(b, tensor::getMixedSizes(b, b.getLoc(), transpose.getInit()), type);
      integers = linalg::TransposeOp::create(b, integers, empty, transpose.getPermutation()).getResult()[0];
    }
  }
  return {integers, linalg::LinalgOp(product).getMatchingIndexingMap(factor)};
}

void QuantizedFactor::collectArguments(Value value, SmallVectorImpl<BlockArgument> &found) const {
  if (auto argument = dyn_cast<BlockArgument>(value))
    return found.push_back(argument);
  for (Value operand : value.getDefiningOp()->getOperands())
    collectArguments(operand, found);
}

void QuantizedFactor::addInputs(OpBuilder &builder, SmallVectorImpl<Value> &inputs, SmallVectorImpl<AffineMap> &maps) {
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
    AffineMap map = getMapOfInput(input);
    SmallVector<AffineExpr> exprs;
    // Dims of the sum's loops have one element.
    llvm::SmallBitVector dropped(map.getNumResults());
    for (auto [dim, loop] : llvm::enumerate(map.getResults())) {
      std::optional<unsigned> place = output.getResultPosition(loop);
      dropped[dim] = !place;
      if (place)
        exprs.push_back(builder.getAffineDimExpr(*place));
    }
    Value value = input->get();
    if (dropped.any())
      value = tensor::dropGivenUnitDims(builder, product->getLoc(), value, dropped);
    inputs.push_back(value);
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

void QuantizedFactor::eraseIfUnused() {
  moves.push_back(dequantize);
  for (Operation *op : moves)
    if (op->use_empty())
      op->erase();
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

/// Whether each weight of a convolution is multiplied by several pixels, and each pixel by several weights.
static bool isFullConvolution(linalg::LinalgOp op) {
  FailureOr<linalg::ConvolutionDimensions> dims = linalg::inferConvolutionDims(op);
  return succeeded(dims) && dims->depth.empty() && !dims->inputChannel.empty() && !dims->outputChannel.empty();
}

static void liftScales(linalg::LinalgOp product, DenseMap<Value, Value> &knownIntegers) {
  if (!(linalg::isaContractionOpInterface(product) || isFullConvolution(product)) || !isSumOfProducts(product))
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
  // Windows overlap: the sums of what they hold would be as many as the results.
  for (unsigned i : {0, 1})
    if (factors[1 - i].hasZeroPoint() &&
        !product.getMatchingIndexingMap(product.getDpsInputOperand(i)).isProjectedPermutation())
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
    factor.addInputs(builder, inputs, maps);
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
  product->erase();
  for (QuantizedFactor &factor : factors)
    factor.eraseIfUnused();
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
