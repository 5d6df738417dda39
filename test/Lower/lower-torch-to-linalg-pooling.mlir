// RUN: torchc-opt %s --torchc-lower-pipeline --split-input-file | FileCheck %s

// Padding never wins.
// CHECK-LABEL: func.func @max_pool2d(
// CHECK-DAG: %[[LOWEST:.*]] = arith.constant 0xFF800000 : f32
// CHECK: tensor.pad
// CHECK: tensor.yield %[[LOWEST]]
// CHECK: linalg.fill ins(%[[LOWEST]]
// CHECK: linalg.pooling_nhwc_max
// CHECK-SAME: tensor<2x10x10x3xf32>, tensor<3x3xf32>
func.func @max_pool2d(%x: !torch.vtensor<[2,3,8,8],f32>) -> !torch.vtensor<[2,3,4,4],f32> {
  %1 = torch.constant.int 1
  %2 = torch.constant.int 2
  %3 = torch.constant.int 3
  %false = torch.constant.bool false
  %k = torch.prim.ListConstruct %3, %3 : (!torch.int, !torch.int) -> !torch.list<int>
  %s = torch.prim.ListConstruct %2, %2 : (!torch.int, !torch.int) -> !torch.list<int>
  %p = torch.prim.ListConstruct %1, %1 : (!torch.int, !torch.int) -> !torch.list<int>
  %r = torch.aten.max_pool2d %x, %k, %s, %p, %p, %false : !torch.vtensor<[2,3,8,8],f32>, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.bool -> !torch.vtensor<[2,3,4,4],f32>
  return %r : !torch.vtensor<[2,3,4,4],f32>
}

// -----

// Without padding in the count, the divisor depends on the position.
// CHECK-LABEL: func.func @avg_pool2d(
// CHECK: linalg.pooling_nhwc_sum
// CHECK: linalg.generic
// CHECK: linalg.index 1
// CHECK: linalg.index 2
// CHECK: arith.divf
func.func @avg_pool2d(%x: !torch.vtensor<[2,3,8,8],f32>) -> !torch.vtensor<[2,3,4,4],f32> {
  %1 = torch.constant.int 1
  %2 = torch.constant.int 2
  %3 = torch.constant.int 3
  %false = torch.constant.bool false
  %none = torch.constant.none
  %k = torch.prim.ListConstruct %3, %3 : (!torch.int, !torch.int) -> !torch.list<int>
  %s = torch.prim.ListConstruct %2, %2 : (!torch.int, !torch.int) -> !torch.list<int>
  %p = torch.prim.ListConstruct %1, %1 : (!torch.int, !torch.int) -> !torch.list<int>
  %r = torch.aten.avg_pool2d %x, %k, %s, %p, %false, %false, %none : !torch.vtensor<[2,3,8,8],f32>, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.bool, !torch.bool, !torch.none -> !torch.vtensor<[2,3,4,4],f32>
  return %r : !torch.vtensor<[2,3,4,4],f32>
}

// -----

// One cell is a mean of all.
// CHECK-LABEL: func.func @global_average(
// CHECK: linalg.generic
// CHECK-SAME: iterator_types = ["parallel", "reduction", "reduction", "parallel"]
func.func @global_average(%x: !torch.vtensor<[?,3,?,?],f32>) -> !torch.vtensor<[?,3,1,1],f32> {
  %1 = torch.constant.int 1
  %o = torch.prim.ListConstruct %1, %1 : (!torch.int, !torch.int) -> !torch.list<int>
  %r = torch.aten.adaptive_avg_pool2d %x, %o : !torch.vtensor<[?,3,?,?],f32>, !torch.list<int> -> !torch.vtensor<[?,3,1,1],f32>
  return %r : !torch.vtensor<[?,3,1,1],f32>
}

// Cells of an image whose size only a call knows run over as many elements as the largest may have.
// CHECK-LABEL: @dynamic_cells
// CHECK: cf.assert %{{.*}}, "an image without elements cannot be pooled"
// CHECK: %[[MOST:.*]] = arith.minsi
// CHECK: %[[ALONG:.*]] = arith.minsi
// CHECK: tensor.empty(%[[MOST]], %[[ALONG]]) : tensor<?x?xi1>
// CHECK: linalg.generic {{.*}}["parallel", "parallel", "parallel", "parallel", "reduction", "reduction"]
func.func @dynamic_cells(%x: !torch.vtensor<[?,3,?,?],f32>) -> !torch.vtensor<[?,3,2,4],f32> {
  %2 = torch.constant.int 2
  %4 = torch.constant.int 4
  %o = torch.prim.ListConstruct %2, %4 : (!torch.int, !torch.int) -> !torch.list<int>
  %r = torch.aten.adaptive_avg_pool2d %x, %o : !torch.vtensor<[?,3,?,?],f32>, !torch.list<int> -> !torch.vtensor<[?,3,2,4],f32>
  return %r : !torch.vtensor<[?,3,2,4],f32>
}
