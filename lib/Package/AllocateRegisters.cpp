//===- AllocateRegisters.cpp - values to registers of two banks ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LiveIntervals.h"

#include "torchc/Package/Passes.h"

#include "mlir/IR/Builders.h"
#include "mlir/Pass/Pass.h"

#include <queue>

namespace torchc {
#define GEN_PASS_DEF_ALLOCATEREGISTERS
#include "torchc/Package/Passes.h.inc"
} // namespace torchc

using namespace mlir;
using namespace torchc;

/// A register number has 16 bits.
static constexpr unsigned kMaxRegisters = 1 << 16;

namespace {
/// One bank of registers, filled by linear scan: values come in the order in which
/// their lives begin, and take the lowest register that is free by then.
class Bank {
public:
  unsigned allocate(Interval interval) {
    while (!busy.empty() && busy.top().first < interval.begin) {
      free.push(busy.top().second);
      busy.pop();
    }
    unsigned number = count;
    if (free.empty()) {
      ++count;
    } else {
      number = free.top();
      free.pop();
    }
    busy.push({interval.end, number});
    return number;
  }
  unsigned getCount() const { return count; }

private:
  template <typename T> using MinQueue = std::priority_queue<T, std::vector<T>, std::greater<T>>;
  MinQueue<std::pair<unsigned, unsigned>> busy; ///< Last position, register.
  MinQueue<unsigned> free;
  unsigned count = 0;
};

struct AllocateRegisters : torchc::impl::AllocateRegistersBase<AllocateRegisters> {
  void runOnOperation() override {
    vm::FuncOp function = getOperation();
    LiveIntervals intervals(function.getBody());
    SmallVector<Value> values;
    for (Block &block : function.getBody()) {
      llvm::append_range(values, block.getArguments());
      for (Operation &op : block)
        llvm::append_range(values, op.getResults());
    }
    // A value of a loop may be alive in text that stands above its definition.
    std::vector<std::pair<unsigned, unsigned>> order;
    for (auto [i, value] : llvm::enumerate(values))
      order.emplace_back(intervals.get(value).begin, i);
    llvm::sort(order);
    Bank integers, references;
    llvm::DenseMap<Value, int32_t> numbers;
    for (auto [begin, i] : order) {
      Value value = values[i];
      numbers[value] = (isa<vm::RefType>(value.getType()) ? references : integers).allocate(intervals.get(value));
    }

    Builder builder(&getContext());
    SmallVector<Attribute> blocks;
    for (Block &block : function.getBody()) {
      SmallVector<int32_t> registers;
      for (Value argument : block.getArguments())
        registers.push_back(numbers[argument]);
      for (Operation &op : block)
        for (Value result : op.getResults())
          registers.push_back(numbers[result]);
      blocks.push_back(builder.getDenseI32ArrayAttr(registers));
    }
    if (std::max(integers.getCount(), references.getCount()) >= kMaxRegisters) {
      function.emitError() << "needs more than " << kMaxRegisters << " registers";
      return signalPassFailure();
    }
    function.setRegistersAttr(builder.getArrayAttr(blocks));
    function.setRegisterCounts(ArrayRef<int64_t>{integers.getCount(), references.getCount()});
  }
};
} // namespace
