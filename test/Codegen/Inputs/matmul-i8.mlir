// A B of eight bits, with B packed to panels of 16 columns.
dispatch.kernel @matmul(%a: tensor<52x256xi8>, %b: tensor<4x256x16xi8>) -> tensor<52x64xi32>
    attributes {dims = [array<i64>, array<i64>, array<i64>]} {
  %zero = arith.constant 0 : i32
  %be = tensor.empty() : tensor<256x64xi8>
  %w = linalg.unpack %b outer_dims_perm = [1, 0] inner_dims_pos = [1] inner_tiles = [16] into %be
      : tensor<4x256x16xi8> -> tensor<256x64xi8>
  %e = tensor.empty() : tensor<52x64xi32>
  %f = linalg.fill ins(%zero : i32) outs(%e : tensor<52x64xi32>) -> tensor<52x64xi32>
  %y = linalg.matmul ins(%a, %w : tensor<52x256xi8>, tensor<256x64xi8>) outs(%f : tensor<52x64xi32>) -> tensor<52x64xi32>
  dispatch.return %y : tensor<52x64xi32>
}
