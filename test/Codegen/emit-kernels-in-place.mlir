// RUN: torchc-opt --torchc-emit-kernels=cpu=haswell %s | FileCheck %s

// Which arguments the result may be written over: those of which nothing else follows than the elements at the
// same place.

#id = affine_map<(i, j) -> (i, j)>
#transposed = affine_map<(i, j) -> (j, i)>
#row = affine_map<(i, j) -> (i)>

// CHECK-LABEL: dispatch.kernel private @product_and_residual(
// CHECK-SAME: in_place = array<i64: 2>
// CHECK-LABEL: dispatch.kernel private @two_results(
// CHECK-SAME: in_place = array<i64: 2>
// CHECK-LABEL: dispatch.kernel private @results_of_rows(
// CHECK-NOT: in_place
// CHECK-LABEL: dispatch.kernel private @sum(
// CHECK-SAME: in_place = array<i64: 0, 1>
// CHECK-LABEL: dispatch.kernel private @other_shape(
// CHECK-SAME: in_place = array<i64: 0>
// CHECK-LABEL: dispatch.kernel private @transpose(
// CHECK-NOT: in_place
// CHECK-LABEL: dispatch.kernel private @twice(
// CHECK-NOT: in_place
// CHECK-LABEL: dispatch.kernel private @row_sum_added(
// CHECK-NOT: in_place
// CHECK-LABEL: dispatch.kernel private @slice(
// CHECK-NOT: in_place
// CHECK-LABEL: dispatch.kernel private @other_type(
// CHECK-NOT: in_place
// CHECK-LABEL: dispatch.kernel private @update(
// CHECK-SAME: in_place = array<i64: 0>
// CHECK-LABEL: dispatch.executable

// What is written over is not invariant, what the product reads is.
// CHECK-LABEL: llvm.func @product_and_residual(
// CHECK: llvm.load {{.*}} invariant {{.*}} -> f32
// CHECK: %[[OLD:.*]] = llvm.load %{{[0-9]+}} {alignment = 4 : i64} : !llvm.ptr -> vector<16xf32>
// CHECK: arith.addf %{{.*}}, %[[OLD]]
dispatch.kernel @product_and_residual(%x: tensor<64x32xf32>, %w: tensor<32x64xf32>, %r: tensor<64x64xf32>) -> tensor<64x64xf32>
    attributes {dims = [array<i64>, array<i64>, array<i64>, array<i64>]} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<64x64xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<64x64xf32>) -> tensor<64x64xf32>
  %p = linalg.matmul ins(%x, %w : tensor<64x32xf32>, tensor<32x64xf32>) outs(%f : tensor<64x64xf32>) -> tensor<64x64xf32>
  %y = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%p, %r : tensor<64x64xf32>, tensor<64x64xf32>) outs(%e : tensor<64x64xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<64x64xf32>
  dispatch.return %y : tensor<64x64xf32>
}

// The results of a product are stored together.
dispatch.kernel @two_results(%x: tensor<64x32xf32>, %w: tensor<32x64xf32>, %r: tensor<64x64xf32>) -> (tensor<64x64xf32>, tensor<64x64xi8>)
    attributes {dims = [array<i64>, array<i64>, array<i64>, array<i64>, array<i64>]} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<64x64xf32>
  %e8 = tensor.empty() : tensor<64x64xi8>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<64x64xf32>) -> tensor<64x64xf32>
  %p = linalg.matmul ins(%x, %w : tensor<64x32xf32>, tensor<32x64xf32>) outs(%f : tensor<64x64xf32>) -> tensor<64x64xf32>
  %y = linalg.add ins(%p, %r : tensor<64x64xf32>, tensor<64x64xf32>) outs(%e : tensor<64x64xf32>) -> tensor<64x64xf32>
  %z = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%y : tensor<64x64xf32>) outs(%e8 : tensor<64x64xi8>) {
  ^bb0(%a: f32, %o: i8):
    %s = arith.fptosi %a : f32 to i8
    linalg.yield %s : i8
  } -> tensor<64x64xi8>
  dispatch.return %y, %z : tensor<64x64xf32>, tensor<64x64xi8>
}

dispatch.kernel @results_of_rows(%x: tensor<8x8xf32>) -> (tensor<8x8xf32>, tensor<8x8xf32>)
    attributes {dims = [array<i64>, array<i64>, array<i64>]} {
  %e = tensor.empty() : tensor<8x8xf32>
  %y = linalg.exp ins(%x : tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %z = linalg.abs ins(%x : tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  dispatch.return %y, %z : tensor<8x8xf32>, tensor<8x8xf32>
}

dispatch.kernel @sum(%x: tensor<8x8xf32>, %y: tensor<8x8xf32>) -> tensor<8x8xf32>
    attributes {dims = [array<i64>, array<i64>, array<i64>]} {
  %e = tensor.empty() : tensor<8x8xf32>
  %z = linalg.add ins(%x, %y : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  dispatch.return %z : tensor<8x8xf32>
}

dispatch.kernel @other_shape(%x: tensor<8x8xf32>) -> tensor<64xf32> attributes {dims = [array<i64>, array<i64>]} {
  %e = tensor.empty() : tensor<8x8xf32>
  %y = linalg.exp ins(%x : tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) -> tensor<8x8xf32>
  %z = tensor.collapse_shape %y [[0, 1]] : tensor<8x8xf32> into tensor<64xf32>
  dispatch.return %z : tensor<64xf32>
}

dispatch.kernel @transpose(%x: tensor<8x8xf32>) -> tensor<8x8xf32> attributes {dims = [array<i64>, array<i64>]} {
  %e = tensor.empty() : tensor<8x8xf32>
  %y = linalg.generic {indexing_maps = [#transposed, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  } -> tensor<8x8xf32>
  dispatch.return %y : tensor<8x8xf32>
}

// In place for one operand, not for the other.
dispatch.kernel @twice(%x: tensor<8x8xf32>) -> tensor<8x8xf32> attributes {dims = [array<i64>, array<i64>]} {
  %e = tensor.empty() : tensor<8x8xf32>
  %y = linalg.generic {indexing_maps = [#id, #transposed, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %x : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<8x8xf32>
  dispatch.return %y : tensor<8x8xf32>
}

// Sums of one operand may keep values in the result's memory.
dispatch.kernel @row_sum_added(%x: tensor<8x8xf32>, %r: tensor<8x8xf32>) -> tensor<8x8xf32>
    attributes {dims = [array<i64>, array<i64>, array<i64>]} {
  %zero = arith.constant 0.0 : f32
  %sums = tensor.empty() : tensor<8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%sums : tensor<8xf32>) -> tensor<8xf32>
  %s = linalg.reduce ins(%x : tensor<8x8xf32>) outs(%f : tensor<8xf32>) dimensions = [1]
    (%a: f32, %b: f32) {
      %t = arith.addf %a, %b : f32
      linalg.yield %t : f32
    }
  %e = tensor.empty() : tensor<8x8xf32>
  %y = linalg.generic {indexing_maps = [#row, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%s, %r : tensor<8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %t = arith.addf %a, %b : f32
    linalg.yield %t : f32
  } -> tensor<8x8xf32>
  dispatch.return %y : tensor<8x8xf32>
}

dispatch.kernel @slice(%x: tensor<8x8xf32>) -> tensor<4x8xf32> attributes {dims = [array<i64>, array<i64>]} {
  %y = tensor.extract_slice %x[4, 0] [4, 8] [1, 1] : tensor<8x8xf32> to tensor<4x8xf32>
  dispatch.return %y : tensor<4x8xf32>
}

dispatch.kernel @other_type(%x: tensor<8xf32>) -> tensor<8xi32> attributes {dims = [array<i64>, array<i64>]} {
  %e = tensor.empty() : tensor<8xi32>
  %y = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%x : tensor<8xf32>) outs(%e : tensor<8xi32>) {
  ^bb0(%a: f32, %o: i32):
    %i = arith.fptosi %a : f32 to i32
    linalg.yield %i : i32
  } -> tensor<8xi32>
  dispatch.return %y : tensor<8xi32>
}

// A row of a cache.
dispatch.kernel @update(%cache: tensor<8x8xf32>, %row: tensor<1x8xf32>) -> tensor<8x8xf32>
    attributes {dims = [array<i64>, array<i64>, array<i64>]} {
  %y = tensor.insert_slice %row into %cache[3, 0] [1, 8] [1, 1] : tensor<1x8xf32> into tensor<8x8xf32>
  dispatch.return %y : tensor<8x8xf32>
}
