// RUN: torchc-opt %s --torchc-fold-scales --torchc-fold-constants | FileCheck %s

#id2 = affine_map<(d0, d1) -> (d0, d1)>
#column = affine_map<(d0, d1) -> (d1)>
#id4 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#channel = affine_map<(d0, d1, d2, d3) -> (d3)>
#mk = affine_map<(d0, d1, d2) -> (d0, d2)>
#nk = affine_map<(d0, d1, d2) -> (d1, d2)>
#mn = affine_map<(d0, d1, d2) -> (d0, d1)>

// ((x w + 1) s + t) max 0: w s and s + t.
// CHECK-LABEL: func.func @batch_norm
// CHECK-DAG: %[[T:.*]] = arith.constant dense<[1.200000e+01, 2.300000e+01]> : tensor<2xf32>
// CHECK-DAG: %[[W:.*]] = arith.constant dense<{{\[\[\[\[2.000000e\+00, 6.000000e\+00\], \[6.000000e\+00, 1.200000e\+01\]\]\]\]}}> : tensor<1x1x2x2xf32>
// CHECK: %[[C:.*]] = linalg.conv_2d_nhwc_hwcf {{.*}} ins(%{{.*}}, %[[W]]
// CHECK: linalg.generic {{.*}} ins(%[[C]], %[[T]]
// CHECK-NEXT: ^bb0(%[[X:.*]]: f32, %[[S:.*]]: f32, %{{.*}}: f32):
// CHECK-NEXT: %[[SUM:.*]] = arith.addf %[[X]], %[[S]]
// CHECK-NEXT: arith.maximumf %[[SUM]]
func.func @batch_norm(%x: tensor<1x3x3x2xf32>) -> tensor<1x3x3x2xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %w = arith.constant dense<[[[[1.0, 2.0], [3.0, 4.0]]]]> : tensor<1x1x2x2xf32>
  %e = tensor.empty() : tensor<1x3x3x2xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<1x3x3x2xf32>) -> tensor<1x3x3x2xf32>
  %c = linalg.conv_2d_nhwc_hwcf {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
      ins(%x, %w : tensor<1x3x3x2xf32>, tensor<1x1x2x2xf32>) outs(%f : tensor<1x3x3x2xf32>) -> tensor<1x3x3x2xf32>
  %s = arith.constant dense<[2.0, 3.0]> : tensor<2xf32>
  %t = arith.constant dense<[10.0, 20.0]> : tensor<2xf32>
  %r = linalg.generic {indexing_maps = [#id4, #channel, #channel, #id4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%c, %s, %t : tensor<1x3x3x2xf32>, tensor<2xf32>, tensor<2xf32>) outs(%e : tensor<1x3x3x2xf32>) {
  ^bb0(%a: f32, %b: f32, %d: f32, %o: f32):
    %0 = arith.addf %a, %one : f32
    %1 = arith.mulf %0, %b : f32
    %2 = arith.addf %1, %d : f32
    %3 = arith.maximumf %2, %zero : f32
    linalg.yield %3 : f32
  } -> tensor<1x3x3x2xf32>
  return %r : tensor<1x3x3x2xf32>
}

// The last batch norm of a network, where a mean over the image reads it: what the sum starts from is no shift.
// CHECK-LABEL: func.func @pooled
// CHECK-DAG: %[[T:.*]] = arith.constant dense<[1.000000e+01, 2.000000e+01]> : tensor<2xf32>
// CHECK-DAG: %[[W:.*]] = arith.constant dense<{{\[\[\[\[2.000000e\+00, 6.000000e\+00\], \[6.000000e\+00, 1.200000e\+01\]\]\]\]}}> : tensor<1x1x2x2xf32>
// CHECK: %[[C:.*]] = linalg.conv_2d_nhwc_hwcf {{.*}} ins(%{{.*}}, %[[W]]
// CHECK: linalg.generic {{.*}} ins(%[[C]], %[[T]] : tensor<1x3x3x2xf32>, tensor<2xf32>)
// CHECK-NEXT: ^bb0(%[[X:.*]]: f32, %[[S:.*]]: f32, %[[SUM:.*]]: f32):
// CHECK-NEXT: %[[Y:.*]] = arith.addf %[[X]], %[[S]]
// CHECK-NEXT: arith.addf %[[SUM]], %[[Y]]
func.func @pooled(%x: tensor<1x3x3x2xf32>) -> tensor<2xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[[[1.0, 2.0], [3.0, 4.0]]]]> : tensor<1x1x2x2xf32>
  %e = tensor.empty() : tensor<1x3x3x2xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<1x3x3x2xf32>) -> tensor<1x3x3x2xf32>
  %c = linalg.conv_2d_nhwc_hwcf {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
      ins(%x, %w : tensor<1x3x3x2xf32>, tensor<1x1x2x2xf32>) outs(%f : tensor<1x3x3x2xf32>) -> tensor<1x3x3x2xf32>
  %s = arith.constant dense<[2.0, 3.0]> : tensor<2xf32>
  %t = arith.constant dense<[10.0, 20.0]> : tensor<2xf32>
  %em = tensor.empty() : tensor<2xf32>
  %fm = linalg.fill ins(%zero : f32) outs(%em : tensor<2xf32>) -> tensor<2xf32>
  %r = linalg.generic {indexing_maps = [#id4, #channel, #channel, #channel], iterator_types = ["reduction", "reduction", "reduction", "parallel"]}
      ins(%c, %s, %t : tensor<1x3x3x2xf32>, tensor<2xf32>, tensor<2xf32>) outs(%fm : tensor<2xf32>) {
  ^bb0(%a: f32, %b: f32, %d: f32, %o: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %0, %d : f32
    %2 = arith.addf %o, %1 : f32
    linalg.yield %2 : f32
  } -> tensor<2xf32>
  return %r : tensor<2xf32>
}

// A number behind a linear layer, and nothing to add.
// CHECK-LABEL: func.func @scalar
// CHECK: %[[W:.*]] = arith.constant dense<{{\[\[5.000000e-01, 1.000000e\+00\], \[1.500000e\+00, 2.000000e\+00\]\]}}>
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %[[W]]
// CHECK: linalg.generic
// CHECK-NOT: arith.addf
// CHECK: math.exp
func.func @scalar(%x: tensor<?x2xf32>, %m: index) -> tensor<?x2xf32> {
  %zero = arith.constant 0.0 : f32
  %half = arith.constant 0.5 : f32
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %e = tensor.empty(%m) : tensor<?x2xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x2xf32>) -> tensor<?x2xf32>
  %c = linalg.generic {indexing_maps = [#mk, #nk, #mn], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<?x2xf32>, tensor<2x2xf32>) outs(%f : tensor<?x2xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x2xf32>
  %r = linalg.generic {indexing_maps = [#id2, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%c : tensor<?x2xf32>) outs(%e : tensor<?x2xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.mulf %a, %half : f32
    %1 = math.exp %0 : f32
    linalg.yield %1 : f32
  } -> tensor<?x2xf32>
  return %r : tensor<?x2xf32>
}

// Scales that stand behind the product, and are reshaped there, move in front of it.
// CHECK-LABEL: func.func @behind
// CHECK: %[[W:.*]] = arith.constant dense<{{\[\[3.000000e\+00, 8.000000e\+00\], \[9.000000e\+00, 1.600000e\+01\]\]}}>
// CHECK: linalg.matmul ins(%{{.*}}, %[[W]]
// CHECK-NOT: arith.mulf
func.func @behind(%x: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %e = tensor.empty() : tensor<2x2xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x2xf32>) -> tensor<2x2xf32>
  %c = linalg.matmul ins(%x, %w : tensor<2x2xf32>, tensor<2x2xf32>) outs(%f : tensor<2x2xf32>) -> tensor<2x2xf32>
  %t = arith.constant dense<[[3.0, 4.0]]> : tensor<1x2xf32>
  %s = tensor.collapse_shape %t [[0, 1]] : tensor<1x2xf32> into tensor<2xf32>
  %r = linalg.generic {indexing_maps = [#id2, #column, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%c, %s : tensor<2x2xf32>, tensor<2xf32>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.mulf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<2x2xf32>
  return %r : tensor<2x2xf32>
}

// A scale that is no constant, or one of rows, stays.
// CHECK-LABEL: func.func @stays
// CHECK: arith.mulf
// CHECK: arith.mulf
// CHECK-NOT: arith.mulf
func.func @stays(%x: tensor<2x2xf32>, %y: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %rows = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %e = tensor.empty() : tensor<2x2xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x2xf32>) -> tensor<2x2xf32>
  %c = linalg.matmul ins(%x, %w : tensor<2x2xf32>, tensor<2x2xf32>) outs(%f : tensor<2x2xf32>) -> tensor<2x2xf32>
  %r = linalg.generic {indexing_maps = [#id2, affine_map<(d0, d1) -> (d0)>, #id2, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%c, %rows, %y : tensor<2x2xf32>, tensor<2xf32>, tensor<2x2xf32>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%a: f32, %b: f32, %d: f32, %o: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.mulf %0, %d : f32
    linalg.yield %1 : f32
  } -> tensor<2x2xf32>
  return %r : tensor<2x2xf32>
}

// Weights of few bits are not multiplied: the scale of a column goes to the result. What is subtracted before stays.
// CHECK-LABEL: func.func @narrow_weights
// CHECK-DAG: %[[S:.*]] = arith.constant dense<[1.000000e-01, 2.000000e-01, 3.000000e-01, 4.000000e-01]> : tensor<4xf32>
// CHECK-DAG: %[[W:.*]] = arith.constant dense<{{\[\[}}-2.000000e+00, -1.000000e+00, 0.000000e+00, {{.*}}> : tensor<4x8xf32>
// CHECK: %[[Y:.*]] = linalg.generic {{.*}} ins(%{{.*}}, %[[W]]
// CHECK: linalg.generic {{.*}} ins(%[[Y]], %[[S]] : tensor<3x4xf32>, tensor<4xf32>)
// CHECK-NEXT: ^bb0(%[[D:.*]]: f32, %[[E:.*]]: f32, %{{.*}}: f32):
// CHECK-NEXT: arith.mulf %[[D]], %[[E]]
func.func @narrow_weights(%x: tensor<3x8xf32>) -> tensor<3x4xf32> {
  %zero = arith.constant 0.0 : f32
  %point = arith.constant 3.0 : f32
  %w = arith.constant dense<[[1, 2, 3, 4, 5, 6, 7, 8], [9, 1, 2, 3, 4, 5, 6, 7], [8, 9, 1, 2, 3, 4, 5, 6], [7, 8, 9, 1, 2, 3, 4, 5]]> : tensor<4x8xi8>
  %s = arith.constant dense<[0.1, 0.2, 0.3, 0.4]> : tensor<4xf32>
  %ew = tensor.empty() : tensor<4x8xf32>
  %wide = linalg.generic {indexing_maps = [#id2, affine_map<(d0, d1) -> (d0)>, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%w, %s : tensor<4x8xi8>, tensor<4xf32>) outs(%ew : tensor<4x8xf32>) {
  ^bb0(%a: i8, %b: f32, %o: f32):
    %0 = arith.sitofp %a : i8 to f32
    %1 = arith.subf %0, %point : f32
    %2 = arith.mulf %1, %b : f32
    linalg.yield %2 : f32
  } -> tensor<4x8xf32>
  %e = tensor.empty() : tensor<3x4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<3x4xf32>) -> tensor<3x4xf32>
  %y = linalg.generic {indexing_maps = [#mk, #nk, #mn], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %wide : tensor<3x8xf32>, tensor<4x8xf32>) outs(%f : tensor<3x4xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %o, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<3x4xf32>
  return %y : tensor<3x4xf32>
}
