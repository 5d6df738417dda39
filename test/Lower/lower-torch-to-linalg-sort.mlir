// RUN: torchc-opt %s --torchc-lower-torch-to-linalg --split-input-file | FileCheck %s

// Five elements: runs of 1, 2 and 4 are merged, then the values are picked.
// CHECK-LABEL: func.func @sort(
// CHECK-COUNT-4: linalg.generic
// CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<3x5xi64>)
// CHECK: tensor.extract %arg0
// CHECK-NOT: linalg.generic
func.func @sort(%x: !torch.vtensor<[3,5],f32>) -> (!torch.vtensor<[3,5],f32>, !torch.vtensor<[3,5],si64>) {
  %true = torch.constant.bool true
  %dim = torch.constant.int -1
  %v, %i = torch.aten.sort.stable %x, %true, %dim, %true : !torch.vtensor<[3,5],f32>, !torch.bool, !torch.int, !torch.bool -> !torch.vtensor<[3,5],f32>, !torch.vtensor<[3,5],si64>
  return %v, %i : !torch.vtensor<[3,5],f32>, !torch.vtensor<[3,5],si64>
}

// -----

// A dim whose size is not known takes as many passes as it needs, and one kernel for them: the search takes as many steps as
// a run's width has bits.
// CHECK-LABEL: func.func @dynamic(
// CHECK: scf.while (%[[WIDTH:.*]] = %{{.*}}, %{{.*}} = %{{.*}}) : (index, tensor<?xi64>)
// CHECK: arith.cmpi slt, %[[WIDTH]]
// CHECK: linalg.generic
// CHECK: math.ctlz
// CHECK: scf.for
// CHECK: arith.addi %[[OLD:.*]], %[[OLD]] : index
// CHECK-NEXT: scf.yield
func.func @dynamic(%x: !torch.vtensor<[?],si64>) -> !torch.vtensor<[?],si64> {
  %true = torch.constant.bool true
  %false = torch.constant.bool false
  %dim = torch.constant.int 0
  %v, %i = torch.aten.sort.stable %x, %true, %dim, %false : !torch.vtensor<[?],si64>, !torch.bool, !torch.int, !torch.bool -> !torch.vtensor<[?],si64>, !torch.vtensor<[?],si64>
  return %v : !torch.vtensor<[?],si64>
}

// -----

// The first edge that is above, by bisection.
// CHECK-LABEL: func.func @searchsorted(
// CHECK: linalg.generic {{.*}} ins(%arg1 : tensor<4xf32>)
// CHECK: scf.for
// CHECK: tensor.extract %arg0
// CHECK: arith.cmpf olt
func.func @searchsorted(%s: !torch.vtensor<[?],f32>, %x: !torch.vtensor<[4],f32>) -> !torch.vtensor<[4],si64> {
  %false = torch.constant.bool false
  %true = torch.constant.bool true
  %none = torch.constant.none
  %r = torch.aten.searchsorted.Tensor %s, %x, %false, %true, %none, %none : !torch.vtensor<[?],f32>, !torch.vtensor<[4],f32>, !torch.bool, !torch.bool, !torch.none, !torch.none -> !torch.vtensor<[4],si64>
  return %r : !torch.vtensor<[4],si64>
}
