// Any number of rows by 256 columns, over 4096.
dispatch.kernel @any_rows(%a: tensor<?x4096xf32>, %b: tensor<16x4096x16xf32>, %m: index) -> tensor<?x256xf32>
    attributes {dims = [array<i64: 0>, array<i64>, array<i64: 0>]} {
  %zero = arith.constant 0.0 : f32
  %be = tensor.empty() : tensor<4096x256xf32>
  %w = linalg.unpack %b outer_dims_perm = [1, 0] inner_dims_pos = [1] inner_tiles = [16] into %be
      : tensor<16x4096x16xf32> -> tensor<4096x256xf32>
  %e = tensor.empty(%m) : tensor<?x256xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x256xf32>) -> tensor<?x256xf32>
  %y = linalg.matmul ins(%a, %w : tensor<?x4096xf32>, tensor<4096x256xf32>) outs(%f : tensor<?x256xf32>) -> tensor<?x256xf32>
  dispatch.return %y : tensor<?x256xf32>
}
