//===- PlanMemory.cpp - one slab for the tensors of a function ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A size is a known factor times a product of extents: 3072 * batch * length. Sizes
// with the same extents are packed by their factors, as static sizes are, and the
// pack, a region, is scaled by the extents when the function is entered. Offsets are
// multiples of 64 then, since the factors are multiples of a granule and the scale is
// rounded up to a multiple of 64 / granule. A region
// begins behind what is in use in earlier regions while any of its own tensors is:
// what is above, at other times, shares its bytes.
//
//===----------------------------------------------------------------------===//

#include "HostToVM.h"
#include "PackIntervals.h"

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
/// Storage, and when it is in use.
struct Tensor {
  vm::SlabReserveOp reserve;
  Size size;
  Interval interval;
};

/// The tensors whose sizes have the same extents, packed by their factors.
struct Region {
  std::vector<unsigned> members;
  std::vector<MemoryRequest> requests; ///< Of the members, in their order.
  uint64_t granule;                    ///< Of which offsets in the pack are multiples.
  uint64_t factor;                     ///< Bytes of the pack for a scale of 1.
  Value scale;                         ///< The product of the extents, rounded up.
  Value base;                          ///< Where it begins in the slab.
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
static std::optional<Interval> getLifetime(vm::SlabReserveOp reserve, const LiveIntervals &intervals) {
  Interval lifetime;
  unsigned begin = intervals.getPosition(reserve);
  for (Value alias : getAliases(reserve)) {
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
static uint64_t chooseGranule(ArrayRef<MemoryRequest> requests) {
  for (uint64_t granule = runtime::kSectionAlignment; granule > 1; granule /= 2) {
    uint64_t exact = 0, rounded = 0;
    for (const MemoryRequest &request : requests) {
      exact += request.size;
      rounded += llvm::alignTo(request.size, granule);
    }
    if (rounded - exact <= exact / 32)
      return granule;
  }
  return 1;
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
      Tensor tensor{reserve, {}, {}};
      std::optional<Interval> lifetime = getLifetime(reserve, intervals);
      auto isEntry = [&](Value extent) { return isKnownAtEntry(extent, entry); };
      if (!lifetime || failed(collectFactors(reserve.getBytes(), tensor.size)) ||
          !llvm::all_of(tensor.size.extents, isEntry) ||
          !llvm::all_of(reserve->getUsers(), llvm::IsaPred<vm::ViewOp>)) {
        others.push_back(reserve);
        return;
      }
      tensor.interval = *lifetime;
      tensors.push_back(std::move(tensor));
    });
    for (vm::SlabReserveOp reserve : others)
      dropAfterUse(reserve);
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
    if (tensor.reserve->getBlock() == entry && tensor.reserve->isBeforeInBlock(place))
      place = tensor.reserve;
  DominanceInfo dominance(function);
  for (Tensor &tensor : tensors)
    for (Value extent : tensor.size.extents)
      hoist(extent, place, dominance);

  // One region for each product of extents, in the order of their first use.
  llvm::DenseMap<Value, unsigned> numbers;
  auto getNumber = [&](Value value) { return numbers.try_emplace(value, numbers.size()).first->second; };
  std::map<std::vector<unsigned>, std::vector<unsigned>> regions; // Extents to tensors.
  for (auto [i, tensor] : llvm::enumerate(tensors)) {
    for (Value extent : tensor.size.extents)
      getNumber(extent);
    llvm::sort(tensor.size.extents, [&](Value a, Value b) { return getNumber(a) < getNumber(b); });
    std::vector<unsigned> key;
    for (Value extent : tensor.size.extents)
      key.push_back(getNumber(extent));
    regions[key].push_back(i);
  }

  std::vector<Region> packs;
  for (auto &[key, members] : regions)
    packs.push_back({members, {}, runtime::kSectionAlignment, 0, Value(), Value()});
  auto overlaps = [&](const Tensor &tensor, const Region &region) {
    return llvm::any_of(region.members, [&](unsigned i) { return tensors[i].interval.overlaps(tensor.interval); });
  };
  for (Region &region : packs) {
    for (unsigned i : region.members) {
      bool isShared =
          llvm::any_of(packs, [&](const Region &other) { return &other != &region && overlaps(tensors[i], other); });
      region.requests.push_back({tensors[i].interval, tensors[i].size.factor, isShared});
    }
    if (!tensors[region.members.front()].size.extents.empty())
      region.granule = chooseGranule(region.requests);
    region.factor = packIntervals(region.requests, region.granule);
  }
  if (packs.size() == 1 && tensors.front().size.extents.empty()) {
    function.setSlabBytes(packs.front().factor);
    function.setLiveBytes(getLargestLiveSet(packs.front().requests));
  }

  OpBuilder builder(place);
  Location location = function.getLoc();
  VMBuilder vm(builder, location);
  auto raise = [&](Value &value, Value least) { value = value ? vm.max(value, least) : least; };
  Value total;
  std::vector<Value> offsets(tensors.size());
  for (auto [number, region] : llvm::enumerate(packs)) {
    region.scale = vm.constant(1);
    for (Value extent : tensors[region.members.front()].size.extents)
      region.scale = vm.mul(region.scale, extent);
    if (uint64_t multiple = runtime::kSectionAlignment / region.granule; multiple > 1) {
      Value rounded = vm.floorDiv(vm.add(region.scale, vm.constant(multiple - 1)), vm.constant(multiple));
      region.scale = vm.mul(rounded, vm.constant(multiple));
    }
    for (const Region &earlier : ArrayRef(packs).take_front(number)) {
      uint64_t top = 0;
      for (auto [i, request] : llvm::zip_equal(earlier.members, earlier.requests))
        if (overlaps(tensors[i], region))
          top = std::max(top, llvm::alignTo(request.offset + request.size, earlier.granule));
      if (top != 0)
        raise(region.base, vm.add(earlier.base, vm.mul(vm.constant(top), earlier.scale)));
    }
    if (!region.base)
      region.base = vm.constant(0);
    std::map<uint64_t, Value> places;
    for (auto [i, request] : llvm::zip_equal(region.members, region.requests)) {
      Value &offset = places[request.offset];
      if (!offset)
        offset = vm.add(region.base, vm.mul(vm.constant(request.offset), region.scale));
      offsets[i] = offset;
    }
    raise(total, vm.add(region.base, vm.mul(vm.constant(region.factor), region.scale)));
  }
  Value slab = vm::SlabReserveOp::create(builder, location, builder.getType<vm::RefType>(), total);
  for (auto [tensor, offset] : llvm::zip_equal(tensors, offsets)) {
    for (Operation *user : llvm::make_early_inc_range(tensor.reserve->getUsers())) {
      auto view = cast<vm::ViewOp>(user);
      OpBuilder atView(view);
      view.getOffsetMutable().assign(VMBuilder(atView, view.getLoc()).add(offset, view.getOffset()));
      view.getSourceMutable().assign(slab);
    }
    tensor.reserve.erase();
  }
}
