// RUN: torchc-opt %s --torchc-narrow-factors --canonicalize | FileCheck %s

#id = affine_map<(d0, d1) -> (d0, d1)>
#mk = affine_map<(d0, d1, d2) -> (d0, d2)>
#kn = affine_map<(d0, d1, d2) -> (d2, d1)>
#mn = affine_map<(d0, d1, d2) -> (d0, d1)>

// Rows are quantised in the kernel before: eight bits leave it.
// CHECK-LABEL: func.func @both
// CHECK-SAME: %[[X:.*]]: tensor<4x8xf32>, %[[W:.*]]: tensor<8x16xi8>
// CHECK: %[[Q:.*]] = linalg.generic {{.*}} ins(%[[X]] : tensor<4x8xf32>) outs({{.*}} : tensor<4x8xi8>)
// CHECK: arith.fptosi {{.*}} : f32 to i8
// CHECK-NEXT: linalg.yield
// CHECK: linalg.generic {{.*}} ins(%[[Q]], %[[W]] : tensor<4x8xi8>, tensor<8x16xi8>)
// CHECK-NEXT: ^bb0(%[[A:.*]]: i8, %[[B:.*]]: i8, %{{.*}}: i32):
// CHECK-DAG: arith.extsi %[[A]] : i8 to i32
// CHECK-DAG: arith.extsi %[[B]] : i8 to i32
// CHECK: arith.muli
func.func @both(%x: tensor<4x8xf32>, %w: tensor<8x16xi8>) -> tensor<4x16xi32> {
  %zero = arith.constant 0 : i32
  %qe = tensor.empty() : tensor<4x8xi32>
  %we = tensor.empty() : tensor<8x16xi32>
  %e = tensor.empty() : tensor<4x16xi32>
  %f = linalg.fill ins(%zero : i32) outs(%e : tensor<4x16xi32>) -> tensor<4x16xi32>
  %q = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<4x8xf32>) outs(%qe : tensor<4x8xi32>) {
  ^bb0(%a: f32, %o: i32):
    %0 = arith.fptosi %a : f32 to i8
    %1 = arith.extsi %0 : i8 to i32
    linalg.yield %1 : i32
  } -> tensor<4x8xi32>
  %v = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%w : tensor<8x16xi8>) outs(%we : tensor<8x16xi32>) {
  ^bb0(%a: i8, %o: i32):
    %0 = arith.extsi %a : i8 to i32
    linalg.yield %0 : i32
  } -> tensor<8x16xi32>
  %y = linalg.generic {indexing_maps = [#mk, #kn, #mn], iterator_types = ["parallel", "parallel", "reduction"]} ins(%q, %v : tensor<4x8xi32>, tensor<8x16xi32>) outs(%f : tensor<4x16xi32>) {
  ^bb0(%a: i32, %b: i32, %o: i32):
    %0 = arith.muli %a, %b : i32
    %1 = arith.addi %o, %0 : i32
    linalg.yield %1 : i32
  } -> tensor<4x16xi32>
  return %y : tensor<4x16xi32>
}

// One of 32 bits: no CPU multiplies it by eight.
// CHECK-LABEL: func.func @one
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<4x8xi32>, tensor<8x16xi32>)
func.func @one(%x: tensor<4x8xi32>, %w: tensor<8x16xi8>) -> tensor<4x16xi32> {
  %zero = arith.constant 0 : i32
  %we = tensor.empty() : tensor<8x16xi32>
  %e = tensor.empty() : tensor<4x16xi32>
  %f = linalg.fill ins(%zero : i32) outs(%e : tensor<4x16xi32>) -> tensor<4x16xi32>
  %v = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%w : tensor<8x16xi8>) outs(%we : tensor<8x16xi32>) {
  ^bb0(%a: i8, %o: i32):
    %0 = arith.extsi %a : i8 to i32
    linalg.yield %0 : i32
  } -> tensor<8x16xi32>
  %y = linalg.generic {indexing_maps = [#mk, #kn, #mn], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %v : tensor<4x8xi32>, tensor<8x16xi32>) outs(%f : tensor<4x16xi32>) {
  ^bb0(%a: i32, %b: i32, %o: i32):
    %0 = arith.muli %a, %b : i32
    %1 = arith.addi %o, %0 : i32
    linalg.yield %1 : i32
  } -> tensor<4x16xi32>
  return %y : tensor<4x16xi32>
}
