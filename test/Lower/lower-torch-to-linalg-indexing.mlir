// RUN: torchc-opt %s --torchc-lower-pipeline --split-input-file | FileCheck %s

// An index out of range fails the kernel, and is not read.
// CHECK-LABEL: func.func @embedding(
// CHECK: linalg.generic
// CHECK-SAME: ins(%arg1 : tensor<?xi64>)
// CHECK: %[[I:.*]] = arith.index_cast %{{.*}} : i64 to index
// CHECK: %[[OK:.*]] = arith.cmpi ult, %[[I]], %{{.*}} : index
// CHECK: cf.assert %[[OK]], "index out of range in aten.embedding"
// CHECK: %[[ROW:.*]] = arith.select %[[OK]], %[[I]], %{{.*}} : index
// CHECK: tensor.extract %arg0[%[[ROW]], %{{.*}}] : tensor<7x4xf32>
func.func @embedding(%w: !torch.vtensor<[7,4],f32>, %i: !torch.vtensor<[?],si64>) -> !torch.vtensor<[?,4],f32> {
  %p = torch.constant.int -1
  %false = torch.constant.bool false
  %r = torch.aten.embedding %w, %i, %p, %false, %false : !torch.vtensor<[7,4],f32>, !torch.vtensor<[?],si64>, !torch.int, !torch.bool, !torch.bool -> !torch.vtensor<[?,4],f32>
  return %r : !torch.vtensor<[?,4],f32>
}

// -----

// Index tensors that are no neighbours come first; negative indices wrap.
// CHECK-LABEL: func.func @index_tensor(
// CHECK: linalg.generic
// CHECK: arith.cmpi slt
// CHECK: arith.addi
// CHECK: tensor.extract %arg0
// CHECK: tensor<3x5xf32>
func.func @index_tensor(%x: !torch.vtensor<[4,5,6],f32>, %i: !torch.vtensor<[3],si64>, %j: !torch.vtensor<[],si64>) -> !torch.vtensor<[3,5],f32> {
  %none = torch.constant.none
  %list = torch.prim.ListConstruct %i, %none, %j : (!torch.vtensor<[3],si64>, !torch.none, !torch.vtensor<[],si64>) -> !torch.list<optional<vtensor>>
  %r = torch.aten.index.Tensor %x, %list : !torch.vtensor<[4,5,6],f32>, !torch.list<optional<vtensor>> -> !torch.vtensor<[3,5],f32>
  return %r : !torch.vtensor<[3,5],f32>
}

// -----

// CHECK-LABEL: func.func @slice(
// CHECK: tensor.extract_slice %arg0[0, 1] [3, 2] [1, 2] : tensor<3x5xf32> to tensor<3x2xf32>
func.func @slice(%x: !torch.vtensor<[3,5],f32>) -> !torch.vtensor<[3,2],f32> {
  %1 = torch.constant.int 1
  %end = torch.constant.int -1
  %2 = torch.constant.int 2
  %r = torch.aten.slice.Tensor %x, %1, %1, %end, %2 : !torch.vtensor<[3,5],f32>, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[3,2],f32>
  return %r : !torch.vtensor<[3,2],f32>
}

// -----

// Nothing is read or written of an empty dim, wherever it starts.
// CHECK-LABEL: func.func @empty_slices(
// CHECK-NOT: tensor.extract_slice
// CHECK-NOT: tensor.insert_slice
// CHECK-DAG: tensor.empty() : tensor<0x1xf32>
// CHECK-DAG: tensor.empty() : tensor<0x5xf32>
// CHECK: return
func.func @empty_slices(%x: !torch.vtensor<[0,5],f32>, %y: !torch.vtensor<[0,1],f32>) -> (!torch.vtensor<[0,1],f32>, !torch.vtensor<[0,5],f32>) {
  %1 = torch.constant.int 1
  %2 = torch.constant.int 2
  %r = torch.aten.slice.Tensor %x, %1, %1, %2, %1 : !torch.vtensor<[0,5],f32>, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[0,1],f32>
  %s = torch.aten.slice_scatter %x, %y, %1, %1, %2, %1 : !torch.vtensor<[0,5],f32>, !torch.vtensor<[0,1],f32>, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[0,5],f32>
  return %r, %s : !torch.vtensor<[0,1],f32>, !torch.vtensor<[0,5],f32>
}

// -----

// A slice of all is the tensor.
// CHECK-LABEL: func.func @slice_of_all(
// CHECK-NEXT: return %arg0
func.func @slice_of_all(%x: !torch.vtensor<[?,5],f32>) -> !torch.vtensor<[?,5],f32> {
  %0 = torch.constant.int 0
  %1 = torch.constant.int 1
  %end = torch.constant.int 9223372036854775807
  %r = torch.aten.slice.Tensor %x, %0, %0, %end, %1 : !torch.vtensor<[?,5],f32>, !torch.int, !torch.int, !torch.int, !torch.int -> !torch.vtensor<[?,5],f32>
  return %r : !torch.vtensor<[?,5],f32>
}

// -----

// CHECK-LABEL: func.func @select_dynamic(
// CHECK: cf.assert %{{.*}}, "index out of range in aten.select.int"
// CHECK: tensor.extract_slice
func.func @select_dynamic(%x: !torch.vtensor<[3,5],f32>, %i: !torch.int) -> !torch.vtensor<[5],f32> {
  %0 = torch.constant.int 0
  %r = torch.aten.select.int %x, %0, %i : !torch.vtensor<[3,5],f32>, !torch.int, !torch.int -> !torch.vtensor<[5],f32>
  return %r : !torch.vtensor<[5],f32>
}

// -----

// Each element finds its updates among the sorted ones, and the last of them stays; an index outside fails
// the kernel.
// CHECK-LABEL: func.func @scatter(
// CHECK: %[[OK:.*]] = arith.cmpi ult
// CHECK: cf.assert %[[OK]], "index out of range in aten.scatter.src"
// CHECK: %[[FIRST:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<2x7xi64>)
// CHECK: scf.for
// CHECK: arith.cmpi sge
// CHECK: %[[END:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<2x7xi64>)
// CHECK: scf.for
// CHECK: arith.cmpi sgt
// CHECK: linalg.generic {{.*}} ins(%arg0, %[[FIRST]], %[[END]] : tensor<2x7xf32>, tensor<2x7xi64>, tensor<2x7xi64>)
// CHECK: arith.maxsi
// CHECK: scf.for
// CHECK: tensor.extract %arg2
func.func @scatter(%x: !torch.vtensor<[2,7],f32>, %i: !torch.vtensor<[2,3],si64>, %s: !torch.vtensor<[2,3],f32>) -> !torch.vtensor<[2,7],f32> {
  %dim = torch.constant.int 1
  %r = torch.aten.scatter.src %x, %dim, %i, %s : !torch.vtensor<[2,7],f32>, !torch.int, !torch.vtensor<[2,3],si64>, !torch.vtensor<[2,3],f32> -> !torch.vtensor<[2,7],f32>
  return %r : !torch.vtensor<[2,7],f32>
}

// -----

// The host reads how many rows the result has.
// CHECK-LABEL: func.func @nonzero(
// CHECK: %[[COUNT:.*]] = tensor.extract %{{.*}}[] : tensor<i64>
// CHECK: %[[ROWS:.*]] = arith.index_cast %[[COUNT]] : i64 to index
// CHECK: tensor.empty(%[[ROWS]]) : tensor<?x2xi64>
func.func @nonzero(%x: !torch.vtensor<[3,100],f32>) -> !torch.vtensor<[?,2],si64> {
  %r = torch.aten.nonzero %x : !torch.vtensor<[3,100],f32> -> !torch.vtensor<[?,2],si64>
  return %r : !torch.vtensor<[?,2],si64>
}
