// RUN: torchc-opt %s --torchc-fold-constants | FileCheck %s

#id1 = affine_map<(d0) -> (d0)>
#id2 = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
#column = affine_map<(d0, d1) -> (d1)>

// Nothing reads them any more but through what was computed of them.
// CHECK-NOT: @gone
ml_program.global private @gone(dense<[1.0, 2.0]> : tensor<2xf32>) : tensor<2xf32>
// CHECK: ml_program.global private mutable @state
ml_program.global private mutable @state(dense<[1.0, 2.0]> : tensor<2xf32>) : tensor<2xf32>

// scale = weight / sqrt(variance + eps), rounded to f32 at each step.
// CHECK-LABEL: func.func @scale
// CHECK-NEXT: %[[S:.*]] = arith.constant dense<[5.000000e-01, 0.666666686]> : tensor<2xf32>
// CHECK-NEXT: return %[[S]]
func.func @scale() -> tensor<2xf32> {
  %eps = arith.constant 1.0 : f32
  %variance = arith.constant dense<[3.0, 8.0]> : tensor<2xf32>
  %weight = ml_program.global_load_const @gone : tensor<2xf32>
  %e = tensor.empty() : tensor<2xf32>
  %r = linalg.generic {indexing_maps = [#id1, #id1, #id1], iterator_types = ["parallel"]}
      ins(%variance, %weight : tensor<2xf32>, tensor<2xf32>) outs(%e : tensor<2xf32>) {
  ^bb0(%v: f32, %w: f32, %o: f32):
    %s = arith.addf %v, %eps : f32
    %q = math.rsqrt %s : f32
    %m = arith.mulf %q, %w : f32
    linalg.yield %m : f32
  } -> tensor<2xf32>
  return %r : tensor<2xf32>
}

ml_program.global private @zeros(dense<0> : tensor<3xi64>) : tensor<3xi64>
ml_program.global private @points(dense<[0, 0, 1]> : tensor<3xi64>) : tensor<3xi64>

// A weight that is one integer everywhere is that integer.
// CHECK-LABEL: func.func @zero_points
// CHECK-DAG: %[[Z:.*]] = arith.constant dense<0> : tensor<3xi64>
// CHECK-DAG: %[[P:.*]] = ml_program.global_load_const @points
// CHECK: return %[[Z]], %[[P]]
func.func @zero_points() -> (tensor<3xi64>, tensor<3xi64>) {
  %z = ml_program.global_load_const @zeros : tensor<3xi64>
  %p = ml_program.global_load_const @points : tensor<3xi64>
  return %z, %p : tensor<3xi64>, tensor<3xi64>
}

// The halves of bytes: 0x21, 0xfe.
// CHECK-LABEL: func.func @shifts
// CHECK-DAG: %[[U:.*]] = arith.constant dense<[2, 15]> : tensor<2xi8>
// CHECK-DAG: %[[S:.*]] = arith.constant dense<[2, -1]> : tensor<2xi8>
// CHECK-DAG: %[[L:.*]] = arith.constant dense<[16, -32]> : tensor<2xi8>
// CHECK: return %[[U]], %[[S]], %[[L]]
func.func @shifts() -> (tensor<2xi8>, tensor<2xi8>, tensor<2xi8>) {
  %four = arith.constant 4 : i8
  %x = arith.constant dense<[33, -2]> : tensor<2xi8>
  %e = tensor.empty() : tensor<2xi8>
  %u, %s, %l = linalg.generic {indexing_maps = [#id1, #id1, #id1, #id1], iterator_types = ["parallel"]}
      ins(%x : tensor<2xi8>) outs(%e, %e, %e : tensor<2xi8>, tensor<2xi8>, tensor<2xi8>) {
  ^bb0(%a: i8, %o: i8, %p: i8, %q: i8):
    %0 = arith.shrui %a, %four : i8
    %1 = arith.shrsi %a, %four : i8
    %2 = arith.shli %a, %four : i8
    linalg.yield %0, %1, %2 : i8, i8, i8
  } -> (tensor<2xi8>, tensor<2xi8>, tensor<2xi8>)
  return %u, %s, %l : tensor<2xi8>, tensor<2xi8>, tensor<2xi8>
}

// State changes, so nothing that reads it is constant.
// CHECK-LABEL: func.func @state_is_not_constant
// CHECK: linalg.exp
func.func @state_is_not_constant() -> tensor<2xf32> {
  %s = ml_program.global_load @state : tensor<2xf32>
  %e = tensor.empty() : tensor<2xf32>
  %r = linalg.exp ins(%s : tensor<2xf32>) outs(%e : tensor<2xf32>) -> tensor<2xf32>
  return %r : tensor<2xf32>
}

// CHECK-LABEL: func.func @moves
func.func @moves() -> (tensor<3x2xi8>, tensor<1x6xi8>, tensor<2x2xi8>, tensor<3x4xi8>, tensor<2x6xi8>, tensor<2x3xi8>) {
  %c7 = arith.constant 7 : i8
  %x = arith.constant dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi8>
  %e = tensor.empty() : tensor<3x2xi8>
  // CHECK-DAG: %[[T:.*]] = arith.constant dense<{{\[\[1, 4\], \[2, 5\], \[3, 6\]\]}}>
  %t = linalg.transpose ins(%x : tensor<2x3xi8>) outs(%e : tensor<3x2xi8>) permutation = [1, 0]
  // CHECK-DAG: %[[F:.*]] = arith.constant dense<{{\[\[1, 4, 2, 5, 3, 6\]\]}}>
  %f = tensor.collapse_shape %t [[0, 1]] : tensor<3x2xi8> into tensor<6xi8>
  %g = tensor.expand_shape %f [[0, 1]] output_shape [1, 6] : tensor<6xi8> into tensor<1x6xi8>
  // CHECK-DAG: %[[S:.*]] = arith.constant dense<{{\[\[1, 4\], \[3, 6\]\]}}>
  %s = tensor.extract_slice %t[0, 0] [2, 2] [2, 1] : tensor<3x2xi8> to tensor<2x2xi8>
  // CHECK-DAG: %[[P:.*]] = arith.constant dense<{{\[\[7, 1, 4, 7\], \[7, 2, 5, 7\], \[7, 3, 6, 7\]\]}}>
  %p = tensor.pad %t low[0, 1] high[0, 1] {
  ^bb0(%i: index, %j: index):
    tensor.yield %c7 : i8
  } : tensor<3x2xi8> to tensor<3x4xi8>
  // CHECK-DAG: %[[C:.*]] = arith.constant dense<{{\[\[1, 2, 3, 1, 2, 3\], \[4, 5, 6, 4, 5, 6\]\]}}>
  %c = tensor.concat dim(1) %x, %x : (tensor<2x3xi8>, tensor<2x3xi8>) -> tensor<2x6xi8>
  // CHECK-DAG: %[[I:.*]] = arith.constant dense<{{\[\[1, 1, 3\], \[4, 4, 6\]\]}}>
  %column = tensor.extract_slice %x[0, 0] [2, 1] [1, 1] : tensor<2x3xi8> to tensor<2x1xi8>
  %n = tensor.insert_slice %column into %x[0, 1] [2, 1] [1, 1] : tensor<2x1xi8> into tensor<2x3xi8>
  // CHECK: return %[[T]], %[[G:.*]], %[[S]], %[[P]], %[[C]], %[[I]]
  return %t, %g, %s, %p, %c, %n : tensor<3x2xi8>, tensor<1x6xi8>, tensor<2x2xi8>, tensor<3x4xi8>, tensor<2x6xi8>, tensor<2x3xi8>
}

// Panels of two columns: [N/2][K][2], the last one padded.
// CHECK-LABEL: func.func @pack
// CHECK: arith.constant dense<{{\[\[\[1, 4\], \[2, 5\], \[3, 6\]\], \[\[7, 0\], \[8, 0\], \[9, 0\]\]\]}}> : tensor<2x3x2xi32>
func.func @pack() -> tensor<2x3x2xi32> {
  %zero = arith.constant 0 : i32
  %x = arith.constant dense<[[1, 2, 3], [4, 5, 6], [7, 8, 9]]> : tensor<3x3xi32>
  %e = tensor.empty() : tensor<2x3x2xi32>
  %p = linalg.pack %x padding_value(%zero : i32) inner_dims_pos = [0] inner_tiles = [2] into %e : tensor<3x3xi32> -> tensor<2x3x2xi32>
  return %p : tensor<2x3x2xi32>
}

// The same with the packed dim last: [O/2][I][2].
// CHECK-LABEL: func.func @pack_outer
// CHECK: arith.constant dense<{{\[\[\[1, 2\], \[4, 5\]\], \[\[3, 0\], \[6, 0\]\]\]}}> : tensor<2x2x2xi32>
func.func @pack_outer() -> tensor<2x2x2xi32> {
  %zero = arith.constant 0 : i32
  %x = arith.constant dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi32>
  %e = tensor.empty() : tensor<2x2x2xi32>
  %p = linalg.pack %x padding_value(%zero : i32) outer_dims_perm = [1, 0] inner_dims_pos = [1] inner_tiles = [2] into %e : tensor<2x3xi32> -> tensor<2x2x2xi32>
  return %p : tensor<2x2x2xi32>
}

// A window that is turned round, as transposed convolutions have it.
// CHECK-LABEL: func.func @reverse
// CHECK: arith.constant dense<[3, 2, 1]> : tensor<3xi64>
func.func @reverse() -> tensor<3xi64> {
  %c2 = arith.constant 2 : index
  %x = arith.constant dense<[1, 2, 3]> : tensor<3xi64>
  %e = tensor.empty() : tensor<3xi64>
  %r = linalg.generic {indexing_maps = [#id1], iterator_types = ["parallel"]} outs(%e : tensor<3xi64>) {
  ^bb0(%o: i64):
    %i = linalg.index 0 : index
    %j = arith.subi %c2, %i : index
    %v = tensor.extract %x[%j] : tensor<3xi64>
    linalg.yield %v : i64
  } -> tensor<3xi64>
  return %r : tensor<3xi64>
}

// Beyond the end: fails when it runs, not here.
// CHECK-LABEL: func.func @beyond
// CHECK: tensor.extract
func.func @beyond() -> tensor<3xi64> {
  %x = arith.constant dense<[1, 2]> : tensor<2xi64>
  %e = tensor.empty() : tensor<3xi64>
  %r = linalg.generic {indexing_maps = [#id1], iterator_types = ["parallel"]} outs(%e : tensor<3xi64>) {
  ^bb0(%o: i64):
    %i = linalg.index 0 : index
    %v = tensor.extract %x[%i] : tensor<2xi64>
    linalg.yield %v : i64
  } -> tensor<3xi64>
  return %r : tensor<3xi64>
}

// Sums of rows, a comparison, and halves: 1 + 2^-8 is no bf16.
// CHECK-LABEL: func.func @sums
// CHECK-DAG: arith.constant dense<[6, 15]> : tensor<2xi32>
// CHECK-DAG: arith.constant dense<[1.000000e+00, 1.015630e+00]> : tensor<2xbf16>
func.func @sums() -> (tensor<2xi32>, tensor<2xbf16>) {
  %zero = arith.constant 0 : i32
  %x = arith.constant dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi32>
  %e = tensor.empty() : tensor<2xi32>
  %f = linalg.fill ins(%zero : i32) outs(%e : tensor<2xi32>) -> tensor<2xi32>
  %r = linalg.generic {indexing_maps = [#id2, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<2x3xi32>) outs(%f : tensor<2xi32>) {
  ^bb0(%a: i32, %b: i32):
    %s = arith.addi %a, %b : i32
    linalg.yield %s : i32
  } -> tensor<2xi32>
  %h = arith.constant dense<[1.00390625, 1.01171875]> : tensor<2xf32>
  %g = tensor.empty() : tensor<2xbf16>
  %t = linalg.generic {indexing_maps = [#id1, #id1], iterator_types = ["parallel"]}
      ins(%h : tensor<2xf32>) outs(%g : tensor<2xbf16>) {
  ^bb0(%a: f32, %b: bf16):
    %s = arith.truncf %a : f32 to bf16
    linalg.yield %s : bf16
  } -> tensor<2xbf16>
  return %r, %t : tensor<2xi32>, tensor<2xbf16>
}

// A broadcast is larger than what it reads: it stays, what it reads is folded.
// CHECK-LABEL: func.func @broadcast
// CHECK: %[[X:.*]] = arith.constant dense<[-1.000000e+00, -2.000000e+00]>
// CHECK: linalg.generic {{.*}} ins(%[[X]] : tensor<2xf32>)
func.func @broadcast() -> tensor<1000x2xf32> {
  %x = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %e = tensor.empty() : tensor<2xf32>
  %n = linalg.negf ins(%x : tensor<2xf32>) outs(%e : tensor<2xf32>) -> tensor<2xf32>
  %w = tensor.empty() : tensor<1000x2xf32>
  %r = linalg.generic {indexing_maps = [#column, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%n : tensor<2xf32>) outs(%w : tensor<1000x2xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  } -> tensor<1000x2xf32>
  return %r : tensor<1000x2xf32>
}

// The same number everywhere is a splat.
// CHECK-LABEL: func.func @splat
// CHECK: arith.constant dense<0.000000e+00> : tensor<2xf32>
func.func @splat() -> tensor<2xf32> {
  %x = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %e = tensor.empty() : tensor<2xf32>
  %r = linalg.sub ins(%x, %x : tensor<2xf32>, tensor<2xf32>) outs(%e : tensor<2xf32>) -> tensor<2xf32>
  return %r : tensor<2xf32>
}
