// RUN: torchc-opt %s --torchc-lower-torch-to-linalg --split-input-file | FileCheck %s

// The state is one global of the program; each draw reads it and moves the offset on.
// CHECK: ml_program.global private mutable @torchc.random_state(dense<[67280421310721, 0]> : tensor<2xi64>) : tensor<2xi64>
// CHECK-NOT: ml_program.global
// CHECK-LABEL: func.func @draws(
// CHECK: %[[STATE:.*]] = ml_program.global_load @torchc.random_state : tensor<2xi64>
// CHECK: linalg.generic {{.*}} ins(%[[STATE]] : tensor<2xi64>)
// CHECK: arith.addi
// CHECK: ml_program.global_store @torchc.random_state
// CHECK: linalg.generic
// CHECK-COUNT-20: arith.muli %{{.*}} : i64
// CHECK: ml_program.global_load @torchc.random_state
// CHECK: ml_program.global_store @torchc.random_state
// CHECK: math.log
// CHECK: math.cos
func.func @draws() -> (!torch.vtensor<[3,5],f32>, !torch.vtensor<[7],f64>) {
  %none = torch.constant.none
  %double = torch.constant.int 7
  %3 = torch.constant.int 3
  %5 = torch.constant.int 5
  %7 = torch.constant.int 7
  %sizes = torch.prim.ListConstruct %3, %5 : (!torch.int, !torch.int) -> !torch.list<int>
  %size = torch.prim.ListConstruct %7 : (!torch.int) -> !torch.list<int>
  %u = torch.aten.rand %sizes, %none, %none, %none, %none : !torch.list<int>, !torch.none, !torch.none, !torch.none, !torch.none -> !torch.vtensor<[3,5],f32>
  %n = torch.aten.randn %size, %double, %none, %none, %none : !torch.list<int>, !torch.int, !torch.none, !torch.none, !torch.none -> !torch.vtensor<[7],f64>
  return %u, %n : !torch.vtensor<[3,5],f32>, !torch.vtensor<[7],f64>
}
