// RUN: torchc-opt %s --torchc-simplify-generics | FileCheck %s

// Keepdim reductions and what repeats their dims lose the dim.
// CHECK-LABEL: func.func @keepdim
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "reduction"]} ins(%{{.*}} : tensor<4x8xf32>) outs(%{{.*}} : tensor<4xf32>)
// CHECK-NOT: _shape
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<4x8xf32>, tensor<4xf32>)
func.func @keepdim(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %e1 = tensor.empty() : tensor<4x1xf32>
  %e = tensor.empty() : tensor<4x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e1 : tensor<4x1xf32>) -> tensor<4x1xf32>
  %sum = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, 0)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x8xf32>) outs(%f : tensor<4x1xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = arith.addf %a, %o : f32
    linalg.yield %r : f32
  } -> tensor<4x1xf32>
  %d = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, 0)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      ins(%x, %sum : tensor<4x8xf32>, tensor<4x1xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %r = arith.divf %a, %b : f32
    linalg.yield %r : f32
  } -> tensor<4x8xf32>
  return %d : tensor<4x8xf32>
}

// CHECK-LABEL: func.func @named
// CHECK: linalg.generic
// CHECK: math.exp
func.func @named(%x: tensor<4xf32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  %r = linalg.exp ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// CHECK-LABEL: func.func @transposes
// CHECK: %[[T:.*]] = linalg.transpose ins(%{{.*}} : tensor<2x3x4xf32>) {{.*}} permutation = [2, 0, 1]
// CHECK-NOT: linalg.transpose
// CHECK: %[[C:.*]] = tensor.collapse_shape %{{.*}} {{\[\[}}0], [1, 2, 3]]
// CHECK: %[[U:.*]] = tensor.expand_shape %[[C]] {{\[\[}}0, 1, 2], [3]]
// CHECK: return %[[T]], %[[U]]
func.func @transposes(%x: tensor<2x3x4xf32>, %y: tensor<2x8x1x1xf32>) -> (tensor<4x2x3xf32>, tensor<2x1x1x8xf32>) {
  %e = tensor.empty() : tensor<4x2x3xf32>
  %t = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d1, d2, d0)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x : tensor<2x3x4xf32>) outs(%e : tensor<4x2x3xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  } -> tensor<4x2x3xf32>
  %f = tensor.empty() : tensor<2x1x1x8xf32>
  %u = linalg.transpose ins(%y : tensor<2x8x1x1xf32>) outs(%f : tensor<2x1x1x8xf32>) permutation = [0, 2, 3, 1]
  return %t, %u : tensor<4x2x3xf32>, tensor<2x1x1x8xf32>
}

// A contraction on top of a bias becomes one from zero with an epilogue.
// CHECK-LABEL: func.func @bias
// CHECK: linalg.fill
// CHECK: %[[M:.*]] = linalg.matmul
// CHECK: linalg.generic {{.*}} ins(%[[M]], %arg2
func.func @bias(%x: tensor<4x8xf32>, %w: tensor<8x2xf32>, %b: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %m = linalg.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x2xf32>) outs(%b : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %m : tensor<4x2xf32>
}

// A window of one pixel is none.
// CHECK-LABEL: func.func @pointwise
// CHECK: %[[W:.*]] = tensor.collapse_shape %{{.*}} : tensor<1x1x8x16xf32> into tensor<8x16xf32>
// CHECK: linalg.generic {indexing_maps = [#{{.*}}, #{{.*}}, #{{.*}}], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
// CHECK-SAME: ins(%{{.*}}, %[[W]] : tensor<1x?x6x8xf32>, tensor<8x16xf32>)
func.func @pointwise(%x: tensor<1x?x6x8xf32>, %w: tensor<1x1x8x16xf32>, %n: index) -> tensor<1x?x6x16xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty(%n) : tensor<1x?x6x16xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<1x?x6x16xf32>) -> tensor<1x?x6x16xf32>
  %c = linalg.conv_2d_nhwc_hwcf {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
      ins(%x, %w : tensor<1x?x6x8xf32>, tensor<1x1x8x16xf32>) outs(%f : tensor<1x?x6x16xf32>) -> tensor<1x?x6x16xf32>
  return %c : tensor<1x?x6x16xf32>
}
