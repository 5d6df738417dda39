// A B, 8 steps of k, with B packed to panels of 16 columns.
dispatch.kernel @short_sum(%a: tensor<6x8xf32>, %b: tensor<1x8x16xf32>) -> tensor<6x16xf32>
    attributes {dims = [array<i64>, array<i64>, array<i64>]} {
  %zero = arith.constant 0.0 : f32
  %be = tensor.empty() : tensor<8x16xf32>
  %w = linalg.unpack %b outer_dims_perm = [1, 0] inner_dims_pos = [1] inner_tiles = [16] into %be
      : tensor<1x8x16xf32> -> tensor<8x16xf32>
  %e = tensor.empty() : tensor<6x16xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<6x16xf32>) -> tensor<6x16xf32>
  %y = linalg.matmul ins(%a, %w : tensor<6x8xf32>, tensor<8x16xf32>) outs(%f : tensor<6x16xf32>) -> tensor<6x16xf32>
  dispatch.return %y : tensor<6x16xf32>
}
