// RUN: torchc-opt %s | torchc-opt | FileCheck %s

// CHECK-LABEL: func.func @branch
// CHECK: torch.prim.If %{{.*}} -> (!torch.vtensor<[?],f32>, !torch.int) {
// CHECK: torch.prim.If.yield %{{.*}}, %{{.*}} : !torch.vtensor<[2],f32>, !torch.int
// CHECK: } else {
// CHECK: torch.prim.If %{{.*}} -> () {
func.func @branch(%condition: !torch.bool, %x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[?],f32>, !torch.int) {
  %one = torch.constant.int 1
  %0:2 = torch.prim.If %condition -> (!torch.vtensor<[?],f32>, !torch.int) {
    torch.prim.If.yield %x, %one : !torch.vtensor<[2],f32>, !torch.int
  } else {
    torch.prim.If %condition -> () {
      torch.prim.If.yield
    } else {
      torch.prim.If.yield
    }
    torch.prim.If.yield %x, %one : !torch.vtensor<[2],f32>, !torch.int
  }
  return %0#0, %0#1 : !torch.vtensor<[?],f32>, !torch.int
}

// CHECK-LABEL: func.func @loop
// CHECK: torch.prim.Loop %{{.*}}, %{{.*}}, init(%{{.*}}) {
// CHECK: ^bb0(%{{.*}}: !torch.int, %{{.*}}: !torch.vtensor<[2],f32>):
// CHECK: torch.prim.Loop.condition %{{.*}}, iter(%{{.*}} : !torch.vtensor<[2],f32>)
func.func @loop(%n: !torch.int, %condition: !torch.bool, %x: !torch.vtensor<[2],f32>) -> !torch.vtensor<[2],f32> {
  %0 = torch.prim.Loop %n, %condition, init(%x) {
  ^bb0(%i: !torch.int, %y: !torch.vtensor<[2],f32>):
    %z = torch.aten.neg %y : !torch.vtensor<[2],f32> -> !torch.vtensor<[2],f32>
    torch.prim.Loop.condition %condition, iter(%z : !torch.vtensor<[2],f32>)
  } : (!torch.int, !torch.bool, !torch.vtensor<[2],f32>) -> !torch.vtensor<[2],f32>
  return %0 : !torch.vtensor<[2],f32>
}
