// RUN: torchc-opt %s --torchc-fuse-elementwise | FileCheck %s

#id1 = affine_map<(d0) -> (d0)>
#id3 = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#id2 = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>

// CHECK-LABEL: func.func @chain
// CHECK: linalg.generic
// CHECK: arith.addf
// CHECK-NEXT: math.exp
// CHECK-NOT: linalg.generic
func.func @chain(%x: tensor<?xf32>, %y: tensor<?xf32>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %e = tensor.empty(%n) : tensor<?xf32>
  %s = linalg.generic {indexing_maps = [#id1, #id1, #id1], iterator_types = ["parallel"]} ins(%x, %y : tensor<?xf32>, tensor<?xf32>) outs(%e : tensor<?xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %r = arith.addf %a, %b : f32
    linalg.yield %r : f32
  } -> tensor<?xf32>
  %t = linalg.generic {indexing_maps = [#id1, #id1], iterator_types = ["parallel"]} ins(%s : tensor<?xf32>) outs(%e : tensor<?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = math.exp %a : f32
    linalg.yield %r : f32
  } -> tensor<?xf32>
  return %t : tensor<?xf32>
}

// What two ops read is computed again if it is cheap (the difference), and
// not if it is not (the exponential).
// CHECK-LABEL: func.func @repeat
// CHECK: linalg.generic
// CHECK: arith.subf
// CHECK: math.exp
// CHECK: linalg.generic
// CHECK-NOT: math.exp
// CHECK: arith.negf
// CHECK: linalg.generic
// CHECK: arith.subf
// CHECK: math.tanh
func.func @repeat(%x: tensor<4x8xf32>, %m: tensor<4xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>) {
  %e = tensor.empty() : tensor<4x8xf32>
  %d = linalg.generic {indexing_maps = [#id2, #row, #id2], iterator_types = ["parallel", "parallel"]} ins(%x, %m : tensor<4x8xf32>, tensor<4xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %r = arith.subf %a, %b : f32
    linalg.yield %r : f32
  } -> tensor<4x8xf32>
  %s = linalg.generic {indexing_maps = [#id2, #id2], iterator_types = ["parallel", "parallel"]} ins(%d : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = math.exp %a : f32
    linalg.yield %r : f32
  } -> tensor<4x8xf32>
  %t = linalg.generic {indexing_maps = [#id2, #id2], iterator_types = ["parallel", "parallel"]} ins(%s : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = arith.negf %a : f32
    linalg.yield %r : f32
  } -> tensor<4x8xf32>
  %u = linalg.generic {indexing_maps = [#id2, #id2], iterator_types = ["parallel", "parallel"]} ins(%d : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = math.tanh %a : f32
    linalg.yield %r : f32
  } -> tensor<4x8xf32>
  return %s, %t, %u : tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>
}

// What is expensive and read by whole rows is not computed by each element.
// CHECK-LABEL: func.func @broadcast
// CHECK-COUNT-2: linalg.generic
func.func @broadcast(%x: tensor<4x8xf32>, %m: tensor<4xf32>) -> tensor<4x8xf32> {
  %e1 = tensor.empty() : tensor<4xf32>
  %e = tensor.empty() : tensor<4x8xf32>
  %s = linalg.generic {indexing_maps = [#id1, #id1], iterator_types = ["parallel"]} ins(%m : tensor<4xf32>) outs(%e1 : tensor<4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = math.rsqrt %a : f32
    linalg.yield %r : f32
  } -> tensor<4xf32>
  %d = linalg.generic {indexing_maps = [#id2, #row, #id2], iterator_types = ["parallel", "parallel"]} ins(%x, %s : tensor<4x8xf32>, tensor<4xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %r = arith.mulf %a, %b : f32
    linalg.yield %r : f32
  } -> tensor<4x8xf32>
  return %d : tensor<4x8xf32>
}

// A gather stays by itself: its check and its loads are no elementwise work.
// CHECK-LABEL: func.func @gather
// CHECK: linalg.generic
// CHECK: cf.assert
// CHECK: linalg.generic
// CHECK: math.exp
func.func @gather(%table: tensor<10x8xf32>, %ids: tensor<4xi64>) -> tensor<4x8xf32> {
  %c0 = arith.constant 0 : i64
  %c10 = arith.constant 10 : i64
  %e = tensor.empty() : tensor<4x8xf32>
  %g = linalg.generic {indexing_maps = [#row, #id2], iterator_types = ["parallel", "parallel"]} ins(%ids : tensor<4xi64>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%i: i64, %o: f32):
    %low = arith.cmpi sge, %i, %c0 : i64
    %high = arith.cmpi slt, %i, %c10 : i64
    %ok = arith.andi %low, %high : i1
    cf.assert %ok, "index out of range"
    %row = arith.index_cast %i : i64 to index
    %column = linalg.index 1 : index
    %v = tensor.extract %table[%row, %column] : tensor<10x8xf32>
    linalg.yield %v : f32
  } -> tensor<4x8xf32>
  %u = linalg.generic {indexing_maps = [#id2, #id2], iterator_types = ["parallel", "parallel"]} ins(%g : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = math.exp %a : f32
    linalg.yield %r : f32
  } -> tensor<4x8xf32>
  return %u : tensor<4x8xf32>
}

// Where only one operand knows an extent, the reshape stays.
// CHECK-LABEL: func.func @reshapeOfUnknownExtent
// CHECK: linalg.generic
// CHECK: tensor.collapse_shape
// CHECK: linalg.generic
func.func @reshapeOfUnknownExtent(%x: tensor<3x?x1xf32>, %y: tensor<3xf32>, %n: index) -> tensor<3x4xf32> {
  %e = tensor.empty(%n) : tensor<3x?x1xf32>
  %t = linalg.generic {indexing_maps = [#id3, #id3], iterator_types = ["parallel", "parallel", "parallel"]} ins(%x : tensor<3x?x1xf32>) outs(%e : tensor<3x?x1xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = math.tanh %a : f32
    linalg.yield %r : f32
  } -> tensor<3x?x1xf32>
  %c = tensor.collapse_shape %t [[0], [1, 2]] : tensor<3x?x1xf32> into tensor<3x?xf32>
  %e2 = tensor.empty() : tensor<3x4xf32>
  %s = linalg.generic {indexing_maps = [#id2, #row, #id2], iterator_types = ["parallel", "parallel"]} ins(%c, %y : tensor<3x?xf32>, tensor<3xf32>) outs(%e2 : tensor<3x4xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %r = arith.mulf %a, %b : f32
    linalg.yield %r : f32
  } -> tensor<3x4xf32>
  return %s : tensor<3x4xf32>
}

// A number that a kernel computes, looked up in a body, is an input like any other: both ops are one.
// CHECK-LABEL: func.func @number
// CHECK-SAME: %[[X:.*]]: tensor<4xf32>, %[[N:.*]]: tensor<f32>
// CHECK: linalg.generic {{.*}} ins(%[[X]], %[[N]] : tensor<4xf32>, tensor<f32>)
// CHECK: arith.addf
// CHECK: arith.mulf
// CHECK-NOT: tensor.extract
// CHECK: return
func.func @number(%x: tensor<4xf32>, %n: tensor<f32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<f32>
  %o = tensor.empty() : tensor<4xf32>
  %m = linalg.generic {indexing_maps = [affine_map<() -> ()>, affine_map<() -> ()>], iterator_types = []} ins(%n : tensor<f32>) outs(%e : tensor<f32>) {
  ^bb0(%a: f32, %b: f32):
    %0 = arith.addf %a, %a : f32
    linalg.yield %0 : f32
  } -> tensor<f32>
  %y = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%x : tensor<4xf32>) outs(%o : tensor<4xf32>) {
  ^bb0(%a: f32, %b: f32):
    %number = tensor.extract %m[] : tensor<f32>
    %0 = arith.mulf %a, %number : f32
    linalg.yield %0 : f32
  } -> tensor<4xf32>
  return %y : tensor<4xf32>
}

ml_program.global private @narrow(#ml_program.extern : tensor<16x2x4xi8>) : tensor<16x2x4xi8>

// Weights of few bits keep the shape of their groups up to the product, whose rows another op computes and reshapes.
// CHECK-LABEL: func.func @groups
// CHECK-SAME: %[[X:.*]]: tensor<1x1x8xf32>, %[[S:.*]]: tensor<16x2xf32>
// CHECK: %[[W:.*]] = ml_program.global_load_const @narrow
// CHECK: %[[F:.*]] = linalg.generic {{.*}} ins(%[[W]], %[[S]] : tensor<16x2x4xi8>, tensor<16x2xf32>)
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %[[F]] : tensor<1x1x2x4xf32>, tensor<16x2x4xf32>)
func.func @groups(%x: tensor<1x1x8xf32>, %s: tensor<16x2xf32>) -> tensor<1x16xf32> {
  %zero = arith.constant 0.0 : f32
  %w = ml_program.global_load_const @narrow : tensor<16x2x4xi8>
  %xe = tensor.empty() : tensor<1x1x8xf32>
  %we = tensor.empty() : tensor<16x2x4xf32>
  %e = tensor.empty() : tensor<1x16xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<1x16xf32>) -> tensor<1x16xf32>
  %v = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%w, %s : tensor<16x2x4xi8>, tensor<16x2xf32>) outs(%we : tensor<16x2x4xf32>) {
  ^bb0(%a: i8, %b: f32, %o: f32):
    %0 = arith.sitofp %a : i8 to f32
    %1 = arith.mulf %0, %b : f32
    linalg.yield %1 : f32
  } -> tensor<16x2x4xf32>
  %rows = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%x : tensor<1x1x8xf32>) outs(%xe : tensor<1x1x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = math.exp %a : f32
    linalg.yield %0 : f32
  } -> tensor<1x1x8xf32>
  %m = tensor.collapse_shape %rows [[0], [1, 2]] : tensor<1x1x8xf32> into tensor<1x8xf32>
  %n = tensor.collapse_shape %v [[0], [1, 2]] : tensor<16x2x4xf32> into tensor<16x8xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%m, %n : tensor<1x8xf32>, tensor<16x8xf32>) outs(%f : tensor<1x16xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %o, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<1x16xf32>
  return %y : tensor<1x16xf32>
}

// A number for each row and column, the same for all heads: the dims of a row and its heads are not one dim here, so that
// the reshape stays where it is, all of it.
#heads = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#angle = affine_map<(d0, d1, d2, d3) -> (d1, d3)>

// CHECK-LABEL: func.func @rotation
// CHECK: %[[HEADS:.*]] = tensor.expand_shape %{{.*}} {{\[}}[0, 1], [2, 3]]
// CHECK: linalg.generic {{.*}} ins(%[[HEADS]], %arg1 : tensor<1x8x2x4xf32>, tensor<8x4xf32>)
// CHECK-NOT: tensor.collapse_shape
// CHECK: return
func.func @rotation(%x: tensor<8x8xf32>, %angles: tensor<8x4xf32>) -> tensor<1x8x2x4xf32> {
  %e = tensor.empty() : tensor<8x8xf32>
  %product = linalg.generic {indexing_maps = [#id2, #id2], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = math.exp %a : f32
    linalg.yield %r : f32
  } -> tensor<8x8xf32>
  %heads = tensor.expand_shape %product [[0, 1], [2, 3]] output_shape [1, 8, 2, 4] : tensor<8x8xf32> into tensor<1x8x2x4xf32>
  %e4 = tensor.empty() : tensor<1x8x2x4xf32>
  %rotated = linalg.generic {indexing_maps = [#heads, #angle, #heads], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%heads, %angles : tensor<1x8x2x4xf32>, tensor<8x4xf32>) outs(%e4 : tensor<1x8x2x4xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %r = arith.mulf %a, %b : f32
    linalg.yield %r : f32
  } -> tensor<1x8x2x4xf32>
  return %rotated : tensor<1x8x2x4xf32>
}

// The dim of one is that of tokens, not of what is summed up: all is one sum.
// CHECK-LABEL: func.func @norm_of_one_token
// CHECK: linalg.generic {{.*}} iterator_types = ["parallel", "reduction"]
// CHECK: math.exp
// CHECK-NEXT: arith.mulf
// CHECK-NEXT: arith.addf
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @norm_of_one_token(%x: tensor<2x8xf32>) -> tensor<2x1xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x8xf32>
  %y = linalg.generic {indexing_maps = [#id2, #id2], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<2x8xf32>) outs(%e : tensor<2x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = math.exp %a : f32
    linalg.yield %r : f32
  } -> tensor<2x8xf32>
  %token = tensor.expand_shape %y [[0], [1, 2]] output_shape [2, 1, 8] : tensor<2x8xf32> into tensor<2x1x8xf32>
  %e3 = tensor.empty() : tensor<2x1x8xf32>
  %squares = linalg.generic {indexing_maps = [#id3, #id3], iterator_types = ["parallel", "parallel", "parallel"]} ins(%token : tensor<2x1x8xf32>) outs(%e3 : tensor<2x1x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = arith.mulf %a, %a : f32
    linalg.yield %r : f32
  } -> tensor<2x1x8xf32>
  %es = tensor.empty() : tensor<2x1xf32>
  %fs = linalg.fill ins(%zero : f32) outs(%es : tensor<2x1xf32>) -> tensor<2x1xf32>
  %sum = linalg.generic {indexing_maps = [#id3, affine_map<(d0, d1, d2) -> (d0, d1)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%squares : tensor<2x1x8xf32>) outs(%fs : tensor<2x1xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = arith.addf %a, %o : f32
    linalg.yield %r : f32
  } -> tensor<2x1xf32>
  return %sum : tensor<2x1xf32>
}

// A mask that lets all keys through is no input of attention; one that differs stays.
#query = affine_map<(b, l, n, s, k) -> (b, l, k)>
#key = affine_map<(b, l, n, s, k) -> (b, s, k)>
#value = affine_map<(b, l, n, s, k) -> (b, s, n)>
#mask = affine_map<(b, l, n, s, k) -> (l, s)>

// CHECK-LABEL: func.func @attention_without_mask
// CHECK: dispatch.attention(%{{[a-z0-9_]+}}, %{{[a-z0-9_]+}}, %{{[a-z0-9_]+}}, %arg3)
// CHECK-NEXT: ^bb0(%[[PRODUCT:.*]]: f32, %[[BIAS:.*]]: f32):
// CHECK-NEXT: %[[SCORE:.*]] = arith.addf %[[PRODUCT]], %[[BIAS]]
// CHECK-NEXT: dispatch.return %[[SCORE]]
func.func @attention_without_mask(%q: tensor<2x8x16xf32>, %k: tensor<2x9x16xf32>, %v: tensor<2x9x4xf32>, %bias: tensor<8x9xf32>) -> tensor<2x8x4xf32> {
  %true = arith.constant true
  %infinity = arith.constant 0xFF800000 : f32
  %me = tensor.empty() : tensor<1x8x9xi1>
  %m = linalg.generic {indexing_maps = [#id3], iterator_types = ["parallel", "parallel", "parallel"]} outs(%me : tensor<1x8x9xi1>) {
  ^bb0(%o: i1):
    linalg.yield %true : i1
  } -> tensor<1x8x9xi1>
  %mask = tensor.collapse_shape %m [[0, 1], [2]] : tensor<1x8x9xi1> into tensor<8x9xi1>
  %e = tensor.empty() : tensor<2x8x4xf32>
  %y = dispatch.attention(%q, %k, %v, %mask, %bias) outs(%e) {indexing_maps = [#query, #key, #value, #mask, #mask]}
      : (tensor<2x8x16xf32>, tensor<2x9x16xf32>, tensor<2x9x4xf32>, tensor<8x9xi1>, tensor<8x9xf32>) -> tensor<2x8x4xf32> {
  ^bb0(%product: f32, %in: i1, %add: f32):
    %score = arith.addf %product, %add : f32
    %masked = arith.select %in, %score, %infinity : f32
    dispatch.return %masked : f32
  }
  return %y : tensor<2x8x4xf32>
}

// Queries, keys and values side by side: their heads are told apart before attention's slices are taken.
#query4 = affine_map<(b, h, l, n, s, k) -> (b, l, h, k)>
#key4 = affine_map<(b, h, l, n, s, k) -> (b, s, h, k)>
#value4 = affine_map<(b, h, l, n, s, k) -> (b, s, h, n)>

// CHECK-LABEL: func.func @slices_of_heads
// CHECK: %[[HEADS:.*]] = tensor.expand_shape %arg0 {{.*}} output_shape [1, 8, 6, 16] : tensor<1x8x96xf32> into tensor<1x8x6x16xf32>
// CHECK: %[[QUERY:.*]] = tensor.extract_slice %[[HEADS]][0, 0, 2, 0] [1, 8, 2, 16] [1, 1, 1, 1]
// CHECK: dispatch.attention(%[[QUERY]], %arg1, %arg2)
func.func @slices_of_heads(%qkv: tensor<1x8x96xf32>, %k: tensor<1x9x2x16xf32>, %v: tensor<1x9x2x4xf32>) -> tensor<1x2x8x4xf32> {
  %slice = tensor.extract_slice %qkv[0, 0, 32] [1, 8, 32] [1, 1, 1] : tensor<1x8x96xf32> to tensor<1x8x32xf32>
  %q = tensor.expand_shape %slice [[0], [1], [2, 3]] output_shape [1, 8, 2, 16] : tensor<1x8x32xf32> into tensor<1x8x2x16xf32>
  %e = tensor.empty() : tensor<1x2x8x4xf32>
  %y = dispatch.attention(%q, %k, %v) outs(%e) {indexing_maps = [#query4, #key4, #value4]}
      : (tensor<1x8x2x16xf32>, tensor<1x9x2x16xf32>, tensor<1x9x2x4xf32>) -> tensor<1x2x8x4xf32> {
  ^bb0(%product: f32):
    dispatch.return %product : f32
  }
  return %y : tensor<1x2x8x4xf32>
}
