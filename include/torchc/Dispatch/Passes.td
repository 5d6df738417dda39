//===- Passes.td - passes of the Dispatch stage --------*- tablegen -*-===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TORCHC_DISPATCH_PASSES
#define TORCHC_DISPATCH_PASSES

include "mlir/Pass/PassBase.td"

def ResolveExtents : Pass<"torchc-resolve-extents", "mlir::func::FuncOp"> {
  let summary = "Compute every extent from the function's arguments";
  let description = [{
    Before: `tensor.dim` of any tensor. After: `tensor.dim` only of values whose
    extents nothing else gives: function arguments, mutable globals, results of
    control flow and of calls. Dims that `torchc.signature` gives one symbol
    share one extent, and so do extents that a `cf.assert` states to be equal.
  }];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::tensor::TensorDialect"];
}

def SimplifyGenerics : Pass<"torchc-simplify-generics", "mlir::func::FuncOp"> {
  let summary = "Bring elementwise ops and reductions to one form";
  let description = [{
    Before: any linalg ops. After: elementwise ops and reductions are
    `linalg.generic`s whose indexing maps are projected permutations wherever
    only a repeated dim of extent 1 stood against it (the dim is collapsed);
    pure permutations are `linalg.transpose`s, or reshapes if they only move
    dims of extent 1; contractions and convolutions start from zero.
  }];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::linalg::LinalgDialect", "mlir::tensor::TensorDialect"];
}

def FoldConstants : Pass<"torchc-fold-constants", "mlir::ModuleOp"> {
  let summary = "Compute what depends on constants only";
  let description = [{
    Before: ops on weights and constants among all others. After: their results
    are constants themselves, unless they take far more memory than what they
    are computed of, and more than `table-bytes`. What comes of weights is a weight, in the side store; what
    comes of constants in the IR stays there if it is small; what is one number
    everywhere is a splat. Weights that nothing reads any more are gone.

    What would fail when it runs (an index beyond the end) is left to fail then.
  }];
  let options = [Option<"tableBytes", "table-bytes", "int64_t", "0", "What numbers may take that are computed of less">];
  let dependentDialects = ["torchc::torch::TorchDialect", "mlir::arith::ArithDialect", "mlir::ml_program::MLProgramDialect"];
}

def FormAttention : Pass<"torchc-form-attention", "mlir::func::FuncOp"> {
  let summary = "Find attention: a product, softmax and another product";
  let description = [{
    Before: a contraction, elementwise ops on its result (a scale, masks), softmax over the last dim, and a contraction
    with its result. After: one `dispatch.attention`, whose scores need not pass through memory.
  }];
  let dependentDialects = ["torchc::dispatch::DispatchDialect", "mlir::tensor::TensorDialect"];
}

def PropagateTransposes : Pass<"torchc-propagate-transposes", "mlir::func::FuncOp"> {
  let summary = "Move changes of layout together, where they cancel";
  let description = [{
    Before: transposes on both sides of each convolution and pooling. After:
    `f(transpose(x))` is `transpose(f'(x))` for elementwise ops, pads, slices,
    concatenations and reshapes; a transpose of a transpose is one or none;
    reductions and contractions read in the order in which the tensor is.
  }];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::linalg::LinalgDialect", "mlir::tensor::TensorDialect"];
}

def ShareHeads : Pass<"torchc-share-heads", "mlir::func::FuncOp"> {
  let summary = "Let heads of attention share keys and values";
  let description = [{
    Before: keys and values of few heads, repeated for the heads of the queries. After: attention
    with a dim of the batch more, on which keys and values do not depend. They are read as they were.
  }];
  let dependentDialects = ["torchc::dispatch::DispatchDialect", "mlir::tensor::TensorDialect"];
}

def FuseElementwise : Pass<"torchc-fuse-elementwise", "mlir::func::FuncOp"> {
  let summary = "Fuse elementwise ops with each other and into reductions";
  let description = [{
    Before: one op for each step. After: one `linalg.generic` for each chain of
    elementwise ops. An op whose result several ops read is fused only where it
    costs less to compute again than to read. Reshapes that stand between an op
    and its elementwise consumers move behind them.
  }];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::linalg::LinalgDialect", "mlir::tensor::TensorDialect"];
}

def LiftScales : Pass<"torchc-lift-scales", "mlir::func::FuncOp"> {
  let summary = "Multiply integers, and scale what they add up to";
  let description = [{
    Before: products of activations and constant weights, both dequantised from eight bits. After: the product of
    the integers, in 32 bits; scales and zero points are applied to its result, with the sums of the weights, for
    FoldConstants to compute.
  }];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::linalg::LinalgDialect", "mlir::tensor::TensorDialect"];
}

def FoldScales : Pass<"torchc-fold-scales", "mlir::func::FuncOp"> {
  let summary = "Scale weights instead of results";
  let description = [{
    Before: contractions and convolutions with constant weights whose results are
    multiplied by constants of their channel, as batch norms do. After: the
    weights are multiplied, for FoldConstants to compute; at most one constant is
    added to the result. Weights of few bits, which products widen, go the other way: their
    scale multiplies the result.
  }];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::linalg::LinalgDialect", "mlir::tensor::TensorDialect"];
}

def NarrowFactors : Pass<"torchc-narrow-factors", "mlir::func::FuncOp"> {
  let summary = "Let products of eight bits read eight bits";
  let description = [{
    Before: products both of whose factors were widened from eight bits. After: they
    read what it was before, and widen it themselves.
  }];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::linalg::LinalgDialect", "mlir::tensor::TensorDialect"];
}

def NarrowWeights : Pass<"torchc-narrow-weights", "mlir::ModuleOp"> {
  let summary = "Keep weights that fit four bits in four bits";
  let description = [{
    Before: products that widen constants of eight bits whose values all lie within 16 integers. After: eight of them
    along k are an integer of 32 bits, for FoldConstants to compute; the product takes them out of it. What is the
    same function of each element is apart from scales and zero points of groups.
  }];
  let dependentDialects = ["torchc::torch::TorchDialect", "mlir::arith::ArithDialect", "mlir::linalg::LinalgDialect", "mlir::tensor::TensorDialect"];
}

def KeepChannelsFirst : Pass<"torchc-keep-channels-first", "mlir::func::FuncOp"> {
  let summary = "Let products between two transposes of images do without them";
  let description = [{
    Before: products of transposed images and constant weights whose results, but for elementwise ops, are transposed
    as well, as of a 1x1 convolution alone. After: they read and write images as they are, with pixels as columns, if
    there are enough of them.
  }];
  let dependentDialects = ["mlir::linalg::LinalgDialect", "mlir::tensor::TensorDialect"];
}

def PackWeights : Pass<"torchc-pack-weights", "mlir::func::FuncOp"> {
  let summary = "Bring weights into the order in which kernels read them";
  let description = [{
    Before: contractions and convolutions of constant weights in any order.
    After: they read a `linalg.unpack` of panels, `[N/16][K][16]` for the weights
    of a linear layer, `[O/16][H][W][I][16]` for those of a convolution, the last
    panel filled up with zeros. The panels are a `linalg.pack` of the weights, for
    FoldConstants to compute.
  }];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::linalg::LinalgDialect", "mlir::tensor::TensorDialect"];
}

def FormDispatches : Pass<"torchc-form-dispatches", "mlir::func::FuncOp"> {
  let summary = "Group the ops that run as one kernel";
  let description = [{
    Before: linalg and tensor ops, fused and packed as far as that goes. After:
    every op that computes on tensor data is in a `dispatch.group`; outside are
    only index and integer arithmetic, control flow, globals, and changes of
    shape that leave the data as they are. A group is one of

    - a contraction, convolution or pooling with the elementwise ops that
      consume its result (its epilogue);
    - reductions over the same rows, with the elementwise ops between, before
      and after them, such as softmax and layer normalization;
    - one elementwise op or one op that moves data.

    Groups never depend on each other in a circle.
  }];
  let dependentDialects = ["torchc::dispatch::DispatchDialect", "mlir::arith::ArithDialect", "mlir::tensor::TensorDialect"];
}

def OutlineKernels : Pass<"torchc-outline-kernels", "mlir::ModuleOp"> {
  let summary = "Turn groups into kernels and calls of them";
  let description = [{
    Before: `dispatch.group`s. After: each is a `dispatch.call`; equal bodies
    share one `dispatch.kernel`. All dynamic extents and index values that a
    body uses are size arguments, equal ones only once. Scalars of other types
    are computed again inside of the kernel.

    Refuses a body that uses a float scalar that only control flow gives.
  }];
  let dependentDialects = ["torchc::dispatch::DispatchDialect", "mlir::arith::ArithDialect", "mlir::tensor::TensorDialect"];
}

#endif // TORCHC_DISPATCH_PASSES
