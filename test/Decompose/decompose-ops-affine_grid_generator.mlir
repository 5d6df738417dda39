// RUN: torchc-opt %s --torchc-decompose-ops | FileCheck %s

// Two columns: -1 and 1 where corners are aligned, in every one of 3 rows.
// CHECK-LABEL: func.func @affine_grid(
// CHECK: torch.aten.expand
// CHECK: torch.aten.cat
// CHECK-NOT: affine_grid_generator
// CHECK: return {{.*}} : !torch.vtensor<[1,3,2,2],f32>
func.func @affine_grid(%theta: !torch.vtensor<[1,2,3],f32>) -> !torch.vtensor<[1,3,2,2],f32> {
  %1 = torch.constant.int 1
  %2 = torch.constant.int 2
  %3 = torch.constant.int 3
  %true = torch.constant.bool true
  %size = torch.prim.ListConstruct %1, %1, %3, %2 : (!torch.int, !torch.int, !torch.int, !torch.int) -> !torch.list<int>
  %r = torch.aten.affine_grid_generator %theta, %size, %true : !torch.vtensor<[1,2,3],f32>, !torch.list<int>, !torch.bool -> !torch.vtensor<[1,3,2,2],f32>
  return %r : !torch.vtensor<[1,3,2,2],f32>
}
