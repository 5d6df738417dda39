// RUN: torchc-opt %s --torchc-lower-pipeline --split-input-file | FileCheck %s

// Operands broadcast by their maps; alpha is a number in the body.
// CHECK-DAG: #[[ROW:.*]] = affine_map<(d0, d1) -> (d1)>
// CHECK-LABEL: func.func @add(
// CHECK-SAME: %[[A:.*]]: tensor<3x4xf32>, %[[B:.*]]: tensor<4xf32>
// CHECK: linalg.generic
// CHECK-SAME: indexing_maps = [#{{.*}}, #[[ROW]], #{{.*}}]
// CHECK-SAME: ins(%[[A]], %[[B]]
// CHECK: %[[SCALED:.*]] = arith.mulf %{{.*}}, %{{.*}} : f32
// CHECK: arith.addf %{{.*}}, %[[SCALED]] : f32
func.func @add(%a: !torch.vtensor<[3,4],f32>, %b: !torch.vtensor<[4],f32>) -> !torch.vtensor<[3,4],f32> {
  %alpha = torch.constant.int 2
  %r = torch.aten.add.Tensor %a, %b, %alpha : !torch.vtensor<[3,4],f32>, !torch.vtensor<[4],f32>, !torch.int -> !torch.vtensor<[3,4],f32>
  return %r : !torch.vtensor<[3,4],f32>
}

// -----

// A static 1 is repeated.
// CHECK-DAG: #[[COLUMN:.*]] = affine_map<(d0, d1) -> (d0, 0)>
// CHECK-LABEL: func.func @repeat_column(
// CHECK: linalg.generic
// CHECK-SAME: #[[COLUMN]]
func.func @repeat_column(%a: !torch.vtensor<[?,1],f32>, %b: !torch.vtensor<[?,4],f32>) -> !torch.vtensor<[?,4],f32> {
  %r = torch.aten.mul.Tensor %a, %b : !torch.vtensor<[?,1],f32>, !torch.vtensor<[?,4],f32> -> !torch.vtensor<[?,4],f32>
  return %r : !torch.vtensor<[?,4],f32>
}

// -----

// Extents that may differ are compared at run time ...
// CHECK-LABEL: func.func @unknown_extents(
// CHECK: cf.assert %{{.*}}, "sizes of operands do not match in dim 0"
func.func @unknown_extents(%a: !torch.vtensor<[?],f32>, %b: !torch.vtensor<[?],f32>) -> !torch.vtensor<[?],f32> {
  %r = torch.aten.mul.Tensor %a, %b : !torch.vtensor<[?],f32>, !torch.vtensor<[?],f32> -> !torch.vtensor<[?],f32>
  return %r : !torch.vtensor<[?],f32>
}

// -----

// ... those of one symbol are the same.
// CHECK-LABEL: func.func @one_symbol(
// CHECK-NOT: cf.assert
func.func @one_symbol(%a: !torch.vtensor<[?],f32>, %b: !torch.vtensor<[?],f32>) -> !torch.vtensor<[?],f32>
    attributes {torchc.signature = {inputs = [{name = "a", dtype = "f32", dims = ["s0"]}, {name = "b", dtype = "f32", dims = ["s0"]}], outputs = []}} {
  %r = torch.aten.mul.Tensor %a, %b : !torch.vtensor<[?],f32>, !torch.vtensor<[?],f32> -> !torch.vtensor<[?],f32>
  return %r : !torch.vtensor<[?],f32>
}

// -----

// Integers are compared with a float as floats, and by their sign among themselves.
// CHECK-LABEL: func.func @compare(
// CHECK: arith.sitofp %{{.*}} : i64 to f32
// CHECK: arith.cmpf olt
// CHECK: arith.cmpi ult
func.func @compare(%a: !torch.vtensor<[4],si64>, %b: !torch.vtensor<[4],ui8>, %c: !torch.vtensor<[4],f32>) -> (!torch.vtensor<[4],i1>, !torch.vtensor<[4],i1>) {
  %0 = torch.aten.lt.Tensor %a, %c : !torch.vtensor<[4],si64>, !torch.vtensor<[4],f32> -> !torch.vtensor<[4],i1>
  %1 = torch.aten.lt.Tensor %b, %b : !torch.vtensor<[4],ui8>, !torch.vtensor<[4],ui8> -> !torch.vtensor<[4],i1>
  return %0, %1 : !torch.vtensor<[4],i1>, !torch.vtensor<[4],i1>
}

// -----

// Half types compute in f32; relu lets NaN through.
// CHECK-LABEL: func.func @relu_bf16(
// CHECK: %[[X:.*]] = arith.extf %{{.*}} : bf16 to f32
// CHECK: %[[R:.*]] = arith.maximumf %[[X]], %{{.*}} : f32
// CHECK: arith.truncf %[[R]] : f32 to bf16
func.func @relu_bf16(%a: !torch.vtensor<[4],bf16>) -> !torch.vtensor<[4],bf16> {
  %r = torch.aten.relu %a : !torch.vtensor<[4],bf16> -> !torch.vtensor<[4],bf16>
  return %r : !torch.vtensor<[4],bf16>
}

// -----

// A number that was made a tensor stands in the body.
// CHECK-LABEL: func.func @wrapped_number(
// CHECK: linalg.generic
// CHECK-SAME: ins(%{{[^,]*}} : tensor<4xf32>)
// CHECK: arith.mulf
func.func @wrapped_number(%a: !torch.vtensor<[4],f32>) -> !torch.vtensor<[4],f32> {
  %n = torch.vtensor.literal(dense<2.000000e+00> : tensor<f64>) {torchc.wrapped_number} : !torch.vtensor<[],f64>
  %r = torch.aten.mul.Tensor %a, %n : !torch.vtensor<[4],f32>, !torch.vtensor<[],f64> -> !torch.vtensor<[4],f32>
  return %r : !torch.vtensor<[4],f32>
}

// -----

// Integer division cannot trap.
// CHECK-LABEL: func.func @floor_divide(
// CHECK: cf.assert %[[OK:.*]], "division by zero in aten.div.Tensor_mode"
// CHECK: arith.select %[[OK]]
// CHECK: arith.divsi
func.func @floor_divide(%a: !torch.vtensor<[4],si64>, %b: !torch.vtensor<[4],si64>) -> !torch.vtensor<[4],si64> {
  %mode = torch.constant.str "floor"
  %r = torch.aten.div.Tensor_mode %a, %b, %mode : !torch.vtensor<[4],si64>, !torch.vtensor<[4],si64>, !torch.str -> !torch.vtensor<[4],si64>
  return %r : !torch.vtensor<[4],si64>
}
