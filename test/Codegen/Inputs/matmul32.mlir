// act(A B) with B packed to panels of 32 columns.
dispatch.kernel @matmul(%a: tensor<56x256xf32>, %b: tensor<2x256x32xf32>) -> tensor<56x64xf32>
    attributes {dims = [array<i64>, array<i64>, array<i64>]} {
  %zero = arith.constant 0.0 : f32
  %be = tensor.empty() : tensor<256x64xf32>
  %w = linalg.unpack %b outer_dims_perm = [1, 0] inner_dims_pos = [1] inner_tiles = [32] into %be
      : tensor<2x256x32xf32> -> tensor<256x64xf32>
  %e = tensor.empty() : tensor<56x64xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<56x64xf32>) -> tensor<56x64xf32>
  %y = linalg.matmul ins(%a, %w : tensor<56x256xf32>, tensor<256x64xf32>) outs(%f : tensor<56x64xf32>) -> tensor<56x64xf32>
  dispatch.return %y : tensor<56x64xf32>
}
