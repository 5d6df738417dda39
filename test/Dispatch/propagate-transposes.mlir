// RUN: torchc-opt %s --torchc-propagate-transposes --cse --canonicalize | FileCheck %s

#id4 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#channel = affine_map<(d0, d1, d2, d3) -> (d1)>
#kept = affine_map<(d0, d1, d2, d3) -> (d0, d1)>

// Two transposes and what stands between them: the channel is the last dim then.
// CHECK-DAG: #[[LAST:.*]] = affine_map<(d0, d1, d2, d3) -> (d3)>
// CHECK-DAG: #[[NHWC_TO_NC:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d2, d3, d1)>

// CHECK-LABEL: func.func @cancel
// CHECK-SAME: (%[[X:.*]]: tensor<2x8x6x4xf32>, %[[Y:.*]]: tensor<2x8x6x4xf32>, %[[B:.*]]: tensor<4xf32>)
// CHECK-NOT: linalg.transpose
// CHECK: %[[SUM:.*]] = linalg.generic {indexing_maps = [#[[ID:.*]], #[[ID]], #[[LAST]], #[[ID]]]
// CHECK-SAME: ins(%[[X]], %[[Y]], %[[B]]
// CHECK: tensor.pad %[[SUM]] low[0, 1, 2, 0] high[0, 1, 2, 0]
// CHECK-NOT: linalg.transpose
// CHECK: return
func.func @cancel(%x: tensor<2x8x6x4xf32>, %y: tensor<2x8x6x4xf32>, %b: tensor<4xf32>) -> tensor<2x10x10x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x4x8x6xf32>
  %l = tensor.empty() : tensor<2x10x10x4xf32>
  %t = linalg.transpose ins(%x : tensor<2x8x6x4xf32>) outs(%e : tensor<2x4x8x6xf32>) permutation = [0, 3, 1, 2]
  %u = linalg.transpose ins(%y : tensor<2x8x6x4xf32>) outs(%e : tensor<2x4x8x6xf32>) permutation = [0, 3, 1, 2]
  %r = linalg.generic {indexing_maps = [#id4, #id4, #channel, #id4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%t, %u, %b : tensor<2x4x8x6xf32>, tensor<2x4x8x6xf32>, tensor<4xf32>) outs(%e : tensor<2x4x8x6xf32>) {
  ^bb0(%i: f32, %j: f32, %k: f32, %o: f32):
    %s = arith.addf %i, %j : f32
    %m = arith.addf %s, %k : f32
    linalg.yield %m : f32
  } -> tensor<2x4x8x6xf32>
  %p = tensor.pad %r low[0, 0, 1, 2] high[0, 0, 1, 2] {
  ^bb0(%i: index, %j: index, %k: index, %n: index):
    tensor.yield %zero : f32
  } : tensor<2x4x8x6xf32> to tensor<2x4x10x10xf32>
  %v = linalg.transpose ins(%p : tensor<2x4x10x10xf32>) outs(%l : tensor<2x10x10x4xf32>) permutation = [0, 2, 3, 1]
  return %v : tensor<2x10x10x4xf32>
}

// One of two operands is not transposed: nothing would be won.
// CHECK-LABEL: func.func @mixed
// CHECK: linalg.transpose
// CHECK: linalg.generic
// CHECK-NOT: linalg.transpose
func.func @mixed(%x: tensor<2x8x6x4xf32>, %y: tensor<2x4x8x6xf32>) -> tensor<2x4x8x6xf32> {
  %e = tensor.empty() : tensor<2x4x8x6xf32>
  %t = linalg.transpose ins(%x : tensor<2x8x6x4xf32>) outs(%e : tensor<2x4x8x6xf32>) permutation = [0, 3, 1, 2]
  %r = linalg.generic {indexing_maps = [#id4, #id4, #id4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%t, %y : tensor<2x4x8x6xf32>, tensor<2x4x8x6xf32>) outs(%e : tensor<2x4x8x6xf32>) {
  ^bb0(%i: f32, %j: f32, %o: f32):
    %s = arith.addf %i, %j : f32
    linalg.yield %s : f32
  } -> tensor<2x4x8x6xf32>
  return %r : tensor<2x4x8x6xf32>
}

// Sums of images read channels-last ones.
// CHECK-LABEL: func.func @reduction
// CHECK-NOT: linalg.transpose
// CHECK: linalg.generic {indexing_maps = [#[[NHWC_TO_NC]],
func.func @reduction(%x: tensor<2x?x?x4xf32>, %n: index, %m: index, %f: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %e = tensor.empty(%n, %m) : tensor<2x4x?x?xf32>
  %t = linalg.transpose ins(%x : tensor<2x?x?x4xf32>) outs(%e : tensor<2x4x?x?xf32>) permutation = [0, 3, 1, 2]
  %r = linalg.generic {indexing_maps = [#id4, #kept], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
      ins(%t : tensor<2x4x?x?xf32>) outs(%f : tensor<2x4xf32>) {
  ^bb0(%i: f32, %o: f32):
    %s = arith.addf %i, %o : f32
    linalg.yield %s : f32
  } -> tensor<2x4xf32>
  return %r : tensor<2x4xf32>
}

// Slices and concatenations along the channels; what is left is one transpose.
// CHECK-LABEL: func.func @channels
// CHECK: %[[S:.*]] = tensor.extract_slice %{{.*}}[0, 0, 0, 1] [2, 8, 6, 2] [1, 1, 1, 2]
// CHECK: %[[C:.*]] = tensor.concat dim(3) %[[S]], %{{.*}} : (tensor<2x8x6x2xf32>, tensor<2x8x6x4xf32>)
// CHECK: linalg.transpose ins(%[[C]] {{.*}} permutation = [0, 3, 1, 2]
// CHECK-NOT: linalg.transpose
func.func @channels(%x: tensor<2x8x6x4xf32>, %y: tensor<2x8x6x4xf32>) -> tensor<2x6x8x6xf32> {
  %e = tensor.empty() : tensor<2x4x8x6xf32>
  %t = linalg.transpose ins(%x : tensor<2x8x6x4xf32>) outs(%e : tensor<2x4x8x6xf32>) permutation = [0, 3, 1, 2]
  %u = linalg.transpose ins(%y : tensor<2x8x6x4xf32>) outs(%e : tensor<2x4x8x6xf32>) permutation = [0, 3, 1, 2]
  %s = tensor.extract_slice %t[0, 1, 0, 0] [2, 2, 8, 6] [1, 2, 1, 1] : tensor<2x4x8x6xf32> to tensor<2x2x8x6xf32>
  %c = tensor.concat dim(1) %s, %u : (tensor<2x2x8x6xf32>, tensor<2x4x8x6xf32>) -> tensor<2x6x8x6xf32>
  return %c : tensor<2x6x8x6xf32>
}

// A vision transformer's patches: images flattened and then transposed are only flattened.
// CHECK-LABEL: func.func @flatten
// CHECK-NOT: linalg.transpose
// CHECK: tensor.collapse_shape %{{.*}} {{\[\[0\], \[1, 2\], \[3\]\]}} : tensor<2x8x6x4xf32> into tensor<2x48x4xf32>
func.func @flatten(%x: tensor<2x8x6x4xf32>) -> tensor<2x48x4xf32> {
  %e = tensor.empty() : tensor<2x4x8x6xf32>
  %l = tensor.empty() : tensor<2x48x4xf32>
  %t = linalg.transpose ins(%x : tensor<2x8x6x4xf32>) outs(%e : tensor<2x4x8x6xf32>) permutation = [0, 3, 1, 2]
  %f = tensor.collapse_shape %t [[0], [1], [2, 3]] : tensor<2x4x8x6xf32> into tensor<2x4x48xf32>
  %r = linalg.transpose ins(%f : tensor<2x4x48xf32>) outs(%l : tensor<2x48x4xf32>) permutation = [0, 2, 1]
  return %r : tensor<2x48x4xf32>
}

// Channels and pixels in one dim: the elements have to move.
// CHECK-LABEL: func.func @flatten_all
// CHECK: linalg.transpose
// CHECK: tensor.collapse_shape
func.func @flatten_all(%x: tensor<2x8x6x4xf32>) -> tensor<2x192xf32> {
  %e = tensor.empty() : tensor<2x4x8x6xf32>
  %t = linalg.transpose ins(%x : tensor<2x8x6x4xf32>) outs(%e : tensor<2x4x8x6xf32>) permutation = [0, 3, 1, 2]
  %f = tensor.collapse_shape %t [[0], [1, 2, 3]] : tensor<2x4x8x6xf32> into tensor<2x192xf32>
  return %f : tensor<2x192xf32>
}

// CHECK-LABEL: func.func @expand
// CHECK: %[[E:.*]] = tensor.expand_shape %{{.*}} {{\[\[0\], \[1\], \[2\], \[3, 4\]\]}} output_shape [2, 8, 6, 2, 2]
// CHECK: linalg.transpose ins(%[[E]] {{.*}} permutation = [0, 3, 4, 1, 2]
func.func @expand(%x: tensor<2x8x6x4xf32>) -> tensor<2x2x2x8x6xf32> {
  %e = tensor.empty() : tensor<2x4x8x6xf32>
  %t = linalg.transpose ins(%x : tensor<2x8x6x4xf32>) outs(%e : tensor<2x4x8x6xf32>) permutation = [0, 3, 1, 2]
  %f = tensor.expand_shape %t [[0], [1, 2], [3], [4]] output_shape [2, 2, 2, 8, 6] : tensor<2x4x8x6xf32> into tensor<2x2x2x8x6xf32>
  return %f : tensor<2x2x2x8x6xf32>
}

// The first convolution of a network reads its three channels as they come, padded.
// CHECK-LABEL: func.func @few_channels
// CHECK: %[[P:.*]] = tensor.pad %{{.*}} low[0, 0, 1, 1] high[0, 0, 1, 1]
// CHECK-NOT: linalg.transpose
// CHECK: linalg.generic {{.*}} ins(%[[P]], %{{.*}} : tensor<1x3x10x10xf32>, tensor<3x3x3x16xf32>)
func.func @few_channels(%x: tensor<1x3x8x8xf32>, %w: tensor<3x3x3x16xf32>, %f: tensor<1x8x8x16xf32>) -> tensor<1x8x8x16xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x8x8x3xf32>
  %t = linalg.transpose ins(%x : tensor<1x3x8x8xf32>) outs(%e : tensor<1x8x8x3xf32>) permutation = [0, 2, 3, 1]
  %p = tensor.pad %t low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%i: index, %j: index, %k: index, %n: index):
    tensor.yield %zero : f32
  } : tensor<1x8x8x3xf32> to tensor<1x10x10x3xf32>
  %c = linalg.conv_2d_nhwc_hwcf {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
      ins(%p, %w : tensor<1x10x10x3xf32>, tensor<3x3x3x16xf32>) outs(%f : tensor<1x8x8x16xf32>) -> tensor<1x8x8x16xf32>
  return %c : tensor<1x8x8x16xf32>
}

// The columns of a product are brought together for many rows. Few rows read them where they are; constants
// are packed later.
// CHECK-LABEL: func.func @columns_of_many_rows
// CHECK: %[[T:.*]] = linalg.transpose
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %[[T]] :
func.func @columns_of_many_rows(%x: tensor<16x64xf32>, %f: tensor<16x48xf32>, %w: tensor<48x64xf32>) -> tensor<16x48xf32> {
  %e = tensor.empty() : tensor<64x48xf32>
  %t = linalg.transpose ins(%w : tensor<48x64xf32>) outs(%e : tensor<64x48xf32>) permutation = [1, 0]
  %y = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %t : tensor<16x64xf32>, tensor<64x48xf32>) outs(%f : tensor<16x48xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<16x48xf32>
  return %y : tensor<16x48xf32>
}

// CHECK-LABEL: func.func @columns_of_few_rows
// CHECK-NOT: linalg.transpose
func.func @columns_of_few_rows(%x: tensor<15x64xf32>, %f: tensor<15x48xf32>, %w: tensor<48x64xf32>) -> tensor<15x48xf32> {
  %e = tensor.empty() : tensor<64x48xf32>
  %t = linalg.transpose ins(%w : tensor<48x64xf32>) outs(%e : tensor<64x48xf32>) permutation = [1, 0]
  %y = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %t : tensor<15x64xf32>, tensor<64x48xf32>) outs(%f : tensor<15x48xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<15x48xf32>
  return %y : tensor<15x48xf32>
}

// CHECK-LABEL: func.func @constant_columns
// CHECK-NOT: linalg.transpose
func.func @constant_columns(%x: tensor<16x64xf32>, %f: tensor<16x48xf32>) -> tensor<16x48xf32> {
  %w = arith.constant dense<2.0> : tensor<48x64xf32>
  %e = tensor.empty() : tensor<64x48xf32>
  %t = linalg.transpose ins(%w : tensor<48x64xf32>) outs(%e : tensor<64x48xf32>) permutation = [1, 0]
  %y = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %t : tensor<16x64xf32>, tensor<64x48xf32>) outs(%f : tensor<16x48xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<16x48xf32>
  return %y : tensor<16x48xf32>
}
