// RUN: torchc-opt %s --torchc-fold-constants | FileCheck %s
// RUN: torchc-opt %s --torchc-fold-constants=table-bytes=16384 | FileCheck %s --check-prefix=TABLE

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
// TABLE-LABEL: func.func @broadcast
// TABLE: linalg.generic
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

// Nor are numbers that are computed of less, such as a mask, unless a table may take so much.
// CHECK-LABEL: func.func @mask
// CHECK: linalg.generic
// TABLE-LABEL: func.func @mask
// TABLE: %[[MASK:.*]] = ml_program.global_load_const @constant : tensor<100x100xi1>
// TABLE-NEXT: return %[[MASK]]
func.func @mask() -> tensor<100x100xi1> {
  %e = tensor.empty() : tensor<100x100xi1>
  %m = linalg.generic {indexing_maps = [#id2], iterator_types = ["parallel", "parallel"]} outs(%e : tensor<100x100xi1>) {
  ^bb0(%o: i1):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %c = arith.cmpi sle, %j, %i : index
    linalg.yield %c : i1
  } -> tensor<100x100xi1>
  return %m : tensor<100x100xi1>
}

// Integers that take too much memory as they are, but fit a byte each: their user widens them.
// CHECK-LABEL: func.func @bytes
// CHECK: %[[B:.*]] = ml_program.global_load_const @{{.*}} : tensor<1200xi8>
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %[[B]] : tensor<1200xf32>, tensor<1200xi8>)
// CHECK-NEXT: ^bb0(%{{.*}}: f32, %[[NARROW:.*]]: i8, %{{.*}}: f32)
// CHECK-NEXT: %[[WIDE:.*]] = arith.extsi %[[NARROW]] : i8 to i32
// CHECK-NEXT: arith.sitofp %[[WIDE]]
func.func @bytes(%x: tensor<1200xf32>) -> tensor<1200xf32> {
  %mask = arith.constant 15 : i32
  %e = tensor.empty() : tensor<1200xi32>
  %n = linalg.generic {indexing_maps = [#id1], iterator_types = ["parallel"]} outs(%e : tensor<1200xi32>) {
  ^bb0(%o: i32):
    %0 = linalg.index 0 : index
    %1 = arith.index_cast %0 : index to i32
    linalg.yield %1 : i32
  } -> tensor<1200xi32>
  %m = linalg.generic {indexing_maps = [#id1, #id1], iterator_types = ["parallel"]}
      ins(%n : tensor<1200xi32>) outs(%e : tensor<1200xi32>) {
  ^bb0(%a: i32, %o: i32):
    %0 = arith.andi %a, %mask : i32
    linalg.yield %0 : i32
  } -> tensor<1200xi32>
  %f = tensor.empty() : tensor<1200xf32>
  %y = linalg.generic {indexing_maps = [#id1, #id1, #id1], iterator_types = ["parallel"]}
      ins(%x, %m : tensor<1200xf32>, tensor<1200xi32>) outs(%f : tensor<1200xf32>) {
  ^bb0(%a: f32, %b: i32, %o: f32):
    %0 = arith.sitofp %b : i32 to f32
    %1 = arith.mulf %a, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<1200xf32>
  return %y : tensor<1200xf32>
}

// These do not fit: what they are computed of is folded instead.
// CHECK-LABEL: func.func @wide
// CHECK: %[[S:.*]] = arith.constant dense<[3, 5]> : tensor<2xi32>
// CHECK: linalg.generic {{.*}} ins(%[[S]] : tensor<2xi32>) outs(%{{.*}} : tensor<2x1200xi32>)
func.func @wide() -> tensor<2x1200xi32> {
  %a = arith.constant dense<[1, 2]> : tensor<2xi32>
  %b = arith.constant dense<[2, 3]> : tensor<2xi32>
  %d = tensor.empty() : tensor<2xi32>
  %s = linalg.add ins(%a, %b : tensor<2xi32>, tensor<2xi32>) outs(%d : tensor<2xi32>) -> tensor<2xi32>
  %e = tensor.empty() : tensor<2x1200xi32>
  %n = linalg.generic {indexing_maps = [#row, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%s : tensor<2xi32>) outs(%e : tensor<2x1200xi32>) {
  ^bb0(%i: i32, %o: i32):
    %0 = linalg.index 1 : index
    %1 = arith.index_cast %0 : index to i32
    %2 = arith.muli %i, %1 : i32
    linalg.yield %2 : i32
  } -> tensor<2x1200xi32>
  return %n : tensor<2x1200xi32>
}

// Rows by constant indices: folded where they are in range (the second is counted from the end); else they fail in the call.
// CHECK-LABEL: func.func @gather
// CHECK-DAG: arith.constant dense<{{\[\[}}5.000000e+00, 6.000000e+00], [3.000000e+00, 4.000000e+00]]>
// CHECK: cf.assert
// CHECK-NOT: cf.assert
// CHECK: return
func.func @gather() -> (tensor<2x2xf32>, tensor<2x2xf32>) {
  %c0 = arith.constant 0 : index
  %c3 = arith.constant 3 : index
  %x = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>
  %in = arith.constant dense<[2, -2]> : tensor<2xi64>
  %beyond = arith.constant dense<[0, 3]> : tensor<2xi64>
  %e = tensor.empty() : tensor<2x2xf32>
  %y = linalg.generic {indexing_maps = [#row, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%in : tensor<2xi64>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%i: i64, %o: f32):
    %0 = linalg.index 1 : index
    %1 = arith.index_cast %i : i64 to index
    %2 = arith.cmpi slt, %1, %c0 : index
    %3 = arith.addi %1, %c3 : index
    %4 = arith.select %2, %3, %1 : index
    %5 = arith.cmpi ult, %4, %c3 : index
    cf.assert %5, "index out of range"
    %6 = arith.select %5, %4, %c0 : index
    %7 = tensor.extract %x[%6, %0] : tensor<3x2xf32>
    linalg.yield %7 : f32
  } -> tensor<2x2xf32>
  %z = linalg.generic {indexing_maps = [#row, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%beyond : tensor<2xi64>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%i: i64, %o: f32):
    %0 = linalg.index 1 : index
    %1 = arith.index_cast %i : i64 to index
    %2 = arith.cmpi ult, %1, %c3 : index
    cf.assert %2, "index out of range"
    %3 = tensor.extract %x[%1, %0] : tensor<3x2xf32>
    linalg.yield %3 : f32
  } -> tensor<2x2xf32>
  return %y, %z : tensor<2x2xf32>, tensor<2x2xf32>
}

// Indices that count rows up, each as often as the others, repeat them: no gather.
// CHECK-LABEL: func.func @repeat(
// CHECK-SAME: %[[X:.*]]: tensor<2x5xf32>
// CHECK: %[[R:.*]] = linalg.generic {{.*}} ins(%[[X]] : tensor<2x5xf32>) outs(%{{.*}} : tensor<2x3x5xf32>)
// CHECK: %[[C:.*]] = tensor.collapse_shape %[[R]] {{\[\[}}0, 1], [2]] : tensor<2x3x5xf32> into tensor<6x5xf32>
// CHECK: %[[G:.*]] = linalg.generic
// CHECK: tensor.extract
// CHECK: return %[[C]], %[[G]]
func.func @repeat(%x: tensor<2x5xf32>) -> (tensor<6x5xf32>, tensor<6x5xf32>) {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %up = arith.constant dense<[0, 0, 0, 1, 1, 1]> : tensor<6xi64>
  %mixed = arith.constant dense<[0, 0, 1, 0, 1, 1]> : tensor<6xi64>
  %e = tensor.empty() : tensor<6x5xf32>
  %y = linalg.generic {indexing_maps = [#row, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%up : tensor<6xi64>) outs(%e : tensor<6x5xf32>) {
  ^bb0(%i: i64, %o: f32):
    %0 = linalg.index 1 : index
    %1 = arith.index_cast %i : i64 to index
    %2 = arith.cmpi slt, %1, %c0 : index
    %3 = arith.addi %1, %c2 : index
    %4 = arith.select %2, %3, %1 : index
    %5 = arith.cmpi ult, %4, %c2 : index
    %6 = arith.select %5, %4, %c0 : index
    %7 = tensor.extract %x[%6, %0] : tensor<2x5xf32>
    linalg.yield %7 : f32
  } -> tensor<6x5xf32>
  %z = linalg.generic {indexing_maps = [#row, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%mixed : tensor<6xi64>) outs(%e : tensor<6x5xf32>) {
  ^bb0(%i: i64, %o: f32):
    %0 = linalg.index 1 : index
    %1 = arith.index_cast %i : i64 to index
    %2 = tensor.extract %x[%1, %0] : tensor<2x5xf32>
    linalg.yield %2 : f32
  } -> tensor<6x5xf32>
  return %y, %z : tensor<6x5xf32>, tensor<6x5xf32>
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

// An op that writes nothing is left alone.
// CHECK-LABEL: func.func @nothing
// CHECK: return
func.func @nothing(%x: tensor<2xf32>) -> tensor<2xf32> {
  linalg.generic {indexing_maps = [#id1], iterator_types = ["parallel"]} ins(%x : tensor<2xf32>) {
  ^bb0(%a: f32):
    linalg.yield
  }
  return %x : tensor<2xf32>
}
