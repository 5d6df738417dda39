// RUN: torchc-opt %s --torchc-lower-torch-to-linalg --split-input-file | FileCheck %s

// Five elements: each counts the keys that stand before its own, then the values are picked. Of the keys that are
// equal those before it count.
// CHECK-LABEL: func.func @sort(
// CHECK: arith.bitcast %{{.*}} : f32 to i32
// CHECK: dispatch.batch %c3
// CHECK: arith.cmpi sle
// CHECK: arith.cmpi slt
// CHECK: tensor.insert %{{.*}} into %{{.*}} : tensor<3x5xi64>
// CHECK-NOT: arith.shrui
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

// Long rows are distributed by digits, along any dim: as many rounds of two digits as the range of the keys has.
// CHECK-LABEL: func.func @digits(
// CHECK: linalg.generic {{.*}} ins(%arg0 : tensor<100x3xf32>) outs(%{{.*}} : tensor<3x100xi64>)
// CHECK: dispatch.batch %c3
// CHECK: arith.minsi
// CHECK: math.ctlz
// CHECK: arith.shrui
// CHECK: tensor.insert %{{.*}} into %{{.*}} : tensor<3x256xi64>
// CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<3x100xi64>) outs(%{{.*}} : tensor<100x3xi64>)
func.func @digits(%x: !torch.vtensor<[100,3],f32>) -> !torch.vtensor<[100,3],si64> {
  %true = torch.constant.bool true
  %dim = torch.constant.int 0
  %v, %i = torch.aten.sort.stable %x, %true, %dim, %true : !torch.vtensor<[100,3],f32>, !torch.bool, !torch.int, !torch.bool -> !torch.vtensor<[100,3],f32>, !torch.vtensor<[100,3],si64>
  return %i : !torch.vtensor<[100,3],si64>
}

// -----

// A dim whose size is not known is sorted as its size of the moment asks for.
// CHECK-LABEL: func.func @dynamic(
// CHECK: dispatch.batch
// CHECK: scf.if
// CHECK: arith.cmpi sle
// CHECK: scf.if
// CHECK: arith.shrui
func.func @dynamic(%x: !torch.vtensor<[?],si64>) -> !torch.vtensor<[?],si64> {
  %true = torch.constant.bool true
  %false = torch.constant.bool false
  %dim = torch.constant.int 0
  %v, %i = torch.aten.sort.stable %x, %true, %dim, %false : !torch.vtensor<[?],si64>, !torch.bool, !torch.int, !torch.bool -> !torch.vtensor<[?],si64>, !torch.vtensor<[?],si64>
  return %v : !torch.vtensor<[?],si64>
}

// -----

// Few of many: those that come before the last of 5 are inserted among these.
// CHECK-LABEL: func.func @topk(
// CHECK: cf.assert %{{.*}}, "k is out of range in aten.topk"
// CHECK: dispatch.batch %c3
// CHECK: tensor.extract %arg0
// CHECK: arith.cmpi slt
// CHECK: arith.cmpi sge
// CHECK: tensor.insert %{{.*}} into %{{.*}} : tensor<3x5xi64>
// CHECK-NOT: tensor<3x?xi64>
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<3x5xf32>)
func.func @topk(%x: !torch.vtensor<[3,?],f32>) -> (!torch.vtensor<[3,5],f32>, !torch.vtensor<[3,5],si64>) {
  %true = torch.constant.bool true
  %dim = torch.constant.int -1
  %k = torch.constant.int 5
  %v, %i = torch.aten.topk %x, %k, %dim, %true, %true : !torch.vtensor<[3,?],f32>, !torch.int, !torch.int, !torch.bool, !torch.bool -> !torch.vtensor<[3,5],f32>, !torch.vtensor<[3,5],si64>
  return %v, %i : !torch.vtensor<[3,5],f32>, !torch.vtensor<[3,5],si64>
}

// -----

// Many of them: all are sorted.
// CHECK-LABEL: func.func @topk_of_all(
// CHECK: arith.shrui
// CHECK: tensor.extract_slice %{{.*}}[0, 0] [1, 80] [1, 1] : tensor<1x100xi64> to tensor<1x80xi64>
func.func @topk_of_all(%x: !torch.vtensor<[100],f32>) -> !torch.vtensor<[80],si64> {
  %true = torch.constant.bool true
  %dim = torch.constant.int 0
  %k = torch.constant.int 80
  %v, %i = torch.aten.topk %x, %k, %dim, %true, %true : !torch.vtensor<[100],f32>, !torch.int, !torch.int, !torch.bool, !torch.bool -> !torch.vtensor<[80],f32>, !torch.vtensor<[80],si64>
  return %i : !torch.vtensor<[80],si64>
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
