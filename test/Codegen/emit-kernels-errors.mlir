// RUN: torchc-opt --torchc-emit-kernels=cpu=haswell --verify-diagnostics --split-input-file %s

dispatch.kernel @scatter(%x: tensor<8xf32>, %s: tensor<2xf32>, %i: tensor<2x1xindex>) -> tensor<8xf32>
    attributes {dims = [array<i64>, array<i64>, array<i64>, array<i64>]} {
  // expected-error @+1 {{kernel @scatter: no code for tensor.scatter}}
  %y = tensor.scatter %s into %x[%i] scatter_dims([0]) unique : (tensor<2xf32>, tensor<8xf32>, tensor<2x1xindex>) -> tensor<8xf32>
  dispatch.return %y : tensor<8xf32>
}

// -----

// What is written in place must not be read as it was before.
// expected-error @+1 {{kernel @stale: a tensor is read after it was overwritten}}
dispatch.kernel @stale(%x: tensor<2x4xf32>) -> tensor<2x4xf32> attributes {dims = [array<i64>, array<i64>]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %one = arith.constant 1.0 : f32
  %y = dispatch.batch %c2(%x) : (tensor<2x4xf32>) -> tensor<2x4xf32> {
  ^bb0(%i: index, %start: tensor<2x4xf32>):
    %new = tensor.insert %one into %start[%i, %c0] : tensor<2x4xf32>
    %old = tensor.extract %start[%i, %c0] : tensor<2x4xf32>
    %last = tensor.insert %old into %new[%i, %c1] : tensor<2x4xf32>
    dispatch.return %last : tensor<2x4xf32>
  }
  dispatch.return %y : tensor<2x4xf32>
}

// -----

dispatch.kernel @outside(%x: tensor<2x4xf32>) -> tensor<2x4xf32> attributes {dims = [array<i64>, array<i64>]} {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %one = arith.constant 1.0 : f32
  %y = dispatch.batch %c2(%x) : (tensor<2x4xf32>) -> tensor<2x4xf32> {
  ^bb0(%i: index, %start: tensor<2x4xf32>):
    // expected-error @+1 {{'tensor.insert' op writes outside of the batch's member}}
    %new = tensor.insert %one into %start[%c0, %c0] : tensor<2x4xf32>
    dispatch.return %new : tensor<2x4xf32>
  }
  dispatch.return %y : tensor<2x4xf32>
}
