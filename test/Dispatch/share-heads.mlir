// RUN: torchc-opt %s --split-input-file --torchc-share-heads | FileCheck %s

// Two heads of keys and values for six of queries: the dim of heads becomes two, of which keys and values have the first.
// CHECK-DAG: #[[Q:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1, d2, d3, d6)>
// CHECK-DAG: #[[K:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1, d5, d6)>
// CHECK-DAG: #[[V:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1, d5, d4)>
// CHECK-DAG: #[[M:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d1, d2, d5)>
// CHECK-LABEL: func.func @shared(
// CHECK-SAME: %[[QUERY:.*]]: tensor<?x6x4x8xf32>, %[[KEY:.*]]: tensor<?x2x5x8xf32>, %[[VALUE:.*]]: tensor<?x2x5x7xf32>, %[[MASK:.*]]: tensor<6x5xf32>
// CHECK-NOT: linalg.generic
// CHECK-DAG: %[[Q5:.*]] = tensor.expand_shape %[[QUERY]] {{\[\[}}0], [1, 2], [3], [4]] {{.*}} into tensor<?x2x3x4x8xf32>
// CHECK-DAG: %[[M3:.*]] = tensor.expand_shape %[[MASK]] {{\[\[}}0, 1], [2]] {{.*}} into tensor<2x3x5xf32>
// CHECK: %[[Y:.*]] = dispatch.attention(%[[Q5]], %[[KEY]], %[[VALUE]], %[[M3]]) outs(%{{.*}}) {indexing_maps = [#[[Q]], #[[K]], #[[V]], #[[M]]]}
// CHECK: arith.addf
// CHECK: %[[JOINED:.*]] = tensor.collapse_shape %[[Y]] {{\[\[}}0], [1, 2], [3], [4]] : tensor<?x2x3x4x7xf32> into tensor<?x6x4x7xf32>
// CHECK: return %[[JOINED]]
#repeat = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d3, d4)>
#all = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
#query = affine_map<(b, h, l, n, s, k) -> (b, h, l, k)>
#key = affine_map<(b, h, l, n, s, k) -> (b, h, s, k)>
#value = affine_map<(b, h, l, n, s, k) -> (b, h, s, n)>
#mask = affine_map<(b, h, l, n, s, k) -> (h, s)>
func.func @shared(%q: tensor<?x6x4x8xf32>, %k: tensor<?x2x5x8xf32>, %v: tensor<?x2x5x7xf32>, %m: tensor<6x5xf32>) -> tensor<?x6x4x7xf32> {
  %c0 = arith.constant 0 : index
  %b = tensor.dim %q, %c0 : tensor<?x6x4x8xf32>
  %e0 = tensor.empty(%b) : tensor<?x2x3x5x8xf32>
  %keys = linalg.generic {indexing_maps = [#repeat, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%k : tensor<?x2x5x8xf32>) outs(%e0 : tensor<?x2x3x5x8xf32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  } -> tensor<?x2x3x5x8xf32>
  %e1 = tensor.empty(%b) : tensor<?x2x3x5x7xf32>
  %values = linalg.generic {indexing_maps = [#repeat, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%v : tensor<?x2x5x7xf32>) outs(%e1 : tensor<?x2x3x5x7xf32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  } -> tensor<?x2x3x5x7xf32>
  %k6 = tensor.collapse_shape %keys [[0], [1, 2], [3], [4]] : tensor<?x2x3x5x8xf32> into tensor<?x6x5x8xf32>
  %v6 = tensor.collapse_shape %values [[0], [1, 2], [3], [4]] : tensor<?x2x3x5x7xf32> into tensor<?x6x5x7xf32>
  %e2 = tensor.empty(%b) : tensor<?x6x4x7xf32>
  %y = dispatch.attention(%q, %k6, %v6, %m) outs(%e2) {indexing_maps = [#query, #key, #value, #mask]}
      : (tensor<?x6x4x8xf32>, tensor<?x6x5x8xf32>, tensor<?x6x5x7xf32>, tensor<6x5xf32>) -> tensor<?x6x4x7xf32> {
  ^bb0(%product: f32, %element: f32):
    %score = arith.addf %product, %element : f32
    dispatch.return %score : f32
  }
  return %y : tensor<?x6x4x7xf32>
}

// -----

// Values that are no repetition keep the heads apart.
// CHECK-LABEL: func.func @keys_only(
// CHECK: linalg.generic
// CHECK: dispatch.attention({{.*}} : (tensor<6x4x8xf32>, tensor<6x5x8xf32>, tensor<6x5x7xf32>)
#repeat = affine_map<(d0, d1, d2, d3) -> (d0, d2, d3)>
#all = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#query = affine_map<(h, l, n, s, k) -> (h, l, k)>
#key = affine_map<(h, l, n, s, k) -> (h, s, k)>
#value = affine_map<(h, l, n, s, k) -> (h, s, n)>
func.func @keys_only(%q: tensor<6x4x8xf32>, %k: tensor<2x5x8xf32>, %v: tensor<6x5x7xf32>) -> tensor<6x4x7xf32> {
  %e0 = tensor.empty() : tensor<2x3x5x8xf32>
  %keys = linalg.generic {indexing_maps = [#repeat, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%k : tensor<2x5x8xf32>) outs(%e0 : tensor<2x3x5x8xf32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  } -> tensor<2x3x5x8xf32>
  %k6 = tensor.collapse_shape %keys [[0, 1], [2], [3]] : tensor<2x3x5x8xf32> into tensor<6x5x8xf32>
  %e2 = tensor.empty() : tensor<6x4x7xf32>
  %y = dispatch.attention(%q, %k6, %v) outs(%e2) {indexing_maps = [#query, #key, #value]}
      : (tensor<6x4x8xf32>, tensor<6x5x8xf32>, tensor<6x5x7xf32>) -> tensor<6x4x7xf32> {
  ^bb0(%product: f32):
    dispatch.return %product : f32
  }
  return %y : tensor<6x4x7xf32>
}
