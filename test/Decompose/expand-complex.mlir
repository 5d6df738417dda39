// RUN: torchc-opt %s --torchc-expand-complex --canonicalize --cse --split-input-file | FileCheck %s

// A product of complex numbers is real arithmetic between views of the same memory.
// CHECK-LABEL: func.func @mul(
// CHECK-DAG: %[[X:.*]] = torch.aten.view_as_real %arg0
// CHECK-DAG: %[[Y:.*]] = torch.aten.view_as_real %arg1
// CHECK-COUNT-4: torch.aten.mul.Tensor %{{.*}} : !torch.vtensor<[3],f32>, !torch.vtensor<[3],f32>
// CHECK: %[[PAIRS:.*]] = torch.aten.cat
// CHECK: torch.aten.view_as_complex %[[PAIRS]] : !torch.vtensor<[3,2],f32> -> !torch.vtensor<[3],complex<f32>>
func.func @mul(%x: !torch.vtensor<[3],complex<f32>>, %y: !torch.vtensor<[3],complex<f32>>) -> !torch.vtensor<[3],complex<f32>> {
  %0 = torch.aten.mul.Tensor %x, %y : !torch.vtensor<[3],complex<f32>>, !torch.vtensor<[3],complex<f32>> -> !torch.vtensor<[3],complex<f32>>
  return %0 : !torch.vtensor<[3],complex<f32>>
}

// -----

// Between two ops nothing is complex.
// CHECK-LABEL: func.func @chain(
// CHECK: torch.aten.view_as_real
// CHECK-NOT: torch.aten.view_as
// CHECK: torch.aten.hypot
// CHECK-NOT: torch.aten.view_as
func.func @chain(%x: !torch.vtensor<[3],complex<f32>>) -> !torch.vtensor<[3],f32> {
  %0 = torch.aten.neg %x : !torch.vtensor<[3],complex<f32>> -> !torch.vtensor<[3],complex<f32>>
  %1 = torch.aten.abs %0 : !torch.vtensor<[3],complex<f32>> -> !torch.vtensor<[3],f32>
  return %1 : !torch.vtensor<[3],f32>
}

// -----

// What has no expansion is marked for CheckSupport.
// CHECK-LABEL: func.func @unknown(
// CHECK: torch.aten.tanh {{.*}}torchc.unsupported = "on complex numbers"
func.func @unknown(%x: !torch.vtensor<[3],complex<f32>>) -> !torch.vtensor<[3],complex<f32>> {
  %0 = torch.aten.tanh %x : !torch.vtensor<[3],complex<f32>> -> !torch.vtensor<[3],complex<f32>>
  return %0 : !torch.vtensor<[3],complex<f32>>
}
