// act(A B) with B packed to panels of 16 columns.
dispatch.kernel @matmul(%a: tensor<56x256xbf16>, %b: tensor<4x256x16xbf16>) -> tensor<56x64xbf16>
    attributes {dims = [array<i64>, array<i64>, array<i64>]} {
  %zero = arith.constant 0.0 : bf16
  %be = tensor.empty() : tensor<256x64xbf16>
  %w = linalg.unpack %b outer_dims_perm = [1, 0] inner_dims_pos = [1] inner_tiles = [16] into %be
      : tensor<4x256x16xbf16> -> tensor<256x64xbf16>
  %e = tensor.empty() : tensor<56x64xbf16>
  %f = linalg.fill ins(%zero : bf16) outs(%e : tensor<56x64xbf16>) -> tensor<56x64xbf16>
  %y = linalg.matmul ins(%a, %w : tensor<56x256xbf16>, tensor<256x64xbf16>) outs(%f : tensor<56x64xbf16>) -> tensor<56x64xbf16>
  dispatch.return %y : tensor<56x64xbf16>
}
