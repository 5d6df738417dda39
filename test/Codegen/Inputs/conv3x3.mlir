// A 3 x 3 convolution of 100 channels: 56 patches of 2 x 2 pixels.
dispatch.kernel @conv3x3(%x: tensor<1x16x18x100xf32>, %panels: tensor<2x3x3x100x16xf32>) -> tensor<1x14x16x32xf32>
    attributes {dims = [array<i64>, array<i64>, array<i64>]} {
  %zero = arith.constant 0.0 : f32
  %we = tensor.empty() : tensor<3x3x100x32xf32>
  %w = linalg.unpack %panels outer_dims_perm = [3, 0, 1, 2] inner_dims_pos = [3] inner_tiles = [16] into %we
      : tensor<2x3x3x100x16xf32> -> tensor<3x3x100x32xf32>
  %e = tensor.empty() : tensor<1x14x16x32xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<1x14x16x32xf32>) -> tensor<1x14x16x32xf32>
  %y = linalg.conv_2d_nhwc_hwcf ins(%x, %w : tensor<1x16x18x100xf32>, tensor<3x3x100x32xf32>)
      outs(%f : tensor<1x14x16x32xf32>) -> tensor<1x14x16x32xf32>
  dispatch.return %y : tensor<1x14x16x32xf32>
}
