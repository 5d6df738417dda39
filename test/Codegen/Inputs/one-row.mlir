// 1 row by 768 columns, of 3 MB.
dispatch.kernel @one_row(%a: tensor<1x1024xf32>, %b: tensor<48x1024x16xf32>) -> tensor<1x768xf32>
    attributes {dims = [array<i64>, array<i64>, array<i64>]} {
  %zero = arith.constant 0.0 : f32
  %be = tensor.empty() : tensor<1024x768xf32>
  %w = linalg.unpack %b outer_dims_perm = [1, 0] inner_dims_pos = [1] inner_tiles = [16] into %be
      : tensor<48x1024x16xf32> -> tensor<1024x768xf32>
  %e = tensor.empty() : tensor<1x768xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<1x768xf32>) -> tensor<1x768xf32>
  %y = linalg.matmul ins(%a, %w : tensor<1x1024xf32>, tensor<1024x768xf32>) outs(%f : tensor<1x768xf32>) -> tensor<1x768xf32>
  dispatch.return %y : tensor<1x768xf32>
}
