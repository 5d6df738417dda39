// RUN: torchc-opt --canonicalize %s | FileCheck %s

// CHECK-LABEL: @sizes
// CHECK-DAG: %[[THREE:.*]] = torch.constant.int 3
// CHECK-DAG: %[[TWO:.*]] = torch.constant.int 2
// CHECK-DAG: %[[SIZE:.*]] = torch.aten.size.int %arg0, %{{.*}}
// CHECK: return %[[THREE]], %[[SIZE]], %[[TWO]], %[[THREE]]
func.func @sizes(%x: !torch.vtensor<[?,3],f32>) -> (!torch.int, !torch.int, !torch.int, !torch.int) {
  %m1 = torch.constant.int -1
  %one = torch.constant.int 1
  %static = torch.aten.size.int %x, %m1 : !torch.vtensor<[?,3],f32>, !torch.int -> !torch.int
  %list = torch.aten.size %x : !torch.vtensor<[?,3],f32> -> !torch.list<int>
  %zero = torch.constant.int 0
  %dynamic = torch.aten.__getitem__.t %list, %zero : !torch.list<int>, !torch.int -> !torch.int
  %rank = torch.aten.len.t %list : !torch.list<int> -> !torch.int
  %dim = torch.aten.dim %x : !torch.vtensor<[?,3],f32> -> !torch.int
  %sum = torch.aten.add.int %dim, %one : !torch.int, !torch.int -> !torch.int
  return %static, %dynamic, %rank, %sum : !torch.int, !torch.int, !torch.int, !torch.int
}

// Python's division rounds down, its remainder has the sign of the divisor.
// CHECK-LABEL: @integers
// CHECK-DAG: %[[Q:.*]] = torch.constant.int -4
// CHECK-DAG: %[[R:.*]] = torch.constant.int 1
// CHECK: return %[[Q]], %[[R]]
func.func @integers() -> (!torch.int, !torch.int) {
  %a = torch.constant.int -7
  %b = torch.constant.int 2
  %q = torch.aten.floordiv.int %a, %b : !torch.int, !torch.int -> !torch.int
  %r = torch.aten.remainder.int %a, %b : !torch.int, !torch.int -> !torch.int
  return %q, %r : !torch.int, !torch.int
}

// Nothing is divided by zero, and nothing overflows.
// CHECK-LABEL: @not_folded
// CHECK: torch.aten.floordiv.int
// CHECK: torch.aten.add.int
func.func @not_folded() -> (!torch.int, !torch.int) {
  %a = torch.constant.int 9223372036854775807
  %zero = torch.constant.int 0
  %one = torch.constant.int 1
  %q = torch.aten.floordiv.int %one, %zero : !torch.int, !torch.int -> !torch.int
  %s = torch.aten.add.int %a, %one : !torch.int, !torch.int -> !torch.int
  return %q, %s : !torch.int, !torch.int
}

// A comparison of a size with itself holds, and an assertion that holds is gone.
// CHECK-LABEL: @assertion
// CHECK-NOT: _assert_scalar
// CHECK: %[[ITEM:.*]] = torch.constant.int 255
// CHECK: return %[[ITEM]]
func.func @assertion(%n: !torch.int) -> !torch.int {
  %message = torch.constant.str "n"
  %holds = torch.aten.ge.int %n, %n : !torch.int, !torch.int -> !torch.bool
  torch.aten._assert_scalar %holds, %message : !torch.bool, !torch.str
  %literal = torch.vtensor.literal(dense<255> : tensor<ui8>) : !torch.vtensor<[],ui8>
  %item = torch.aten.item %literal : !torch.vtensor<[],ui8> -> !torch.int
  return %item : !torch.int
}
