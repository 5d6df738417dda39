// RUN: torchc-opt %s --torchc-keep-channels-first --canonicalize | FileCheck %s

#nhwc = affine_map<(n, h, w, o, i) -> (n, h, w, i)>
#oi = affine_map<(n, h, w, o, i) -> (o, i)>
#nhwo = affine_map<(n, h, w, o, i) -> (n, h, w, o)>
#id = affine_map<(n, h, w, o) -> (n, h, w, o)>
#channel = affine_map<(n, h, w, o) -> (o)>

// CHECK-DAG: #[[PIXELS:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d0, d4, d2, d3)>
// CHECK-DAG: #[[ROWS:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d1, d4)>
// CHECK-DAG: #[[SUMS:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3)>
// CHECK-DAG: #[[ID:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
// CHECK-DAG: #[[CHANNEL:.*]] = affine_map<(d0, d1, d2, d3) -> (d1)>

// CHECK-LABEL: func.func @alone
// CHECK-SAME: %[[N:.*]]: index, %[[X:.*]]: tensor<?x24x16x16xf32>, %[[B:.*]]: tensor<32xf32>
// CHECK-NOT: linalg.transpose
// CHECK: %[[E:.*]] = tensor.empty(%[[N]]) : tensor<?x32x16x16xf32>
// CHECK: %[[F:.*]] = linalg.fill ins({{.*}}) outs(%[[E]]
// CHECK: %[[P:.*]] = linalg.generic {indexing_maps = [#[[PIXELS]], #[[ROWS]], #[[SUMS]]], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]} ins(%[[X]], {{.*}}) outs(%[[F]]
// CHECK: linalg.generic {indexing_maps = [#[[ID]], #[[CHANNEL]], #[[ID]]]{{.*}} ins(%[[P]], %[[B]]
// CHECK-NOT: linalg.transpose
// CHECK: return
func.func @alone(%n: index, %x: tensor<?x24x16x16xf32>, %b: tensor<32xf32>) -> tensor<?x32x16x16xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<2.0> : tensor<32x24xf32>
  %xe = tensor.empty(%n) : tensor<?x16x16x24xf32>
  %t = linalg.transpose ins(%x : tensor<?x24x16x16xf32>) outs(%xe : tensor<?x16x16x24xf32>) permutation = [0, 2, 3, 1]
  %e = tensor.empty(%n) : tensor<?x16x16x32xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x16x16x32xf32>) -> tensor<?x16x16x32xf32>
  %p = linalg.generic {indexing_maps = [#nhwc, #oi, #nhwo], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%t, %w : tensor<?x16x16x24xf32>, tensor<32x24xf32>) outs(%f : tensor<?x16x16x32xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %m = arith.mulf %i, %j : f32
    %a = arith.addf %o, %m : f32
    linalg.yield %a : f32
  } -> tensor<?x16x16x32xf32>
  %r = linalg.generic {indexing_maps = [#id, #channel, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%p, %b : tensor<?x16x16x32xf32>, tensor<32xf32>) outs(%e : tensor<?x16x16x32xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %a = arith.addf %i, %j : f32
    linalg.yield %a : f32
  } -> tensor<?x16x16x32xf32>
  %ye = tensor.empty(%n) : tensor<?x32x16x16xf32>
  %y = linalg.transpose ins(%r : tensor<?x16x16x32xf32>) outs(%ye : tensor<?x32x16x16xf32>) permutation = [0, 3, 1, 2]
  return %y : tensor<?x32x16x16xf32>
}

// 7 x 7 pixels would be padded to 64.
// CHECK-LABEL: func.func @few_pixels
// CHECK-COUNT-2: linalg.transpose
func.func @few_pixels(%x: tensor<1x24x7x7xf32>) -> tensor<1x32x7x7xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<2.0> : tensor<32x24xf32>
  %xe = tensor.empty() : tensor<1x7x7x24xf32>
  %t = linalg.transpose ins(%x : tensor<1x24x7x7xf32>) outs(%xe : tensor<1x7x7x24xf32>) permutation = [0, 2, 3, 1]
  %e = tensor.empty() : tensor<1x7x7x32xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<1x7x7x32xf32>) -> tensor<1x7x7x32xf32>
  %p = linalg.generic {indexing_maps = [#nhwc, #oi, #nhwo], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%t, %w : tensor<1x7x7x24xf32>, tensor<32x24xf32>) outs(%f : tensor<1x7x7x32xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %m = arith.mulf %i, %j : f32
    %a = arith.addf %o, %m : f32
    linalg.yield %a : f32
  } -> tensor<1x7x7x32xf32>
  %ye = tensor.empty() : tensor<1x32x7x7xf32>
  %y = linalg.transpose ins(%p : tensor<1x7x7x32xf32>) outs(%ye : tensor<1x32x7x7xf32>) permutation = [0, 3, 1, 2]
  return %y : tensor<1x32x7x7xf32>
}

// Another image is added that is channels-last: its own transpose would be needed instead.
// CHECK-LABEL: func.func @residual
// CHECK-COUNT-2: linalg.transpose
func.func @residual(%x: tensor<1x24x16x16xf32>, %z: tensor<1x16x16x32xf32>) -> tensor<1x32x16x16xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<2.0> : tensor<32x24xf32>
  %xe = tensor.empty() : tensor<1x16x16x24xf32>
  %t = linalg.transpose ins(%x : tensor<1x24x16x16xf32>) outs(%xe : tensor<1x16x16x24xf32>) permutation = [0, 2, 3, 1]
  %e = tensor.empty() : tensor<1x16x16x32xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<1x16x16x32xf32>) -> tensor<1x16x16x32xf32>
  %p = linalg.generic {indexing_maps = [#nhwc, #oi, #nhwo], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%t, %w : tensor<1x16x16x24xf32>, tensor<32x24xf32>) outs(%f : tensor<1x16x16x32xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %m = arith.mulf %i, %j : f32
    %a = arith.addf %o, %m : f32
    linalg.yield %a : f32
  } -> tensor<1x16x16x32xf32>
  %r = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%p, %z : tensor<1x16x16x32xf32>, tensor<1x16x16x32xf32>) outs(%e : tensor<1x16x16x32xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %a = arith.addf %i, %j : f32
    linalg.yield %a : f32
  } -> tensor<1x16x16x32xf32>
  %ye = tensor.empty() : tensor<1x32x16x16xf32>
  %y = linalg.transpose ins(%r : tensor<1x16x16x32xf32>) outs(%ye : tensor<1x32x16x16xf32>) permutation = [0, 3, 1, 2]
  return %y : tensor<1x32x16x16xf32>
}
