// RUN: torchc-opt %s --torchc-lower-pipeline --split-input-file | FileCheck %s

// Maximum, powers, sum, quotient; half types in f32 until the last.
// CHECK-LABEL: func.func @softmax(
// CHECK: %[[MAX:.*]] = linalg.generic
// CHECK: arith.maximumf
// CHECK: %[[POWERS:.*]] = linalg.generic
// CHECK-SAME: ins(%arg0, %[[MAX]] : tensor<?x8xbf16>, tensor<?xf32>)
// CHECK: math.exp
// CHECK: %[[SUM:.*]] = linalg.generic
// CHECK-SAME: ins(%[[POWERS]] : tensor<?x8xf32>)
// CHECK: linalg.generic
// CHECK-SAME: ins(%[[POWERS]], %[[SUM]] : tensor<?x8xf32>, tensor<?xf32>)
// CHECK: arith.divf
// CHECK: arith.truncf
func.func @softmax(%x: !torch.vtensor<[?,8],bf16>) -> !torch.vtensor<[?,8],bf16> {
  %d = torch.constant.int -1
  %false = torch.constant.bool false
  %r = torch.aten._softmax %x, %d, %false : !torch.vtensor<[?,8],bf16>, !torch.int, !torch.bool -> !torch.vtensor<[?,8],bf16>
  return %r : !torch.vtensor<[?,8],bf16>
}

// -----

// CHECK-LABEL: func.func @layer_norm(
// CHECK-COUNT-2: iterator_types = ["parallel", "parallel", "reduction"]
// CHECK: math.rsqrt
// CHECK: linalg.generic
// CHECK-SAME: tensor<2x?x8xf32>, tensor<2x?xf32>, tensor<2x?xf32>, tensor<8xf32>, tensor<8xf32>
// CHECK-COUNT-2: arith.mulf
func.func @layer_norm(%x: !torch.vtensor<[2,?,8],f32>, %w: !torch.vtensor<[8],f32>, %b: !torch.vtensor<[8],f32>) -> !torch.vtensor<[2,?,8],f32> {
  %8 = torch.constant.int 8
  %eps = torch.constant.float 1.000000e-05
  %true = torch.constant.bool true
  %shape = torch.prim.ListConstruct %8 : (!torch.int) -> !torch.list<int>
  %r = torch.aten.layer_norm %x, %shape, %w, %b, %eps, %true : !torch.vtensor<[2,?,8],f32>, !torch.list<int>, !torch.vtensor<[8],f32>, !torch.vtensor<[8],f32>, !torch.float, !torch.bool -> !torch.vtensor<[2,?,8],f32>
  return %r : !torch.vtensor<[2,?,8],f32>
}
