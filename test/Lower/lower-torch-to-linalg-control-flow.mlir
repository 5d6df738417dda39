// RUN: torchc-opt %s --torchc-lower-torch-to-linalg --canonicalize --split-input-file | FileCheck %s

// Regions that know more of a shape than the result does.
// CHECK-LABEL: func.func @branch(
// CHECK-SAME: %[[CONDITION:.*]]: i1, %[[X:.*]]: tensor<2xf32>
// CHECK: %[[RESULT:.*]] = scf.if %[[CONDITION]] -> (tensor<?xf32>) {
// CHECK: linalg.generic
// CHECK: scf.yield
// CHECK: } else {
// CHECK: scf.yield
// CHECK: return %[[RESULT]]
func.func @branch(%condition: !torch.bool, %x: !torch.vtensor<[2],f32>) -> !torch.vtensor<[?],f32> {
  %0 = torch.prim.If %condition -> (!torch.vtensor<[?],f32>) {
    %y = torch.aten.neg %x : !torch.vtensor<[2],f32> -> !torch.vtensor<[2],f32>
    torch.prim.If.yield %y : !torch.vtensor<[2],f32>
  } else {
    torch.prim.If.yield %x : !torch.vtensor<[2],f32>
  }
  return %0 : !torch.vtensor<[?],f32>
}

// -----

// Condition, bound and iteration.
// CHECK-LABEL: func.func @loop(
// CHECK-SAME: %[[N:.*]]: i64, %[[CONDITION:.*]]: i1, %[[X:.*]]: tensor<2xf32>
// CHECK: scf.while (%[[I:.*]] = %{{.*}}, %[[OPEN:.*]] = %[[CONDITION]], %[[Y:.*]] = %[[X]])
// CHECK: %[[BELOW:.*]] = arith.cmpi slt, %[[I]], %[[N]]
// CHECK: %[[GOES:.*]] = arith.andi %[[OPEN]], %[[BELOW]]
// CHECK: scf.condition(%[[GOES]]) %[[I]], %[[Y]]
// CHECK: ^bb0(%[[J:.*]]: i64, %[[Z:.*]]: tensor<2xf32>):
// CHECK: %[[NEXT:.*]] = arith.addi %[[J]]
// CHECK: scf.yield %[[NEXT]], %{{.*}}, %{{.*}} : i64, i1, tensor<2xf32>
func.func @loop(%n: !torch.int, %condition: !torch.bool, %x: !torch.vtensor<[2],f32>) -> !torch.vtensor<[2],f32> {
  %zero = torch.constant.int 0
  %0 = torch.prim.Loop %n, %condition, init(%x) {
  ^bb0(%i: !torch.int, %y: !torch.vtensor<[2],f32>):
    %z = torch.aten.neg %y : !torch.vtensor<[2],f32> -> !torch.vtensor<[2],f32>
    %goes = torch.aten.ne.int %i, %n : !torch.int, !torch.int -> !torch.bool
    torch.prim.Loop.condition %goes, iter(%z : !torch.vtensor<[2],f32>)
  } : (!torch.int, !torch.bool, !torch.vtensor<[2],f32>) -> !torch.vtensor<[2],f32>
  return %0 : !torch.vtensor<[2],f32>
}

// -----

// What floats decide, kernels compute; floats themselves enter and leave as tensors.
// CHECK-LABEL: func.func @decide(
// CHECK-SAME: %[[A:.*]]: tensor<f64>) -> (i1, tensor<f64>)
// CHECK: %[[ELEMENT:.*]] = tensor.extract %[[A]][]
// CHECK: %[[DECIDED:.*]] = linalg.generic
// CHECK: arith.cmpf ogt
// CHECK: %[[IS:.*]] = tensor.extract %[[DECIDED]][]
// CHECK: %[[DOUBLE:.*]] = arith.addf %[[ELEMENT]], %[[ELEMENT]]
// CHECK: %[[OUT:.*]] = tensor.from_elements %[[DOUBLE]]
// CHECK: return %[[IS]], %[[OUT]]
func.func @decide(%a: !torch.float) -> (!torch.bool, !torch.float) {
  %half = torch.constant.float 5.000000e-01
  %is = torch.aten.gt.float %a, %half : !torch.float, !torch.float -> !torch.bool
  %double = torch.aten.add.float %a, %a : !torch.float, !torch.float -> !torch.float
  return %is, %double : !torch.bool, !torch.float
}
