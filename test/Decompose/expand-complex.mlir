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
// CHECK: torch.aten.erf {{.*}}torchc.unsupported = "on complex numbers"
func.func @unknown(%x: !torch.vtensor<[3],complex<f32>>) -> !torch.vtensor<[3],complex<f32>> {
  %0 = torch.aten.erf %x : !torch.vtensor<[3],complex<f32>> -> !torch.vtensor<[3],complex<f32>>
  return %0 : !torch.vtensor<[3],complex<f32>>
}

// -----

// Numbers have parts too; the padding of the imaginary part is 0.
// CHECK-LABEL: func.func @numbers(
// CHECK-DAG: %[[HALF:.*]] = torch.constant.float 5.000000e-01
// CHECK-DAG: %[[ZERO:.*]] = torch.constant.int 0
// CHECK-DAG: %[[TWO:.*]] = torch.constant.float 2.000000e+00
// CHECK-DAG: torch.aten.add.Scalar {{.*}}, %[[HALF]],
// CHECK-DAG: torch.aten.add.Scalar {{.*}}, %[[TWO]],
// CHECK: torch.aten.constant_pad_nd {{.*}}, %[[HALF]] :
// CHECK: torch.aten.constant_pad_nd {{.*}}, %[[ZERO]] :
func.func @numbers(%x: !torch.vtensor<[3],complex<f32>>) -> !torch.vtensor<[5],complex<f32>> {
  %number = torch.constant.complex 5.000000e-01, 2.000000e+00
  %half = torch.constant.float 5.000000e-01
  %1 = torch.constant.int 1
  %widths = torch.prim.ListConstruct %1, %1 : (!torch.int, !torch.int) -> !torch.list<int>
  %sum = torch.aten.add.Scalar %x, %number, %1 : !torch.vtensor<[3],complex<f32>>, !torch.number, !torch.int -> !torch.vtensor<[3],complex<f32>>
  %0 = torch.aten.constant_pad_nd %sum, %widths, %half : !torch.vtensor<[3],complex<f32>>, !torch.list<int>, !torch.float -> !torch.vtensor<[5],complex<f32>>
  return %0 : !torch.vtensor<[5],complex<f32>>
}
