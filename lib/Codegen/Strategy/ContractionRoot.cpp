//===- ContractionRoot.cpp - the multiply-add at the root of a kernel ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "torchc/Codegen/ContractionRoot.h"

#include "torchc/Codegen/Strategy.h"

using namespace mlir;
using namespace torchc;

/// The block argument that `value` is, but for widening casts.
static BlockArgument skipCasts(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<arith::ExtFOp, arith::ExtSIOp, arith::ExtUIOp, arith::SIToFPOp, arith::UIToFPOp>(op))
      return {};
    value = op->getOperand(0);
  }
  return dyn_cast<BlockArgument>(value);
}

static std::optional<ContractionRoot> match(linalg::LinalgOp op) {
  if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1 || op.getNumReductionLoops() == 0 ||
      llvm::any_of(op->getOpOperands(), [&](OpOperand &operand) { return op.isScalar(&operand); }))
    return std::nullopt;
  Block &block = *op.getBlock();
  Operation *add = block.getTerminator()->getOperand(0).getDefiningOp();
  BlockArgument sum = block.getArgument(2);
  if (!isa_and_present<arith::AddFOp, arith::AddIOp>(add) || !sum.hasOneUse())
    return std::nullopt;
  Value product = add->getOperand(0) == sum ? add->getOperand(1) : add->getOperand(0);
  if (add->getOperand(0) != sum && add->getOperand(1) != sum)
    return std::nullopt;
  Operation *multiply = product.getDefiningOp();
  if (!isa_and_present<arith::MulFOp, arith::MulIOp>(multiply))
    return std::nullopt;
  BlockArgument left = skipCasts(multiply->getOperand(0)), right = skipCasts(multiply->getOperand(1));
  if (!left || !right || left.getArgNumber() + right.getArgNumber() != 1)
    return std::nullopt;

  OpOperand *output = op.getDpsInitOperand(0);
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  for (AffineExpr expr : llvm::reverse(op.getMatchingIndexingMap(output).getResults())) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (!dim)
      return std::nullopt;
    unsigned loop = dim.getPosition();
    if (ranges[loop] == 1)
      continue;
    OpOperand *first = op.getDpsInputOperand(0), *second = op.getDpsInputOperand(1);
    bool inFirst = op.getMatchingIndexingMap(first).isFunctionOfDim(loop);
    bool inSecond = op.getMatchingIndexingMap(second).isFunctionOfDim(loop);
    if (inFirst == inSecond)
      return std::nullopt;
    OpOperand *columns = inFirst ? first : second;
    // A column is a dim of its own, not part of a window's coordinate.
    if (!llvm::is_contained(op.getMatchingIndexingMap(columns).getResults(), expr))
      return std::nullopt;
    return ContractionRoot{op, inFirst ? second : first, columns, loop, multiply, add};
  }
  return std::nullopt;
}

std::optional<ContractionRoot> ContractionRoot::find(dispatch::KernelOp kernel) {
  std::optional<ContractionRoot> root;
  for (auto op : kernel.getBody().front().getOps<linalg::LinalgOp>())
    if (auto candidate = match(op)) {
      if (root)
        return std::nullopt;
      root = candidate;
    }
  return root;
}

Type ContractionRoot::getAccumulatorType() const {
  Type element = getElementTypeOrSelf(op->getResult(0).getType());
  return element.isF16() || element.isBF16() ? Float32Type::get(element.getContext()) : element;
}

/// The input of an elementwise op that has the element that is written, if need be together with others: those of the
/// last dim.
static OpOperand *getInputOfElement(linalg::GenericOp op) {
  if (!op || op.getNumReductionLoops() != 0 || op.getNumDpsInits() != 1)
    return nullptr;
  AffineMap output = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  for (OpOperand *input : op.getDpsInputOperands()) {
    AffineMap read = op.getMatchingIndexingMap(input);
    if ((output.isPermutation() && read == output) ||
        (output.isIdentity() && op.getNumDpsInputs() == 1 && output.getNumResults() == read.getNumResults() + 1 &&
         read == output.dropResult(read.getNumResults())))
      return input;
  }
  return nullptr;
}

/// The view of packed weights that `tensor` is, or is dequantised from element by element.
static linalg::UnPackOp findUnpack(Value tensor) {
  if (auto unpack = tensor.getDefiningOp<linalg::UnPackOp>())
    return unpack;
  OpOperand *input = getInputOfElement(tensor.getDefiningOp<linalg::GenericOp>());
  return input ? findUnpack(input->get()) : linalg::UnPackOp();
}

/// Whether an op takes the four bits at 4 times the index of its last loop.
static bool takesFourBits(linalg::GenericOp op) {
  auto masks = op.getBody()->getOps<arith::AndIOp>();
  if (!llvm::hasSingleElement(masks))
    return false;
  arith::AndIOp mask = *masks.begin();
  auto shift = mask.getLhs().getDefiningOp<arith::ShRUIOp>();
  auto distance = shift ? shift.getRhs().getDefiningOp<arith::MulIOp>() : arith::MulIOp();
  auto number = distance ? distance.getLhs().getDefiningOp<arith::IndexCastOp>() : arith::IndexCastOp();
  auto index = number ? number.getIn().getDefiningOp<linalg::IndexOp>() : linalg::IndexOp();
  return index && index.getDim() == op.getNumLoops() - 1 && shift.getLhs() == op.getBody()->getArgument(0) &&
         op.getBody()->getArgument(0).hasOneUse() && isConstantIntValue(mask.getRhs(), 15) &&
         isConstantIntValue(distance.getRhs(), 4);
}

/// If elements of four bits are taken out of packed integers: what last is computed of these bits and nothing else.
static Value findFunctionOfBits(Value tensor) {
  Value function;
  while (auto op = tensor.getDefiningOp<linalg::GenericOp>()) {
    OpOperand *input = getInputOfElement(op);
    if (!input)
      return {};
    if (op.getNumDpsInputs() != 1)
      function = {};
    else if (!function)
      function = tensor;
    if (op.getMatchingIndexingMap(input).getNumResults() != op.getNumLoops())
      return takesFourBits(op) ? function : Value();
    tensor = input->get();
  }
  return {};
}

linalg::UnPackOp ContractionRoot::getUnpack() const {
  linalg::UnPackOp unpack = findUnpack(columns->get());
  if (!unpack || unpack.getInnerDimsPos().size() != 1 || ShapedType::isDynamic(unpack.getStaticInnerTiles()[0]))
    return {};
  AffineMap map = linalg().getMatchingIndexingMap(columns);
  return map.getResult(unpack.getInnerDimsPos()[0]) == getAffineDimExpr(columnLoop, op->getContext())
             ? unpack
             : linalg::UnPackOp();
}

std::optional<int64_t> ContractionRoot::getRowDistance(unsigned loop) const {
  auto type = cast<RankedTensorType>(rows->get().getType());
  AffineMap map = linalg().getMatchingIndexingMap(rows);
  int64_t distance = type.getElementTypeBitWidth() / 8;
  for (size_t position = map.getNumResults(); position-- != 0;) {
    AffineExpr expr = map.getResult(position);
    if (expr.isFunctionOfDim(loop)) {
      // A stride moves rows further apart by its factor.
      std::optional<int64_t> step = getStep(map, position, loop);
      return step ? std::optional(distance * *step) : std::nullopt;
    }
    if (type.isDynamicDim(position))
      return std::nullopt;
    distance *= type.getDimSize(position);
  }
  return std::nullopt;
}

bool ContractionRoot::packsElements() const {
  linalg::UnPackOp unpack = getUnpack();
  return unpack && cast<RankedTensorType>(unpack.getResult().getType()).getRank() !=
                       cast<RankedTensorType>(columns->get().getType()).getRank();
}

SmallVector<Value> ContractionRoot::findAddends(dispatch::KernelOp kernel) const {
  SmallVector<Value> addends;
  auto type = cast<RankedTensorType>(getResult().getType());
  for (auto generic : kernel.getBody().front().getOps<linalg::GenericOp>())
    for (OpOperand *input : generic.getDpsInputOperands()) {
      auto inputType = dyn_cast<RankedTensorType>(input->get().getType());
      if (generic != op && isa<BlockArgument>(input->get()) && inputType && inputType.getShape() == type.getShape() &&
          generic.getMatchingIndexingMap(input).isIdentity() &&
          generic.getMatchingIndexingMap(generic.getDpsInitOperand(0)).isIdentity() &&
          !llvm::is_contained(addends, input->get()))
        addends.push_back(input->get());
    }
  return addends;
}

std::optional<GroupScale> GroupScale::find(const ContractionRoot &root, ArrayRef<LoopGroup> steps) {
  auto scaling = root.columns->get().getDefiningOp<linalg::GenericOp>();
  OpOperand *unscaled = getInputOfElement(scaling);
  if (!unscaled || scaling.getNumDpsInputs() != 2)
    return std::nullopt;
  OpOperand *scale = scaling.getDpsInputOperand(unscaled->getOperandNumber() == 0 ? 1 : 0);
  auto multiply = scaling.getBody()->getTerminator()->getOperand(0).getDefiningOp<arith::MulFOp>();
  auto isFactor = [&](OpOperand *input) {
    return llvm::is_contained(multiply->getOperands(), scaling.getMatchingBlockArgument(input));
  };
  linalg::LinalgOp op = root.op;
  if (!multiply || !isFactor(unscaled) || !isFactor(scale) || !root.getAccumulatorType().isF32() ||
      !getElementTypeOrSelf(scaling.getType(0)).isF32())
    return std::nullopt;
  AffineMap written = scaling.getMatchingIndexingMap(scaling.getDpsInitOperand(0));
  AffineMap map = scaling.getMatchingIndexingMap(scale)
                      .compose(inversePermutation(written))
                      .compose(op.getMatchingIndexingMap(root.columns));
  GroupScale found{root, unscaled->get(), scale->get(), map};
  return found.usesLoops(steps.back()) ? std::nullopt : std::optional(found);
}

bool GroupScale::usesLoops(const LoopGroup &group) const {
  linalg::LinalgOp op = root.op;
  for (unsigned loop = group.first; loop <= group.last; ++loop)
    if (linalg::isReductionIterator(op.getIteratorTypesArray()[loop]) && map.isFunctionOfDim(loop))
      return true;
  return false;
}

Value GroupScale::emit(ValueEmitter &emitter, ArrayRef<Index> loops, Index panel, int64_t width) const {
  Indices position(loops), point;
  position[root.columnLoop] = emitter.add(emitter.mul(panel, width), Index(nullptr, 0, 1));
  for (AffineExpr expr : map.getResults())
    point.push_back(emitter.evaluate(expr, position));
  return emitter.toVector(emitter.emit(scale, point));
}

bool ContractionRoot::hasInit() const {
  auto fill = linalg().getDpsInitOperand(0)->get().getDefiningOp<linalg::FillOp>();
  return !fill || !(matchPattern(fill.getInputs()[0], m_AnyZeroFloat()) || matchPattern(fill.getInputs()[0], m_Zero()));
}

Value ContractionRoot::emitFactor(ValueEmitter &emitter, OpOperand *operand, Value element) const {
  Value argument = linalg().getMatchingBlockArgument(operand);
  Value factor = skipCasts(multiply->getOperand(0)) == argument ? multiply->getOperand(0) : multiply->getOperand(1);
  SmallVector<Operation *> casts;
  for (; factor != argument; factor = factor.getDefiningOp()->getOperand(0))
    casts.push_back(factor.getDefiningOp());
  for (Operation *cast : llvm::reverse(casts))
    element = emitter.cloneOp(cast, element);
  Type type = getAccumulatorType(), from = getElementTypeOrSelf(element.getType());
  if (from != type) {
    Type wide = isa<VectorType>(element.getType()) ? Type(emitter.getVectorType(type)) : type;
    element = arith::ExtFOp::create(emitter.getBuilder(), wide, element);
  }
  return element;
}

Value ContractionRoot::emitMultiplyAdd(ValueEmitter &emitter, Value row, Value column, Value sum) const {
  ImplicitLocOpBuilder &b = emitter.getBuilder();
  row = emitter.toVector(row);
  if (isa<FloatType>(getElementTypeOrSelf(sum.getType())))
    // Fused where the CPU has the instruction, else a product and a sum.
    return LLVM::FMulAddOp::create(b, row, emitter.toVector(column), sum);
  return arith::AddIOp::create(b, sum, arith::MulIOp::create(b, row, emitter.toVector(column)));
}

Value ContractionRoot::emitRow(ValueEmitter &emitter, ArrayRef<Index> loops) const {
  Indices point;
  for (AffineExpr expr : linalg().getMatchingIndexingMap(rows).getResults())
    point.push_back(emitter.evaluate(expr, loops));
  return emitter.emit(rows->get(), point);
}

Value ContractionRoot::emitRowElement(ValueEmitter &emitter, ArrayRef<Index> loops) const {
  return emitFactor(emitter, rows, emitRow(emitter, loops));
}

Indices ContractionRoot::getPackedPoint(ValueEmitter &emitter, ArrayRef<Index> loops, Index panel,
                                        int64_t width) const {
  linalg::UnPackOp unpack = getUnpack();
  Indices position(loops), point;
  position[columnLoop] = Index(0);
  // The elements of one packed integer have a dim of their own beyond it.
  const size_t rank = cast<RankedTensorType>(unpack.getResult().getType()).getRank();
  for (AffineExpr expr : linalg().getMatchingIndexingMap(columns).getResults().take_front(rank))
    point.push_back(emitter.evaluate(expr, position));
  int64_t packedWidth = unpack.getStaticInnerTiles()[0];
  Index lane(nullptr, 0, 1), first = emitter.mul(panel, width);
  point[unpack.getInnerDimsPos()[0]] = width == packedWidth ? panel : emitter.div(first, packedWidth);
  Indices source;
  for (size_t i = 0; i != point.size(); ++i)
    source.push_back(point[unpack.getOuterDimsPerm().empty() ? i : unpack.getOuterDimsPerm()[i]]);
  source.push_back(width == packedWidth ? lane : emitter.add(emitter.mod(first, packedWidth), lane));
  return source;
}

/// Values that four bits have.
static constexpr int64_t kTableSize = 16;

/// `function` of the element `point` of packed integers.
Value ContractionRoot::emitLookup(ValueEmitter &emitter, Value function, ArrayRef<Index> point, Value packed) const {
  ImplicitLocOpBuilder &b = emitter.getBuilder();
  linalg::UnPackOp unpack = getUnpack();
  auto type = cast<VectorType>(packed.getType());
  auto getConstant = [&](ArrayRef<int32_t> values) -> Value {
    return arith::ConstantOp::create(b, DenseElementsAttr::get(type, values));
  };
  // The function of all values there are, as if they were the first elements of integers at a point that no lanes have.
  const Indices origin(point.size(), Index(0));
  emitter.hold(unpack.getResult(), ArrayRef(origin).drop_back(),
               getConstant(llvm::to_vector_of<int32_t>(llvm::seq<int32_t>(0, kTableSize))));
  Value table = emitter.toVector(emitter.emit(function, origin));
  Value shift = getConstant(static_cast<int32_t>(point.back().offset * (32 / 8)));
  Value bits = arith::ShRUIOp::create(b, packed, shift);
  return LLVM::CallIntrinsicOp::create(b, table.getType(), b.getStringAttr("llvm.x86.avx512.permvar.sf.512"),
                                       ValueRange{table, bits})
      .getResult(0);
}

Value ContractionRoot::emitColumns(ValueEmitter &emitter, ArrayRef<Index> loops, Value tensor, Index panel,
                                   int64_t width) const {
  Indices position(loops), point;
  position[columnLoop] = emitter.add(emitter.mul(panel, width), Index(nullptr, 0, 1));
  for (AffineExpr expr : linalg().getMatchingIndexingMap(columns).getResults())
    point.push_back(emitter.evaluate(expr, position));
  if (linalg::UnPackOp unpack = getUnpack()) {
    ArrayRef<Index> place = ArrayRef(point).take_front(cast<RankedTensorType>(unpack.getResult().getType()).getRank());
    Value packed = emitter.emit(unpack.getSource(), getPackedPoint(emitter, loops, panel, width));
    Value function = findFunctionOfBits(tensor);
    // An instruction that looks up 16 numbers by the lowest four bits of each lane.
    const bool looksUp = function && getElementTypeOrSelf(function.getType()).isF32() && width == kTableSize &&
                         emitter.getTarget().getLanes(32) == kTableSize && point.back().isConstant();
    if (looksUp)
      emitter.hold(function, point, emitLookup(emitter, function, point, packed));
    else
      emitter.hold(unpack.getResult(), place, packed);
  }
  return emitFactor(emitter, columns, emitter.emit(tensor, point));
}

void ContractionRoot::storeResults(ValueEmitter &emitter, ValueRange results, ArrayRef<Index> at,
                                   ArrayRef<Index> outputAt, Value sum) const {
  ImplicitLocOpBuilder &b = emitter.getBuilder();
  Type element = getElementTypeOrSelf(getResult().getType());
  if (hasInit()) {
    Value init = emitter.toVector(emitter.emit(linalg().getDpsInitOperand(0)->get(), outputAt));
    if (init.getType() != sum.getType())
      init = arith::ExtFOp::create(b, sum.getType(), init);
    sum = emitter.cloneOp(add, {sum, init});
  }
  if (element != getAccumulatorType())
    sum = arith::TruncFOp::create(b, emitter.getVectorType(element), sum);
  emitter.hold(getResult(), outputAt, sum);
  emitter.storeResults(results, at);
}
