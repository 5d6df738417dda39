// RUN: torchc-opt %s --torchc-lower-torch-to-linalg | FileCheck %s

// CHECK: ml_program.global private @weight(#extern) : tensor<4xi64>
ml_program.global private @weight(#ml_program.extern : !torch.vtensor<[4],si64>) : !torch.vtensor<[4],si64>
// CHECK: ml_program.global private mutable @state(dense<0> : tensor<4xi64>) : tensor<4xi64>
ml_program.global private mutable @state(dense<0> : tensor<4xsi64>) : !torch.vtensor<[4],si64>

// CHECK-LABEL: func.func @forward() -> tensor<4xi64>
// CHECK-SAME: torchc.signature
func.func @forward() -> !torch.vtensor<[4],si64> attributes {torchc.signature = {inputs = [], outputs = []}} {
  // CHECK: ml_program.global_load_const @weight : tensor<4xi64>
  %w = ml_program.global_load_const @weight : !torch.vtensor<[4],si64>
  // CHECK: %[[NEW:.*]] = arith.constant dense<[1, 2, 3, -4]> : tensor<4xi64>
  %new = torch.vtensor.literal(dense<[1, 2, 3, -4]> : tensor<4xsi64>) : !torch.vtensor<[4],si64>
  // CHECK: ml_program.global_store @state = %[[NEW]] : tensor<4xi64>
  ml_program.global_store @state = %new : !torch.vtensor<[4],si64>
  // CHECK: %[[OLD:.*]] = ml_program.global_load @state : tensor<4xi64>
  %old = ml_program.global_load @state : !torch.vtensor<[4],si64>
  // CHECK: linalg.generic
  %r = torch.aten.mul.Tensor %w, %old : !torch.vtensor<[4],si64>, !torch.vtensor<[4],si64> -> !torch.vtensor<[4],si64>
  return %r : !torch.vtensor<[4],si64>
}
