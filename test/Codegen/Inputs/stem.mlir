// The first convolution of a small network: 3 x 3 with stride 2 on three channels. Windows of
// neighbouring pixels share elements.
#images = affine_map<(n, y, x, o, v, u, c) -> (n, c, y * 2 + v, x * 2 + u)>
#filter = affine_map<(n, y, x, o, v, u, c) -> (o, c, v, u)>
#output = affine_map<(n, y, x, o, v, u, c) -> (n, y, x, o)>
dispatch.kernel @stem(%x: tensor<1x3x57x57xf32>, %panels: tensor<2x3x3x3x16xf32>) -> tensor<1x28x28x32xf32>
    attributes {dims = [array<i64>, array<i64>, array<i64>]} {
  %zero = arith.constant 0.0 : f32
  %we = tensor.empty() : tensor<32x3x3x3xf32>
  %w = linalg.unpack %panels outer_dims_perm = [0, 1, 2, 3] inner_dims_pos = [0] inner_tiles = [16] into %we
      : tensor<2x3x3x3x16xf32> -> tensor<32x3x3x3xf32>
  %e = tensor.empty() : tensor<1x28x28x32xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<1x28x28x32xf32>) -> tensor<1x28x28x32xf32>
  %y = linalg.generic {indexing_maps = [#images, #filter, #output],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x3x57x57xf32>, tensor<32x3x3x3xf32>) outs(%f : tensor<1x28x28x32xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b fastmath<contract> : f32
    %s = arith.addf %o, %p fastmath<contract> : f32
    linalg.yield %s : f32
  } -> tensor<1x28x28x32xf32>
  dispatch.return %y : tensor<1x28x28x32xf32>
}
