// max(A B + residual, 0), 392 rows by 32 columns: 8 million multiply-adds.
#identity = affine_map<(m, n) -> (m, n)>
dispatch.kernel @residual(%a: tensor<392x640xf32>, %b: tensor<2x640x16xf32>, %r: tensor<392x32xf32>) -> tensor<392x32xf32>
    attributes {dims = [array<i64>, array<i64>, array<i64>, array<i64>]} {
  %zero = arith.constant 0.0 : f32
  %be = tensor.empty() : tensor<640x32xf32>
  %w = linalg.unpack %b outer_dims_perm = [1, 0] inner_dims_pos = [1] inner_tiles = [16] into %be
      : tensor<2x640x16xf32> -> tensor<640x32xf32>
  %e = tensor.empty() : tensor<392x32xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<392x32xf32>) -> tensor<392x32xf32>
  %y = linalg.matmul ins(%a, %w : tensor<392x640xf32>, tensor<640x32xf32>) outs(%f : tensor<392x32xf32>) -> tensor<392x32xf32>
  %z = linalg.generic {indexing_maps = [#identity, #identity, #identity], iterator_types = ["parallel", "parallel"]}
      ins(%y, %r : tensor<392x32xf32>, tensor<392x32xf32>) outs(%e : tensor<392x32xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %s = arith.addf %p, %q : f32
    %t = arith.maximumf %s, %zero : f32
    linalg.yield %t : f32
  } -> tensor<392x32xf32>
  dispatch.return %z : tensor<392x32xf32>
}
