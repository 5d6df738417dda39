//===- FormAttention.cpp - find attention: a product, softmax and another product ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// The pass starts from the second product and follows its left factor up:
//
//   scores  = f(query key^T, masks..)         elementwise ops
//   peak    = max over s of scores            } in a masked softmax 0 where it is -inf
//   powers  = exp(scores - peak)
//   sum     = sum over s of powers            } and 1 there
//   weights = powers / sum
//   result  = weights value
//
// Elementwise ops are followed scalar by scalar, so it does not matter how many of them
// one generic holds.
//
//===----------------------------------------------------------------------===//

#include "Extents.h"
#include "Roots.h"

#include "torchc/Dialect/Dispatch/IR/DispatchDialect.h"
#include "torchc/Dispatch/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/RegionUtils.h"

namespace torchc {
#define GEN_PASS_DEF_FORMATTENTION
#include "torchc/Dispatch/Passes.h.inc"
} // namespace torchc

using namespace mlir;
using namespace torchc;

/// The widest head whose blocks of keys and values fit in a cache.
static constexpr int64_t kLargestHead = 512;
/// Of a mask's element that is computed in the kernel instead of read.
static constexpr int kMaxOpsOfMask = 4;

namespace {

/// out[b.., m, n] = sum over k of left[b.., m, k] * right[b.., k, n], each factor in any order.
struct Product {
  linalg::LinalgOp op;
  unsigned m, n, k;

  static std::optional<Product> match(Operation *op);
  Value getOperand(unsigned i) const { return linalg().getDpsInputOperand(i)->get(); }
  AffineMap getMap(unsigned i) const { return linalg().getMatchingIndexingMap(linalg().getDpsInputOperand(i)); }
  unsigned getNumBatchDims() const { return cast<RankedTensorType>(op->getResult(0).getType()).getRank() - 2; }

private:
  linalg::LinalgOp linalg() const { return op; }
};

class Matcher {
public:
  explicit Matcher(Product second) : second(second) {}
  bool match();
  void rewrite(OpBuilder &builder);

private:
  using Groups = SmallVector<ReassociationIndices>;

  /// The value behind each element of `tensor`: a scalar in the body of an elementwise op,
  /// or, where none computes it, the tensor itself. `isRow`: of a tensor without the last dim.
  Value trace(Value tensor, bool isRow);
  Value traceScalar(Value scalar);
  template <typename Op> Op traceTo(Value value) {
    return isa<RankedTensorType>(value.getType()) ? Op() : value.getDefiningOp<Op>();
  }
  /// The reduction over the last dim by `Combiner` of what `isInput` accepts, or null.
  template <typename Combiner> Value matchReduction(Value tensor, Value input, double init);
  /// Takes `select(peak == -inf, replacement, value)` apart.
  Value matchGuard(Value value, Value peak, double replacement, bool &isGuarded);
  bool matchSoftmax();
  bool matchScores(Value score);
  bool isUsedOutside();
  bool isWorthIt();

  Value buildScore(OpBuilder &builder, Value score);
  Value buildOperand(OpBuilder &builder, Value tensor, AffineMap map);
  Value readInput(Value tensor, AffineMap map);
  /// `tensor` of a product, with the batch dim of each group in parts, and its map.
  std::pair<Value, AffineMap> splitBatch(OpBuilder &builder, const Product &product, unsigned operand,
                                         const Groups &groups, ArrayRef<unsigned> loops);
  bool leadsToScores(Value tensor);

  Product second;
  std::optional<Product> first;
  Value weights, scores;            ///< [b.., l, s]; `scores` as the first product gives them.
  Value score;                      ///< What `trace` says of the scores that softmax reads.
  Groups firstGroups, secondGroups; ///< The dims of `weights` behind each of the product's.
  bool zeroMaskedRows = false;
  llvm::SetVector<Operation *> members;
  DenseMap<Value, Value> built;
  SmallVector<Value> inputs; ///< Of the new op.
  SmallVector<AffineMap> maps;
  Block *body = nullptr;
};

} // namespace

static unsigned getRank(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getRank(); }

static bool isNumber(Value value, double number) {
  APFloat constant(0.0);
  return matchPattern(value, m_ConstantFloat(&constant)) && constant.convertToDouble() == number;
}

static bool startsFrom(Value init, double number) {
  auto fill = init.getDefiningOp<linalg::FillOp>();
  return fill && isNumber(fill.getInputs()[0], number);
}

std::optional<Product> Product::match(Operation *operation) {
  auto op = dyn_cast_or_null<linalg::LinalgOp>(operation);
  if (!op || op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1 || op.getNumReductionLoops() != 1 ||
      !linalg::isaContractionOpInterface(op) || !startsFrom(op.getDpsInits()[0], 0))
    return std::nullopt;
  // One multiply-add of one type: no casts.
  Type element = getElementTypeOrSelf(op->getResult(0).getType());
  auto scalars = op.getBlock()->without_terminator();
  bool isPlain = std::distance(scalars.begin(), scalars.end()) == 2 && (element.isF32() || element.isF64()) &&
                 llvm::all_of(op->getOperandTypes(), [&](Type type) { return getElementTypeOrSelf(type) == element; });
  FailureOr<linalg::ContractionDimensions> dims = linalg::inferContractionDims(op);
  if (!isPlain || failed(dims) || dims->m.size() != 1 || dims->n.size() != 1 || dims->k.size() != 1)
    return std::nullopt;
  Product product{op, dims->m[0], dims->n[0], dims->k[0]};
  AffineMap output = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  unsigned rank = output.getNumResults();
  if (rank < 2 || output.getDimPosition(rank - 2) != product.m || output.getDimPosition(rank - 1) != product.n)
    return std::nullopt;
  for (unsigned i : {0, 1})
    if (!product.getMap(i).isProjectedPermutation() || product.getMap(i).getNumResults() != rank)
      return std::nullopt;
  return product;
}

//===----------------------------------------------------------------------===//
// Softmax
//===----------------------------------------------------------------------===//

/// Whether the op's result has its loops as dims, and one scalar is computed for each element.
static bool isPlainElementwise(linalg::GenericOp op) {
  return op && op.getNumReductionLoops() == 0 && op->getNumResults() == 1 && !op.hasIndexSemantics() &&
         op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity() &&
         llvm::all_of(op.getBody()->without_terminator(), [](Operation &scalar) {
           return isa<arith::ArithDialect, math::MathDialect>(scalar.getDialect());
         });
}

/// d0, d1, .. without any further dims.
static bool isPrefix(AffineMap map) {
  for (auto [i, expr] : llvm::enumerate(map.getResults()))
    if (expr != getAffineDimExpr(i, map.getContext()))
      return false;
  return true;
}

Value Matcher::trace(Value tensor, bool isRow) {
  // Rows come with a last dim of extent 1, or without.
  while (isRow && isa_and_nonnull<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(tensor.getDefiningOp())) {
    Operation *reshape = tensor.getDefiningOp();
    ArrayRef<int64_t> from = cast<RankedTensorType>(reshape->getOperand(0).getType()).getShape();
    ArrayRef<int64_t> to = cast<RankedTensorType>(tensor.getType()).getShape();
    bool dropsLast = from.size() == to.size() + 1 && from.back() == 1 && from.drop_back() == to;
    bool addsLast = to.size() == from.size() + 1 && to.back() == 1 && to.drop_back() == from;
    if (!dropsLast && !addsLast)
      break;
    members.insert(reshape);
    tensor = reshape->getOperand(0);
  }
  auto op = tensor.getDefiningOp<linalg::GenericOp>();
  if (!isPlainElementwise(op))
    return tensor;
  members.insert(op);
  return traceScalar(op.getBody()->getTerminator()->getOperand(0));
}

Value Matcher::traceScalar(Value scalar) {
  auto argument = dyn_cast<BlockArgument>(scalar);
  if (!argument)
    return scalar;
  auto op = cast<linalg::GenericOp>(argument.getOwner()->getParentOp());
  OpOperand *operand = op.getMatchingOpOperand(argument);
  AffineMap map = op.getMatchingIndexingMap(operand);
  if (op.isDpsInit(operand) || !isPrefix(map) || map.getNumResults() + 1 < op.getNumLoops())
    return scalar;
  int64_t last = cast<RankedTensorType>(op->getResult(0).getType()).getShape().back();
  return trace(operand->get(), map.getNumResults() < op.getNumLoops() || last == 1);
}

template <typename Combiner> Value Matcher::matchReduction(Value tensor, Value input, double init) {
  auto op = isa<RankedTensorType>(tensor.getType()) ? tensor.getDefiningOp<linalg::GenericOp>() : linalg::GenericOp();
  if (!op || op.getNumReductionLoops() != 1 || op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1 ||
      op.getIteratorTypesArray().back() != utils::IteratorType::reduction ||
      !op.getMatchingIndexingMap(op.getDpsInputOperand(0)).isIdentity() ||
      !isPrefix(op.getMatchingIndexingMap(op.getDpsInitOperand(0))) || !startsFrom(op.getDpsInits()[0], init))
    return {};
  Block &block = *op.getBody();
  auto combiner = block.getTerminator()->getOperand(0).getDefiningOp<Combiner>();
  if (!combiner || &block.front() != combiner || !llvm::is_contained(combiner->getOperands(), block.getArgument(0)) ||
      !llvm::is_contained(combiner->getOperands(), block.getArgument(1)) ||
      trace(op.getDpsInputs()[0], /*isRow=*/false) != input)
    return {};
  members.insert(op);
  return tensor;
}

Value Matcher::matchGuard(Value value, Value peak, double replacement, bool &isGuarded) {
  auto select = traceTo<arith::SelectOp>(value);
  if (!select)
    return value;
  auto compare = traceTo<arith::CmpFOp>(traceScalar(select.getCondition()));
  Value otherwise = traceScalar(select.getFalseValue());
  isGuarded = compare && compare.getPredicate() == arith::CmpFPredicate::OEQ &&
              traceScalar(compare.getLhs()) == (peak ? peak : otherwise) &&
              isNumber(compare.getRhs(), -std::numeric_limits<double>::infinity()) &&
              isNumber(traceScalar(select.getTrueValue()), replacement);
  return isGuarded ? otherwise : value;
}

bool Matcher::matchSoftmax() {
  auto divide = traceTo<arith::DivFOp>(trace(weights, /*isRow=*/false));
  auto powers = divide ? traceTo<math::ExpOp>(traceScalar(divide.getLhs())) : math::ExpOp();
  auto distance = powers ? traceTo<arith::SubFOp>(traceScalar(powers.getOperand())) : arith::SubFOp();
  if (!distance)
    return false;
  score = traceScalar(distance.getLhs());
  bool isPeakGuarded = false;
  Value peak = matchGuard(traceScalar(distance.getRhs()), {}, 0, isPeakGuarded);
  Value sum = matchGuard(traceScalar(divide.getRhs()), peak, 1, zeroMaskedRows);
  const double infinity = std::numeric_limits<double>::infinity();
  return (isPeakGuarded || !zeroMaskedRows) && matchReduction<arith::MaximumFOp>(peak, score, -infinity) &&
         matchReduction<arith::AddFOp>(sum, powers, 0);
}

//===----------------------------------------------------------------------===//
// Scores
//===----------------------------------------------------------------------===//

/// The groups of dims of a reshape, if it leaves the last two alone.
static std::optional<SmallVector<ReassociationIndices>> getBatchGroups(SmallVector<ReassociationIndices> groups) {
  if (groups.size() < 2 || groups[groups.size() - 1].size() != 1 || groups[groups.size() - 2].size() != 1)
    return std::nullopt;
  return groups;
}

static SmallVector<ReassociationIndices> getSingleGroups(unsigned rank) {
  SmallVector<ReassociationIndices> groups;
  for (unsigned dim = 0; dim != rank; ++dim)
    groups.push_back({dim});
  return groups;
}

/// Whether `tensor` is a product that softmax's scores may be; sets it.
bool Matcher::matchScores(Value tensor) {
  std::optional<Groups> groups = getSingleGroups(getRank(tensor));
  Value source = tensor;
  if (auto expand = tensor.getDefiningOp<tensor::ExpandShapeOp>()) {
    groups = getBatchGroups(expand.getReassociationIndices());
    source = expand.getSrc();
  }
  first = groups && getRank(tensor) == getRank(weights) ? Product::match(source.getDefiningOp()) : std::nullopt;
  if (!first)
    return false;
  if (source != tensor)
    members.insert(tensor.getDefiningOp());
  members.insert(first->op);
  scores = tensor;
  firstGroups = *groups;
  return true;
}

/// The op in whose body a scalar is, if it is in one.
static linalg::GenericOp getGeneric(Value scalar) {
  Block *block = scalar.getParentBlock();
  return dyn_cast<linalg::GenericOp>(block->getParentOp());
}

/// Whether the elements come from the first product, each from its own; finds that product.
bool Matcher::leadsToScores(Value tensor) {
  size_t numMembers = members.size();
  Value value = trace(tensor, /*isRow=*/false);
  bool leads = false;
  if (isa<RankedTensorType>(value.getType()))
    leads = scores ? value == scores : matchScores(value);
  else if (linalg::GenericOp op = getGeneric(value))
    leads = llvm::any_of(op.getDpsInputOperands(), [&](OpOperand *operand) {
      return op.getMatchingIndexingMap(operand).isIdentity() && leadsToScores(operand->get());
    });
  // A mask may have other users.
  while (!leads && members.size() > numMembers)
    members.pop_back();
  return leads;
}

/// Whether something else reads what would no longer be computed.
bool Matcher::isUsedOutside() {
  members.insert(second.op);
  if (Operation *reshape = second.getOperand(0).getDefiningOp(); reshape && second.getOperand(0) != weights)
    members.insert(reshape);
  return llvm::any_of(members, [&](Operation *member) {
    return member != second.op.getOperation() &&
           llvm::any_of(member->getUsers(), [&](Operation *user) { return !members.contains(user); });
  });
}

bool Matcher::isWorthIt() {
  auto isSmall = [](int64_t extent) { return extent > 0 && extent <= kLargestHead; }; // Dynamic ones are negative.
  SmallVector<int64_t> ranges = first->op.getStaticLoopRanges();
  ArrayRef<int64_t> shape = cast<RankedTensorType>(weights.getType()).getShape();
  return isSmall(ranges[first->k]) && isSmall(second.op.getStaticLoopRanges()[second.n]) &&
         !llvm::is_contained(shape, 0);
}

bool Matcher::match() {
  weights = second.getOperand(0);
  secondGroups = getSingleGroups(getRank(weights));
  // What is divided stands on the left, as it is computed.
  unsigned rank = getRank(weights);
  AffineMap map = second.getMap(0);
  if (map.getDimPosition(rank - 2) != second.m || map.getDimPosition(rank - 1) != second.k)
    return false;
  if (auto collapse = weights.getDefiningOp<tensor::CollapseShapeOp>()) {
    auto groups = getBatchGroups(collapse.getReassociationIndices());
    if (!groups)
      return false;
    secondGroups = *groups;
    weights = collapse.getSrc();
  }
  if (!matchSoftmax())
    return false;
  linalg::GenericOp generic = getGeneric(score);
  bool found =
      isa<RankedTensorType>(score.getType()) ? matchScores(score) : generic && leadsToScores(generic->getResult(0));
  return found && !isUsedOutside() && isWorthIt();
}

//===----------------------------------------------------------------------===//
// The new op
//===----------------------------------------------------------------------===//

Value Matcher::readInput(Value tensor, AffineMap map) {
  for (size_t i = 3; i < inputs.size(); ++i)
    if (inputs[i] == tensor && maps[i] == map)
      return body->getArgument(i - 2);
  inputs.push_back(tensor);
  maps.push_back(map);
  return body->addArgument(getElementTypeOrSelf(tensor.getType()), tensor.getLoc());
}

/// An element of what the scores are computed with. `map` is from the dims of the scores.
/// What costs little to compute of smaller tensors (a mask by index) is not read.
Value Matcher::buildOperand(OpBuilder &builder, Value tensor, AffineMap map) {
  if (!isa<RankedTensorType>(tensor.getType()))
    return tensor;
  auto op = tensor.getDefiningOp<linalg::GenericOp>();
  bool isCheap = isPlainElementwise(op) && op.getNumDpsInputs() != 0 &&
                 op.getBody()->getOperations().size() <= kMaxOpsOfMask + 1 &&
                 llvm::all_of(op.getDpsInputOperands(), [&](OpOperand *input) {
                   AffineMap inputMap = op.getMatchingIndexingMap(input);
                   return inputMap.isProjectedPermutation() && inputMap.getNumResults() < op.getNumLoops();
                 });
  if (!isCheap)
    return readInput(tensor, map);
  IRMapping mapping;
  for (OpOperand *input : op.getDpsInputOperands())
    mapping.map(op.getMatchingBlockArgument(input),
                buildOperand(builder, input->get(), op.getMatchingIndexingMap(input).compose(map)));
  for (Operation &scalar : op.getBody()->without_terminator())
    builder.clone(scalar, mapping);
  return mapping.lookupOrDefault(op.getBody()->getTerminator()->getOperand(0));
}

/// The scalar that `trace` gave, in the body of the new op.
Value Matcher::buildScore(OpBuilder &builder, Value value) {
  if (value == scores)
    return body->getArgument(0);
  if (Value known = built.lookup(value))
    return known;
  if (!getGeneric(value))
    return value; // A constant.
  Operation *scalar = value.getDefiningOp();
  IRMapping mapping;
  auto buildFactor = [&](Value operand) -> Value {
    auto argument = dyn_cast<BlockArgument>(operand);
    if (!argument)
      return buildScore(builder, operand);
    auto op = cast<linalg::GenericOp>(argument.getOwner()->getParentOp());
    OpOperand *input = op.getMatchingOpOperand(argument);
    AffineMap map = op.getMatchingIndexingMap(input);
    if (map.isIdentity() && leadsToScores(input->get()))
      return buildScore(builder, trace(input->get(), /*isRow=*/false));
    // From the loops of the new op to the dims of the scores: all but n and k.
    unsigned rank = map.getNumDims();
    MLIRContext *context = map.getContext();
    SmallVector<AffineExpr> dims;
    for (unsigned dim = 0; dim != rank; ++dim)
      dims.push_back(getAffineDimExpr(dim + 1 == rank ? rank : dim, context));
    return buildOperand(builder, input->get(), map.compose(AffineMap::get(rank + 2, 0, dims, context)));
  };
  Value result;
  if (scalar) {
    for (Value operand : scalar->getOperands())
      mapping.map(operand, buildFactor(operand));
    result = builder.clone(*scalar, mapping)->getResult(0);
  } else {
    result = buildFactor(value);
  }
  built[value] = result;
  return result;
}

std::pair<Value, AffineMap> Matcher::splitBatch(OpBuilder &builder, const Product &product, unsigned operand,
                                                const Groups &groups, ArrayRef<unsigned> loops) {
  Value tensor = product.getOperand(operand);
  SmallVector<OpFoldResult> own = getMixedExtents(builder, tensor), all = getMixedExtents(builder, weights), sizes;
  AffineMap output =
      linalg::LinalgOp(product.op).getMatchingIndexingMap(linalg::LinalgOp(product.op).getDpsInitOperand(0));
  SmallVector<AffineExpr> exprs;
  Groups parts;
  for (auto [position, expr] : llvm::enumerate(product.getMap(operand).getResults())) {
    parts.emplace_back();
    auto append = [&](unsigned loop, OpFoldResult size) {
      parts.back().push_back(exprs.size());
      exprs.push_back(builder.getAffineDimExpr(loop));
      sizes.push_back(size);
    };
    unsigned loop = cast<AffineDimExpr>(expr).getPosition();
    if (loop == product.m || loop == product.n || loop == product.k) {
      append(loop == product.m ? loops[0] : loop == product.n ? loops[1] : loops[2], own[position]);
      continue;
    }
    for (int64_t dim : groups[*output.getResultPosition(expr)])
      append(dim, all[dim]);
  }
  AffineMap map = AffineMap::get(getRank(weights) + 2, 0, exprs, builder.getContext());
  if (exprs.size() == own.size())
    return {tensor, map};
  SmallVector<int64_t> shape = llvm::map_to_vector(
      sizes, [](OpFoldResult size) { return getConstantIntValue(size).value_or(ShapedType::kDynamic); });
  auto type = cast<RankedTensorType>(tensor.getType()).clone(shape);
  // Where dims were only just joined, they are as they were before.
  if (auto collapse = tensor.getDefiningOp<tensor::CollapseShapeOp>();
      collapse && collapse.getSrcType() == type && collapse.getReassociationIndices() == parts &&
      llvm::all_of(parts, [&](const ReassociationIndices &part) {
        return llvm::count_if(part, [&](int64_t dim) { return type.isDynamicDim(dim); }) <= 1;
      }))
    return {collapse.getSrc(), map};
  return {tensor::ExpandShapeOp::create(builder, tensor.getLoc(), type, tensor, parts, sizes), map};
}

void Matcher::rewrite(OpBuilder &builder) {
  builder.setInsertionPoint(second.op);
  Location loc = second.op.getLoc();
  unsigned rank = getRank(weights), row = rank - 2, column = rank - 1, key = rank, inner = rank + 1;
  auto append = [&](std::pair<Value, AffineMap> input) {
    inputs.push_back(input.first);
    maps.push_back(input.second);
  };
  // In the order m, n, k of each product.
  append(splitBatch(builder, *first, 0, firstGroups, {row, key, inner}));
  append(splitBatch(builder, *first, 1, firstGroups, {row, key, inner}));
  append(splitBatch(builder, second, 1, secondGroups, {row, column, key}));

  Value old = second.op->getResult(0);
  Type element = getElementTypeOrSelf(old.getType());
  SmallVector<OpFoldResult> sizes = getMixedExtents(builder, weights);
  sizes.back() = getMixedExtents(builder, old).back();
  Value empty = tensor::EmptyOp::create(builder, loc, sizes, element);

  Region region;
  body = &region.emplaceBlock();
  body->addArgument(element, loc);
  OpBuilder inBody(builder.getContext());
  inBody.setInsertionPointToEnd(body);
  Value result = buildScore(inBody, score);
  dispatch::ReturnOp::create(inBody, loc, result);
  auto attention = dispatch::AttentionOp::create(builder, loc, empty.getType(), inputs, empty,
                                                 builder.getAffineMapArrayAttr(maps), zeroMaskedRows);
  attention.getScore().takeBody(region);
  Value joined = attention.getResult();
  if (joined.getType() != old.getType())
    joined = tensor::CollapseShapeOp::create(builder, loc, old.getType(), joined, secondGroups);
  old.replaceAllUsesWith(joined);
}

namespace {
struct FormAttention : torchc::impl::FormAttentionBase<FormAttention> {
  void runOnOperation() override {
    SmallVector<Operation *> candidates;
    getOperation().walk([&](linalg::LinalgOp op) {
      if (getRole(op) == OpRole::Anchor)
        candidates.push_back(op);
    });
    OpBuilder builder(&getContext());
    for (Operation *op : llvm::reverse(candidates)) {
      std::optional<Product> product = Product::match(op);
      if (!product)
        continue;
      Matcher matcher(*product);
      if (matcher.match())
        matcher.rewrite(builder);
    }
    IRRewriter rewriter(builder);
    (void)runRegionDCE(rewriter, getOperation()->getRegions());
  }
};
} // namespace
