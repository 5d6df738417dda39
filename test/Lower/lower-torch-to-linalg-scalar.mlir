// RUN: torchc-opt %s --torchc-lower-pipeline --split-input-file | FileCheck %s

// CHECK-LABEL: func.func @python_division(
// CHECK-SAME: %[[A:.*]]: i64, %[[B:.*]]: i64) -> (i64, i64)
// CHECK: cf.assert %{{.*}}, "division by zero"
// CHECK: %[[Q:.*]] = arith.floordivsi %[[A]], %[[B]]
// CHECK: %[[P:.*]] = arith.muli %[[B]], %[[Q]]
// CHECK: arith.subi %[[A]], %[[P]]
func.func @python_division(%a: !torch.int, %b: !torch.int) -> (!torch.int, !torch.int) {
  %q = torch.aten.floordiv.int %a, %b : !torch.int, !torch.int -> !torch.int
  %r = torch.aten.remainder.int %a, %b : !torch.int, !torch.int -> !torch.int
  return %q, %r : !torch.int, !torch.int
}

// -----

// CHECK-LABEL: func.func @check_item(
// CHECK: %[[N:.*]] = tensor.extract %arg0[] : tensor<i64>
// CHECK: %[[OK:.*]] = arith.cmpi sge, %[[N]]
// CHECK: cf.assert %[[OK]], "too small"
// CHECK: return %[[N]] : i64
func.func @check_item(%x: !torch.vtensor<[],si64>) -> !torch.int {
  %2 = torch.constant.int 2
  %message = torch.constant.str "too small"
  %n = torch.aten.item %x : !torch.vtensor<[],si64> -> !torch.int
  %ok = torch.aten.ge.int %n, %2 : !torch.int, !torch.int -> !torch.bool
  torch.aten._assert_scalar %ok, %message : !torch.bool, !torch.str
  return %n : !torch.int
}
