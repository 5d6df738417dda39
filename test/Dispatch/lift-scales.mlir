// RUN: torchc-opt %s --torchc-lift-scales --torchc-fold-constants | FileCheck %s

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
#group = affine_map<(d0, d1) -> (d1)>
#mk = affine_map<(d0, d1, d2) -> (d0, d2)>
#nk = affine_map<(d0, d1, d2) -> (d1, d2)>
#mn = affine_map<(d0, d1, d2) -> (d0, d1)>
#image = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#cube = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#ends = affine_map<(d0, d1, d2) -> (d0, d2)>
#mkl = affine_map<(d0, d1, d2, d3) -> (d0, d2, d3)>
#nkl = affine_map<(d0, d1, d2, d3) -> (d1, d2, d3)>
#mnOf4 = affine_map<(d0, d1, d2, d3) -> (d0, d1)>
#channel = affine_map<(d0, d1, d2, d3) -> (d0)>

// Rows have scales and zero points, weights scales only. The sums of the weights are 1 + 2 and 3 + 4.
// CHECK-LABEL: func.func @rows
// CHECK-SAME: %[[X:.*]]: tensor<?x2xi8>, %[[S:.*]]: tensor<?xf32>, %[[Z:.*]]: tensor<?xi64>
// CHECK: %[[W:.*]] = arith.constant dense<{{.*}}> : tensor<2x2xi8>
// CHECK: %[[P:.*]] = linalg.generic {{.*}} ins(%[[X]], %[[W]] : tensor<?x2xi8>, tensor<2x2xi8>) outs({{.*}} : tensor<?x2xi32>)
// CHECK-DAG: arith.extui {{.*}} : i8 to i32
// CHECK-DAG: arith.extsi {{.*}} : i8 to i32
// CHECK: arith.muli
// CHECK: arith.addi
// CHECK: %[[SUMS:.*]] = arith.constant dense<[3.000000e+00, 7.000000e+00]> : tensor<2xf64>
// CHECK: linalg.generic {{.*}} ins(%[[P]], %[[SUMS]], %[[S]], %[[Z]], %{{.*}} : tensor<?x2xi32>, tensor<2xf64>, tensor<?xf32>, tensor<?xi64>, tensor<2xf32>)
// CHECK-NEXT: ^bb0(%[[SUM:.*]]: i32, %[[WEIGHTS:.*]]: f64, %[[SA:.*]]: f32, %[[ZA:.*]]: i64, %[[SW:.*]]: f32, %{{.*}}: f32):
// CHECK: %[[ZERO:.*]] = arith.sitofp %[[ZA]] : i64 to f64
// CHECK: %[[WIDE:.*]] = arith.sitofp %[[SUM]] : i32 to f64
// CHECK: %[[SHIFT:.*]] = arith.mulf %[[ZERO]], %[[WEIGHTS]] : f64
// CHECK: %[[REST:.*]] = arith.subf %[[WIDE]], %[[SHIFT]] : f64
// CHECK: %[[R:.*]] = arith.truncf %[[REST]] : f64 to f32
// CHECK: %[[T:.*]] = arith.mulf %[[R]], %[[SA]] : f32
// CHECK: arith.mulf %[[T]], %[[SW]] : f32
func.func @rows(%x: tensor<?x2xi8>, %s: tensor<?xf32>, %z: tensor<?xi64>) -> tensor<?x2xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[1, 2], [3, 4]]> : tensor<2x2xi8>
  %t = arith.constant dense<[0.5, 0.25]> : tensor<2xf32>
  %m = tensor.dim %x, %c0 : tensor<?x2xi8>
  %ae = tensor.empty(%m) : tensor<?x2xf32>
  %we = tensor.empty() : tensor<2x2xf32>
  %f = linalg.fill ins(%zero : f32) outs(%ae : tensor<?x2xf32>) -> tensor<?x2xf32>
  %a = linalg.generic {indexing_maps = [#id, #row, #row, #id], iterator_types = ["parallel", "parallel"]} ins(%x, %s, %z : tensor<?x2xi8>, tensor<?xf32>, tensor<?xi64>) outs(%ae : tensor<?x2xf32>) {
  ^bb0(%q: i8, %scale: f32, %point: i64, %o: f32):
    %0 = arith.extui %q : i8 to i64
    %1 = arith.subi %0, %point : i64
    %2 = arith.sitofp %1 : i64 to f32
    %3 = arith.mulf %2, %scale : f32
    linalg.yield %3 : f32
  } -> tensor<?x2xf32>
  %v = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]} ins(%w, %t : tensor<2x2xi8>, tensor<2xf32>) outs(%we : tensor<2x2xf32>) {
  ^bb0(%q: i8, %scale: f32, %o: f32):
    %0 = arith.sitofp %q : i8 to f32
    %1 = arith.mulf %0, %scale : f32
    linalg.yield %1 : f32
  } -> tensor<2x2xf32>
  %y = linalg.generic {indexing_maps = [#mk, #nk, #mn], iterator_types = ["parallel", "parallel", "reduction"]} ins(%a, %v : tensor<?x2xf32>, tensor<2x2xf32>) outs(%f : tensor<?x2xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %0 = arith.mulf %p, %q : f32
    %1 = arith.addf %o, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// A scale that differs within a sum stays.
// CHECK-LABEL: func.func @within
// CHECK-NOT: arith.muli
// CHECK: arith.mulf {{.*}} : f32
// CHECK: linalg.generic {{.*}} "reduction"]
// CHECK: arith.mulf {{.*}} : f32
func.func @within(%x: tensor<3x2xi8>, %s: tensor<2xf32>) -> tensor<3x2xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[1, 2], [3, 4]]> : tensor<2x2xi8>
  %ae = tensor.empty() : tensor<3x2xf32>
  %we = tensor.empty() : tensor<2x2xf32>
  %f = linalg.fill ins(%zero : f32) outs(%ae : tensor<3x2xf32>) -> tensor<3x2xf32>
  %a = linalg.generic {indexing_maps = [#id, #group, #id], iterator_types = ["parallel", "parallel"]} ins(%x, %s : tensor<3x2xi8>, tensor<2xf32>) outs(%ae : tensor<3x2xf32>) {
  ^bb0(%q: i8, %scale: f32, %o: f32):
    %0 = arith.sitofp %q : i8 to f32
    %1 = arith.mulf %0, %scale : f32
    linalg.yield %1 : f32
  } -> tensor<3x2xf32>
  %v = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%w : tensor<2x2xi8>) outs(%we : tensor<2x2xf32>) {
  ^bb0(%q: i8, %o: f32):
    %0 = arith.sitofp %q : i8 to f32
    linalg.yield %0 : f32
  } -> tensor<2x2xf32>
  %y = linalg.generic {indexing_maps = [#mk, #nk, #mn], iterator_types = ["parallel", "parallel", "reduction"]} ins(%a, %v : tensor<3x2xf32>, tensor<2x2xf32>) outs(%f : tensor<3x2xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %0 = arith.mulf %p, %q : f32
    %1 = arith.addf %o, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}

// A convolution: what surrounds its image is the zero point, and its weights are transposed as integers, of which 18 ones
// add up to 18.
// CHECK-LABEL: func.func @convolution
// CHECK-SAME: %[[X:.*]]: tensor<1x4x4x2xi8>, %[[S:.*]]: tensor<3xf32>
// CHECK: %[[POINT:.*]] = arith.constant -126 : i8
// CHECK: %[[PADDED:.*]] = tensor.pad %[[X]] low[0, 1, 1, 0] high[0, 1, 1, 0]
// CHECK: tensor.yield %[[POINT]] : i8
// CHECK: %[[FILTER:.*]] = arith.constant dense<1> : tensor<3x3x2x3xi8>
// CHECK: %[[P:.*]] = linalg.generic {{.*}} ins(%[[PADDED]], %[[FILTER]] : tensor<1x6x6x2xi8>, tensor<3x3x2x3xi8>) outs({{.*}} : tensor<1x4x4x3xi32>)
// CHECK: arith.extui
// CHECK: arith.extsi
// CHECK: %[[SUMS:.*]] = arith.constant dense<1.800000e+01> : tensor<3xf64>
// CHECK: linalg.generic {{.*}} ins(%[[P]], %[[SUMS]], %[[S]] : tensor<1x4x4x3xi32>, tensor<3xf64>, tensor<3xf32>)
func.func @convolution(%x: tensor<1x4x4x2xi8>, %s: tensor<3xf32>) -> tensor<1x4x4x3xf32> {
  %zero = arith.constant 0.0 : f32
  %point = arith.constant 130.0 : f32
  %scale = arith.constant 0.5 : f32
  %w = arith.constant dense<1> : tensor<3x2x3x3xi8>
  %ae = tensor.empty() : tensor<1x4x4x2xf32>
  %we = tensor.empty() : tensor<3x2x3x3xf32>
  %ye = tensor.empty() : tensor<1x4x4x3xf32>
  %f = linalg.fill ins(%zero : f32) outs(%ye : tensor<1x4x4x3xf32>) -> tensor<1x4x4x3xf32>
  %a = linalg.generic {indexing_maps = [#image, #image], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%x : tensor<1x4x4x2xi8>) outs(%ae : tensor<1x4x4x2xf32>) {
  ^bb0(%q: i8, %o: f32):
    %0 = arith.uitofp %q : i8 to f32
    %1 = arith.subf %0, %point : f32
    %2 = arith.mulf %1, %scale : f32
    linalg.yield %2 : f32
  } -> tensor<1x4x4x2xf32>
  %padded = tensor.pad %a low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%i: index, %j: index, %k: index, %l: index):
    tensor.yield %zero : f32
  } : tensor<1x4x4x2xf32> to tensor<1x6x6x2xf32>
  %v = linalg.generic {indexing_maps = [#image, #channel, #image], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%w, %s : tensor<3x2x3x3xi8>, tensor<3xf32>) outs(%we : tensor<3x2x3x3xf32>) {
  ^bb0(%q: i8, %t: f32, %o: f32):
    %0 = arith.sitofp %q : i8 to f32
    %1 = arith.mulf %0, %t : f32
    linalg.yield %1 : f32
  } -> tensor<3x2x3x3xf32>
  %fe = tensor.empty() : tensor<3x3x2x3xf32>
  %filter = linalg.transpose ins(%v : tensor<3x2x3x3xf32>) outs(%fe : tensor<3x3x2x3xf32>) permutation = [2, 3, 1, 0]
  %y = linalg.conv_2d_nhwc_hwcf ins(%padded, %filter : tensor<1x6x6x2xf32>, tensor<3x3x2x3xf32>) outs(%f : tensor<1x4x4x3xf32>) -> tensor<1x4x4x3xf32>
  return %y : tensor<1x4x4x3xf32>
}

// A 1x1 convolution, whose image and scales have dims of one element more.
// CHECK-LABEL: func.func @pointwise
// CHECK-SAME: %[[X:.*]]: tensor<4x2xi8>, %[[S:.*]]: tensor<3x1xf32>
// CHECK: %[[WIDE:.*]] = tensor.expand_shape %[[X]] {{.*}} : tensor<4x2xi8> into tensor<4x2x1xi8>
// CHECK: %[[P:.*]] = linalg.generic {{.*}} ins(%[[WIDE]], %{{.*}} : tensor<4x2x1xi8>, tensor<3x2x1xi8>) outs({{.*}} : tensor<4x3xi32>)
// CHECK: %[[SCALES:.*]] = tensor.collapse_shape %[[S]] {{.*}} : tensor<3x1xf32> into tensor<3xf32>
// CHECK: linalg.generic {{.*}} ins(%[[P]], %[[SCALES]] : tensor<4x3xi32>, tensor<3xf32>)
func.func @pointwise(%x: tensor<4x2xi8>, %s: tensor<3x1xf32>) -> tensor<4x3xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[[1], [2]], [[3], [4]], [[5], [6]]]> : tensor<3x2x1xi8>
  %ae = tensor.empty() : tensor<4x2xf32>
  %we = tensor.empty() : tensor<3x2x1xf32>
  %ye = tensor.empty() : tensor<4x3xf32>
  %f = linalg.fill ins(%zero : f32) outs(%ye : tensor<4x3xf32>) -> tensor<4x3xf32>
  %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<4x2xi8>) outs(%ae : tensor<4x2xf32>) {
  ^bb0(%q: i8, %o: f32):
    %0 = arith.sitofp %q : i8 to f32
    linalg.yield %0 : f32
  } -> tensor<4x2xf32>
  %wide = tensor.expand_shape %a [[0], [1, 2]] output_shape [4, 2, 1] : tensor<4x2xf32> into tensor<4x2x1xf32>
  %v = linalg.generic {indexing_maps = [#cube, #ends, #cube], iterator_types = ["parallel", "parallel", "parallel"]} ins(%w, %s : tensor<3x2x1xi8>, tensor<3x1xf32>) outs(%we : tensor<3x2x1xf32>) {
  ^bb0(%q: i8, %t: f32, %o: f32):
    %0 = arith.sitofp %q : i8 to f32
    %1 = arith.mulf %0, %t : f32
    linalg.yield %1 : f32
  } -> tensor<3x2x1xf32>
  %y = linalg.generic {indexing_maps = [#mkl, #nkl, #mnOf4], iterator_types = ["parallel", "parallel", "reduction", "reduction"]} ins(%wide, %v : tensor<4x2x1xf32>, tensor<3x2x1xf32>) outs(%f : tensor<4x3xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %0 = arith.mulf %p, %q : f32
    %1 = arith.addf %o, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<4x3xf32>
  return %y : tensor<4x3xf32>
}

// Rows of a batch of one, which a linear layer takes as rows: the integers lose that dim.
// CHECK-LABEL: func.func @batch_of_one
// CHECK-SAME: %[[X:.*]]: tensor<1x3x2xi8>, %[[S:.*]]: tensor<1x3xf32>
// CHECK: %[[ROWS:.*]] = tensor.collapse_shape %[[X]] {{\[}}[0, 1], [2]] : tensor<1x3x2xi8> into tensor<3x2xi8>
// CHECK: %[[P:.*]] = linalg.generic {{.*}} ins(%[[ROWS]], %{{.*}} : tensor<3x2xi8>, tensor<2x2xi8>) outs({{.*}} : tensor<3x2xi32>)
// CHECK: %[[SCALES:.*]] = tensor.collapse_shape %[[S]] {{\[}}[0, 1]] : tensor<1x3xf32> into tensor<3xf32>
// CHECK: linalg.generic {{.*}} ins(%[[P]], %[[SCALES]], %{{.*}} : tensor<3x2xi32>, tensor<3xf32>, tensor<2xf32>)
func.func @batch_of_one(%x: tensor<1x3x2xi8>, %s: tensor<1x3xf32>) -> tensor<3x2xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[1, 2], [3, 4]]> : tensor<2x2xi8>
  %t = arith.constant dense<[0.5, 0.25]> : tensor<2xf32>
  %ae = tensor.empty() : tensor<1x3x2xf32>
  %we = tensor.empty() : tensor<2x2xf32>
  %e = tensor.empty() : tensor<3x2xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<3x2xf32>) -> tensor<3x2xf32>
  %a = linalg.generic {indexing_maps = [#cube, affine_map<(d0, d1, d2) -> (d0, d1)>, #cube], iterator_types = ["parallel", "parallel", "parallel"]} ins(%x, %s : tensor<1x3x2xi8>, tensor<1x3xf32>) outs(%ae : tensor<1x3x2xf32>) {
  ^bb0(%q: i8, %scale: f32, %o: f32):
    %0 = arith.sitofp %q : i8 to f32
    %1 = arith.mulf %0, %scale : f32
    linalg.yield %1 : f32
  } -> tensor<1x3x2xf32>
  %rows = tensor.collapse_shape %a [[0, 1], [2]] : tensor<1x3x2xf32> into tensor<3x2xf32>
  %v = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]} ins(%w, %t : tensor<2x2xi8>, tensor<2xf32>) outs(%we : tensor<2x2xf32>) {
  ^bb0(%q: i8, %scale: f32, %o: f32):
    %0 = arith.sitofp %q : i8 to f32
    %1 = arith.mulf %0, %scale : f32
    linalg.yield %1 : f32
  } -> tensor<2x2xf32>
  %y = linalg.generic {indexing_maps = [#mk, #nk, #mn], iterator_types = ["parallel", "parallel", "reduction"]} ins(%rows, %v : tensor<3x2xf32>, tensor<2x2xf32>) outs(%f : tensor<3x2xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %0 = arith.mulf %p, %q : f32
    %1 = arith.addf %o, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}
