// RUN: torchc-opt --torchc-emit-kernels=cpu=haswell --verify-diagnostics --split-input-file %s

dispatch.kernel @scatter(%x: tensor<8xf32>, %s: tensor<2xf32>, %i: tensor<2x1xindex>) -> tensor<8xf32>
    attributes {dims = [array<i64>, array<i64>, array<i64>, array<i64>]} {
  // expected-error @+1 {{kernel @scatter: no code for tensor.scatter}}
  %y = tensor.scatter %s into %x[%i] scatter_dims([0]) unique : (tensor<2xf32>, tensor<8xf32>, tensor<2x1xindex>) -> tensor<8xf32>
  dispatch.return %y : tensor<8xf32>
}
