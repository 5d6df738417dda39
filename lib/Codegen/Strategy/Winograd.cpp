//===- Winograd.cpp - convolutions with fewer multiplications ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// A patch of 2 x 2 results follows from fewer products than the sums of its windows have (WinogradProducts.h): it has
// up to 16 positions, and each is a matrix product of patches and of terms, the products of all pieces and channels:
//
//   for a chunk of channels:
//     for a work group's columns: weights G g G^T to scratch
//     for block of MR patches:
//       image B^T d B to scratch
//       for panel of columns:
//         products, each in registers, added to those in scratch     [block][panel][position][patch][NR]
//         after the last channels: A^T m A, epilogue and store, patch by patch
//
// What is transformed is thus read from the second-level cache, however many channels there are. Lanes of the image's
// transform are channels. An image that has them outermost has few: there lanes are first the pixels of a
// row of a patch and then, one permutation later, the terms of that row.
//
// The transforms add and halve, nothing else. Larger patches multiply less, but their
// error is ten times that of the direct sum; that of these is at most twice.
//
// It is the strategy of convolutions for which the vector instructions that it counts, transforms included, are
// kLeastGain times less than those of the direct sum.
//
// Grid: x blocks of panels, whose transformed weights are kWeightBytes at most; y blocks of kBlocksPerGroup blocks of
// patches, as each work group transforms its weights again.
//
//===----------------------------------------------------------------------===//

#include "torchc/Codegen/ContractionRoot.h"
#include "torchc/Codegen/Strategy.h"
#include "torchc/Codegen/WinogradProducts.h"

#include <numeric>

using namespace mlir;
using namespace torchc;

/// With fewer patches the transform of the weights, which the caches do not hold, costs more than is counted below.
static constexpr int64_t kFewestPatches = 16;
/// Blocks of patches that a work group takes, for the same reason.
static constexpr int64_t kBlocksPerGroup = 7;
/// Of a work group's transformed weights: half of a second-level cache.
static constexpr int64_t kWeightBytes = 512 << 10;
/// Products that one accumulator adds up, on average over positions, before it goes to a sum of sums: as many for each
/// term as a chunk has channels. Transformed values are sums of several, so that this is shorter than in other
/// products.
static constexpr int64_t kSumBlock = 64;
/// Between rows of patches, so that they do not share lines of the first-level cache.
static constexpr int64_t kPaddedElements = 16;
/// Of a window's dim: what is transformed at once stays in registers or near them.
static constexpr int64_t kWidestWindow = 11;
/// How much faster the products have to become, as instructions are counted.
static constexpr double kLeastGain = 1.1;
/// The loops of the convolution.
enum Loop : unsigned { kImage, kRow, kPixel, kColumn, kWindowRow, kWindowPixel, kChannel, kLoops };

namespace {
using Term = WinogradProducts::Term;
using Run = WinogradProducts::Run;

/// A convolution that becomes faster.
struct Convolution {
  ContractionRoot root;
  WinogradProducts down, across; ///< Of rows, of pixels.
  bool hasChannelsFirst;         ///< The image.
};

/// Where a product of two terms is in scratch memory: of those in one position, neighbours of `number` and `inner`
/// follow each other.
struct Place {
  Index outer, number, inner;
};

class WinogradNest {
public:
  WinogradNest(ValueEmitter &emitter, const Convolution &convolution);
  bool analyze();
  Grid emit();

private:
  /// In both dims, what is given by columns; `store` gets the index of the second term.
  void transform(ArrayRef<SmallVector<Value>> columns,
                 Value (WinogradProducts::*transform)(ImplicitLocOpBuilder &, const Term &, ArrayRef<Value>) const,
                 function_ref<void(const Term &, int64_t, Value)> store);
  void emitWeights(Index panel, Index number);
  void emitImage(Index first, int64_t count);
  void emitChannels(Index patch, Indices loops, ArrayRef<Index> rows, ArrayRef<Index> pixels);
  void emitRowsOfPixels(Index patch, Indices loops, ArrayRef<Index> rows);
  void emitPrefetch(Index panel, Index tap, Index channel);
  SmallVector<Value> emitSums(Index panel, Index number, int64_t count, Index row, Index column, const Place &first,
                              const Place &terms);
  void emitProducts(Index panel, Index number, Index block, int64_t count);
  void emitPixels(Index panel, Index number, Index block, Index first, int64_t count);
  Indices getPlace(Index number, Index block, Index position, Index patch, int64_t panel);
  void emitBlock(Index block, Index first, int64_t count);
  void emitBlocks();
  void emitChunk(Index chunk);
  /// Sets the loops of the top left pixel of a patch.
  void setPatch(Indices &loops, Index patch);
  void emitGroupsOfPanels(function_ref<void(Index panel, Index number)> body);
  int64_t getPositions() const { return down.getPositions() * across.getPositions(); }
  /// The place of a pair of terms, of which the second has the index `x`.
  Place getPlaceOfTerms(const Term &y, int64_t x, Index channel);

  ValueEmitter &emitter;
  ContractionRoot root;
  WinogradProducts down, across; ///< Of rows, of pixels.
  bool hasChannelsFirst;
  SmallVector<Value> results;
  std::optional<DimTracker> tracker;
  const DimTracker::Reduction *output = nullptr;
  Indices at; ///< Of the results; all 0.
  int64_t channels = 0, columns = 0;
  int64_t pixelRows = 0, pixelColumns = 0; ///< Of an image of results.
  int64_t patchRows = 0, patchColumns = 0, patches = 0;
  int64_t panelWidth = 0;   ///< Columns of a panel.
  int64_t panelsAtOnce = 0; ///< Panels of a product.
  int64_t panelsOfGroup = 0;
  int64_t patchesAtOnce = 0; ///< Rows of a product, at most.
  int64_t blocksAtOnce = 0;  ///< Of patches, of a work group.
  int64_t channelsAtOnce = 0, chunks = 0;
  bool fetchesNext = false; ///< Whether other weights are transformed next.
  Index firstPanel, firstBlock;
  Index firstChannel, channelCount; ///< Of the current chunk.
  Index nextPanel, nextChannel;     ///< What weights are transformed next; the panel, from the current one.
  Value isFirst, isLast;            ///< Of the chunks; null if there is only one.
  Buffer weights, image, products;
};
} // namespace

WinogradNest::WinogradNest(ValueEmitter &emitter, const Convolution &convolution)
    : emitter(emitter), root(convolution.root), down(convolution.down), across(convolution.across),
      hasChannelsFirst(convolution.hasChannelsFirst) {
  llvm::append_range(results, getResults(emitter.getKernel()));
}

bool WinogradNest::analyze() {
  Indices extents = emitter.getExtents(results.front());
  at.assign(extents.size(), Index(0));
  tracker.emplace(emitter, extents);
  output = tracker->trackOnlyReduction(results, root.op);
  if (!output)
    return false;
  // Every dim of the results is one of the convolution.
  ArrayRef<int64_t> shape = cast<RankedTensorType>(root.getResult().getType()).getShape();
  for (auto [dim, extent] : llvm::zip_equal(output->dims, shape))
    if (dim.id < 0 && extent != 1)
      return false;
  int64_t elements = 1;
  for (const Index &extent : extents)
    elements *= extent.offset;
  if (elements != ShapedType::getNumElements(shape))
    return false;

  auto imageType = cast<RankedTensorType>(root.rows->get().getType());
  channels = imageType.getDimSize(hasChannelsFirst ? 1 : 3);
  columns = shape[3];
  pixelRows = shape[1];
  pixelColumns = shape[2];
  patchRows = llvm::divideCeil(pixelRows, 2);
  patchColumns = llvm::divideCeil(pixelColumns, 2);
  patches = shape[0] * patchRows * patchColumns;
  const TargetInfo &target = emitter.getTarget();
  int64_t packedWidth = root.getUnpack().getStaticInnerTiles()[0], wide = 2 * target.getLanes(32);
  panelWidth = std::gcd(wide, packedWidth);
  panelsAtOnce = std::gcd(wide / panelWidth, llvm::divideCeil(columns, panelWidth));
  const int64_t mostPatches = target.getTileRows(panelWidth * panelsAtOnce, 32);
  patchesAtOnce = llvm::divideCeil(patches, llvm::divideCeil(patches, mostPatches));
  return true;
}

void WinogradNest::setPatch(Indices &loops, Index patch) {
  Index row = emitter.div(patch, patchColumns);
  loops[kPixel] = emitter.mul(emitter.mod(patch, patchColumns), 2);
  loops[kRow] = emitter.mul(emitter.mod(row, patchRows), 2);
  loops[kImage] = emitter.div(row, patchRows);
}

Place WinogradNest::getPlaceOfTerms(const Term &y, int64_t x, Index channel) {
  if (hasChannelsFirst)
    return {0, emitter.add(emitter.mul(channel, down.getTerms(y.position)), y.number), x};
  return {x, y.number, channel};
}

/// The work group's panels, as many at once as a product has.
void WinogradNest::emitGroupsOfPanels(function_ref<void(Index, Index)> body) {
  int64_t total = llvm::divideCeil(columns, panelWidth);
  Index upper = emitter.min(panelsOfGroup, emitter.sub(total, firstPanel));
  emitter.emitLoop(0, upper, panelsAtOnce,
                   [&](Index number) { body(emitter.add(firstPanel, number), emitter.div(number, panelsAtOnce)); });
}

void WinogradNest::transform(ArrayRef<SmallVector<Value>> columns,
                             Value (WinogradProducts::*transform)(ImplicitLocOpBuilder &, const Term &, ArrayRef<Value>)
                                 const,
                             function_ref<void(const Term &, int64_t, Value)> store) {
  ImplicitLocOpBuilder &b = emitter.getBuilder();
  for (const Term &y : down.terms) {
    SmallVector<Value> row;
    for (ArrayRef<Value> column : columns)
      row.push_back((down.*transform)(b, y, column));
    for (auto [index, x] : llvm::enumerate(across.terms))
      store(y, index, (across.*transform)(b, x, row));
  }
}

/// G g G^T of the weights of a group of panels.
void WinogradNest::emitWeights(Index panel, Index number) {
  ValueEmitter::LanesScope lanes(emitter, panelWidth);
  emitter.emitLoop(0, channelCount, 1, [&](Index channel) {
    for (int64_t i = 0; i != panelsAtOnce; ++i) {
      Indices loops(kLoops, Index(0));
      loops[kChannel] = emitter.add(firstChannel, channel);
      std::vector<SmallVector<Value>> taps(across.window); // By column of the window.
      for (auto [x, column] : llvm::enumerate(taps))
        for (int64_t y = 0; y != down.window; ++y) {
          loops[kWindowRow] = y;
          loops[kWindowPixel] = x;
          column.push_back(root.emitColumns(emitter, loops, root.columns->get(), emitter.add(panel, i), panelWidth));
        }
      transform(taps, &WinogradProducts::transformTaps, [&](const Term &y, int64_t x, Value factor) {
        const Place place = getPlaceOfTerms(y, x, channel);
        emitter.store(
            factor, weights,
            {number, Index(y.position), place.outer, place.number, place.inner, Index(i), Index(nullptr, 0, 1)});
      });
    }
  });
}

/// B^T d B of a block of patches.
void WinogradNest::emitImage(Index first, int64_t count) {
  // Only results that nobody asked for follow from what lies beyond an image of odd size.
  auto getOffsets = [&](const WinogradProducts &dim, Index pixel, int64_t extent) {
    Indices offsets;
    for (int64_t i = 0; i != dim.getExtent(); ++i) {
      const Index last = emitter.sub((extent - 1) * dim.stride + dim.window - 1, emitter.mul(pixel, dim.stride));
      offsets.push_back(extent % 2 == 0 || i < dim.window ? Index(i) : emitter.min(i, last));
    }
    return offsets;
  };
  emitter.emitLoop(0, count, 1, [&](Index patch) {
    Indices loops(kLoops, Index(0));
    setPatch(loops, emitter.add(first, patch));
    const Indices rows = getOffsets(down, loops[kRow], pixelRows);
    if (hasChannelsFirst)
      emitRowsOfPixels(patch, loops, rows);
    else
      emitChannels(patch, loops, rows, getOffsets(across, loops[kPixel], pixelColumns));
  });
}

/// Of one patch, channels in lanes.
void WinogradNest::emitChannels(Index patch, Indices loops, ArrayRef<Index> rows, ArrayRef<Index> pixels) {
  emitter.emitLanes(0, channelCount, emitter.getTarget().getLanes(32), [&](Index channel) {
    loops[kChannel] = emitter.add(firstChannel, channel);
    std::vector<SmallVector<Value>> elements; // By column of the patch.
    for (const Index &pixel : pixels) {
      SmallVector<Value> &column = elements.emplace_back();
      for (const Index &row : rows) {
        loops[kWindowRow] = row;
        loops[kWindowPixel] = pixel;
        column.push_back(emitter.toVector(root.emitRowElement(emitter, loops)));
      }
    }
    transform(elements, &WinogradProducts::transformElements, [&](const Term &y, int64_t x, Value factor) {
      const Place place = getPlaceOfTerms(y, x, channel);
      emitter.store(factor, image, {Index(y.position), place.outer, place.number, patch, place.inner});
    });
  });
}

/// Of one patch, the pixels of a row in lanes.
void WinogradNest::emitRowsOfPixels(Index patch, Indices loops, ArrayRef<Index> rows) {
  ImplicitLocOpBuilder &b = emitter.getBuilder();
  const int64_t pixels = (pixelColumns - 1) * across.stride + across.window; // Of an image.
  const unsigned width = across.getLanes();
  emitter.emitLoop(0, channelCount, 1, [&](Index channel) {
    loops[kChannel] = emitter.add(firstChannel, channel);
    loops[kWindowPixel] = Index(nullptr, 0, 1);
    emitter.emitPanel(emitter.mul(loops[kPixel], across.stride), pixels, width, [&] {
      SmallVector<Value> elements;
      for (const Index &row : rows) {
        loops[kWindowRow] = row;
        elements.push_back(root.emitRowElement(emitter, loops));
      }
      ValueEmitter::LanesScope all(emitter, width);
      for (const Term &y : down.terms) {
        const Place place = getPlaceOfTerms(y, 0, channel);
        emitter.store(across.transformLanes(b, down.transformElements(b, y, elements)), image,
                      {Index(y.position), place.outer, place.number, patch, Index(nullptr, 0, 1)});
      }
    });
  });
}

/// Fetches weights of one tap that are transformed next.
void WinogradNest::emitPrefetch(Index panel, Index tap, Index channel) {
  linalg::UnPackOp unpack = root.getUnpack();
  if (unpack.getStaticInnerTiles()[0] != panelWidth)
    return;
  tap = emitter.min(tap, down.window * across.window - 1);
  Indices loops(kLoops, Index(0));
  loops[kWindowRow] = emitter.div(tap, across.window);
  loops[kWindowPixel] = emitter.mod(tap, across.window);
  loops[kChannel] = emitter.add(nextChannel, channel);
  for (int64_t i = 0; i != panelsAtOnce; ++i) {
    const Index next = emitter.add(emitter.add(panel, nextPanel), i);
    emitter.prefetch(unpack.getSource(), root.getPackedPoint(emitter, loops, next, panelWidth), 0);
  }
}

/// A product's row in scratch memory. Where all channels are in one chunk, it is not kept for the next.
Indices WinogradNest::getPlace(Index number, Index block, Index position, Index patch, int64_t panel) {
  const bool isKept = chunks != 1;
  return {isKept ? emitter.sub(block, firstBlock) : Index(0),
          isKept ? number : Index(0),
          position,
          patch,
          Index(panel),
          Index(nullptr, 0, 1)};
}

/// The product in a position, of which `first` is the first term, of a block of patches and a group of panels.
SmallVector<Value> WinogradNest::emitSums(Index panel, Index number, int64_t count, Index row, Index column,
                                          const Place &first, const Place &terms) {
  ImplicitLocOpBuilder &b = emitter.getBuilder();
  auto emitStep = [&](const Place &place, ValueRange carried) {
    SmallVector<Value> sums(carried), factors;
    for (int64_t i = 0; i != panelsAtOnce; ++i)
      factors.push_back(
          emitter.load(weights, {number, row, place.outer, place.number, place.inner, Index(i), Index(nullptr, 0, 1)}));
    for (int64_t patch = 0; patch != count; ++patch) {
      Value factor = emitter.load(image, {row, place.outer, place.number, Index(patch), place.inner});
      for (int64_t i = 0; i != panelsAtOnce; ++i) {
        Value &sum = sums[patch * panelsAtOnce + i];
        sum = root.emitMultiplyAdd(emitter, factor, factors[i], sum);
      }
    }
    return sums;
  };
  auto emitLoop = [&](Index lower, Index extent, ValueRange inits, ValueEmitter::LoopBody body) {
    return emitter.emitLoop(lower, emitter.add(lower, extent), 1, inits, body);
  };
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(emitter.getVectorType(b.getF32Type())));
  const SmallVector<Value> zeros(count * panelsAtOnce, zero);
  const Index position = emitter.add(emitter.mul(row, across.getPositions()), column);
  return emitLoop(first.outer, terms.outer, zeros, [&](Index outer, ValueRange outerSums) {
    return emitLoop(first.number, terms.number, outerSums, [&](Index current, ValueRange sums) {
      const Index term = emitter.add(emitter.mul(emitter.sub(outer, first.outer), terms.number), current);
      const Index tap = emitter.add(position, emitter.mul(term, getPositions()));
      return emitLoop(first.inner, terms.inner, sums, [&](Index inner, ValueRange innerSums) {
        if (fetchesNext && !hasChannelsFirst)
          emitPrefetch(panel, tap, inner);
        return emitStep({outer, current, inner}, innerSums);
      });
    });
  });
}

/// The products in all positions, for some channels.
void WinogradNest::emitProducts(Index panel, Index number, Index block, int64_t count) {
  ImplicitLocOpBuilder &b = emitter.getBuilder();
  ValueEmitter::LanesScope lanes(emitter, panelWidth);
  auto emitPosition = [&](const Run &y, const Run &x, Index row, Index column) {
    const Index firstTerm = emitter.add(x.firstTerm, emitter.mul(emitter.sub(column, x.first), x.terms));
    const Place first = hasChannelsFirst ? Place{0, 0, firstTerm} : Place{firstTerm, 0, 0};
    const Place terms = hasChannelsFirst ? Place{1, emitter.mul(channelCount, y.terms), x.terms}
                                         : Place{x.terms, y.terms, channelCount};
    const SmallVector<Value> sums = emitSums(panel, number, count, row, column, first, terms);
    auto store = [&](bool adds) {
      for (auto [i, sum] : llvm::enumerate(sums)) {
        const Index position = emitter.add(emitter.mul(row, across.getPositions()), column);
        Indices at = getPlace(number, block, position, Index(i / panelsAtOnce), i % panelsAtOnce);
        emitter.store(adds ? arith::AddFOp::create(b, emitter.load(products, at), sum).getResult() : sum, products, at);
      }
    };
    if (isFirst)
      emitter.emitIf(isFirst, [&] { store(false); }, [&] { store(true); });
    else
      store(false);
  };
  for (const Run &y : down.getRuns())
    for (const Run &x : across.getRuns())
      emitter.emitLoop(y.first, y.end, 1, [&](Index row) {
        emitter.emitLoop(x.first, x.end, 1, [&](Index column) { emitPosition(y, x, row, column); });
      });
}

/// A^T m A: the four pixels of each patch, with the kernel's epilogue.
void WinogradNest::emitPixels(Index panel, Index number, Index block, Index first, int64_t count) {
  ImplicitLocOpBuilder &b = emitter.getBuilder();
  emitter.emitLoop(0, count, 1, [&](Index patch) {
    Indices loops(kLoops, Index(0));
    setPatch(loops, emitter.add(first, patch));
    for (int64_t i = 0; i != panelsAtOnce; ++i) {
      Index firstColumn = emitter.mul(emitter.add(panel, i), panelWidth);
      auto emitPanel = [&] {
        SmallVector<Value> upper, lower; // By column of the patch.
        for (int64_t x = 0; x != across.getPositions(); ++x) {
          SmallVector<Value> sums;
          for (int64_t y = 0; y != down.getPositions(); ++y)
            sums.push_back(
                emitter.load(products, getPlace(number, block, Index(y * across.getPositions() + x), patch, i)));
          auto [first, second] = WinogradProducts::transformSums(b, sums);
          upper.push_back(first);
          lower.push_back(second);
        }
        auto store = [&](int64_t y, int64_t x, Value value) {
          ValueEmitter::Scope scope(emitter);
          Index indices[] = {loops[kImage], emitter.add(loops[kRow], y), emitter.add(loops[kPixel], x),
                             emitter.add(firstColumn, Index(nullptr, 0, 1))};
          Indices point(at);
          for (auto [dim, index] : llvm::zip_equal(output->dims, indices))
            if (dim.id >= 0)
              point[dim.id] = index;
          root.storeResults(emitter, results, point, *output->getIndices(point), value);
        };
        // The last patches of an image of odd size are half outside of it.
        auto ifInside = [&](Index first, int64_t offset, int64_t extent, function_ref<void()> body) {
          if (offset == 0 || extent % 2 == 0)
            return body();
          emitter.emitIf(emitter.emitInBounds(emitter.add(first, offset), extent, /*checkLower=*/false), body);
        };
        for (int64_t y = 0; y != 2; ++y) {
          std::array<Value, 2> values = WinogradProducts::transformSums(b, y == 0 ? upper : lower);
          ifInside(loops[kRow], y, pixelRows, [&] {
            for (int64_t x = 0; x != 2; ++x)
              ifInside(loops[kPixel], x, pixelColumns, [&] { store(y, x, values[x]); });
          });
        }
      };
      emitter.emitPanel(firstColumn, columns, panelWidth, emitPanel);
    }
  });
}

void WinogradNest::emitBlock(Index block, Index first, int64_t count) {
  emitImage(first, count);
  emitGroupsOfPanels([&](Index panel, Index number) {
    emitProducts(panel, number, block, count);
    auto emitAll = [&] { emitPixels(panel, number, block, first, count); };
    if (isLast)
      emitter.emitIf(isLast, emitAll);
    else
      emitAll();
  });
}

/// The blocks of a work group; those of one patch more come first.
void WinogradNest::emitBlocks() {
  const int64_t blocks = llvm::divideCeil(patches, patchesAtOnce), least = patches / blocks, larger = patches % blocks;
  Index upper = blocksAtOnce >= blocks ? Index(blocks) : emitter.min(blocks, emitter.add(firstBlock, blocksAtOnce));
  if (larger != 0)
    emitter.emitLoop(firstBlock, emitter.min(upper, larger), 1,
                     [&](Index block) { emitBlock(block, emitter.mul(block, least + 1), least + 1); });
  emitter.emitLoop(emitter.max(firstBlock, larger), upper, 1,
                   [&](Index block) { emitBlock(block, emitter.add(emitter.mul(block, least), larger), least); });
}

void WinogradNest::emitChunk(Index chunk) {
  ImplicitLocOpBuilder &b = emitter.getBuilder();
  firstChannel = emitter.mul(chunk, channelsAtOnce);
  channelCount = channels % channelsAtOnce == 0 ? Index(channelsAtOnce)
                                                : emitter.min(channelsAtOnce, emitter.sub(channels, firstChannel));
  const Index next = emitter.add(chunk, 1);
  nextChannel = emitter.mul(emitter.mod(next, chunks), channelsAtOnce);
  nextPanel = emitter.mul(emitter.div(next, chunks), panelsOfGroup);
  if (chunks != 1) {
    auto isEqual = [&](int64_t number) -> Value {
      return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, emitter.toValue(chunk), emitter.emitConstant(number));
    };
    isFirst = isEqual(0);
    isLast = isEqual(chunks - 1);
  }
  emitGroupsOfPanels([&](Index panel, Index number) { emitWeights(panel, number); });
  emitBlocks();
}

Grid WinogradNest::emit() {
  MLIRContext *context = root.op->getContext();
  Builder b(context);
  const int64_t terms = across.terms.size(), pairs = down.terms.size() * terms;
  // Work groups: panels whose weights stay in a cache, and some blocks of patches.
  int64_t groupBytes = pairs * channels * panelsAtOnce * panelWidth * sizeof(float);
  int64_t groups = llvm::divideCeil(columns, panelsAtOnce * panelWidth); // None is partial.
  int64_t groupsAtOnce = std::clamp<int64_t>(kWeightBytes / groupBytes, 1, groups);
  int64_t columnBlocks = llvm::divideCeil(groups, groupsAtOnce);
  groupsAtOnce = llvm::divideCeil(groups, columnBlocks);
  panelsOfGroup = groupsAtOnce * panelsAtOnce;
  int64_t blocks = llvm::divideCeil(patches, patchesAtOnce);
  const int64_t wanted = getParameter(emitter.getKernel(), "block_patches", kBlocksPerGroup);
  blocksAtOnce = llvm::divideCeil(blocks, llvm::divideCeil(blocks, wanted));

  auto allocate = [&](ArrayRef<Index> extents) {
    int64_t bytes = sizeof(float);
    for (const Index &extent : extents)
      bytes *= extent.offset;
    return emitter.getBuffer(emitter.allocateScratch(bytes), b.getF32Type(), extents, /*readOnly=*/false);
  };
  const int64_t mostChannels = std::max<int64_t>(kSumBlock * getPositions() / pairs, 1);
  channelsAtOnce = std::min<int64_t>(
      channels, llvm::alignTo(llvm::divideCeil(channels, llvm::divideCeil(channels, mostChannels)), kPaddedElements));
  chunks = llvm::divideCeil(channels, channelsAtOnce);
  const int64_t mostTerms = down.getTerms(WinogradProducts::kFirst);
  if (hasChannelsFirst) {
    weights =
        allocate({groupsAtOnce, down.getPositions(), 1, channelsAtOnce * mostTerms, terms, panelsAtOnce, panelWidth});
    image = allocate({down.getPositions(), 1, channelsAtOnce * mostTerms, patchesAtOnce, across.getLanes()});
  } else {
    // One channel more: else terms would share lines of the first-level cache.
    weights =
        allocate({groupsAtOnce, down.getPositions(), terms, mostTerms, channelsAtOnce + 1, panelsAtOnce, panelWidth});
    image = allocate({down.getPositions(), terms, mostTerms, patchesAtOnce,
                      llvm::alignTo(channelsAtOnce, kPaddedElements) + kPaddedElements});
  }
  products = allocate({chunks == 1 ? 1 : blocksAtOnce, chunks == 1 ? 1 : groupsAtOnce, getPositions(), patchesAtOnce,
                       panelsAtOnce, panelWidth});

  fetchesNext = chunks != 1 || columnBlocks != 1;
  firstPanel = columnBlocks == 1 ? Index(0) : emitter.mul(emitter.getWorkgroup(0), panelsOfGroup);
  firstBlock = blocksAtOnce >= blocks ? Index(0) : emitter.mul(emitter.getWorkgroup(1), blocksAtOnce);
  emitter.emitLoop(0, chunks, 1, [&](Index chunk) { emitChunk(chunk); });
  return {b.getAffineConstantExpr(columnBlocks), b.getAffineConstantExpr(llvm::divideCeil(blocks, blocksAtOnce)),
          b.getAffineConstantExpr(1)};
}

/// Whether the products that are saved pay for the transforms. Of the instructions on vectors, a multiply-add takes
/// as long as two others.
static bool pays(const Convolution &convolution, ArrayRef<int64_t> results, int64_t channels,
                 const TargetInfo &target) {
  const auto &[root, down, across, hasChannelsFirst] = convolution;
  const double lanes = target.getLanes(32);
  const int64_t columns = results[3], taps = down.window * across.window;
  const int64_t products = down.terms.size() * across.terms.size();
  const int64_t positions = down.getPositions() * across.getPositions();
  const int64_t patches = results[0] * llvm::divideCeil(results[1], 2) * llvm::divideCeil(results[2], 2);
  if (patches < kFewestPatches || std::max(down.window, across.window) > kWidestWindow)
    return false;
  const int64_t patchesOfGroup = std::min(patches, kBlocksPerGroup * target.getTileRows(2 * lanes, 32));
  const double vectorsOfColumns = std::ceil(columns / lanes), vectorsOfChannels = std::ceil(channels / lanes);
  // A row of pixels takes an addition, up to three permutations and their sums, and a store.
  const double rows = channels * (down.getExtent() + 7 * down.terms.size()) * std::ceil(across.getLanes() / lanes);
  const double image = hasChannelsFirst ? rows / 2 : 2 * products * vectorsOfChannels;
  const double sums = 2 * positions * vectorsOfColumns;
  const double weights = (5 * products + 2 * taps) * channels * vectorsOfColumns / patchesOfGroup;
  const double multiplied = products * channels * vectorsOfColumns;
  const double direct = double(results[0] * results[1] * results[2]) / patches * taps * channels * vectorsOfColumns;
  return direct > kLeastGain * (multiplied + image + sums + weights);
}

/// The kernel's convolution, if it becomes faster.
static std::optional<Convolution> findConvolution(dispatch::KernelOp kernel, const TargetInfo &target) {
  std::optional<ContractionRoot> root = ContractionRoot::find(kernel);
  if (!root || !root->getUnpack() || root->columnLoop != kColumn || root->op.getNumLoops() != kLoops)
    return std::nullopt;
  for (Value value : root->op->getOperands()) {
    auto type = cast<RankedTensorType>(value.getType());
    if (!type.getElementType().isF32() || !type.hasStaticShape())
      return std::nullopt;
  }
  AffineMap output = root->op.getMatchingIndexingMap(root->op.getDpsInitOperand(0));
  AffineMap image = root->op.getMatchingIndexingMap(root->rows);
  AffineMap weights = root->op.getMatchingIndexingMap(root->columns);
  MLIRContext *context = root->op->getContext();
  if (output != AffineMap::getMultiDimIdentityMap(kLoops, context).getMajorSubMap(4) || image.getNumResults() != 4 ||
      weights.getNumResults() != 4 || !weights.isProjectedPermutation())
    return std::nullopt;
  auto findDim = [&](Loop loop) { return image.getResultPosition(getAffineDimExpr(loop, context)); };
  auto findStride = [&](Loop loop, Loop windowLoop) -> std::optional<int64_t> {
    for (unsigned position = 0; position != image.getNumResults(); ++position)
      if (image.getResult(position).isFunctionOfDim(loop) && getStep(image, position, windowLoop) == 1)
        return getStep(image, position, loop);
    return std::nullopt;
  };
  std::optional<int64_t> strideDown = findStride(kRow, kWindowRow), strideAcross = findStride(kPixel, kWindowPixel);
  const bool hasChannelsFirst = findDim(kChannel) == 1u;
  if (!strideDown || !strideAcross || findDim(kImage) != 0u || (!hasChannelsFirst && findDim(kChannel) != 3u))
    return std::nullopt;
  SmallVector<int64_t> loops = root->op.getStaticLoopRanges();
  Convolution convolution{*root, WinogradProducts(loops[kWindowRow], *strideDown),
                          WinogradProducts(loops[kWindowPixel], *strideAcross), hasChannelsFirst};
  ArrayRef<int64_t> shape = cast<RankedTensorType>(root->getResult().getType()).getShape();
  return pays(convolution, shape, loops[kChannel], target) ? std::optional(convolution) : std::nullopt;
}

static bool matchesWinograd(dispatch::KernelOp kernel, const TargetInfo &target) {
  return !target.prefersSize && findConvolution(kernel, target) && ValueEmitter::canVectorize(kernel);
}

static Grid emitWinograd(ValueEmitter &emitter) {
  WinogradNest nest(emitter, *findConvolution(emitter.getKernel(), emitter.getTarget()));
  return nest.analyze() ? nest.emit() : kContraction.emit(emitter);
}

/// Blocks of patches of a work group.
static constexpr Parameter kParameters[] = {{"block_patches", 4096}};

const Strategy torchc::kWinograd = {"winograd", kParameters, matchesWinograd, emitWinograd};
