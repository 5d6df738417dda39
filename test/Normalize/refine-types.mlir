// RUN: torchc-opt --torchc-refine-types %s | FileCheck %s

// CHECK-LABEL: func.func @forward(%arg0: !torch.vtensor<[2,3],f32>, %arg1: !torch.vtensor<[?,4],f32>)
// CHECK-SAME: -> (!torch.vtensor<[2,4],f32>, !torch.vtensor<[2,3],i1>)
func.func @forward(%x: !torch.vtensor<[2,3],f32>, %y: !torch.vtensor<[?,4],f32>) -> (!torch.vtensor, !torch.vtensor<*,i1>) {
  %zero = torch.constant.int 0
  // CHECK: torch.aten.mm {{.*}} -> !torch.vtensor<[2,4],f32>
  %0 = torch.aten.mm %x, %y : !torch.vtensor<[2,3],f32>, !torch.vtensor<[?,4],f32> -> !torch.vtensor
  %1 = torch.aten.relu %0 : !torch.vtensor -> !torch.vtensor
  // CHECK: torch.aten.gt.Scalar {{.*}} -> !torch.vtensor<[2,3],i1>
  %2 = torch.aten.gt.Scalar %x, %zero : !torch.vtensor<[2,3],f32>, !torch.int -> !torch.vtensor<*,i1>
  return %1, %2 : !torch.vtensor, !torch.vtensor<*,i1>
}
