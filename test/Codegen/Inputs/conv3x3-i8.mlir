// A 3 x 3 convolution of 64 channels of eight bits, both factors with a sign.
#image = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1 + d4, d2 + d5, d6)>
#filter = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d4, d5, d6, d3)>
#out = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1, d2, d3)>
dispatch.kernel @conv3x3(%x: tensor<1x16x16x64xi8>, %panels: tensor<2x3x3x64x16xi8>) -> tensor<1x14x14x32xi32>
    attributes {dims = [array<i64>, array<i64>, array<i64>]} {
  %zero = arith.constant 0 : i32
  %we = tensor.empty() : tensor<3x3x64x32xi8>
  %w = linalg.unpack %panels outer_dims_perm = [3, 0, 1, 2] inner_dims_pos = [3] inner_tiles = [16] into %we
      : tensor<2x3x3x64x16xi8> -> tensor<3x3x64x32xi8>
  %e = tensor.empty() : tensor<1x14x14x32xi32>
  %f = linalg.fill ins(%zero : i32) outs(%e : tensor<1x14x14x32xi32>) -> tensor<1x14x14x32xi32>
  %y = linalg.generic {indexing_maps = [#image, #filter, #out],
                       iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x16x16x64xi8>, tensor<3x3x64x32xi8>) outs(%f : tensor<1x14x14x32xi32>) {
  ^bb0(%p: i8, %q: i8, %o: i32):
    %0 = arith.extsi %p : i8 to i32
    %1 = arith.extsi %q : i8 to i32
    %2 = arith.muli %0, %1 : i32
    %3 = arith.addi %o, %2 : i32
    linalg.yield %3 : i32
  } -> tensor<1x14x14x32xi32>
  dispatch.return %y : tensor<1x14x14x32xi32>
}
