//===- ValueEmitter.h - writes the code of a tensor's elements ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel's body says how every element of its results follows from the
// bindings. A strategy writes the loops that visit the results; within them it
// asks the ValueEmitter for a tensor's value at a point, or at a row of points,
// the lanes of a vector. The emitter walks up the body: a binding is a load, a
// fused op is its scalar body at the mapped point, a reduction is a loop. What
// was written once in a scope is never written again.
//
// All index arithmetic is in i64. Code is arith, math, vector and scf, memory
// accesses are LLVM's.
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_CODEGEN_VALUEEMITTER_H
#define TORCHC_CODEGEN_VALUEEMITTER_H

#include "torchc/Dialect/Dispatch/IR/DispatchDialect.h"
#include "torchc/Support/TargetInfo.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

#include "llvm/Support/SaveAndRestore.h"

#include <map>
#include <vector>

namespace torchc {

/// What LLVM shall do with a loop (LLVM::LoopAnnotationAttr), on scf.for and the branches that it becomes.
inline constexpr llvm::StringLiteral kLoopAnnotationAttrName = "llvm.loop_annotation";

/// A coordinate of a point: `base + offset`; of a row of points, lane l's is
/// `base + offset + l * lane`, or `lanes[l] + offset`.
struct Index {
  mlir::Value base; ///< i64, or null for 0.
  int64_t offset = 0;
  int64_t lane = 0;  ///< The distance between neighbouring lanes.
  mlir::Value lanes; ///< A vector of i64 when the distances are not equal.

  Index(int64_t constant = 0) : offset(constant) {}
  Index(mlir::Value base, int64_t offset = 0, int64_t lane = 0) : base(base), offset(offset), lane(lane) {}

  bool isUniform() const { return lane == 0 && !lanes; }
  bool isConstant() const { return isUniform() && !base; }
};

using Indices = llvm::SmallVector<Index, 4>;

/// Memory that holds a tensor: a binding or scratch memory, row-major.
struct Buffer {
  mlir::Value pointer;
  mlir::Type element;      ///< As the body sees it; an i1 is a byte in memory.
  Indices strides;         ///< In elements; the last is 1.
  bool readOnly = false;   ///< Nothing writes it while the kernel runs.
  bool isVolatile = false; ///< LLVM leaves its elements in memory where it might keep them in registers.
};

class ValueEmitter {
public:
  /// Starts the function of `kernel` at the end of `module`; its body is empty.
  ValueEmitter(dispatch::KernelOp kernel, mlir::ModuleOp module, const TargetInfo &target);

  /// Ends the function. Fails if anything could not be emitted (and was reported).
  mlir::LogicalResult finish();

  mlir::ImplicitLocOpBuilder &getBuilder() { return b; }
  dispatch::KernelOp getKernel() { return kernel; }
  const TargetInfo &getTarget() const { return target; }
  mlir::LLVM::LLVMFuncOp getFunction() { return function; }

  //===--------------------------------------------------------------------===//
  // Values
  //===--------------------------------------------------------------------===//

  /// The element of `tensor` at a point: a scalar if it is the same for all
  /// lanes, else a vector with one element a lane.
  mlir::Value emit(mlir::Value tensor, llvm::ArrayRef<Index> at);

  /// What the body of `op` yields at a point of its loops. `accumulators` stand for
  /// the elements of its outputs; without them those are emitted as well.
  llvm::SmallVector<mlir::Value> emitBody(mlir::linalg::LinalgOp op, llvm::ArrayRef<Index> loops,
                                          mlir::ValueRange accumulators = {});

  /// What the body of `op` makes of a product at a point of its loops.
  mlir::Value emitScore(dispatch::AttentionOp op, llvm::ArrayRef<Index> loops, mlir::Value product);

  /// The body of `op` for one member of the batch; `buffers` are its results'.
  void emitBatch(dispatch::BatchOp op, Index member, llvm::ArrayRef<Buffer> buffers);

  /// Sets what `emit(tensor, at)` gives for the rest of this scope.
  void hold(mlir::Value tensor, llvm::ArrayRef<Index> at, mlir::Value value);

  /// Sets the memory that holds `tensor`, instead of computing it.
  void holdIn(mlir::Value tensor, const Buffer &buffer) { buffers[tensor] = buffer; }
  void drop(mlir::Value tensor) { buffers.erase(tensor); }
  /// Until `stopRecording`, elements of `tensor` are stored when they are computed.
  void record(mlir::Value tensor, const Buffer &buffer) { recorded[tensor] = buffer; }
  void stopRecording(mlir::Value tensor) { recorded.erase(tensor); }

  /// A scalar of the kernel's body outside of any linalg op, such as a size.
  mlir::Value emitScalar(mlir::Value scalar);

  /// Extent `dim` of `tensor`.
  Index getExtent(mlir::Value tensor, unsigned dim);
  Indices getExtents(mlir::Value tensor);
  /// The same as an expression of the kernel's sizes; null if it is none.
  mlir::AffineExpr getExtentExpr(mlir::Value tensor, unsigned dim);
  mlir::AffineExpr getScalarExpr(mlir::OpFoldResult scalar);

  /// Clones `op`, which has no tensors, for the current lanes.
  mlir::Value cloneOp(mlir::Operation *op, llvm::ArrayRef<mlir::Value> operands);

  /// Whether code for several lanes at once can be written for all of the kernel.
  static bool canVectorize(dispatch::KernelOp kernel);

  //===--------------------------------------------------------------------===//
  // Memory
  //===--------------------------------------------------------------------===//

  Buffer getResultBuffer(unsigned result, mlir::Value viewedAs);
  Buffer getBuffer(mlir::Value pointer, mlir::Type element, llvm::ArrayRef<Index> extents, bool readOnly);
  /// `bytes` of this work group's scratch memory, 64-byte aligned.
  mlir::Value allocateScratch(int64_t bytes);
  int64_t getScratchBytes() const { return scratchBytes; }

  mlir::Value load(const Buffer &buffer, llvm::ArrayRef<Index> at);
  void store(mlir::Value value, const Buffer &buffer, llvm::ArrayRef<Index> at);
  /// Stores the elements of `tensors` at a point to the kernel's results, once all of them are computed: a result may
  /// lie in the memory of what another needs. `numbers` says which results they are, without it all in order.
  void storeResults(mlir::ValueRange tensors, llvm::ArrayRef<Index> at, llvm::ArrayRef<unsigned> numbers = {});
  /// Asks for the cache line that lies `bytes` after an element of `tensor`, if that is in
  /// memory, for a cache of this level. It may lie beyond the tensor's end.
  void prefetch(mlir::Value tensor, llvm::ArrayRef<Index> at, Index bytes, unsigned cacheLevel = 2);
  /// The same of a line that will be written.
  void prefetch(const Buffer &buffer, llvm::ArrayRef<Index> at, Index bytes, unsigned cacheLevel = 2);

  //===--------------------------------------------------------------------===//
  // Lanes, scopes and loops
  //===--------------------------------------------------------------------===//

  unsigned getWidth() const { return width; }
  mlir::Value getMask() const { return mask; }
  mlir::VectorType getVectorType(mlir::Type element) const { return mlir::VectorType::get(width, element); }
  /// Repeats a scalar in all lanes; vectors stay.
  mlir::Value toVector(mlir::Value value);

  /// Within: code for `width` lanes (1: a scalar), of which `mask` (null: all)
  /// are in use.
  class LanesScope {
  public:
    LanesScope(ValueEmitter &emitter, unsigned width, mlir::Value mask = {});
    ~LanesScope();

  private:
    ValueEmitter &emitter;
    unsigned width;
    mlir::Value mask;
  };

  /// Within: loops get `copies` of their bodies, not as many as LLVM deems right.
  class UnrollScope {
  public:
    UnrollScope(ValueEmitter &emitter, int32_t copies) : restore(emitter.unrollCopies, copies) {}

  private:
    llvm::SaveAndRestore<int32_t> restore;
  };

  /// Within: values are remembered until the end of the scope.
  class Scope {
  public:
    explicit Scope(ValueEmitter &emitter) : emitter(emitter) { emitter.memo.emplace_back(); }
    ~Scope() { emitter.memo.pop_back(); }

  private:
    ValueEmitter &emitter;
  };

  using LoopBody = llvm::function_ref<llvm::SmallVector<mlir::Value>(Index, mlir::ValueRange)>;
  /// for (i = lower; i < upper; i += step): values carried round the loop.
  llvm::SmallVector<mlir::Value> emitLoop(Index lower, Index upper, int64_t step, mlir::ValueRange inits,
                                          LoopBody body);
  void emitLoop(Index lower, Index upper, int64_t step, llvm::function_ref<void(Index)> body);

  /// Visits [lower, upper) in vectors of `maxWidth` lanes and a masked rest.
  /// The body gets the coordinate with its lanes.
  llvm::SmallVector<mlir::Value> emitLanes(Index lower, Index upper, unsigned maxWidth, mlir::ValueRange inits,
                                           LoopBody body);
  void emitLanes(Index lower, Index upper, unsigned maxWidth, llvm::function_ref<void(Index)> body);
  /// The width that `emitLanes` takes for a range of `extent`.
  static unsigned chooseWidth(Index extent, unsigned maxWidth);

  /// Halves a vector, `combine` by `combine`, until one element is left.
  mlir::Value combineLanes(mlir::Value vector, llvm::function_ref<mlir::Value(mlir::Value, mlir::Value)> combine);

  /// The columns of a square of which `rows` are the rows; as many as lanes, a power of two.
  llvm::SmallVector<mlir::Value> transpose(llvm::ArrayRef<mlir::Value> rows);

  /// Writes `body` for the `lanes` coordinates from `first` on, once more with a mask if
  /// some of them may lie beyond `extent`.
  void emitPanel(Index first, Index extent, unsigned lanes, llvm::function_ref<void()> body);

  /// if (condition) then else: what the two give, lane by lane of one type.
  mlir::Value emitIfValue(mlir::Value condition, llvm::function_ref<mlir::Value()> thenBody,
                          llvm::function_ref<mlir::Value()> elseBody);
  void emitIf(mlir::Value condition, llvm::function_ref<void()> thenBody, llvm::function_ref<void()> elseBody = {});

  //===--------------------------------------------------------------------===//
  // Index arithmetic
  //===--------------------------------------------------------------------===//

  Index add(Index a, Index b);
  Index sub(Index a, Index b);
  Index mul(Index a, Index b);
  /// Non-negative operands; the divisor is the same for all lanes.
  Index div(Index a, Index b);
  Index mod(Index a, Index b);
  Index min(Index a, Index b);
  Index max(Index a, Index b);
  Index ceilDiv(Index a, Index b) { return div(add(a, sub(b, 1)), b); }
  /// The point of a row-major space that has this number; the first coordinate is what is left.
  Indices delinearize(Index linear, llvm::ArrayRef<Index> extents);
  Index evaluate(mlir::AffineExpr expr, llvm::ArrayRef<Index> dims);
  /// i64 of a uniform coordinate.
  mlir::Value toValue(Index index);
  /// i64, or a vector of them.
  mlir::Value toLanes(Index index);
  /// The coordinate that a computed i64 (or vector of them) stands for.
  Index fromValue(mlir::Value value);
  /// index < extent and index >= 0, i1 or a vector of them; null if always true.
  mlir::Value emitInBounds(Index index, Index extent, bool checkLower);
  mlir::Value emitConstant(int64_t value);

  /// The work group's x, y and z, and their counts.
  Index getWorkgroup(unsigned dim) { return Index(workgroup[dim]); }
  Index getWorkgroupCount(unsigned dim);

  /// Says that `op` cannot be compiled, once.
  mlir::Value fail(mlir::Operation *op, const llvm::Twine &why);
  bool hasFailed() const { return failed; }

  /// For a reduction: whether its innermost reduced dim is contiguous in its
  /// first operand, so that lanes run along it.
  static bool reducesAlongLanes(mlir::linalg::LinalgOp op);

  static constexpr unsigned kReductionLanes = 32;

private:
  mlir::Value emitLanesBelow(Index first, Index extent, unsigned lanes);

  using Key = std::vector<const void *>;
  Key makeKey(const void *tag, llvm::ArrayRef<Index> at, bool uniform);
  mlir::Value lookup(const Key &key);
  void remember(Key key, mlir::Value value) { memo.back()[std::move(key)] = value; }

  mlir::Value emitUncached(mlir::OpResult tensor, llvm::ArrayRef<Index> at);
  mlir::Value emitParallel(mlir::linalg::LinalgOp op, unsigned result, llvm::ArrayRef<Index> at);
  mlir::Value emitReduction(mlir::linalg::LinalgOp op, unsigned result, llvm::ArrayRef<Index> at);
  mlir::Value emitReductionAlongLanes(mlir::linalg::LinalgOp op, mlir::Operation *combiner, Indices loops);
  llvm::SmallVector<mlir::Value> emitBlock(mlir::Block &block, llvm::DenseMap<mlir::Value, mlir::Value> &values,
                                           llvm::ArrayRef<Index> loops);
  using Values = llvm::DenseMap<mlir::Value, mlir::Value>;
  void emitForOp(mlir::scf::ForOp op, Values &values, llvm::ArrayRef<Index> loops);
  void emitIfOp(mlir::scf::IfOp op, Values &values, llvm::ArrayRef<Index> loops);
  void emitInsert(mlir::tensor::InsertOp op, const Values &values);
  mlir::Value getValue(mlir::Value value, const Values &values);
  void failAllResults(mlir::Operation *op, const llvm::Twine &why, Values &values);
  /// Says that `tensor` is what is now in `buffer`, which is written in place.
  void setVersion(mlir::Value tensor, const Buffer &buffer);
  bool isOverwritten(mlir::Value tensor, const Buffer &buffer);
  mlir::Value emitAssert(mlir::Operation *op, mlir::Value condition);
  mlir::Value emitConstantTensor(mlir::arith::ConstantOp op, llvm::ArrayRef<Index> at);
  mlir::Value emitReshape(mlir::Operation *op, llvm::ArrayRef<Index> at);
  mlir::Value emitPad(mlir::tensor::PadOp op, llvm::ArrayRef<Index> at);
  mlir::Value emitBorder(mlir::tensor::PadOp op, llvm::ArrayRef<Index> mapped, mlir::Value inside);
  mlir::Value getFilledRow(mlir::tensor::PadOp op, mlir::TypedAttr value, int64_t count);
  mlir::Value emitConcat(mlir::tensor::ConcatOp op, llvm::ArrayRef<Index> at);
  mlir::Value emitInsertSlice(mlir::tensor::InsertSliceOp op, llvm::ArrayRef<Index> at);
  mlir::Value emitExtractSlice(mlir::tensor::ExtractSliceOp op, llvm::ArrayRef<Index> at);
  mlir::Value emitPack(mlir::linalg::PackOp op, llvm::ArrayRef<Index> at);
  mlir::Value emitUnpack(mlir::linalg::UnPackOp op, llvm::ArrayRef<Index> at);
  /// `inside ? then : otherwise` for a condition that may differ by lane.
  mlir::Value emitWhere(mlir::Value inside, mlir::Type element, llvm::function_ref<mlir::Value()> thenBody,
                        llvm::function_ref<mlir::Value()> elseBody);
  const Buffer *findBuffer(mlir::Value tensor);
  mlir::Value emitPointer(const Buffer &buffer, Index offset);
  Index getOffset(const Buffer &buffer, llvm::ArrayRef<Index> at);
  mlir::Value emitCompleteMask();
  mlir::Value binary(const char *tag, mlir::Value a, mlir::Value b,
                     llvm::function_ref<mlir::Value(mlir::Value, mlir::Value)> make);
  Index asIndex(mlir::OpFoldResult value);

  dispatch::KernelOp kernel;
  mlir::ModuleOp module;
  const TargetInfo &target;
  mlir::ImplicitLocOpBuilder b;
  mlir::LLVM::LLVMFuncOp function;
  llvm::SmallVector<mlir::Value> sizes;
  mlir::Value workgroup[3];
  mlir::Value scratch;
  mlir::Value errorCell; ///< Holds the code of the last failed assertion.
  mlir::Value dummyCell; ///< What a load reads whose predicate does not hold.
  llvm::SmallVector<Buffer> results;
  llvm::DenseMap<mlir::Value, Buffer> buffers;
  llvm::DenseMap<mlir::Value, Buffer> recorded;
  /// By pointer, the tensor that memory written in place holds at this point.
  llvm::MapVector<mlir::Value, mlir::Value> versions;
  mlir::Operation *prologueEnd = nullptr; ///< Where code for the whole work group goes.
  llvm::DenseMap<mlir::Operation *, mlir::Value> filledRows;
  Buffer scratchView; ///< The last reshaped view of a binding.
  unsigned tables = 0;
  int64_t scratchBytes = 0;
  std::vector<std::map<Key, mlir::Value>> memo;
  int32_t unrollCopies = 0; ///< Of the bodies of loops; 0: as many as LLVM deems right.
  unsigned width = 1;
  mlir::Value mask;      ///< The lanes in use; null for all of them.
  mlir::Value predicate; ///< i1: whether loads may be made at all; null for yes.
  bool failed = false;
};

} // namespace torchc

#endif // TORCHC_CODEGEN_VALUEEMITTER_H
