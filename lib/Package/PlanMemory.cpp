//===- PlanMemory.cpp - one slab for the tensors of a function ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A size is a known factor times a product of extents: 3072 * batch * length. Who lies
// above whom is decided here, for sizes that the program is likely to be called with
// (MemoryPlan.h); how far above is computed from the extents when the function is entered.
// Offsets are multiples of 64, since factors are multiples of a granule and products of
// extents are rounded up to a multiple of 64 / granule.
//
//===----------------------------------------------------------------------===//

#include "HostToVM.h"
#include "LikelyCalls.h"
#include "MemoryPlan.h"
#include "OffsetBuilder.h"

#include "torchc/Package/Passes.h"
#include "torchc/runtime/Format.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Dominance.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Pass/Pass.h"
#include "llvm/ADT/SetVector.h"

#include <map>

namespace torchc {
#define GEN_PASS_DEF_PLANMEMORY
#include "torchc/Package/Passes.h.inc"
} // namespace torchc

using namespace mlir;
using namespace torchc;

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

namespace {
/// factor * extents[0] * extents[1] * ...
struct Size {
  uint64_t factor = 1;
  SmallVector<Value> extents;
};
} // namespace

/// Splits `value` into factors; fails where the known ones overflow.
static LogicalResult collectFactors(Value value, Size &size) {
  if (std::optional<int64_t> constant = getConstantI64(value)) {
    bool overflow = false;
    size.factor = llvm::SaturatingMultiply(size.factor, static_cast<uint64_t>(*constant), &overflow);
    return success(!overflow && *constant >= 0);
  }
  if (auto product = value.getDefiningOp<vm::MulI64Op>())
    return success(succeeded(collectFactors(product.getA(), size)) && succeeded(collectFactors(product.getB(), size)));
  size.extents.push_back(value);
  return success();
}

/// Whether `value` can be computed when the function is entered: from dims of its
/// parameters, and numbers that are parameters.
static bool isKnownAtEntry(Value value, Block *entry) {
  if (auto argument = dyn_cast<BlockArgument>(value))
    return argument.getOwner() == entry;
  Operation *op = value.getDefiningOp();
  if (isa<vm::FloorDivI64Op, vm::FloorModI64Op>(op)) {
    std::optional<int64_t> divisor = getConstantI64(op->getOperand(1));
    if (!divisor || *divisor == 0)
      return false;
  } else if (!isa<vm::TensorDimOp, vm::LoadI64Op>(op) && !isPure(op)) {
    return false;
  }
  return llvm::all_of(op->getOperands(), [&](Value operand) { return isKnownAtEntry(operand, entry); });
}

/// Whether `value` is never negative, and no more than what dims of tensors make it.
static bool isCount(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return false;
  if (std::optional<int64_t> constant = getConstantI64(value))
    return *constant >= 0;
  if (isa<vm::MaxI64Op>(op))
    return isCount(op->getOperand(0)) || isCount(op->getOperand(1));
  return isa<vm::TensorDimOp>(op) ||
         (isa<vm::AddI64Op, vm::MulI64Op, vm::MinI64Op>(op) && llvm::all_of(op->getOperands(), isCount));
}

/// Moves what computes `value` in front of `place`, in the entry block.
static void hoist(Value value, Operation *place, DominanceInfo &dominance) {
  Operation *op = value.getDefiningOp();
  if (!op || dominance.properlyDominates(op, place))
    return;
  for (Value operand : op->getOperands())
    hoist(operand, place, dominance);
  op->moveBefore(place);
}

//===----------------------------------------------------------------------===//
// Lifetimes
//===----------------------------------------------------------------------===//

namespace {
/// Storage, and when it is in use: of one tensor, or of several that follow each other in place.
struct Tensor {
  SmallVector<vm::SlabReserveOp, 1> reserves;
  Size size;
  Interval interval;
  llvm::SetVector<Value> aliases; ///< All values that may refer to it.

  bool isSameSize(const Tensor &other) const {
    return size.factor == other.size.factor && size.extents.size() == other.size.extents.size() &&
           std::is_permutation(size.extents.begin(), size.extents.end(), other.size.extents.begin());
  }
};

/// A product of extents that sizes are multiples of.
struct Unit {
  SmallVector<Value> extents;
  std::vector<unsigned> members;                 ///< The tensors whose sizes are.
  uint64_t granule = runtime::kSectionAlignment; ///< Of which their factors are multiples.

  /// Of which the product is made a multiple.
  uint64_t getMultiple() const { return runtime::kSectionAlignment / granule; }
};
} // namespace

/// All values that may refer to the storage of `root`.
static llvm::SetVector<Value> getAliases(Value root) {
  llvm::SetVector<Value> aliases;
  aliases.insert(root);
  for (unsigned i = 0; i < aliases.size(); ++i) {
    for (OpOperand &use : aliases[i].getUses()) {
      if (auto branch = dyn_cast<vm::BrOp>(use.getOwner()))
        aliases.insert(branch.getToBlock()->getArgument(use.getOperandNumber()));
      else
        for (Value result : use.getOwner()->getResults())
          if (isa<vm::RefType>(result.getType()))
            aliases.insert(result);
    }
  }
  return aliases;
}

/// The interval in which the storage is in use; nothing where a loop carries it, so
/// that the storage of one turn is read in the next, which reserves its own.
static std::optional<Interval> getLifetime(vm::SlabReserveOp reserve, const llvm::SetVector<Value> &aliases,
                                           const LiveIntervals &intervals) {
  Interval lifetime;
  unsigned begin = intervals.getPosition(reserve);
  for (Value alias : aliases) {
    Interval interval = intervals.get(alias);
    if (interval.begin <= begin && begin <= interval.end)
      return std::nullopt;
    lifetime.include(interval);
  }
  return lifetime;
}

/// Ends references to storage that is not part of the slab behind their last use,
/// where that is in the same block: the session's pool has it again then.
static void dropAfterUse(vm::SlabReserveOp reserve) {
  for (Value alias : getAliases(reserve)) {
    Operation *last = alias.getDefiningOp();
    if (!last)
      continue;
    bool isLocal = true;
    for (Operation *user : alias.getUsers()) {
      isLocal &= user->getBlock() == last->getBlock() && !user->hasTrait<OpTrait::IsTerminator>();
      if (isLocal && last->isBeforeInBlock(user))
        last = user;
    }
    if (!isLocal)
      continue;
    OpBuilder builder(last->getContext());
    builder.setInsertionPointAfter(last);
    vm::DropOp::create(builder, last->getLoc(), alias);
  }
}

/// The granule of sizes with extents: the largest that wastes little on rounding factors
/// up, as what it lacks of the alignment is wasted on rounding the extents up.
static uint64_t chooseGranule(const Unit &unit, ArrayRef<Tensor> tensors) {
  auto measure = [&](uint64_t granule) {
    std::vector<MemoryRequest> requests;
    for (unsigned i : unit.members)
      requests.push_back({tensors[i].interval, llvm::alignTo(tensors[i].size.factor, granule)});
    return getLargestLiveSet(requests, {1});
  };
  uint64_t granule = runtime::kSectionAlignment, exact = measure(1);
  while (granule > 1 && measure(granule) - exact > exact / 64)
    granule /= 2;
  return granule;
}

/// The units of all sizes, those with the same extents in one.
static std::vector<Unit> collectUnits(MutableArrayRef<Tensor> tensors) {
  llvm::DenseMap<Value, unsigned> numbers; // In the order of first use.
  auto getNumber = [&](Value value) { return numbers.try_emplace(value, numbers.size()).first->second; };
  std::map<std::vector<unsigned>, Unit> units;
  for (auto [i, tensor] : llvm::enumerate(tensors)) {
    std::vector<unsigned> key;
    for (Value extent : tensor.size.extents)
      key.push_back(getNumber(extent));
    llvm::sort(key);
    llvm::sort(tensor.size.extents, [&](Value a, Value b) { return getNumber(a) < getNumber(b); });
    Unit &unit = units[key];
    unit.extents = tensor.size.extents;
    unit.members.push_back(i);
  }
  std::vector<Unit> list;
  for (auto &[key, unit] : units) {
    if (!unit.extents.empty())
      unit.granule = chooseGranule(unit, tensors);
    list.push_back(std::move(unit));
  }
  return list;
}

/// What the units are in likely calls of `function`.
static std::vector<UnitSizes> getLikelySizes(vm::FuncOp function, ArrayRef<Unit> units) {
  SmallVector<Value> extents;
  for (const Unit &unit : units)
    llvm::append_range(extents, unit.extents);
  std::vector<UnitSizes> calls;
  for (ArrayRef<int64_t> values : getLikelyCalls(function, extents)) {
    UnitSizes &sizes = calls.emplace_back();
    for (const Unit &unit : units) {
      uint64_t product = 1;
      for (int64_t extent : values.take_front(unit.extents.size()))
        product = llvm::SaturatingMultiply<uint64_t>(product, std::max<int64_t>(extent, 1));
      values = values.drop_front(unit.extents.size());
      sizes.push_back(llvm::alignTo(product, unit.getMultiple()));
    }
  }
  return calls;
}

//===----------------------------------------------------------------------===//
// In place
//===----------------------------------------------------------------------===//

/// Whether an output of `dispatch` may take the memory of its binding `input`, which `from` has: nobody reads that
/// any more, and nobody has written to `to`, the output's, before.
static bool canTakeOver(vm::DispatchOp dispatch, unsigned input, const Tensor &from, const Tensor &to,
                        const LiveIntervals &intervals) {
  unsigned position = intervals.getPosition(dispatch);
  if (!from.isSameSize(to) || from.interval.end != position || to.interval.begin > position)
    return false;
  for (auto [number, binding] : llvm::enumerate(dispatch.getBindings()))
    if (number != input && from.aliases.contains(binding))
      return false;
  return llvm::all_of(to.aliases, [&](Value alias) {
    return llvm::all_of(alias.getUsers(), [&](Operation *user) {
      return user == dispatch || isa<vm::ViewOp>(user) || intervals.getPosition(user) > position;
    });
  });
}

/// Joins the outputs of kernels with inputs that these may write over.
static void joinInPlace(vm::FuncOp function, std::vector<Tensor> &tensors, const LiveIntervals &intervals) {
  llvm::DenseMap<Value, unsigned> owners; // Of reserved storage, the tensor.
  for (auto [number, tensor] : llvm::enumerate(tensors))
    owners[tensor.reserves.front()] = number;
  // Whose memory begins where that of `value` does.
  auto findOwner = [&](Value value) -> Tensor * {
    while (Operation *op = value.getDefiningOp()) {
      auto view = dyn_cast<vm::ViewOp>(op);
      if (!isa<vm::ReshapeOp>(op) && !(view && getConstantI64(view.getOffset()) == 0))
        break;
      value = op->getOperand(0);
    }
    auto owner = owners.find(value);
    return owner == owners.end() ? nullptr : &tensors[owner->second];
  };
  function.walk([&](vm::DispatchOp dispatch) {
    auto inputs = dispatch->getAttrOfType<DenseI64ArrayAttr>(kInPlaceAttrName);
    dispatch->removeAttr(kInPlaceAttrName);
    if (!inputs)
      return;
    // Inputs come first. What was written before is none of the outputs: it takes nobody's memory.
    for (Value output : llvm::reverse(dispatch.getBindings())) {
      Tensor *to = findOwner(output);
      for (int64_t input : to ? inputs.asArrayRef() : ArrayRef<int64_t>()) {
        Tensor *from = findOwner(dispatch.getBindings()[input]);
        if (!from || from == to || !canTakeOver(dispatch, input, *from, *to, intervals))
          continue;
        for (vm::SlabReserveOp reserve : to->reserves)
          owners[reserve] = from - tensors.data();
        from->reserves.append(to->reserves);
        from->interval.include(to->interval);
        from->aliases.insert_range(to->aliases);
        to->reserves.clear();
        break;
      }
    }
  });
  llvm::erase_if(tensors, [](const Tensor &tensor) { return tensor.reserves.empty(); });
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {
struct PlanMemory : torchc::impl::PlanMemoryBase<PlanMemory> {
  void runOnOperation() override {
    vm::FuncOp function = getOperation();
    Block *entry = &function.getBody().front();
    LiveIntervals intervals(function.getBody());
    std::vector<Tensor> tensors;
    SmallVector<vm::SlabReserveOp> others;
    function.walk([&](vm::SlabReserveOp reserve) {
      Tensor tensor{{reserve}, {}, {}, getAliases(reserve)};
      std::optional<Interval> lifetime = getLifetime(reserve, tensor.aliases, intervals);
      auto isEntry = [&](Value extent) { return isKnownAtEntry(extent, entry); };
      if (!lifetime || failed(collectFactors(reserve.getBytes(), tensor.size)) ||
          !llvm::all_of(tensor.size.extents, isEntry) ||
          // A wrong size fails where the tensor is made, unless that is never reached.
          (reserve->getBlock() != entry && !llvm::all_of(tensor.size.extents, isCount)) ||
          !llvm::all_of(reserve->getUsers(), llvm::IsaPred<vm::ViewOp>)) {
        others.push_back(reserve);
        return;
      }
      tensor.interval = *lifetime;
      tensors.push_back(std::move(tensor));
    });
    for (vm::SlabReserveOp reserve : others)
      dropAfterUse(reserve);
    joinInPlace(function, tensors, intervals);
    if (!tensors.empty())
      plan(function, tensors);
    gatherConstants(function);
  }

  void plan(vm::FuncOp function, MutableArrayRef<Tensor> tensors);
};
} // namespace

void PlanMemory::plan(vm::FuncOp function, MutableArrayRef<Tensor> tensors) {
  // The slab is reserved where its first tensor is, behind the checks of arguments.
  Block *entry = &function.getBody().front();
  Operation *place = entry->getTerminator();
  for (Tensor &tensor : tensors)
    for (vm::SlabReserveOp reserve : tensor.reserves)
      if (reserve->getBlock() == entry && reserve->isBeforeInBlock(place))
        place = reserve;
  DominanceInfo dominance(function);
  for (Tensor &tensor : tensors)
    for (Value extent : tensor.size.extents)
      hoist(extent, place, dominance);

  std::vector<Unit> units = collectUnits(tensors);
  std::vector<MemoryRequest> requests(tensors.size()), exact(tensors.size());
  for (auto [number, unit] : llvm::enumerate(units))
    for (unsigned i : unit.members) {
      exact[i] = {tensors[i].interval, tensors[i].size.factor, unsigned(number)};
      requests[i] = {tensors[i].interval, llvm::alignTo(tensors[i].size.factor, unit.granule), unsigned(number)};
    }
  MemoryPlan memory = planMemory(requests, getLikelySizes(function, units));

  OpBuilder builder(place);
  Location location = function.getLoc();
  VMBuilder vm(builder, location);
  std::vector<Value> scales;
  for (const Unit &unit : units) {
    Value scale = vm.constant(1);
    for (Value extent : unit.extents)
      scale = vm.mul(scale, extent);
    if (uint64_t multiple = unit.getMultiple(); multiple > 1) {
      Value rounded = vm.floorDiv(vm.add(scale, vm.constant(multiple - 1)), vm.constant(multiple));
      scale = vm.mul(rounded, vm.constant(multiple));
    }
    scales.push_back(scale);
  }
  OffsetBuilder sums(vm, scales);
  std::vector<Offset> offsets(tensors.size()), ends(tensors.size());
  for (unsigned i : memory.bottomUp) {
    SmallVector<Offset> below{sums.zero()};
    for (unsigned other : memory.below[i])
      below.push_back(ends[other]);
    offsets[i] = sums.max(below);
    ends[i] = sums.add(offsets[i], requests[i].factor, requests[i].unit);
  }
  Value total = sums.max(ends).value;
  if (units.size() == 1 && units.front().extents.empty()) {
    function.setSlabBytes(*getConstantI64(total));
    function.setLiveBytes(getLargestLiveSet(exact, {1}));
  }
  Value slab = vm::SlabReserveOp::create(builder, location, builder.getType<vm::RefType>(), total);
  for (auto [tensor, offset] : llvm::zip_equal(tensors, offsets)) {
    for (vm::SlabReserveOp reserve : tensor.reserves) {
      for (Operation *user : llvm::make_early_inc_range(reserve->getUsers())) {
        auto view = cast<vm::ViewOp>(user);
        OpBuilder atView(view);
        view.getOffsetMutable().assign(VMBuilder(atView, view.getLoc()).add(offset.value, view.getOffset()));
        view.getSourceMutable().assign(slab);
      }
      reserve.erase();
    }
  }
}
