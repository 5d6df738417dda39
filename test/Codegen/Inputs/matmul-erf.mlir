// erf(A B) with B packed to panels of 16 columns.
dispatch.kernel @matmul(%a: tensor<48x512xf32>, %b: tensor<4x512x16xf32>) -> tensor<48x64xf32>
    attributes {dims = [array<i64>, array<i64>, array<i64>]} {
  %zero = arith.constant 0.0 : f32
  %be = tensor.empty() : tensor<512x64xf32>
  %w = linalg.unpack %b outer_dims_perm = [1, 0] inner_dims_pos = [1] inner_tiles = [16] into %be
      : tensor<4x512x16xf32> -> tensor<512x64xf32>
  %e = tensor.empty() : tensor<48x64xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<48x64xf32>) -> tensor<48x64xf32>
  %y = linalg.matmul ins(%a, %w : tensor<48x512xf32>, tensor<512x64xf32>) outs(%f : tensor<48x64xf32>) -> tensor<48x64xf32>
  %z = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%y : tensor<48x64xf32>) outs(%e : tensor<48x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %r = math.erf %in : f32
    linalg.yield %r : f32
  } -> tensor<48x64xf32>
  dispatch.return %z : tensor<48x64xf32>
}
