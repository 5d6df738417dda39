//===- Winograd.cpp - 3x3 convolutions with fewer multiplications ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// F(2x2, 3x3) of Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks":
// a patch of 2 x 2 output pixels comes of 4 x 4 input pixels by 16 multiplications instead
// of 36. In each of the 16 positions it is a matrix product of patches and channels:
//
//   for kSumBlock channels:
//     for a work group's columns: weights G g G^T to scratch         [panel][16][c][NR]
//     for block of MR patches:
//       image B^T d B to scratch                                     [16][patch][c]
//       for panel of columns:
//         16 products, each in registers, added to those in scratch  [block][panel][16][patch][NR]
//         after the last channels: A^T m A, epilogue and store, patch by patch
//
// What is transformed is thus read from the second-level cache, however many channels there are.
//
// The transforms add and halve, nothing else. Larger patches multiply less, but their
// error is ten times that of the direct sum; that of this one is at most twice.
//
// Grid: x blocks of panels, y blocks of patches.
//
//===----------------------------------------------------------------------===//

#include "torchc/Codegen/ContractionRoot.h"
#include "torchc/Codegen/Strategy.h"

#include <array>
#include <numeric>

using namespace mlir;
using namespace torchc;

/// Fewer channels do not pay for the transforms, which are the same for any number of
/// columns (image) and of channels (results).
static constexpr int64_t kFewestChannels = 16;
/// Fewer patches do not pay for the transform of the weights.
static constexpr int64_t kFewestPatches = 16;
/// Blocks of patches that a work group takes, for the same reason.
static constexpr int64_t kBlocksPerGroup = 7;
/// Of a work group's transformed weights: half of a second-level cache.
static constexpr int64_t kWeightBytes = 512 << 10;
/// Channels that one accumulator adds up before it goes to a sum of sums. Transformed values are sums of
/// several, so that this is shorter than in other products.
static constexpr int64_t kSumBlock = 64;
/// Between rows of patches, so that they do not share lines of the first-level cache.
static constexpr int64_t kPaddedElements = 16;
/// Positions of a transformed patch; those of the window.
static constexpr int64_t kPositions = 16, kTaps = 9;
/// The loops of the convolution.
enum Loop : unsigned { kImage, kRow, kPixel, kColumn, kWindowRow, kWindowPixel, kChannel, kLoops };

namespace {
using Four = std::array<Value, 4>;

class WinogradNest {
public:
  WinogradNest(ValueEmitter &emitter, const ContractionRoot &root);
  bool analyze();
  Grid emit();

private:
  void emitWeights(Index panel, Index number);
  void emitImage(Index first, int64_t count);
  void emitPrefetch(Index panel, Index position, Index channel);
  void emitProducts(Index panel, Index number, Index block, int64_t count);
  void emitPixels(Index panel, Index number, Index block, Index first, int64_t count);
  Indices getPlace(Index number, Index block, Index position, Index patch, int64_t panel);
  void emitBlock(Index block, Index first, int64_t count);
  void emitBlocks();
  void emitChannels(Index chunk);
  /// Sets the loops of the top left pixel of a patch.
  void setPatch(Indices &loops, Index patch);
  void emitGroupsOfPanels(function_ref<void(Index panel, Index number)> body);

  Value add(Value left, Value right) { return arith::AddFOp::create(emitter.getBuilder(), left, right); }
  Value sub(Value left, Value right) { return arith::SubFOp::create(emitter.getBuilder(), left, right); }
  Value half(Value value);

  ValueEmitter &emitter;
  ContractionRoot root;
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

WinogradNest::WinogradNest(ValueEmitter &emitter, const ContractionRoot &root) : emitter(emitter), root(root) {
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
  channels = imageType.getDimSize(3);
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

Value WinogradNest::half(Value value) {
  ImplicitLocOpBuilder &b = emitter.getBuilder();
  Value factor = arith::ConstantOp::create(b, b.getF32FloatAttr(0.5f));
  return arith::MulFOp::create(b, value, emitter.toVector(factor));
}

/// The work group's panels, as many at once as a product has.
void WinogradNest::emitGroupsOfPanels(function_ref<void(Index, Index)> body) {
  int64_t total = llvm::divideCeil(columns, panelWidth);
  Index upper = emitter.min(panelsOfGroup, emitter.sub(total, firstPanel));
  emitter.emitLoop(0, upper, panelsAtOnce,
                   [&](Index number) { body(emitter.add(firstPanel, number), emitter.div(number, panelsAtOnce)); });
}

/// G g G^T of the weights of a group of panels.
void WinogradNest::emitWeights(Index panel, Index number) {
  auto transform = [&](Value first, Value second, Value third) -> Four {
    Value outer = add(first, third);
    return {first, half(add(outer, second)), half(sub(outer, second)), third};
  };
  ValueEmitter::LanesScope lanes(emitter, panelWidth);
  emitter.emitLoop(0, channelCount, 1, [&](Index channel) {
    for (int64_t i = 0; i != panelsAtOnce; ++i) {
      Indices loops(kLoops, Index(0));
      loops[kChannel] = emitter.add(firstChannel, channel);
      std::array<Four, 3> across; // By column of the window.
      for (int64_t x = 0; x != 3; ++x) {
        Value taps[3];
        for (int64_t y = 0; y != 3; ++y) {
          loops[kWindowRow] = y;
          loops[kWindowPixel] = x;
          taps[y] = root.emitColumns(emitter, loops, root.columns->get(), emitter.add(panel, i), panelWidth);
        }
        across[x] = transform(taps[0], taps[1], taps[2]);
      }
      for (int64_t y = 0; y != 4; ++y)
        for (auto [x, value] : llvm::enumerate(transform(across[0][y], across[1][y], across[2][y])))
          emitter.store(value, weights, {number, Index(4 * y + x), channel, Index(i), Index(nullptr, 0, 1)});
    }
  });
}

/// B^T d B of a block of patches.
void WinogradNest::emitImage(Index first, int64_t count) {
  auto transform = [&](Value a, Value b, Value c, Value d) -> Four {
    return {sub(a, c), add(b, c), sub(c, b), sub(b, d)};
  };
  // Only results that nobody asked for follow from what lies beyond an image of odd size.
  auto getPlace = [&](Index first, int64_t offset, int64_t extent) {
    Index place = emitter.add(first, offset);
    return extent % 2 != 0 && offset == 3 ? emitter.min(place, extent + 1) : place;
  };
  emitter.emitLoop(0, count, 1, [&](Index patch) {
    Indices loops(kLoops, Index(0));
    setPatch(loops, emitter.add(first, patch));
    std::array<Index, 4> rows, pixels;
    for (int64_t i = 0; i != 4; ++i) {
      rows[i] = getPlace(loops[kRow], i, pixelRows);
      pixels[i] = getPlace(loops[kPixel], i, pixelColumns);
    }
    emitter.emitLanes(0, channelCount, emitter.getTarget().getLanes(32), [&](Index channel) {
      Indices position(loops);
      position[kChannel] = emitter.add(firstChannel, channel);
      std::array<Four, 4> across; // By column of the patch.
      for (int64_t x = 0; x != 4; ++x) {
        Four column;
        for (int64_t y = 0; y != 4; ++y) {
          position[kRow] = rows[y];
          position[kPixel] = pixels[x];
          column[y] = emitter.toVector(root.emitRowElement(emitter, position));
        }
        across[x] = transform(column[0], column[1], column[2], column[3]);
      }
      for (int64_t y = 0; y != 4; ++y)
        for (auto [x, value] : llvm::enumerate(transform(across[0][y], across[1][y], across[2][y], across[3][y])))
          emitter.store(value, image, {Index(4 * y + x), patch, channel});
    });
  });
}

/// At one step of a product in `position`, fetches weights of one tap that are transformed next.
void WinogradNest::emitPrefetch(Index panel, Index position, Index channel) {
  linalg::UnPackOp unpack = root.getUnpack();
  if (!fetchesNext || unpack.getStaticInnerTiles()[0] != panelWidth)
    return;
  const Index tap = emitter.min(position, kTaps - 1);
  Indices loops(kLoops, Index(0));
  loops[kWindowRow] = emitter.div(tap, 3);
  loops[kWindowPixel] = emitter.mod(tap, 3);
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

/// The 16 products of a block of patches and a group of panels, for some channels.
void WinogradNest::emitProducts(Index panel, Index number, Index block, int64_t count) {
  ImplicitLocOpBuilder &b = emitter.getBuilder();
  ValueEmitter::LanesScope lanes(emitter, panelWidth);
  Index lane(nullptr, 0, 1);
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(emitter.getVectorType(b.getF32Type())));
  const SmallVector<Value> zeros(count * panelsAtOnce, zero);
  emitter.emitLoop(0, kPositions, 1, [&](Index position) {
    auto parts = emitter.emitLoop(0, channelCount, 1, zeros, [&](Index channel, ValueRange carried) {
      emitPrefetch(panel, position, channel);
      SmallVector<Value> sums(carried), factors;
      for (int64_t i = 0; i != panelsAtOnce; ++i)
        factors.push_back(emitter.load(weights, {number, position, channel, Index(i), lane}));
      for (int64_t patch = 0; patch != count; ++patch) {
        Value factor = emitter.load(image, {position, Index(patch), channel});
        for (int64_t i = 0; i != panelsAtOnce; ++i) {
          Value &sum = sums[patch * panelsAtOnce + i];
          sum = root.emitMultiplyAdd(emitter, factor, factors[i], sum);
        }
      }
      return sums;
    });
    auto storeSums = [&](bool adds) {
      for (auto [i, part] : llvm::enumerate(parts)) {
        Indices at = getPlace(number, block, position, Index(i / panelsAtOnce), i % panelsAtOnce);
        emitter.store(adds ? add(emitter.load(products, at), part) : part, products, at);
      }
    };
    if (isFirst)
      emitter.emitIf(isFirst, [&] { storeSums(false); }, [&] { storeSums(true); });
    else
      storeSums(false);
  });
}

/// A^T m A: the four pixels of each patch, with the kernel's epilogue.
void WinogradNest::emitPixels(Index panel, Index number, Index block, Index first, int64_t count) {
  auto transform = [&](const Four &m) -> std::array<Value, 2> {
    return {add(add(m[0], m[1]), m[2]), sub(sub(m[1], m[2]), m[3])};
  };
  emitter.emitLoop(0, count, 1, [&](Index patch) {
    Indices loops(kLoops, Index(0));
    setPatch(loops, emitter.add(first, patch));
    for (int64_t i = 0; i != panelsAtOnce; ++i) {
      Index firstColumn = emitter.mul(emitter.add(panel, i), panelWidth);
      auto emitPanel = [&] {
        std::array<std::array<Value, 2>, 4> across; // By column of the patch.
        for (int64_t x = 0; x != 4; ++x) {
          Four values;
          for (int64_t y = 0; y != 4; ++y)
            values[y] = emitter.load(products, getPlace(number, block, Index(4 * y + x), patch, i));
          across[x] = transform(values);
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
          std::array<Value, 2> values = transform({across[0][y], across[1][y], across[2][y], across[3][y]});
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

void WinogradNest::emitChannels(Index chunk) {
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
  // Work groups: panels whose weights stay in a cache, and some blocks of patches.
  int64_t groupBytes = kPositions * channels * panelsAtOnce * panelWidth * sizeof(float);
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
  channelsAtOnce = std::min<int64_t>(
      channels, llvm::alignTo(llvm::divideCeil(channels, llvm::divideCeil(channels, kSumBlock)), kPaddedElements));
  chunks = llvm::divideCeil(channels, channelsAtOnce);
  // One channel more: else the 16 positions would share lines of the first-level cache.
  weights = allocate({groupsAtOnce, kPositions, channelsAtOnce + 1, panelsAtOnce, panelWidth});
  image = allocate({kPositions, patchesAtOnce, llvm::alignTo(channelsAtOnce, kPaddedElements) + kPaddedElements});
  products = allocate({chunks == 1 ? 1 : blocksAtOnce, chunks == 1 ? 1 : groupsAtOnce, kPositions, patchesAtOnce,
                       panelsAtOnce, panelWidth});

  fetchesNext = chunks != 1 || columnBlocks != 1;
  firstPanel = columnBlocks == 1 ? Index(0) : emitter.mul(emitter.getWorkgroup(0), panelsOfGroup);
  firstBlock = blocksAtOnce >= blocks ? Index(0) : emitter.mul(emitter.getWorkgroup(1), blocksAtOnce);
  emitter.emitLoop(0, chunks, 1, [&](Index chunk) { emitChannels(chunk); });
  return {b.getAffineConstantExpr(columnBlocks), b.getAffineConstantExpr(llvm::divideCeil(blocks, blocksAtOnce)),
          b.getAffineConstantExpr(1)};
}

/// The kernel's convolution, if its patches are whole and there are enough of them.
static std::optional<ContractionRoot> findConvolution(dispatch::KernelOp kernel) {
  std::optional<ContractionRoot> root = ContractionRoot::find(kernel);
  auto convolution = root ? dyn_cast<linalg::Conv2DNhwcHwcfOp>(root->op.getOperation()) : linalg::Conv2DNhwcHwcfOp();
  if (!convolution || !root->getUnpack() || root->columnLoop != kColumn)
    return std::nullopt;
  auto isOne = [](const APInt &value) { return value == 1; };
  if (!llvm::all_of(convolution.getStrides(), isOne) || !llvm::all_of(convolution.getDilations(), isOne))
    return std::nullopt;
  for (Value value : convolution->getOperands()) {
    auto type = cast<RankedTensorType>(value.getType());
    if (!type.getElementType().isF32() || !type.hasStaticShape())
      return std::nullopt;
  }
  ArrayRef<int64_t> window = cast<RankedTensorType>(convolution.getInputs()[1].getType()).getShape();
  ArrayRef<int64_t> shape = cast<RankedTensorType>(convolution->getResult(0).getType()).getShape();
  if (window[0] != 3 || window[1] != 3 || window[2] < kFewestChannels || window[3] < kFewestChannels)
    return std::nullopt;
  if (shape[0] * llvm::divideCeil(shape[1], 2) * llvm::divideCeil(shape[2], 2) < kFewestPatches)
    return std::nullopt;
  return root;
}

static bool matchesWinograd(dispatch::KernelOp kernel, const TargetInfo &target) {
  return !target.prefersSize && findConvolution(kernel) && ValueEmitter::canVectorize(kernel);
}

static Grid emitWinograd(ValueEmitter &emitter) {
  WinogradNest nest(emitter, *findConvolution(emitter.getKernel()));
  return nest.analyze() ? nest.emit() : kContraction.emit(emitter);
}

/// Blocks of patches of a work group.
static constexpr Parameter kParameters[] = {{"block_patches", 4096}};

const Strategy torchc::kWinograd = {"winograd", kParameters, matchesWinograd, emitWinograd};
