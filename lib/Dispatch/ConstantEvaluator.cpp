//===- ConstantEvaluator.cpp - computes tensors of constants when compiling ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ConstantEvaluator.h"

#include "BodyInterpreter.h"

#include "torchc/Support/HostProvided.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cstring>

using namespace mlir;
using namespace torchc;

/// What is computed of constants by more ops than this counts as computed at run time.
static constexpr size_t kMostOps = 128;
/// Tensors up to this size are constants whatever they are computed of.
static constexpr int64_t kSmallBytes = 4096;
/// Ops with more points than this, some seconds of interpreting, are left to kernels.
static constexpr uint64_t kMostPoints = uint64_t(1) << 28;

//===----------------------------------------------------------------------===//
// What is a constant
//===----------------------------------------------------------------------===//

static bool isKnownType(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.hasStaticShape() && getElementBytes(tensor.getElementType()) != 0 && !tensor.getEncoding();
}

/// The index at `dims` and a constant: sum of coefficients times dims.
static bool linearize(AffineExpr expr, MutableArrayRef<int64_t> coefficients, int64_t factor, int64_t &constant) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    coefficients[dim.getPosition()] += factor;
    return true;
  }
  if (auto number = dyn_cast<AffineConstantExpr>(expr)) {
    constant += factor * number.getValue();
    return true;
  }
  auto operation = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!operation)
    return false;
  if (operation.getKind() == AffineExprKind::Add)
    return linearize(operation.getLHS(), coefficients, factor, constant) &&
           linearize(operation.getRHS(), coefficients, factor, constant);
  auto number = dyn_cast<AffineConstantExpr>(operation.getRHS());
  return operation.getKind() == AffineExprKind::Mul && number &&
         linearize(operation.getLHS(), coefficients, factor * number.getValue(), constant);
}

static bool hasLinearMaps(linalg::LinalgOp op) {
  return llvm::all_of(op.getIndexingMapsArray(), [](AffineMap map) {
    return llvm::all_of(map.getResults(), [&](AffineExpr expr) {
      SmallVector<int64_t> coefficients(map.getNumDims());
      int64_t constant = 0;
      return linearize(expr, coefficients, 1, constant);
    });
  });
}

bool torchc::isComputedOfConstants(Value tensor) {
  // Each value once: what many ops read would be followed as often as there are ways to it. Callers ask for every
  // op of a program, so that a walk must not go through all of it.
  SmallVector<Value> waiting{tensor};
  llvm::SmallPtrSet<Operation *, 16> seen;
  while (!waiting.empty()) {
    Operation *op = waiting.pop_back_val().getDefiningOp();
    if (!op || seen.size() > kMostOps)
      return false;
    if (!seen.insert(op).second || isa<arith::ConstantOp>(op))
      continue;
    if (auto empty = dyn_cast<tensor::EmptyOp>(op)) {
      if (!empty.getType().hasStaticShape())
        return false;
      continue;
    }
    if (auto load = dyn_cast<ml_program::GlobalLoadConstOp>(op)) {
      Operation *global = SymbolTable::lookupNearestSymbolFrom(op, load.getGlobal());
      if (!global || global->hasAttr(kParameterAttr))
        return false;
      continue;
    }
    if (!isa<linalg::LinalgDialect, tensor::TensorDialect>(op->getDialect()) || isa<linalg::UnPackOp>(op))
      return false;
    // What bodies read from outside counts, too.
    op->walk([&](Operation *nested) {
      for (Value operand : nested->getOperands())
        if (!op->isAncestor(operand.getParentRegion()->getParentOp()))
          waiting.push_back(operand);
    });
  }
  return true;
}

static bool isStatic(OffsetSizeAndStrideOpInterface op) {
  auto isKnown = [](ArrayRef<int64_t> values) { return !llvm::is_contained(values, ShapedType::kDynamic); };
  return isKnown(op.getStaticOffsets()) && isKnown(op.getStaticSizes()) && isKnown(op.getStaticStrides());
}

ml_program::GlobalOp ConstantEvaluator::getGlobal(Operation *op) {
  auto load = dyn_cast_or_null<ml_program::GlobalLoadConstOp>(op);
  auto global = load ? symbols.lookup<ml_program::GlobalOp>(load.getGlobal().getLeafReference()) : nullptr;
  const bool isKnown = global && !global.getIsMutable() && global.getValueAttr() && !global->hasAttr(kParameterAttr);
  return isKnown ? global : nullptr;
}

bool ConstantEvaluator::isEvaluable(Operation *op) {
  return llvm::TypeSwitch<Operation *, bool>(op)
      .Case<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp, tensor::EmptyOp, tensor::ConcatOp,
            linalg::TransposeOp>([](Operation *) { return true; })
      .Case([](tensor::SplatOp op) { return getConstantCell(op.getInput()).has_value(); })
      .Case([](linalg::FillOp op) { return getConstantCell(op.getInputs()[0]).has_value(); })
      .Case([](tensor::PadOp op) {
        return op.getConstantPaddingValue() && getConstantCell(op.getConstantPaddingValue()) &&
               !llvm::is_contained(op.getStaticLow(), ShapedType::kDynamic) &&
               llvm::all_of(op.getStaticLow(), [](int64_t low) { return low >= 0; }) &&
               llvm::all_of(op.getStaticHigh(), [](int64_t high) { return high >= 0; });
      })
      .Case<tensor::ExtractSliceOp, tensor::InsertSliceOp>(
          [](OffsetSizeAndStrideOpInterface op) { return isStatic(op); })
      .Case([](linalg::PackOp op) {
        return llvm::none_of(op.getStaticInnerTiles(), ShapedType::isDynamic) &&
               (!op.getPaddingValue() || getConstantCell(op.getPaddingValue()));
      })
      .Case([&](linalg::LinalgOp op) {
        uint64_t points = 1;
        for (int64_t extent : op.getStaticLoopRanges())
          points = llvm::SaturatingMultiply<uint64_t>(points,
                                                      ShapedType::isDynamic(extent) ? kMostPoints : uint64_t(extent));
        return points < kMostPoints && hasLinearMaps(op) &&
               BodyInterpreter::canCompile(*op.getBlock(), [&](Value tensor) { return isComputable(tensor); });
      })
      .Default([](Operation *) { return false; });
}

/// Whether a kernel would make the elements for others to read. Those of one operand, repeated, are read where they
/// are.
static bool makesTable(Operation *op) {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  return isa<tensor::ConcatOp, linalg::PackOp>(op) ||
         (linalgOp && llvm::all_of(linalgOp.getBlock()->getTerminator()->getOperands(), [](Value element) {
            Operation *computer = element.getDefiningOp();
            return computer && !isa<tensor::ExtractOp>(computer);
          }));
}

std::optional<ConstantEvaluator::Source> ConstantEvaluator::computeSource(Value tensor) {
  auto type = dyn_cast<RankedTensorType>(tensor.getType());
  Operation *op = tensor.getDefiningOp();
  if (!op || !isKnownType(tensor.getType()))
    return std::nullopt;
  int64_t bytes = type.getNumElements() * getElementBytes(type.getElementType());
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    auto elements = dyn_cast<DenseElementsAttr>(constant.getValue());
    return !elements ? std::nullopt : std::optional(Source{elements.isSplat() ? 0 : bytes, true});
  }
  if (getGlobal(op))
    return Source{bytes, true};
  if (!isEvaluable(op))
    return std::nullopt;
  // Without elements of their own until somebody writes or reads them.
  if (isa<tensor::EmptyOp, tensor::SplatOp, linalg::FillOp>(op))
    return Source{0, true};
  Source all{0, true};
  auto addSource = [&](Value operand) {
    if (!isa<TensorType>(operand.getType()))
      return getConstantCell(operand).has_value();
    std::optional<Source> source = getSource(operand);
    all.bytes += source ? source->bytes : 0;
    all.isWorthMemory &= source && source->isWorthMemory;
    return source.has_value();
  };
  llvm::SetVector<Value> read(op->operand_begin(), op->operand_end());
  // What bodies look up counts, too.
  op->walk([&](tensor::ExtractOp extract) { read.insert(extract.getTensor()); });
  if (!llvm::all_of(read, addSource))
    return std::nullopt;
  const int64_t most = std::max({kSmallBytes, 2 * all.bytes, makesTable(op) ? tableBytes : 0});
  const bool isView = isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp, tensor::ExtractSliceOp>(op);
  if (isView ? all.isWorthMemory : bytes <= most)
    return Source{std::min(all.bytes, bytes), true};
  if (isa<IntegerType>(type.getElementType()) && type.getNumElements() <= most)
    return Source{all.bytes, false};
  return std::nullopt;
}

std::optional<ConstantEvaluator::Source> ConstantEvaluator::getSource(Value tensor) {
  if (auto found = sources.find(tensor); found != sources.end())
    return found->second;
  std::optional<Source> source = computeSource(tensor);
  sources[tensor] = source;
  return source;
}

bool ConstantEvaluator::isConstant(Value tensor) {
  std::optional<Source> source = getSource(tensor);
  return source && source->isWorthMemory;
}

bool ConstantEvaluator::isComputable(Value tensor) { return getSource(tensor).has_value(); }

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

static ConstantTensor getElements(DenseElementsAttr elements) {
  auto type = cast<RankedTensorType>(elements.getType());
  if (elements.isSplat() && type.getNumElements() != 0)
    return ConstantTensor::getSplat(type, *getConstantCell(elements.getSplatValue<Attribute>()));
  auto [tensor, data] = ConstantTensor::allocate(type);
  if (type.getElementType().isInteger(1))
    llvm::copy(elements.getValues<bool>(), data);
  else
    std::memcpy(data, elements.getRawData().data(), tensor.getNumBytes());
  return tensor;
}

FailureOr<ConstantTensor> ConstantEvaluator::load(Operation *op) {
  ml_program::GlobalOp global = getGlobal(op);
  auto type = cast<RankedTensorType>(global.getType());
  if (auto elements = dyn_cast<DenseElementsAttr>(global.getValueAttr()))
    return getElements(elements);
  std::optional<Weight> weight = weights.lookup(global.getSymName());
  if (!weight ||
      static_cast<int64_t>(weight->bytes.size()) != type.getNumElements() * getElementBytes(type.getElementType()))
    return failure();
  return ConstantTensor::get(type, weight->bytes, weight->owner);
}

FailureOr<ConstantTensor> ConstantEvaluator::evaluate(Value tensor) {
  if (auto found = known.find(tensor); found != known.end())
    return found->second;
  FailureOr<ConstantTensor> elements = compute(cast<OpResult>(tensor));
  // With one user only it would just take memory until the end.
  if (succeeded(elements) && !tensor.hasOneUse())
    known[tensor] = *elements;
  return elements;
}

FailureOr<ConstantTensor> ConstantEvaluator::compute(OpResult tensor) {
  Operation *op = tensor.getOwner();
  auto type = cast<RankedTensorType>(tensor.getType());
  if (getGlobal(op))
    return load(op);
  return llvm::TypeSwitch<Operation *, FailureOr<ConstantTensor>>(op)
      .Case([&](arith::ConstantOp op) { return getElements(cast<DenseElementsAttr>(op.getValue())); })
      .Case([&](tensor::EmptyOp) { return ConstantTensor::getSplat(type, Cell::ofInt(0)); })
      .Case([&](tensor::SplatOp op) { return ConstantTensor::getSplat(type, *getConstantCell(op.getInput())); })
      .Case([&](linalg::FillOp op) { return ConstantTensor::getSplat(type, *getConstantCell(op.getInputs()[0])); })
      .Case<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp>(
          [&](Operation *op) { return computeReshape(op->getOperand(0), type); })
      .Case([&](linalg::TransposeOp op) { return computeTranspose(op); })
      .Case([&](linalg::PackOp op) { return computePack(op); })
      .Case([&](tensor::PadOp op) { return computePad(op); })
      .Case([&](tensor::ExtractSliceOp op) { return computeSlice(op); })
      .Case([&](tensor::InsertSliceOp op) { return computeInsertSlice(op); })
      .Case([&](tensor::ConcatOp op) { return computeConcat(op); })
      .Case([&](linalg::LinalgOp op) { return computeLinalg(op, tensor.getResultNumber()); });
}

//===----------------------------------------------------------------------===//
// Ops that move elements
//===----------------------------------------------------------------------===//

FailureOr<ConstantTensor> ConstantEvaluator::computeReshape(Value source, RankedTensorType type) {
  FailureOr<ConstantTensor> elements = evaluate(source);
  if (failed(elements))
    return failure();
  if (elements->isSplat())
    return ConstantTensor{type, elements->data, SmallVector<int64_t>(type.getRank(), 0), elements->owner};
  ConstantTensor dense = elements->makeContiguous();
  return ConstantTensor{type, dense.data, getRowMajorStrides(type.getShape()), dense.owner};
}

FailureOr<ConstantTensor> ConstantEvaluator::computeTranspose(linalg::TransposeOp op) {
  FailureOr<ConstantTensor> elements = evaluate(op.getInput());
  if (failed(elements))
    return failure();
  ConstantTensor view = *elements;
  view.type = cast<RankedTensorType>(op.getInit().getType());
  for (auto [dim, source] : llvm::enumerate(op.getPermutation()))
    view.strides[dim] = elements->strides[source];
  return view;
}

FailureOr<ConstantTensor> ConstantEvaluator::computeSlice(tensor::ExtractSliceOp op) {
  FailureOr<ConstantTensor> elements = evaluate(op.getSource());
  if (failed(elements))
    return failure();
  ConstantTensor view = *elements;
  view.type = op.getType();
  view.strides.clear();
  llvm::SmallBitVector dropped = op.getDroppedDims();
  int64_t offset = 0;
  for (auto [dim, stride] : llvm::enumerate(elements->strides)) {
    offset += op.getStaticOffset(dim) * stride;
    if (!dropped.test(dim))
      view.strides.push_back(stride * op.getStaticStride(dim));
  }
  view.data += offset * getElementBytes(op.getType().getElementType());
  return view;
}

/// Writes `source` into `data`, of which the strides are `strides`.
static void copyInto(uint8_t *data, ArrayRef<int64_t> strides, const ConstantTensor &source) {
  copyStrided(data, strides, source.data, source.strides, source.type.getShape(),
              getElementBytes(source.type.getElementType()));
}

/// A tensor of `type` that is `value` everywhere.
static std::pair<ConstantTensor, uint8_t *> allocateFilled(RankedTensorType type, Cell value) {
  auto [target, data] = ConstantTensor::allocate(type);
  copyInto(data, target.strides, ConstantTensor::getSplat(type, value));
  return {target, data};
}

FailureOr<ConstantTensor> ConstantEvaluator::computePad(tensor::PadOp op) {
  FailureOr<ConstantTensor> source = evaluate(op.getSource());
  if (failed(source))
    return failure();
  auto [target, data] = allocateFilled(op.getType(), *getConstantCell(op.getConstantPaddingValue()));
  int64_t bytes = getElementBytes(op.getType().getElementType());
  for (auto [low, stride] : llvm::zip_equal(op.getStaticLow(), target.strides))
    data += low * stride * bytes;
  copyInto(data, target.strides, *source);
  return target;
}

FailureOr<ConstantTensor> ConstantEvaluator::computeInsertSlice(tensor::InsertSliceOp op) {
  FailureOr<ConstantTensor> source = evaluate(op.getSource()), dest = evaluate(op.getDest());
  if (failed(source) || failed(dest))
    return failure();
  auto [target, data] = ConstantTensor::allocate(op.getDestType());
  copyInto(data, target.strides, *dest);
  llvm::SmallBitVector dropped = op.getDroppedDims();
  SmallVector<int64_t> strides;
  int64_t bytes = getElementBytes(op.getDestType().getElementType());
  for (auto [dim, stride] : llvm::enumerate(target.strides)) {
    data += op.getStaticOffset(dim) * stride * bytes;
    if (!dropped.test(dim))
      strides.push_back(stride * op.getStaticStride(dim));
  }
  copyInto(data, strides, *source);
  return target;
}

FailureOr<ConstantTensor> ConstantEvaluator::computeConcat(tensor::ConcatOp op) {
  auto [target, data] = ConstantTensor::allocate(op.getResultType());
  int64_t bytes = getElementBytes(op.getResultType().getElementType());
  for (Value input : op.getInputs()) {
    FailureOr<ConstantTensor> source = evaluate(input);
    if (failed(source))
      return failure();
    copyInto(data, target.strides, *source);
    data += source->type.getDimSize(op.getDim()) * target.strides[op.getDim()] * bytes;
  }
  return target;
}

/// Whole tiles are one copy, and so is what is left of each dim that does not
/// divide: each copy takes the part of the source in front of or behind the cut.
FailureOr<ConstantTensor> ConstantEvaluator::computePack(linalg::PackOp op) {
  FailureOr<ConstantTensor> source = evaluate(op.getSource());
  if (failed(source))
    return failure();
  RankedTensorType type = op.getDestType();
  std::optional<Cell> padding = op.getPaddingValue() ? getConstantCell(op.getPaddingValue()) : Cell::ofInt(0);
  auto [target, data] = allocateFilled(type, *padding);
  int64_t rank = source->type.getRank(), bytes = getElementBytes(type.getElementType());

  // Of each dim of the source: its strides in the target, outer and inner.
  SmallVector<int64_t> outer(rank), inner(rank, 0), tiles(rank, 1);
  for (int64_t i = 0; i != rank; ++i)
    outer[op.getOuterDimsPerm().empty() ? i : op.getOuterDimsPerm()[i]] = target.strides[i];
  for (auto [i, dim] : llvm::enumerate(op.getInnerDimsPos())) {
    tiles[dim] = op.getStaticTiles()[i];
    inner[dim] = target.strides[rank + i];
  }
  struct Part {
    uint8_t *to;
    const uint8_t *from;
    SmallVector<int64_t> shape, toStrides, fromStrides;
  };
  SmallVector<Part> parts{{data, source->data, {}, {}, {}}};
  for (int64_t dim = 0; dim != rank; ++dim) {
    int64_t extent = source->type.getDimSize(dim), whole = extent / tiles[dim], rest = extent % tiles[dim];
    int64_t stride = source->strides[dim];
    SmallVector<Part> cut;
    for (const Part &part : parts)
      for (bool isRest : {false, true}) {
        if ((isRest ? rest : whole) == 0)
          continue;
        Part next = part;
        next.to += isRest ? whole * outer[dim] * bytes : 0;
        next.from += isRest ? whole * tiles[dim] * stride * bytes : 0;
        next.shape.append({isRest ? 1 : whole, isRest ? rest : tiles[dim]});
        next.toStrides.append({outer[dim], inner[dim]});
        next.fromStrides.append({tiles[dim] * stride, stride});
        cut.push_back(std::move(next));
      }
    parts = std::move(cut);
  }
  for (const Part &part : parts)
    copyStrided(part.to, part.toStrides, part.from, part.fromStrides, part.shape, bytes);
  return target;
}

//===----------------------------------------------------------------------===//
// Ops with a body
//===----------------------------------------------------------------------===//

namespace {

/// An operand of a linalg op: where its elements are at a point of the loops.
struct LoopedOperand {
  ConstantTensor tensor;
  int64_t offset = 0;
  SmallVector<int64_t> strides; ///< By loop.

  LoopedOperand(const ConstantTensor &tensor, AffineMap map) : tensor(tensor), strides(map.getNumDims(), 0) {
    for (auto [expr, stride] : llvm::zip_equal(map.getResults(), tensor.strides))
      linearize(expr, strides, stride, offset);
  }
  int64_t getOffset(ArrayRef<int64_t> loops) const {
    int64_t sum = offset;
    for (auto [loop, stride] : llvm::zip_equal(loops, strides))
      sum += loop * stride;
    return sum;
  }
};

/// Visits the loops of an op, parallel ones outside, many points of one of them at a time.
class LinalgEvaluator {
public:
  LinalgEvaluator(linalg::LinalgOp op, BodyInterpreter &body) : op(op), body(body), extents(op.getStaticLoopRanges()) {
    for (unsigned loop = 0; loop != extents.size(); ++loop)
      (linalg::isParallelIterator(op.getIteratorTypesArray()[loop]) ? parallel : reduced).push_back(loop);
    if (!parallel.empty())
      lanesLoop = parallel.pop_back_val();
    loops.assign(extents.size(), 0);
  }

  /// Inputs, then destinations with what they hold before, then memory for results.
  LogicalResult run(ArrayRef<LoopedOperand> operands, ArrayRef<uint8_t *> results);

private:
  LogicalResult runLanes(int64_t count);
  LogicalResult visit(ArrayRef<unsigned> order, function_ref<LogicalResult()> inner);
  void readOperand(unsigned number, int64_t count) {
    const LoopedOperand &operand = operands[number];
    operand.tensor.read(operand.getOffset(loops), lanesLoop < 0 ? 0 : operand.strides[lanesLoop],
                        body.getArgument(number).take_front(count));
  }

  linalg::LinalgOp op;
  BodyInterpreter &body;
  SmallVector<int64_t> extents, loops;
  SmallVector<unsigned> parallel, reduced;
  int64_t lanesLoop = -1;
  ArrayRef<LoopedOperand> operands;
  ArrayRef<uint8_t *> results;
};

} // namespace

LogicalResult LinalgEvaluator::visit(ArrayRef<unsigned> order, function_ref<LogicalResult()> inner) {
  if (order.empty())
    return inner();
  for (int64_t &index = loops[order.front()] = 0; index != extents[order.front()]; ++index)
    if (failed(visit(order.drop_front(), inner)))
      return failure();
  loops[order.front()] = 0;
  return success();
}

LogicalResult LinalgEvaluator::runLanes(int64_t count) {
  unsigned numInputs = op.getNumDpsInputs();
  for (unsigned number = numInputs; number != operands.size(); ++number)
    readOperand(number, count);
  LogicalResult done = visit(reduced, [&] {
    for (unsigned number = 0; number != numInputs; ++number)
      readOperand(number, count);
    if (failed(body.run(count, loops, lanesLoop)))
      return failure();
    for (unsigned number = 0; number != results.size(); ++number)
      llvm::copy(body.getYielded(number).take_front(count), body.getArgument(numInputs + number).begin());
    return success();
  });
  if (failed(done))
    return failure();
  for (auto [number, data] : llvm::enumerate(results)) {
    const LoopedOperand &operand = operands[numInputs + number];
    ConstantTensor::write(operand.tensor.type.getElementType(), data, operand.getOffset(loops),
                          lanesLoop < 0 ? 0 : operand.strides[lanesLoop],
                          body.getArgument(numInputs + number).take_front(count));
  }
  return success();
}

LogicalResult LinalgEvaluator::run(ArrayRef<LoopedOperand> operands, ArrayRef<uint8_t *> results) {
  this->operands = operands;
  this->results = results;
  return visit(parallel, [&] {
    if (lanesLoop < 0)
      return runLanes(1);
    for (int64_t &index = loops[lanesLoop] = 0; index < extents[lanesLoop]; index += BodyInterpreter::kPoints)
      if (failed(runLanes(std::min(BodyInterpreter::kPoints, extents[lanesLoop] - index))))
        return failure();
    loops[lanesLoop] = 0;
    return success();
  });
}

FailureOr<ConstantTensor> ConstantEvaluator::computeLinalg(linalg::LinalgOp op, unsigned result) {
  SmallVector<LoopedOperand> operands;
  SmallVector<ConstantTensor> outputs;
  SmallVector<uint8_t *> memory;
  for (OpOperand &operand : op->getOpOperands()) {
    AffineMap map = op.getMatchingIndexingMap(&operand);
    if (op.isScalar(&operand)) {
      auto type = RankedTensorType::get({}, operand.get().getType());
      operands.emplace_back(ConstantTensor::getSplat(type, *getConstantCell(operand.get())), map);
      continue;
    }
    FailureOr<ConstantTensor> elements = evaluate(operand.get());
    if (failed(elements))
      return failure();
    if (op.isDpsInit(&operand)) {
      // Results are written in place, and so are read by their own strides.
      auto [output, data] = ConstantTensor::allocate(elements->type);
      copyStrided(data, output.strides, elements->data, elements->strides, output.type.getShape(),
                  getElementBytes(output.type.getElementType()));
      outputs.push_back(output);
      memory.push_back(data);
      elements = output;
    }
    operands.emplace_back(*elements, map);
  }
  bool failedToRead = false;
  BodyInterpreter body(*op.getBlock(), [&](Value tensor) {
    FailureOr<ConstantTensor> elements = evaluate(tensor);
    failedToRead |= failed(elements);
    return elements.value_or(ConstantTensor());
  });
  if (failedToRead || failed(LinalgEvaluator(op, body).run(operands, memory)))
    return failure();
  for (auto [number, output] : llvm::enumerate(outputs))
    if (number != result && !op->getResult(number).use_empty())
      known[op->getResult(number)] = output;
  return outputs[result];
}
