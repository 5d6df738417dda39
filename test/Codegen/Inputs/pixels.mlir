// A 1x1 convolution of channels-first images.
#pixels = affine_map<(o, h, w, c) -> (c, h, w)>
#weights = affine_map<(o, h, w, c) -> (o, c)>
#sums = affine_map<(o, h, w, c) -> (o, h, w)>
dispatch.kernel @pixels(%x: tensor<256x6x32xf32>, %w: tensor<24x256xf32>) -> tensor<24x6x32xf32>
    attributes {dims = [array<i64>, array<i64>, array<i64>]} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<24x6x32xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<24x6x32xf32>) -> tensor<24x6x32xf32>
  %y = linalg.generic {indexing_maps = [#pixels, #weights, #sums], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<256x6x32xf32>, tensor<24x256xf32>) outs(%f : tensor<24x6x32xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %p = arith.mulf %i, %j : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<24x6x32xf32>
  dispatch.return %y : tensor<24x6x32xf32>
}
