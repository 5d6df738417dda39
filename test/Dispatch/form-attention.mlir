// RUN: torchc-opt %s --split-input-file --torchc-form-attention | FileCheck %s

#blk = affine_map<(b, l, s, k) -> (b, l, k)>
#bks = affine_map<(b, l, s, k) -> (b, k, s)>
#bls = affine_map<(b, l, s, k) -> (b, l, s)>
#id4 = affine_map<(b, h, l, s) -> (b, h, l, s)>
#row = affine_map<(b, h, l, s) -> (b, h, l)>
#keys = affine_map<(b, h, l, s) -> (b, s)>

// Heads that were joined for the products are apart again; the mask is read where softmax would; what the
// guards of a masked softmax say is an attribute. Keys are transposed outside: only the map says so.
// CHECK-DAG: #[[Q:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d2, d5)>
// CHECK-DAG: #[[K:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d5, d4)>
// CHECK-DAG: #[[V:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d4, d3)>
// CHECK-DAG: #[[MASK:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d4)>
// CHECK-LABEL: func.func @masked
// CHECK-SAME: (%[[Q4:.*]]: tensor<2x4x?x8xf32>, %[[K3:.*]]: tensor<8x8x?xf32>, %[[V4:.*]]: tensor<2x4x?x16xf32>, %[[M:.*]]: tensor<2x?xi1>
// CHECK: %[[K4:.*]] = tensor.expand_shape %[[K3]] {{\[\[0, 1\], \[2\], \[3\]\]}} output_shape [2, 4, 8, %{{.*}}] : tensor<8x8x?xf32> into tensor<2x4x8x?xf32>
// CHECK: %[[Y:.*]] = dispatch.attention(%[[Q4]], %[[K4]], %[[V4]], %[[M]]) outs(%{{.*}}) {indexing_maps = [#[[Q]], #[[K]], #[[V]], #[[MASK]]], zero_masked_rows}
// CHECK-NEXT: ^bb0(%[[P:.*]]: f32, %[[E:.*]]: i1):
// CHECK-NEXT: %[[S:.*]] = arith.mulf %[[P]], %{{.*}} : f32
// CHECK-NEXT: %[[T:.*]] = arith.select %[[E]], %[[S]], %{{.*}} : f32
// CHECK-NEXT: dispatch.return %[[T]] : f32
// CHECK: %[[C:.*]] = tensor.collapse_shape %[[Y]]
// CHECK-NEXT: return %[[C]]
func.func @masked(%q4: tensor<2x4x?x8xf32>, %k: tensor<8x8x?xf32>, %v4: tensor<2x4x?x16xf32>, %mask: tensor<2x?xi1>, %l: index, %n: index) -> tensor<8x?x16xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %scale = arith.constant 0.5 : f32
  %ninf = arith.constant 0xFF800000 : f32
  %q = tensor.collapse_shape %q4 [[0, 1], [2], [3]] : tensor<2x4x?x8xf32> into tensor<8x?x8xf32>
  %v = tensor.collapse_shape %v4 [[0, 1], [2], [3]] : tensor<2x4x?x16xf32> into tensor<8x?x16xf32>
  %e3 = tensor.empty(%l, %n) : tensor<8x?x?xf32>
  %e4 = tensor.empty(%l, %n) : tensor<2x4x?x?xf32>
  %er = tensor.empty(%l) : tensor<2x4x?xf32>
  %eo = tensor.empty(%l) : tensor<8x?x16xf32>
  %f3 = linalg.fill ins(%zero : f32) outs(%e3 : tensor<8x?x?xf32>) -> tensor<8x?x?xf32>
  %fmax = linalg.fill ins(%ninf : f32) outs(%er : tensor<2x4x?xf32>) -> tensor<2x4x?xf32>
  %fsum = linalg.fill ins(%zero : f32) outs(%er : tensor<2x4x?xf32>) -> tensor<2x4x?xf32>
  %fo = linalg.fill ins(%zero : f32) outs(%eo : tensor<8x?x16xf32>) -> tensor<8x?x16xf32>
  %p = linalg.generic {indexing_maps = [#blk, #bks, #bls], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<8x?x8xf32>, tensor<8x8x?xf32>) outs(%f3 : tensor<8x?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %o, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<8x?x?xf32>
  %p4 = tensor.expand_shape %p [[0, 1], [2], [3]] output_shape [2, 4, %l, %n] : tensor<8x?x?xf32> into tensor<2x4x?x?xf32>
  %x = linalg.generic {indexing_maps = [#id4, #keys, #id4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%p4, %mask : tensor<2x4x?x?xf32>, tensor<2x?xi1>) outs(%e4 : tensor<2x4x?x?xf32>) {
  ^bb0(%a: f32, %m: i1, %o: f32):
    %0 = arith.mulf %a, %scale : f32
    %1 = arith.select %m, %0, %ninf : f32
    linalg.yield %1 : f32
  } -> tensor<2x4x?x?xf32>
  %max = linalg.generic {indexing_maps = [#id4, #row], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x : tensor<2x4x?x?xf32>) outs(%fmax : tensor<2x4x?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.maximumf %o, %a : f32
    linalg.yield %0 : f32
  } -> tensor<2x4x?xf32>
  %exp = linalg.generic {indexing_maps = [#id4, #row, #id4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x, %max : tensor<2x4x?x?xf32>, tensor<2x4x?xf32>) outs(%e4 : tensor<2x4x?x?xf32>) {
  ^bb0(%a: f32, %m: f32, %o: f32):
    %0 = arith.cmpf oeq, %m, %ninf : f32
    %1 = arith.select %0, %zero, %m : f32
    %2 = arith.subf %a, %1 : f32
    %3 = math.exp %2 : f32
    linalg.yield %3 : f32
  } -> tensor<2x4x?x?xf32>
  %sum = linalg.generic {indexing_maps = [#id4, #row], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%exp : tensor<2x4x?x?xf32>) outs(%fsum : tensor<2x4x?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %o, %a : f32
    linalg.yield %0 : f32
  } -> tensor<2x4x?xf32>
  %w = linalg.generic {indexing_maps = [#id4, #row, #row, #id4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%exp, %sum, %max : tensor<2x4x?x?xf32>, tensor<2x4x?xf32>, tensor<2x4x?xf32>) outs(%e4 : tensor<2x4x?x?xf32>) {
  ^bb0(%a: f32, %s: f32, %m: f32, %o: f32):
    %0 = arith.cmpf oeq, %m, %ninf : f32
    %1 = arith.select %0, %one, %s : f32
    %2 = arith.divf %a, %1 : f32
    linalg.yield %2 : f32
  } -> tensor<2x4x?x?xf32>
  %w3 = tensor.collapse_shape %w [[0, 1], [2], [3]] : tensor<2x4x?x?xf32> into tensor<8x?x?xf32>
  %y = linalg.generic {indexing_maps = [#blk, #bks, #bls], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%w3, %v : tensor<8x?x?xf32>, tensor<8x?x16xf32>) outs(%fo : tensor<8x?x16xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %o, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<8x?x16xf32>
  return %y : tensor<8x?x16xf32>
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<(m, n) -> (m, n)>
#row = affine_map<(m, n) -> (m)>

// The weights are a result, too: nothing would be saved.
// CHECK-LABEL: func.func @weights_returned
// CHECK-NOT: dispatch.attention
// CHECK: return
func.func @weights_returned(%q: tensor<16x8xf32>, %k: tensor<32x8xf32>, %v: tensor<32x8xf32>) -> (tensor<16x8xf32>, tensor<16x32xf32>) {
  %zero = arith.constant 0.0 : f32
  %ninf = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : tensor<16x32xf32>
  %er = tensor.empty() : tensor<16xf32>
  %eo = tensor.empty() : tensor<16x8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<16x32xf32>) -> tensor<16x32xf32>
  %fmax = linalg.fill ins(%ninf : f32) outs(%er : tensor<16xf32>) -> tensor<16xf32>
  %fsum = linalg.fill ins(%zero : f32) outs(%er : tensor<16xf32>) -> tensor<16xf32>
  %fo = linalg.fill ins(%zero : f32) outs(%eo : tensor<16x8xf32>) -> tensor<16x8xf32>
  %x = linalg.generic {indexing_maps = [#mk, #nk, #mn], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<16x8xf32>, tensor<32x8xf32>) outs(%f : tensor<16x32xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %o, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<16x32xf32>
  %max = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<16x32xf32>) outs(%fmax : tensor<16xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.maximumf %o, %a : f32
    linalg.yield %0 : f32
  } -> tensor<16xf32>
  %exp = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %max : tensor<16x32xf32>, tensor<16xf32>) outs(%e : tensor<16x32xf32>) {
  ^bb0(%a: f32, %m: f32, %o: f32):
    %0 = arith.subf %a, %m : f32
    %1 = math.exp %0 : f32
    linalg.yield %1 : f32
  } -> tensor<16x32xf32>
  %sum = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%exp : tensor<16x32xf32>) outs(%fsum : tensor<16xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %o, %a : f32
    linalg.yield %0 : f32
  } -> tensor<16xf32>
  %w = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%exp, %sum : tensor<16x32xf32>, tensor<16xf32>) outs(%e : tensor<16x32xf32>) {
  ^bb0(%a: f32, %s: f32, %o: f32):
    %0 = arith.divf %a, %s : f32
    linalg.yield %0 : f32
  } -> tensor<16x32xf32>
  %y = linalg.generic {indexing_maps = [#mk, #kn, #mn], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%w, %v : tensor<16x32xf32>, tensor<32x8xf32>) outs(%fo : tensor<16x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %o, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<16x8xf32>
  return %y, %w : tensor<16x8xf32>, tensor<16x32xf32>
}
