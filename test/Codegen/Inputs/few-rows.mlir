// 3 rows by 256 columns.
dispatch.kernel @few_rows(%a: tensor<3x256xf32>, %b: tensor<16x256x16xf32>) -> tensor<3x256xf32>
    attributes {dims = [array<i64>, array<i64>, array<i64>]} {
  %zero = arith.constant 0.0 : f32
  %be = tensor.empty() : tensor<256x256xf32>
  %w = linalg.unpack %b outer_dims_perm = [1, 0] inner_dims_pos = [1] inner_tiles = [16] into %be
      : tensor<16x256x16xf32> -> tensor<256x256xf32>
  %e = tensor.empty() : tensor<3x256xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<3x256xf32>) -> tensor<3x256xf32>
  %y = linalg.matmul ins(%a, %w : tensor<3x256xf32>, tensor<256x256xf32>) outs(%f : tensor<3x256xf32>) -> tensor<3x256xf32>
  dispatch.return %y : tensor<3x256xf32>
}
