// A 3 x 3 convolution with stride 2: 5 image rows of 7 pixels, 0.7 MB of weights.
dispatch.kernel @image_rows(%x: tensor<1x11x15x288xf32>, %panels: tensor<4x3x3x288x16xf32>) -> tensor<1x5x7x64xf32>
    attributes {dims = [array<i64>, array<i64>, array<i64>]} {
  %zero = arith.constant 0.0 : f32
  %we = tensor.empty() : tensor<3x3x288x64xf32>
  %w = linalg.unpack %panels outer_dims_perm = [3, 0, 1, 2] inner_dims_pos = [3] inner_tiles = [16] into %we
      : tensor<4x3x3x288x16xf32> -> tensor<3x3x288x64xf32>
  %e = tensor.empty() : tensor<1x5x7x64xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<1x5x7x64xf32>) -> tensor<1x5x7x64xf32>
  %y = linalg.conv_2d_nhwc_hwcf {strides = dense<2> : tensor<2xi64>}
      ins(%x, %w : tensor<1x11x15x288xf32>, tensor<3x3x288x64xf32>) outs(%f : tensor<1x5x7x64xf32>) -> tensor<1x5x7x64xf32>
  dispatch.return %y : tensor<1x5x7x64xf32>
}
