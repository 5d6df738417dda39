// RUN: torchc-opt %s --torchc-outline-kernels --split-input-file --verify-diagnostics

// expected-error @+1 {{a kernel uses a scalar of type 'f32' that only control flow gives; make it a tensor}}
func.func @forward(%x: tensor<4xf32>, %s: f32) -> tensor<4xf32> {
  %y = dispatch.group -> tensor<4xf32> {
    %e = tensor.empty() : tensor<4xf32>
    %r = linalg.fill ins(%s : f32) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    dispatch.return %r : tensor<4xf32>
  }
  return %y : tensor<4xf32>
}
