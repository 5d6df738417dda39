// RUN: torchc-opt --torchc-convert-host-to-vm %s | FileCheck %s

ml_program.global private @weight(#ml_program.extern : tensor<4xf32>) : tensor<4xf32> {torchc.parameter = "model"}
// CHECK: vm.external @"mylib::foo" "mylib::foo" {host_attributes = "{}"} : (!vm.ref, !vm.ref, i64) -> (!vm.ref, !vm.ref)
func.func private @"mylib::foo"(tensor<?x4xf32>, tensor<4xf32>, i64) -> (tensor<?x4xf32>, tensor<i64>) attributes {torchc.custom_op = {attributes = "{}", name = "mylib::foo"}}

// What the host program gives is held against the type that kernels were compiled for.
// CHECK-LABEL: vm.func @forward
func.func @forward(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %c5 = arith.constant 5 : i64
  // CHECK-DAG: %[[FIVE:.*]] = vm.const_i64 5
  // CHECK-DAG: %[[FOUR:.*]] = vm.const_i64 4
  // CHECK: %[[WEIGHT:.*]] = vm.parameter @weight
  %weight = ml_program.global_load_const @weight : tensor<4xf32>
  // CHECK: %[[R:.*]]:2 = vm.call_external @"mylib::foo"(%arg0, %[[WEIGHT]], %[[FIVE]])
  // CHECK-NEXT: vm.check_type %[[R]]#0, f32, 2, "the result of mylib::foo"
  // CHECK-NEXT: vm.check_dim %[[R]]#0, 1, %[[FOUR]], "the result of mylib::foo"
  // CHECK-NEXT: vm.check_type %[[R]]#1, i64, 0, "the result of mylib::foo"
  %0:2 = call @"mylib::foo"(%x, %weight, %c5) : (tensor<?x4xf32>, tensor<4xf32>, i64) -> (tensor<?x4xf32>, tensor<i64>)
  return %0#0 : tensor<?x4xf32>
}
