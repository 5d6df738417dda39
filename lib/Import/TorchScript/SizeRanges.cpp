//===- SizeRanges.cpp - ranges of sizes for which a trace holds -----------===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SizeRanges.h"

#include <algorithm>

using namespace torchc;
using namespace torchc::torchscript;

namespace {

int64_t floorDivide(int64_t a, int64_t b) {
  int64_t quotient = a / b;
  return quotient * b != a && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

class RangeNarrower {
public:
  RangeNarrower(const std::vector<SizePoint> &points, std::vector<SymbolRange> &ranges)
      : points(points), ranges(ranges) {}

  /// `instances` is the same fact in every trace.
  bool narrow(const std::vector<const SizeFact *> &instances);

private:
  using Kind = SizeFact::Kind;

  bool narrowComparison(Kind kind, bool holds, const Polynomial &difference);
  /// Floor division and remainder alike.
  bool narrowDivision(const Polynomial &lhs, const Polynomial &rhs);
  /// Sizes with `value >= 0`.
  bool requireNonNegative(const Polynomial &value);

  std::optional<Polynomial> fit(std::vector<int64_t> values) const { return Polynomial::fit(points, values); }
  std::vector<int64_t> evaluate(const Polynomial &value) const {
    std::vector<int64_t> values;
    for (const SizePoint &point : points)
      values.push_back(value.evaluate(point));
    return values;
  }
  /// `value + offset`.
  Polynomial shift(const Polynomial &value, int64_t offset) const {
    std::vector<int64_t> values = evaluate(value);
    for (int64_t &v : values)
      v += offset;
    return *fit(values);
  }

  const std::vector<SizePoint> &points;
  std::vector<SymbolRange> &ranges;
};

} // namespace

bool RangeNarrower::requireNonNegative(const Polynomial &value) {
  if (value.isConstant())
    return value.getConstantTerm() >= 0;
  if (auto affine = value.getAffine()) {
    SymbolRange &range = ranges[affine->symbol];
    int64_t constant = value.getConstantTerm();
    if (affine->factor > 0) // s >= ceil(-constant / factor)
      range.min = std::max(range.min, -floorDivide(constant, affine->factor));
    else
      range.max = std::min(range.max, floorDivide(constant, -affine->factor));
    return true;
  }
  // With several symbols: if it grows with each, it holds from the smallest
  // sizes that were traced.
  if (!value.isNonDecreasing())
    return false;
  SizePoint smallest = points[0];
  for (const SizePoint &point : points)
    for (size_t i = 0; i < smallest.size(); ++i)
      smallest[i] = std::min(smallest[i], point[i]);
  if (value.evaluate(smallest) < 0)
    return false;
  for (size_t i = 0; i < smallest.size(); ++i)
    ranges[i].min = std::max(ranges[i].min, smallest[i]);
  return true;
}

bool RangeNarrower::narrowComparison(Kind kind, bool holds, const Polynomial &difference) {
  if (difference.isConstant())
    return true;
  switch (kind) {
  case Kind::Less: // d < 0
    return holds ? requireNonNegative(shift(-difference, -1)) : requireNonNegative(difference);
  case Kind::LessEqual: // d <= 0
    return holds ? requireNonNegative(-difference) : requireNonNegative(shift(difference, -1));
  case Kind::Greater: return narrowComparison(Kind::LessEqual, !holds, difference);
  case Kind::GreaterEqual: return narrowComparison(Kind::Less, !holds, difference);
  case Kind::Equal: {
    // Not constant and the same answer everywhere: unequal at all points. A
    // range must stay on one side of the size at which they are equal.
    if (holds)
      return false;
    std::vector<int64_t> values = evaluate(difference);
    bool above = std::all_of(values.begin(), values.end(), [](int64_t v) { return v > 0; });
    bool below = std::all_of(values.begin(), values.end(), [](int64_t v) { return v < 0; });
    return (above || below) && narrowComparison(above ? Kind::Greater : Kind::Less, true, difference);
  }
  case Kind::NotEqual: return narrowComparison(Kind::Equal, !holds, difference);
  default: return false;
  }
}

bool RangeNarrower::narrowDivision(const Polynomial &lhs, const Polynomial &rhs) {
  if (lhs.isConstant() && rhs.isConstant())
    return true;
  if (rhs.isConstant()) {
    int64_t divisor = rhs.getConstantTerm();
    if (divisor <= 0)
      return false;
    // (k*c*s + b) / c is k*s + b/c, and the remainder that of b.
    if (lhs.isMultipleUpToConstant(divisor))
      return true;
    // Else the quotient must stay what it is.
    std::vector<int64_t> values = evaluate(lhs);
    int64_t quotient = floorDivide(values[0], divisor);
    for (int64_t value : values)
      if (floorDivide(value, divisor) != quotient)
        return false;
    return requireNonNegative(shift(lhs, -quotient * divisor)) &&
           requireNonNegative(shift(-lhs, (quotient + 1) * divisor - 1));
  }
  // n*s / s for a constant n. A remainder of zero says the same.
  std::vector<int64_t> dividends = evaluate(lhs), divisors = evaluate(rhs);
  int64_t quotient = floorDivide(dividends[0], divisors[0]);
  for (size_t i = 0; i < dividends.size(); ++i)
    if (dividends[i] != quotient * divisors[i])
      return false;
  return true;
}

bool RangeNarrower::narrow(const std::vector<const SizeFact *> &instances) {
  const SizeFact &first = *instances[0];
  bool sameOperands = true, sameResult = true;
  for (const SizeFact *fact : instances) {
    sameOperands &= fact->operands == first.operands;
    sameResult &= fact->result == first.result;
  }
  if (sameOperands)
    return true;
  // What an opaque computation returns must show its dependence, so that the
  // fit sees it; a result that happens to stay may change at other sizes.
  if (first.kind == Kind::Opaque)
    return !sameResult;

  std::vector<int64_t> lhsValues, rhsValues, differences;
  for (const SizeFact *fact : instances) {
    lhsValues.push_back(fact->operands[0]);
    rhsValues.push_back(fact->operands[1]);
    differences.push_back(fact->operands[0] - fact->operands[1]);
  }
  auto lhs = fit(lhsValues), rhs = fit(rhsValues), difference = fit(differences);
  if (!lhs || !rhs || !difference)
    return false;
  if (first.kind == Kind::FloorDivide || first.kind == Kind::Remainder)
    return narrowDivision(*lhs, *rhs);
  return sameResult && narrowComparison(first.kind, first.result, *difference);
}

bool torchscript::narrowRanges(const std::vector<SizePoint> &points,
                               const std::vector<const std::vector<SizeFact> *> &facts,
                               std::vector<SymbolRange> &ranges, std::string &error) {
  RangeNarrower narrower(points, ranges);
  for (size_t i = 0; i < facts[0]->size(); ++i) {
    std::vector<const SizeFact *> instances;
    for (auto *list : facts) {
      if (list->size() != facts[0]->size() || (*list)[i].kind != (*facts[0])[i].kind) {
        error = "error: the model computes other things with its sizes at another size";
        return false;
      }
      instances.push_back(&(*list)[i]);
    }
    if (narrower.narrow(instances))
      continue;
    const std::string &where = instances[0]->where;
    error =
        (where.empty() ? "" : where + ": ") + std::string("error: a condition or division depends on a dynamic size; "
                                                          "give the size in --input");
    return false;
  }
  return true;
}
