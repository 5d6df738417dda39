// RUN: torchc-opt %s --torchc-outline-kernels --split-input-file | FileCheck %s

// Equal extents are one size, constants and float scalars are computed again
// in the kernel, and equal kernels are one.
// CHECK-LABEL: func.func @forward
// CHECK-SAME: (%[[X:[^:]*]]: tensor<?x?xf32>, %[[S:[^:]*]]: tensor<f32>)
// CHECK-DAG: %[[N:.*]] = tensor.dim %[[X]], %c0
// CHECK-DAG: %[[M:.*]] = tensor.dim %[[X]], %c1
// CHECK: %[[Y:.*]] = dispatch.call @forward_dispatch_0_elementwise_DxD_mul_add(%[[S]], %[[X]]) [%[[N]], %[[M]]]
// CHECK: %[[Z:.*]] = dispatch.call @forward_dispatch_0_elementwise_DxD_mul_add(%[[S]], %[[Y]]) [%[[N]], %[[M]]]
// CHECK: return %[[Z]]
// CHECK: dispatch.kernel @forward_dispatch_0_elementwise_DxD_mul_add
// CHECK-SAME: (%[[B:[^:]*]]: tensor<f32>, %[[A:[^:]*]]: tensor<?x?xf32>, %[[P:[^:]*]]: index, %[[Q:[^:]*]]: index) -> tensor<?x?xf32>
// CHECK-SAME: dims = [array<i64>, array<i64: 0, 1>, array<i64: 0, 1>]
// CHECK-DAG: arith.constant 2.0
// CHECK-DAG: tensor.extract %[[B]][]
// CHECK: tensor.empty(%[[P]], %[[Q]])
// CHECK: dispatch.return
// CHECK-NOT: dispatch.kernel
func.func @forward(%x: tensor<?x?xf32>, %s: tensor<f32>) -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %two = arith.constant 2.0 : f32
  %v = tensor.extract %s[] : tensor<f32>
  %n = tensor.dim %x, %c0 : tensor<?x?xf32>
  %m = tensor.dim %x, %c1 : tensor<?x?xf32>
  %y = dispatch.group[%n, %m] -> tensor<?x?xf32> {
    %e = tensor.empty(%n, %m) : tensor<?x?xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
        ins(%x : tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) {
    ^bb0(%a: f32, %o: f32):
      %p = arith.mulf %a, %two : f32
      %q = arith.addf %p, %v : f32
      linalg.yield %q : f32
    } -> tensor<?x?xf32>
    dispatch.return %r : tensor<?x?xf32>
  }
  %z = dispatch.group[%n, %m] -> tensor<?x?xf32> {
    %e = tensor.empty(%n, %m) : tensor<?x?xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
        ins(%y : tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) {
    ^bb0(%a: f32, %o: f32):
      %p = arith.mulf %a, %two : f32
      %q = arith.addf %p, %v : f32
      linalg.yield %q : f32
    } -> tensor<?x?xf32>
    dispatch.return %r : tensor<?x?xf32>
  }
  return %z : tensor<?x?xf32>
}

// -----

// Kernels of the same type with other bodies stay apart.
// CHECK-LABEL: func.func @two
// CHECK: dispatch.call @two_dispatch_0_exp_4
// CHECK: dispatch.call @two_dispatch_1_tanh_4
func.func @two(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %y = dispatch.group -> tensor<4xf32> {
    %e = tensor.empty() : tensor<4xf32>
    %r = linalg.exp ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    dispatch.return %r : tensor<4xf32>
  }
  %z = dispatch.group -> tensor<4xf32> {
    %e = tensor.empty() : tensor<4xf32>
    %r = linalg.tanh ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    dispatch.return %r : tensor<4xf32>
  }
  return %y, %z : tensor<4xf32>, tensor<4xf32>
}

// -----

// What nobody reads is no kernel, nor is what only that reads.
// CHECK-LABEL: func.func @dead
// CHECK-NOT: dispatch.call
// CHECK: return %arg0
// CHECK-NOT: dispatch.kernel
func.func @dead(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = dispatch.group -> tensor<4xf32> {
    %e = tensor.empty() : tensor<4xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
        ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) {
    ^bb0(%a: f32, %o: f32):
      %p = arith.addf %a, %a : f32
      linalg.yield %p : f32
    } -> tensor<4xf32>
    dispatch.return %r : tensor<4xf32>
  }
  %z = dispatch.group -> tensor<4xf32> {
    %e = tensor.empty() : tensor<4xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
        ins(%y : tensor<4xf32>) outs(%e : tensor<4xf32>) {
    ^bb0(%a: f32, %o: f32):
      %p = arith.mulf %a, %a : f32
      linalg.yield %p : f32
    } -> tensor<4xf32>
    dispatch.return %r : tensor<4xf32>
  }
  return %x : tensor<4xf32>
}
