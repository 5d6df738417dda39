// RUN: torchc-opt %s --torchc-lower-pipeline --split-input-file | FileCheck %s

// Heads of attention: sizes of the model are the tensor's own, so the view
// needs no copy and no check.
// CHECK-LABEL: func.func @split_heads(
// CHECK-NOT: cf.assert
// CHECK: tensor.expand_shape %arg0 {{\[}}[0], [1], [2, 3]] output_shape [%{{.*}}, %{{.*}}, 12, 64]
func.func @split_heads(%x: !torch.vtensor<[?,?,768],f32>) -> !torch.vtensor<[?,?,12,64],f32> {
  %0 = torch.constant.int 0
  %1 = torch.constant.int 1
  %heads = torch.constant.int -1
  %64 = torch.constant.int 64
  %n = torch.aten.sym_size.int %x, %0 : !torch.vtensor<[?,?,768],f32>, !torch.int -> !torch.int
  %s = torch.aten.sym_size.int %x, %1 : !torch.vtensor<[?,?,768],f32>, !torch.int -> !torch.int
  %sizes = torch.prim.ListConstruct %n, %s, %heads, %64 : (!torch.int, !torch.int, !torch.int, !torch.int) -> !torch.list<int>
  %r = torch.aten.view %x, %sizes : !torch.vtensor<[?,?,768],f32>, !torch.list<int> -> !torch.vtensor<[?,?,12,64],f32>
  return %r : !torch.vtensor<[?,?,12,64],f32>
}

// -----

// Products of sizes are seen through.
// CHECK-LABEL: func.func @merge_rows(
// CHECK-NOT: cf.assert
// CHECK: tensor.collapse_shape %arg0 {{\[}}[0, 1], [2]]
func.func @merge_rows(%x: !torch.vtensor<[?,?,8],f32>) -> !torch.vtensor<[?,8],f32> {
  %0 = torch.constant.int 0
  %1 = torch.constant.int 1
  %8 = torch.constant.int 8
  %n = torch.aten.sym_size.int %x, %0 : !torch.vtensor<[?,?,8],f32>, !torch.int -> !torch.int
  %s = torch.aten.sym_size.int %x, %1 : !torch.vtensor<[?,?,8],f32>, !torch.int -> !torch.int
  %rows = torch.aten.mul.int %n, %s : !torch.int, !torch.int -> !torch.int
  %sizes = torch.prim.ListConstruct %rows, %8 : (!torch.int, !torch.int) -> !torch.list<int>
  %r = torch.aten.view %x, %sizes : !torch.vtensor<[?,?,8],f32>, !torch.list<int> -> !torch.vtensor<[?,8],f32>
  return %r : !torch.vtensor<[?,8],f32>
}

// -----

// Sizes that cannot be compared are checked at run time.
// CHECK-LABEL: func.func @unrelated(
// CHECK: cf.assert %{{.*}}, "a tensor cannot be viewed with another number of elements"
func.func @unrelated(%x: !torch.vtensor<[?],f32>, %n: !torch.int) -> !torch.vtensor<[?,4],f32> {
  %4 = torch.constant.int 4
  %sizes = torch.prim.ListConstruct %n, %4 : (!torch.int, !torch.int) -> !torch.list<int>
  %r = torch.aten.view %x, %sizes : !torch.vtensor<[?],f32>, !torch.list<int> -> !torch.vtensor<[?,4],f32>
  return %r : !torch.vtensor<[?,4],f32>
}

// -----

// CHECK-LABEL: func.func @transpose(
// CHECK: linalg.transpose ins(%arg0 {{.*}} permutation = [0, 2, 1]
func.func @transpose(%x: !torch.vtensor<[2,3,4],f32>) -> !torch.vtensor<[2,4,3],f32> {
  %1 = torch.constant.int 1
  %2 = torch.constant.int -1
  %r = torch.aten.transpose.int %x, %1, %2 : !torch.vtensor<[2,3,4],f32>, !torch.int, !torch.int -> !torch.vtensor<[2,4,3],f32>
  return %r : !torch.vtensor<[2,4,3],f32>
}

// -----

// CHECK-LABEL: func.func @cat(
// CHECK: tensor.concat dim(1)
func.func @cat(%a: !torch.vtensor<[2,3],f32>, %b: !torch.vtensor<[2,4],f32>) -> !torch.vtensor<[2,7],f32> {
  %1 = torch.constant.int 1
  %list = torch.prim.ListConstruct %a, %b : (!torch.vtensor<[2,3],f32>, !torch.vtensor<[2,4],f32>) -> !torch.list<vtensor>
  %r = torch.aten.cat %list, %1 : !torch.list<vtensor>, !torch.int -> !torch.vtensor<[2,7],f32>
  return %r : !torch.vtensor<[2,7],f32>
}

// -----

// CHECK-LABEL: func.func @flip(
// CHECK: linalg.generic
// CHECK: arith.subi %{{.*}}, %{{.*}} : index
// CHECK: tensor.extract %arg0
func.func @flip(%x: !torch.vtensor<[5],f32>) -> !torch.vtensor<[5],f32> {
  %0 = torch.constant.int 0
  %dims = torch.prim.ListConstruct %0 : (!torch.int) -> !torch.list<int>
  %r = torch.aten.flip %x, %dims : !torch.vtensor<[5],f32>, !torch.list<int> -> !torch.vtensor<[5],f32>
  return %r : !torch.vtensor<[5],f32>
}

// -----

// Elements of a wider dtype ask for a length that they divide.
// CHECK-LABEL: func.func @view_dtype(
// CHECK: %[[PARTS:.*]] = arith.floordivsi
// CHECK: cf.assert {{.*}}, "view.dtype: the last dim is no multiple of 2"
func.func @view_dtype(%x: !torch.vtensor<[?],si16>) -> !torch.vtensor<[?],si32> {
  %int3 = torch.constant.int 3
  %r = torch.aten.view.dtype %x, %int3 : !torch.vtensor<[?],si16>, !torch.int -> !torch.vtensor<[?],si32>
  return %r : !torch.vtensor<[?],si32>
}

// -----

// A transposition knows what a cast hid.
// CHECK-LABEL: func.func @transposed_cast(
// CHECK-SAME:  %[[X:.*]]: tensor<2x3xf32>
// CHECK:       linalg.transpose ins(%[[X]] : tensor<2x3xf32>) outs(%{{.*}} : tensor<3x2xf32>) permutation = [1, 0]
func.func @transposed_cast(%x: !torch.vtensor<[2,3],f32>) -> !torch.vtensor<[?,2],f32> {
  %0 = torch.constant.int 0
  %1 = torch.constant.int 1
  %cast = torch.tensor_static_info_cast %x : !torch.vtensor<[2,3],f32> to !torch.vtensor<[2,?],f32>
  %t = torch.aten.transpose.int %cast, %0, %1 : !torch.vtensor<[2,?],f32>, !torch.int, !torch.int -> !torch.vtensor<[?,2],f32>
  return %t : !torch.vtensor<[?,2],f32>
}
