//===- WinogradProducts.h - two results by fewer products ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// After Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks". Two results that are
// neighbours in one dim follow from elements e and taps w by fewer products than they have pairs of them:
//
//   3 taps: first  = e0 w0 + e1 w1 + e2 w2 = (e0 - e2) w0 + (e1 + e2) (w0 + w1 + w2) / 2 + (e2 - e1) (w0 - w1 + w2) / 2
//           second = e1 w0 + e2 w1 + e3 w2 = (e3 - e1) w2 + (e1 + e2) (w0 + w1 + w2) / 2 - (e2 - e1) (w0 - w1 + w2) / 2
//   2 taps: first  = e0 w0 + e1 w1         = (e0 - e1) w0 + e1 (w0 + w1)
//           second = e1 w0 + e2 w1         = (e2 - e1) w1 + e1 (w0 + w1)
//
// With stride s, every s-th tap belongs together, and more than 3 are taken in pieces: 3 taps with stride 2 are
// 2 + 1 and make 5 products of 6, 7 are 2 + 2 + 3 and make 10 of 14. Whatever the pieces, a product is
// added to the first result, to the second, to both, or to one and taken from the other: these are the positions.
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_CODEGEN_WINOGRADPRODUCTS_H
#define TORCHC_CODEGEN_WINOGRADPRODUCTS_H

#include "mlir/IR/ImplicitLocOpBuilder.h"

#include <array>
#include <optional>

namespace torchc {

/// The products of two results that are neighbours in one dim.
class WinogradProducts {
public:
  /// What a product is added to: the first result, the second, both, or the first, and taken from the second.
  enum Position : unsigned { kFirst, kSecond, kBoth, kDifference, kMostPositions };
  /// A product of a piece: taps `first`, `first + stride`, ...
  struct Term {
    unsigned position;
    int64_t number; ///< Among the terms of its position.
    int64_t first, taps;
  };
  /// Positions from `first` to before `end` have as many terms each, the first of them `firstTerm`.
  struct Run {
    int64_t first, end, firstTerm, terms;
  };

  WinogradProducts(int64_t window, int64_t stride);

  /// Elements that the two results need.
  int64_t getExtent() const { return window + stride; }
  int64_t getPositions() const { return counts.size(); }
  /// That hold all elements, or all terms.
  int64_t getLanes() const { return llvm::PowerOf2Ceil(std::max<int64_t>(getExtent(), terms.size())); }
  int64_t getTerms(unsigned position) const { return counts[position]; }
  llvm::SmallVector<Run> getRuns() const;

  /// The factor of `term` that follows from the elements: B^T d.
  mlir::Value transformElements(mlir::ImplicitLocOpBuilder &b, const Term &term,
                                llvm::ArrayRef<mlir::Value> elements) const;
  /// The factors of all terms, each in a lane, that follow from elements in lanes.
  mlir::Value transformLanes(mlir::ImplicitLocOpBuilder &b, mlir::Value elements) const;
  /// The factor of `term` that follows from the window: G g.
  mlir::Value transformTaps(mlir::ImplicitLocOpBuilder &b, const Term &term, llvm::ArrayRef<mlir::Value> taps) const;
  /// The two results that follow from the sums of the positions: A^T m.
  static std::array<mlir::Value, 2> transformSums(mlir::ImplicitLocOpBuilder &b, llvm::ArrayRef<mlir::Value> sums);

  int64_t window, stride;
  llvm::SmallVector<Term> terms; ///< In the order of positions.

private:
  /// Of two elements, if it is the sum or the difference of two.
  struct Factor {
    int64_t element;
    std::optional<int64_t> added, subtracted;
  };
  Factor getFactor(const Term &term) const;

  llvm::SmallVector<int64_t> counts; ///< Of terms, by position; never more than at the position before.
};

} // namespace torchc

#endif // TORCHC_CODEGEN_WINOGRADPRODUCTS_H
