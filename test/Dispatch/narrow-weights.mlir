// RUN: torchc-opt %s --torchc-narrow-weights | FileCheck %s

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
#mk = affine_map<(d0, d1, d2) -> (d0, d2)>
#nk = affine_map<(d0, d1, d2) -> (d1, d2)>
#mn = affine_map<(d0, d1, d2) -> (d0, d1)>

// What is computed of the weights alone is apart from the zero points.
// CHECK-LABEL: func.func @bits
// CHECK-SAME: %[[X:.*]]: tensor<1x8xf32>, %[[Z:.*]]: tensor<16xf32>
// CHECK: %[[P:.*]] = linalg.generic {{.*}}"reduction"]} ins({{.*}} : tensor<16x1x8xi8>) outs({{.*}} : tensor<16x1xi32>)
// CHECK: arith.shli
// CHECK: arith.ori
// CHECK: %[[Q:.*]] = linalg.generic {{.*}} ins(%[[P]] : tensor<16x1xi32>) outs({{.*}} : tensor<16x1x8xi8>)
// CHECK: %[[NUMBER:.*]] = linalg.index 2
// CHECK: arith.shrui
// CHECK: arith.andi
// CHECK: arith.trunci {{.*}} : i32 to i8
// CHECK: %[[F:.*]] = linalg.generic {{.*}} ins(%[[Q]] : tensor<16x1x8xi8>) outs({{.*}} : tensor<16x1x8xf32>)
// CHECK: arith.uitofp
// CHECK-NEXT: linalg.yield
// CHECK: %[[W:.*]] = linalg.generic {{.*}} ins(%[[F]], %[[Z]] : tensor<16x1x8xf32>, tensor<16xf32>)
// CHECK: arith.subf
// CHECK: %[[R:.*]] = tensor.expand_shape %[[X]] {{.*}} into tensor<1x1x8xf32>
// CHECK: linalg.generic {{.*}} ins(%[[R]], %[[W]] : tensor<1x1x8xf32>, tensor<16x1x8xf32>)
func.func @bits(%x: tensor<1x8xf32>, %z: tensor<16xf32>) -> tensor<1x16xf32> {
  %zero = arith.constant 0.0 : f32
  %row = arith.constant dense<[0, 1, 2, 3, 4, 5, 6, 7]> : tensor<8xi8>
  %be = tensor.empty() : tensor<16x8xi8>
  %w = linalg.broadcast ins(%row : tensor<8xi8>) outs(%be : tensor<16x8xi8>) dimensions = [0]
  %we = tensor.empty() : tensor<16x8xf32>
  %e = tensor.empty() : tensor<1x16xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<1x16xf32>) -> tensor<1x16xf32>
  %v = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]} ins(%w, %z : tensor<16x8xi8>, tensor<16xf32>) outs(%we : tensor<16x8xf32>) {
  ^bb0(%q: i8, %p: f32, %o: f32):
    %0 = arith.uitofp %q : i8 to f32
    %1 = arith.subf %0, %p : f32
    linalg.yield %1 : f32
  } -> tensor<16x8xf32>
  %y = linalg.generic {indexing_maps = [#mk, #nk, #mn], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %v : tensor<1x8xf32>, tensor<16x8xf32>) outs(%f : tensor<1x16xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %0 = arith.mulf %p, %q : f32
    %1 = arith.addf %o, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<1x16xf32>
  return %y : tensor<1x16xf32>
}

// Values too far apart.
// CHECK-LABEL: func.func @bytes
// CHECK-NOT: i32
// CHECK: return
func.func @bytes(%x: tensor<1x8xf32>) -> tensor<1x16xf32> {
  %zero = arith.constant 0.0 : f32
  %row = arith.constant dense<[0, 1, 2, 3, 4, 5, 6, 16]> : tensor<8xi8>
  %be = tensor.empty() : tensor<16x8xi8>
  %w = linalg.broadcast ins(%row : tensor<8xi8>) outs(%be : tensor<16x8xi8>) dimensions = [0]
  %we = tensor.empty() : tensor<16x8xf32>
  %e = tensor.empty() : tensor<1x16xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<1x16xf32>) -> tensor<1x16xf32>
  %v = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%w : tensor<16x8xi8>) outs(%we : tensor<16x8xf32>) {
  ^bb0(%q: i8, %o: f32):
    %0 = arith.uitofp %q : i8 to f32
    linalg.yield %0 : f32
  } -> tensor<16x8xf32>
  %y = linalg.generic {indexing_maps = [#mk, #nk, #mn], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %v : tensor<1x8xf32>, tensor<16x8xf32>) outs(%f : tensor<1x16xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %0 = arith.mulf %p, %q : f32
    %1 = arith.addf %o, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<1x16xf32>
  return %y : tensor<1x16xf32>
}
