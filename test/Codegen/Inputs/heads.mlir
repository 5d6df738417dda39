// One row by 64 columns; k is 4 heads of 64.
#row = affine_map<(m, n, h, d) -> (m, h, d)>
#columns = affine_map<(m, n, h, d) -> (n, h, d)>
#sums = affine_map<(m, n, h, d) -> (m, n)>
dispatch.kernel @heads(%a: tensor<1x4x64xf32>, %b: tensor<4x4x64x16xf32>) -> tensor<1x64xf32>
    attributes {dims = [array<i64>, array<i64>, array<i64>]} {
  %zero = arith.constant 0.0 : f32
  %be = tensor.empty() : tensor<64x4x64xf32>
  %w = linalg.unpack %b outer_dims_perm = [0, 1, 2] inner_dims_pos = [0] inner_tiles = [16] into %be
      : tensor<4x4x64x16xf32> -> tensor<64x4x64xf32>
  %e = tensor.empty() : tensor<1x64xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<1x64xf32>) -> tensor<1x64xf32>
  %y = linalg.generic {indexing_maps = [#row, #columns, #sums], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
      ins(%a, %w : tensor<1x4x64xf32>, tensor<64x4x64xf32>) outs(%f : tensor<1x64xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %p = arith.mulf %i, %j fastmath<contract> : f32
    %s = arith.addf %o, %p fastmath<contract> : f32
    linalg.yield %s : f32
  } -> tensor<1x64xf32>
  dispatch.return %y : tensor<1x64xf32>
}
