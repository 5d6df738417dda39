//===- FormDispatches.cpp - group the ops that run as one kernel ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Extents.h"
#include "Roots.h"
#include "RowSpace.h"

#include "torchc/Dialect/Dispatch/IR/DispatchDialect.h"
#include "torchc/Dispatch/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"

#include <set>

namespace torchc {
#define GEN_PASS_DEF_FORMDISPATCHES
#include "torchc/Dispatch/Passes.h.inc"
} // namespace torchc

using namespace mlir;
using namespace torchc;

/// How many ops one kernel of rows has: each is held against all others, here and in Codegen.
static constexpr size_t kMostOpsOfRows = 64;

namespace {

/// What decides who may join a group.
enum class GroupKind { Anchor, Rows, Single };

struct Group {
  GroupKind kind;
  SmallVector<Operation *> ops; // In program order.
  RowSpace rows;                // Of a Rows group.
};

/// Groups the ops of one block and puts each group in a `dispatch.group`.
class BlockGrouper {
public:
  explicit BlockGrouper(Block &block) : block(block) {}
  void run();

private:
  void number();
  void assign(Operation *op);
  bool joinProducer(Operation *op);
  bool canBeEpilogue(linalg::LinalgOp op, Group &group);
  bool runsOnResult(linalg::LinalgOp op, Value result);
  void pullProducers(int index);
  void pullPad(int index);
  void pullDequantization(int index);
  void pullMovements(int index);
  void joinAnchor(int index);
  bool tryPull(int into, int from);
  /// The group of `producer`, if that is alone in it, only one op reads it, and group `index` may take it.
  std::optional<int> findSingleProducer(int index, Operation *producer);
  /// Moves the ops of a group to another.
  void absorb(int into, int from);

  /// All ops that `op` must come after.
  SmallVector<Operation *> getPredecessors(Operation *op);
  /// The members of the op's group, or the op alone.
  ArrayRef<Operation *> getUnit(Operation *const &op);
  /// True if what `ops` need depends on a member of `group` by way of others.
  bool dependsByOthers(ArrayRef<Operation *> ops, int group);

  SmallVector<SmallVector<Operation *>> orderUnits();
  void emit(ArrayRef<Operation *> unit);

  Block &block;
  SmallVector<Group> groups;
  DenseMap<Operation *, int> groupOf;
  DenseMap<Operation *, unsigned> position;
  DenseMap<Operation *, Operation *> effectBefore; // Keeps side effects in order.
};

} // namespace

/// True if the body only computes on its arguments, loop indices and constants.
static bool isScalarBody(linalg::LinalgOp op) {
  return llvm::all_of(op.getBlock()->without_terminator(), [](Operation &nested) {
    return isa<arith::ArithDialect, math::MathDialect>(nested.getDialect()) || isa<linalg::IndexOp>(nested);
  });
}

/// True if no op that runs in a kernel reads the result as its destination, or looks
/// elements of it up in its body: the host itself wants the tensor.
static bool isInitOfHost(Operation *op) {
  return llvm::any_of(op->getUsers(), [](Operation *user) {
    for (; user; user = user->getParentOp())
      if (getRole(user) != OpRole::Host)
        return false;
    return true;
  });
}

void BlockGrouper::number() {
  Operation *effect = nullptr;
  for (auto [i, op] : llvm::enumerate(block)) {
    position[&op] = i;
    if (isKernelOp(&op) || isMemoryEffectFree(&op))
      continue;
    effectBefore[&op] = effect;
    effect = &op;
  }
}

SmallVector<Operation *> BlockGrouper::getPredecessors(Operation *op) {
  SmallVector<Operation *> predecessors;
  auto addValue = [&](Value value) {
    if (Operation *producer = value.getDefiningOp(); producer && producer->getBlock() == &block)
      predecessors.push_back(producer);
  };
  llvm::for_each(op->getOperands(), addValue);
  SetVector<Value> captured;
  getUsedValuesDefinedAbove(op->getRegions(), captured);
  llvm::for_each(captured, addValue);
  if (Operation *effect = effectBefore.lookup(op))
    predecessors.push_back(effect);
  return predecessors;
}

ArrayRef<Operation *> BlockGrouper::getUnit(Operation *const &op) {
  auto found = groupOf.find(op);
  return found == groupOf.end() ? ArrayRef<Operation *>(op) : groups[found->second].ops;
}

bool BlockGrouper::dependsByOthers(ArrayRef<Operation *> ops, int group) {
  unsigned first = position[groups[group].ops.front()];
  llvm::SmallPtrSet<Operation *, 32> seen(ops.begin(), ops.end());
  SmallVector<Operation *> work;
  auto visit = [&](Operation *op, bool isDirect) {
    for (Operation *predecessor : getPredecessors(op)) {
      auto found = groupOf.find(predecessor);
      bool inGroup = found != groupOf.end() && found->second == group;
      if (inGroup && !isDirect)
        return true;
      if (inGroup || !seen.insert(predecessor).second)
        continue;
      // Nothing before the group's first op can depend on it.
      ArrayRef<Operation *> unit = getUnit(predecessor);
      if (position[unit.back()] > first)
        work.append(unit.begin(), unit.end());
    }
    return false;
  };
  for (Operation *op : ops)
    visit(op, /*isDirect=*/true);
  while (!work.empty())
    if (visit(work.pop_back_val(), /*isDirect=*/false))
      return true;
  return false;
}

//===----------------------------------------------------------------------===//
// Who joins which group
//===----------------------------------------------------------------------===//

/// Whether `op` can run on the tile of `result` that an anchor just computed.
bool BlockGrouper::runsOnResult(linalg::LinalgOp op, Value result) {
  if (op.getNumDpsInits() != 1 || result.getDefiningOp()->getNumResults() != 1 || !isScalarBody(op))
    return false;
  AffineMap written = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  return written.isPermutation() && llvm::all_of(op->getOpOperands(), [&](OpOperand &operand) {
           return operand.get() != result || op.getMatchingIndexingMap(&operand) == written;
         });
}

bool BlockGrouper::canBeEpilogue(linalg::LinalgOp op, Group &group) {
  Value result = group.ops.back()->getResult(0);
  return llvm::all_of(result.getUsers(), [&](Operation *user) { return user == op; }) && runsOnResult(op, result);
}

bool BlockGrouper::joinProducer(Operation *op) {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  OpRole role = getRole(op);
  if (!linalgOp || (role != OpRole::Elementwise && role != OpRole::Reduction))
    return false;
  std::set<int, std::greater<>> candidates; // The latest producer first.
  for (Value input : linalgOp.getDpsInputs())
    if (Operation *producer = input.getDefiningOp())
      if (auto found = groupOf.find(producer); found != groupOf.end())
        candidates.insert(found->second);
  for (int index : candidates) {
    Group &group = groups[index];
    bool fits = (group.kind == GroupKind::Anchor && role == OpRole::Elementwise && canBeEpilogue(linalgOp, group)) ||
                (group.kind == GroupKind::Rows && group.ops.size() < kMostOpsOfRows);
    if (!fits || dependsByOthers(op, index))
      continue;
    if (group.kind == GroupKind::Rows && failed(group.rows.append(linalgOp)))
      continue;
    group.ops.push_back(op);
    groupOf[op] = index;
    return true;
  }
  return false;
}

void BlockGrouper::assign(Operation *op) {
  OpRole role = getRole(op);
  if (role == OpRole::Host || (role == OpRole::Init && !isInitOfHost(op)))
    return;
  if (joinProducer(op))
    return;
  Group group{role == OpRole::Anchor      ? GroupKind::Anchor
              : role == OpRole::Reduction ? GroupKind::Rows
                                          : GroupKind::Single,
              {op},
              {}};
  if (role == OpRole::Reduction)
    group.rows = RowSpace::create(cast<linalg::LinalgOp>(op));
  groupOf[op] = groups.size();
  groups.push_back(std::move(group));
}

bool BlockGrouper::tryPull(int into, int from) {
  Group &group = groups[into], &producer = groups[from];
  if (group.ops.size() + producer.ops.size() > kMostOpsOfRows)
    return false;
  for (Operation *op : producer.ops)
    for (Operation *user : op->getUsers()) {
      auto found = groupOf.find(user);
      if (found == groupOf.end() || (found->second != into && found->second != from))
        return false;
    }
  if (dependsByOthers(group.ops, from))
    return false;
  if (producer.kind == GroupKind::Rows) {
    if (failed(group.rows.absorb(producer.rows)))
      return false;
  } else {
    auto op = dyn_cast<linalg::LinalgOp>(producer.ops.front());
    if (producer.kind != GroupKind::Single || !op || failed(group.rows.prepend(op)))
      return false;
  }
  absorb(into, from);
  return true;
}

void BlockGrouper::absorb(int into, int from) {
  for (Operation *op : groups[from].ops)
    groupOf[op] = into;
  groups[into].ops.append(groups[from].ops);
  llvm::sort(groups[into].ops, [&](Operation *a, Operation *b) { return position[a] < position[b]; });
  groups[from].ops.clear();
}

std::optional<int> BlockGrouper::findSingleProducer(int index, Operation *producer) {
  auto found = groupOf.find(producer);
  if (!producer || found == groupOf.end() || found->second == index || !producer->hasOneUse() ||
      groups[found->second].ops.size() != 1 || dependsByOthers(groups[index].ops, found->second))
    return std::nullopt;
  return found->second;
}

/// Takes producers into a Rows group of which nobody else reads results.
void BlockGrouper::pullProducers(int index) {
  bool changed = true;
  while (changed) {
    changed = false;
    std::set<int> producers;
    for (Operation *op : groups[index].ops)
      for (Operation *predecessor : getPredecessors(op))
        if (auto found = groupOf.find(predecessor); found != groupOf.end() && found->second != index)
          producers.insert(found->second);
    for (int producer : producers)
      changed |= tryPull(index, producer);
  }
}

/// True for poolings and depthwise convolutions, where each channel is for itself.
static bool keepsChannelsApart(linalg::LinalgOp op) {
  AffineMap image = op.getMatchingIndexingMap(op.getDpsInputOperand(0));
  AffineMap output = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  return image.getNumResults() != 0 && output.getNumResults() != 0 &&
         image.getResults().back() == output.getResults().back();
}

/// Such a window does so little with an element that padding it first, in memory, takes
/// as long as all the rest. A convolution across channels reads the padded image
/// many times, and rather without asking where its border is.
void BlockGrouper::pullPad(int index) {
  Group &group = groups[index];
  auto window = dyn_cast<linalg::LinalgOp>(group.ops.front());
  if (!window || window.getNumDpsInputs() == 0 || !keepsChannelsApart(window))
    return;
  auto pad = window.getDpsInputs()[0].getDefiningOp<tensor::PadOp>();
  std::optional<int> producer = pad && pad.getConstantPaddingValue() ? findSingleProducer(index, pad) : std::nullopt;
  if (producer)
    absorb(index, *producer);
}

/// Weights of few bits are widened where the product reads them: in memory they stay small.
void BlockGrouper::pullDequantization(int index) {
  Group &group = groups[index];
  auto anchor = dyn_cast<linalg::LinalgOp>(
      *llvm::find_if(group.ops, [](Operation *op) { return getRole(op) == OpRole::Anchor; }));
  if (!anchor)
    return;
  for (OpOperand *operand : anchor.getDpsInputOperands()) {
    Value narrow = getNarrowConstants(operand->get());
    if (!narrow)
      continue;
    for (Value widened = operand->get(); widened != narrow;) {
      auto op = widened.getDefiningOp<linalg::GenericOp>();
      std::optional<int> producer = findSingleProducer(index, op);
      if (!producer || !isScalarBody(op))
        break;
      absorb(index, *producer);
      widened = getWidenedInput(op)->get();
    }
  }
}

/// Whether an op can as well read what `operand` is made of: a slice is another address, and of two tensors side by
/// side a mask says which an element is of. Each element is asked for once.
static bool readsThrough(OpOperand &operand) {
  Operation *producer = operand.get().getDefiningOp(), *op = operand.getOwner();
  auto isScalar = [](Operation *op) {
    auto generic = dyn_cast<linalg::GenericOp>(op);
    return generic && generic.getNumReductionLoops() == 0 && generic->getNumResults() == 1 && isScalarBody(generic);
  };
  if (isa<tensor::ConcatOp>(op))
    return isa<tensor::ExtractSliceOp>(producer) ||
           (isScalar(producer) && llvm::none_of(producer->getRegion(0).front(), [](Operation &nested) {
              return isa<math::MathDialect>(nested.getDialect());
            }));
  if (isa<dispatch::AttentionOp>(op))
    return isa<tensor::ExtractSliceOp>(producer);
  auto concat = dyn_cast<tensor::ConcatOp>(producer);
  return isScalar(op) && cast<linalg::GenericOp>(op).getMatchingIndexingMap(&operand).isPermutation() &&
         (isa<tensor::ExtractSliceOp>(producer) || (concat && concat.getInputs().size() == 2));
}

/// Takes slices and pairs that nobody else reads into the group, such as the halves of a rotary embedding.
void BlockGrouper::pullMovements(int index) {
  Group &group = groups[index];
  auto findProducer = [&]() -> std::optional<int> {
    for (Operation *op : group.ops)
      for (OpOperand &operand : op->getOpOperands())
        if (std::optional<int> producer = findSingleProducer(index, operand.get().getDefiningOp());
            producer && readsThrough(operand))
          return producer;
    return std::nullopt;
  };
  while (std::optional<int> producer = findProducer())
    absorb(index, *producer);
}

/// An op that is left alone, since others read its input too, computes one more result of the anchor's kernel: it need
/// not read the first one from memory. Readers come before: they would not write it at all.
void BlockGrouper::joinAnchor(int index) {
  auto op = dyn_cast<linalg::LinalgOp>(groups[index].ops.front());
  if (groups[index].ops.size() != 1 || !op || getRole(op) != OpRole::Elementwise)
    return;
  auto getShape = [](Value tensor) { return cast<RankedTensorType>(tensor.getType()).getShape(); };
  for (Value input : op.getDpsInputs()) {
    auto found = groupOf.find(input.getDefiningOp());
    if (found == groupOf.end() || groups[found->second].kind != GroupKind::Anchor)
      continue;
    // All results have the same loops.
    const bool fits = llvm::all_of(op.getDpsInputs(), [&](Value other) {
      auto owner = groupOf.find(other.getDefiningOp());
      return owner == groupOf.end() || owner->second != found->second ||
             (runsOnResult(op, other) && getShape(other) == getShape(op->getResult(0)));
    });
    if (fits && !dependsByOthers(op.getOperation(), found->second))
      return absorb(found->second, index);
  }
}

//===----------------------------------------------------------------------===//
// From groups to ops
//===----------------------------------------------------------------------===//

/// The units of the block, each after all that it depends on, else as they were.
SmallVector<SmallVector<Operation *>> BlockGrouper::orderUnits() {
  DenseMap<Operation *, SmallVector<Operation *>> waiting; // Leader to leaders.
  DenseMap<Operation *, unsigned> missing;
  std::set<std::pair<unsigned, Operation *>> ready;
  auto getLeader = [&](Operation *op) { return getUnit(op).front(); };
  for (Operation &op : block.without_terminator()) {
    Operation *leader = &op;
    if (getLeader(leader) != leader)
      continue;
    llvm::SmallPtrSet<Operation *, 8> before;
    for (Operation *member : getUnit(leader))
      for (Operation *predecessor : getPredecessors(member))
        if (Operation *other = getLeader(predecessor); other != leader && before.insert(other).second)
          waiting[other].push_back(leader);
    missing[leader] = before.size();
    if (before.empty())
      ready.insert({position[leader], leader});
  }
  SmallVector<SmallVector<Operation *>> units;
  while (!ready.empty()) {
    Operation *leader = ready.begin()->second;
    ready.erase(ready.begin());
    units.emplace_back(getUnit(leader));
    for (Operation *next : waiting.lookup(leader))
      if (--missing[next] == 0)
        ready.insert({position[next], next});
  }
  return units;
}

/// Copies the ops that make destinations of members, and views of what they read, into
/// the group's body.
static void cloneInits(Operation *op, OpBuilder &builder, IRMapping &mapping) {
  op->walk([&](Operation *nested) {
    for (Value operand : nested->getOperands()) {
      Operation *init = operand.getDefiningOp();
      if (!init || op->isAncestor(init) || mapping.contains(operand) || getRole(init) != OpRole::Init)
        continue;
      cloneInits(init, builder, mapping);
      builder.clone(*init, mapping);
    }
  });
}

/// Whether a batch writes `result` for itself alone, to memory of a size that only a call knows: that is the
/// host's to plan, and the result is one of the group's that nobody reads.
static bool isDynamicScratch(OpResult result) {
  return isa<dispatch::BatchOp>(result.getOwner()) &&
         llvm::any_of(cast<RankedTensorType>(result.getType()).getShape().drop_front(), ShapedType::isDynamic);
}

void BlockGrouper::emit(ArrayRef<Operation *> unit) {
  Operation *terminator = block.getTerminator();
  if (!groupOf.contains(unit.front())) {
    unit.front()->moveBefore(terminator);
    return;
  }
  llvm::SmallPtrSet<Operation *, 8> members(unit.begin(), unit.end());
  SmallVector<Value> escaping;
  SmallVector<Location> locations;
  bool anyRead = false;
  for (Operation *op : unit) {
    locations.push_back(op->getLoc());
    for (OpResult result : op->getResults()) {
      bool isRead = llvm::any_of(
          result.getUsers(), [&](Operation *user) { return !members.contains(block.findAncestorOpInBlock(*user)); });
      if (isRead || isDynamicScratch(result))
        escaping.push_back(result);
      anyRead |= isRead;
    }
  }
  if (!anyRead) {
    for (Operation *op : llvm::reverse(unit))
      op->erase();
    return;
  }

  OpBuilder builder(terminator);
  SmallVector<Value> sizes;
  for (Value result : escaping)
    llvm::append_range(sizes, getDynamicExtents(builder, result));
  auto group = dispatch::GroupOp::create(builder, FusedLoc::get(builder.getContext(), locations),
                                         llvm::to_vector(ValueRange(escaping).getTypes()), sizes);
  for (auto [result, output] : llvm::zip_equal(escaping, group.getOutputs()))
    result.replaceUsesWithIf(
        output, [&](OpOperand &use) { return !members.contains(block.findAncestorOpInBlock(*use.getOwner())); });
  Block *body = builder.createBlock(&group.getBody());
  IRMapping mapping;
  for (Operation *op : unit) {
    builder.setInsertionPointToEnd(body);
    cloneInits(op, builder, mapping);
    op->moveBefore(body, body->end());
    op->walk([&](Operation *nested) {
      for (OpOperand &operand : nested->getOpOperands())
        if (Value copy = mapping.lookupOrNull(operand.get()))
          operand.set(copy);
    });
  }
  builder.setInsertionPointToEnd(body);
  dispatch::ReturnOp::create(builder, group.getLoc(), escaping);
}

void BlockGrouper::run() {
  number();
  for (Operation &op : block)
    assign(&op);
  for (int i = 0, e = groups.size(); i < e; ++i)
    if (groups[i].kind == GroupKind::Rows && !groups[i].ops.empty())
      pullProducers(i);
    else if (groups[i].kind == GroupKind::Anchor && !groups[i].ops.empty()) {
      pullPad(i);
      pullDequantization(i);
    }
  // Readers first: they take what their producers would take.
  for (int i = groups.size(); i-- != 0;)
    if (groups[i].kind != GroupKind::Rows && !groups[i].ops.empty())
      pullMovements(i);
  for (int i = 0, e = groups.size(); i < e; ++i)
    if (groups[i].kind == GroupKind::Single && !groups[i].ops.empty())
      joinAnchor(i);
  for (ArrayRef<Operation *> unit : orderUnits())
    emit(unit);
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (getRole(&op) == OpRole::Init && op.use_empty())
      op.erase();
}

static void groupRegion(Region &region) {
  for (Block &block : region) {
    for (Operation &op : block)
      if (!isKernelOp(&op))
        for (Region &nested : op.getRegions())
          groupRegion(nested);
    BlockGrouper(block).run();
  }
}

namespace {
struct FormDispatches : torchc::impl::FormDispatchesBase<FormDispatches> {
  void runOnOperation() override { groupRegion(getOperation().getBody()); }
};
} // namespace
