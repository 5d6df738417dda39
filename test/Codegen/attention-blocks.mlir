// RUN: torchc-opt %s --torchc-emit-kernels=cpu=skylake-avx512 | FileCheck %s

// A work group packs all keys and values, and takes up to 512 queries: 18 groups are enough. Of the second kernel's, 192
// each are as few as there may be, so that its 4 heads become 12 groups.
// CHECK: affine_map<() -> (3, 1, 6)>
// CHECK: affine_map<() -> (3, 1, 4)>
// CHECK: llvm.func @long
// CHECK: llvm.func @short

#query = affine_map<(b, l, n, s, k) -> (b, l, k)>
#key = affine_map<(b, l, n, s, k) -> (b, s, k)>
#value = affine_map<(b, l, n, s, k) -> (b, s, n)>
dispatch.kernel @long(%q: tensor<6x1500x64xf32>, %k: tensor<6x1500x64xf32>, %v: tensor<6x1500x64xf32>) -> tensor<6x1500x64xf32>
    attributes {dims = [array<i64>, array<i64>, array<i64>, array<i64>]} {
  %e = tensor.empty() : tensor<6x1500x64xf32>
  %y = dispatch.attention(%q, %k, %v) outs(%e) {indexing_maps = [#query, #key, #value]}
      : (tensor<6x1500x64xf32>, tensor<6x1500x64xf32>, tensor<6x1500x64xf32>) -> tensor<6x1500x64xf32> {
  ^bb0(%product: f32):
    dispatch.return %product : f32
  }
  dispatch.return %y : tensor<6x1500x64xf32>
}
dispatch.kernel @short(%q: tensor<4x500x64xf32>, %k: tensor<4x500x64xf32>, %v: tensor<4x500x64xf32>) -> tensor<4x500x64xf32>
    attributes {dims = [array<i64>, array<i64>, array<i64>, array<i64>]} {
  %e = tensor.empty() : tensor<4x500x64xf32>
  %y = dispatch.attention(%q, %k, %v) outs(%e) {indexing_maps = [#query, #key, #value]}
      : (tensor<4x500x64xf32>, tensor<4x500x64xf32>, tensor<4x500x64xf32>) -> tensor<4x500x64xf32> {
  ^bb0(%product: f32):
    dispatch.return %product : f32
  }
  dispatch.return %y : tensor<4x500x64xf32>
}
