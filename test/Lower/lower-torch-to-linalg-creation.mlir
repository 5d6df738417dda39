// RUN: torchc-opt %s --torchc-lower-pipeline --split-input-file | FileCheck %s

// CHECK-LABEL: func.func @full(
// CHECK: %[[SEVEN:.*]] = arith.constant 7.000000e+00 : f32
// CHECK: linalg.fill ins(%[[SEVEN]] : f32) outs(%{{.*}} : tensor<2x?xf32>)
func.func @full(%n: !torch.int) -> !torch.vtensor<[2,?],f32> {
  %2 = torch.constant.int 2
  %7 = torch.constant.int 7
  %none = torch.constant.none
  %sizes = torch.prim.ListConstruct %2, %n : (!torch.int, !torch.int) -> !torch.list<int>
  %r = torch.aten.full %sizes, %7, %none, %none, %none, %none : !torch.list<int>, !torch.int, !torch.none, !torch.none, !torch.none, !torch.none -> !torch.vtensor<[2,?],f32>
  return %r : !torch.vtensor<[2,?],f32>
}

// -----

// The length of arange(0, n) is n.
// CHECK-LABEL: func.func @arange(
// CHECK-SAME: %[[N:.*]]: i64
// CHECK: %[[SIZE:.*]] = arith.index_cast %[[N]] : i64 to index
// CHECK: tensor.empty(%[[SIZE]]) : tensor<?xi64>
// CHECK: linalg.index 0
func.func @arange(%n: !torch.int) -> !torch.vtensor<[?],si64> {
  %0 = torch.constant.int 0
  %1 = torch.constant.int 1
  %none = torch.constant.none
  %r = torch.aten.arange.start_step %0, %n, %1, %none, %none, %none, %none : !torch.int, !torch.int, !torch.int, !torch.none, !torch.none, !torch.none, !torch.none -> !torch.vtensor<[?],si64>
  return %r : !torch.vtensor<[?],si64>
}
