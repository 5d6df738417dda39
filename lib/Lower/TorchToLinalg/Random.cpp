//===- Random.cpp - random numbers ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// Philox4x32-10 (J. Salmon et al., Parallel random numbers: as easy as 1, 2, 3, 2011): a number
// follows from the seed and its place alone, so that it is the same for any number of threads.
// Seed and offset, the count of numbers drawn so far, are a mutable global of the program.
//
//===----------------------------------------------------------------------===//

#include "Real.h"
#include "Sizes.h"

#include "mlir/Dialect/MLProgram/IR/MLProgram.h"

#include <numbers>

using namespace mlir;
using namespace torchc;
using namespace torchc::torch;

static constexpr StringLiteral kStateName = "torchc.random_state";
/// torch.default_generator's before any torch.manual_seed.
static constexpr int64_t kDefaultSeed = 67280421310721;

//===----------------------------------------------------------------------===//
// The state
//===----------------------------------------------------------------------===//

static ml_program::GlobalOp getStateGlobal(Lowering &b, RankedTensorType type) {
  auto module = b.getOp()->getParentOfType<ModuleOp>();
  if (auto known = module.lookupSymbol<ml_program::GlobalOp>(kStateName))
    return known;
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(module.getBody());
  auto value = DenseElementsAttr::get(type, ArrayRef<int64_t>{kDefaultSeed, 0});
  return ml_program::GlobalOp::create(b, kStateName, type, /*is_mutable=*/true, value, b.getStringAttr("private"));
}

/// Seed and offset for a draw of `count` numbers; those of the next draw become the state.
static Value advanceState(Lowering &b, OpFoldResult count) {
  auto type = RankedTensorType::get({2}, b.getI64Type());
  auto symbol = SymbolRefAttr::get(getStateGlobal(b, type));
  Value state = ml_program::GlobalLoadOp::create(b, type, symbol), drawn = toIndex(b, count);
  Value next = createElementwise(
      b, state, {OpFoldResult(b.getIndexAttr(2))}, b.getI64Type(), [&](ImplicitLocOpBuilder &body, ValueRange element) {
        Value isOffset = arith::IndexCastOp::create(body, body.getI64Type(), linalg::IndexOp::create(body, 0));
        Value distance = arith::IndexCastOp::create(body, body.getI64Type(), drawn);
        return arith::AddIOp::create(body, element[0], arith::MulIOp::create(body, isOffset, distance)).getResult();
      });
  ml_program::GlobalStoreOp::create(b, symbol, next);
  return state;
}

//===----------------------------------------------------------------------===//
// Philox
//===----------------------------------------------------------------------===//

namespace {

/// Words of 32 bits in i64.
class Philox {
public:
  Philox(ImplicitLocOpBuilder &b, Value seed, Value counter)
      : b(b), key{getLow(seed), getHigh(seed)},
        words{getLow(counter), getHigh(counter), makeConstant(0), makeConstant(0)} {
    for (int round = 0; round < 10; ++round)
      runRound();
  }

  Value getWord(int i) const { return words[i]; }
  /// The upper `bits`, at most 53, of words i and i + 1.
  Value getBits(int i, int bits) const {
    if (bits <= 32)
      return arith::ShRUIOp::create(b, words[i], makeConstant(32 - bits));
    Value high = arith::ShLIOp::create(b, words[i], makeConstant(32));
    return arith::ShRUIOp::create(b, arith::OrIOp::create(b, high, words[i + 1]), makeConstant(64 - bits));
  }

private:
  Value makeConstant(int64_t value) const { return arith::ConstantIntOp::create(b, value, 64); }
  Value getLow(Value value) const { return arith::AndIOp::create(b, value, makeConstant(0xffffffff)); }
  Value getHigh(Value value) const { return arith::ShRUIOp::create(b, value, makeConstant(32)); }

  void runRound() {
    Value first = arith::MulIOp::create(b, words[0], makeConstant(0xD2511F53));
    Value second = arith::MulIOp::create(b, words[2], makeConstant(0xCD9E8D57));
    auto mix = [&](Value product, Value word, Value roundKey) -> Value {
      return arith::XOrIOp::create(b, arith::XOrIOp::create(b, getHigh(product), word), roundKey);
    };
    Value next[] = {mix(second, words[1], key[0]), getLow(second), mix(first, words[3], key[1]), getLow(first)};
    std::copy(std::begin(next), std::end(next), words);
    key[0] = getLow(arith::AddIOp::create(b, key[0], makeConstant(0x9E3779B9)));
    key[1] = getLow(arith::AddIOp::create(b, key[1], makeConstant(0xBB67AE85)));
  }

  ImplicitLocOpBuilder &b;
  Value key[2], words[4];
};

} // namespace

/// A tensor of `sizes` whose element is a function of its own four words.
static FailureOr<Value> draw(Lowering &b, Value sizeList, Value result,
                             function_ref<Value(ImplicitLocOpBuilder &, const Philox &)> function) {
  std::optional<SmallVector<OpFoldResult>> sizes = b.getSizeList(sizeList);
  RankedTensorType type = b.getTensorType(result);
  if (!sizes || type.getRank() != static_cast<int64_t>(sizes->size()) || !isFloat(type.getElementType()))
    return b.refuse("sizes are not a list built in sight, or a dtype without fractions");
  for (auto [size, extent] : llvm::zip_equal(*sizes, type.getShape()))
    if (!ShapedType::isDynamic(extent))
      size = b.getIndexAttr(extent);
  SmallVector<Value> extents = llvm::map_to_vector(*sizes, [&](OpFoldResult size) { return toIndex(b, size); });
  Value state = advanceState(b, multiplySizes(b, *sizes));
  return createFromIndices(b, *sizes, type.getElementType(), [&](ImplicitLocOpBuilder &body, ValueRange indices) {
    auto getPart = [&](int64_t i) -> Value {
      return tensor::ExtractOp::create(body, state, ValueRange(arith::ConstantIndexOp::create(body, i)));
    };
    Value place = arith::ConstantIndexOp::create(body, 0);
    for (auto [index, extent] : llvm::zip_equal(indices, extents))
      place = arith::AddIOp::create(body, arith::MulIOp::create(body, place, extent), index);
    place = arith::IndexCastOp::create(body, body.getI64Type(), place);
    Philox philox(body, getPart(0), arith::AddIOp::create(body, getPart(1), place));
    return function(body, philox);
  });
}

/// bits 2^-digits, or (bits + 1) 2^-digits
static Real toFraction(ImplicitLocOpBuilder &b, Value bits, int digits, Type type, bool excludesZero) {
  if (excludesZero)
    bits = arith::AddIOp::create(b, bits, arith::ConstantIntOp::create(b, 1, 64));
  return Real(b, arith::SIToFPOp::create(b, type, bits)) * std::ldexp(1.0, -digits);
}

namespace {

/// As many random bits as the type's significand has: all results below 1.
struct LowerAtenRand : LowerOp<LowerAtenRand, AtenRandOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenRandOp op, Lowering &b) const {
    Type dtype = Lowering::getDtype(op.getResult()), compute = getComputeDtype(dtype);
    return draw(b, op.getSize(), op.getResult(), [&](ImplicitLocOpBuilder &body, const Philox &philox) {
      int digits = cast<mlir::FloatType>(dtype).getFPMantissaWidth();
      Real fraction = toFraction(body, philox.getBits(0, digits), digits, compute, /*excludesZero=*/false);
      return convertElement(body, fraction.get(), compute, dtype);
    });
  }
};

/// sqrt(-2 log(u)) cos(2 pi v) (G. Box and M. Muller, 1958)
struct LowerAtenRandn : LowerOp<LowerAtenRandn, AtenRandnOp> {
  using LowerOp::LowerOp;
  FailureOr<Value> lower(AtenRandnOp op, Lowering &b) const {
    Type dtype = Lowering::getDtype(op.getResult()), compute = getComputeDtype(dtype);
    return draw(b, op.getSize(), op.getResult(), [&](ImplicitLocOpBuilder &body, const Philox &philox) {
      // 32 bits in f32 as well: of 24, none lay 6 deviations out.
      int digits = compute.isF64() ? 53 : 32, second = compute.isF64() ? 2 : 1;
      Real u = toFraction(body, philox.getBits(0, digits), digits, compute, /*excludesZero=*/true);
      Real v = toFraction(body, philox.getBits(second, digits), digits, compute, /*excludesZero=*/false);
      Real value = sqrt(log(u) * -2.0) * cos(v * (2 * std::numbers::pi));
      return convertElement(body, value.get(), compute, dtype);
    });
  }
};

} // namespace

void torchc::populateRandomPatterns(RewritePatternSet &patterns, LoweringContext &context) {
  addPatterns<LowerAtenRand, LowerAtenRandn>(patterns, context);
}
