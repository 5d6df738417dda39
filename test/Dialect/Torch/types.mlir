// RUN: torchc-opt %s | torchc-opt | FileCheck %s

// CHECK-LABEL: func.func @types
// CHECK-SAME: !torch.vtensor<[?,4],f32>
// CHECK-SAME: !torch.vtensor<*,si64>
// CHECK-SAME: !torch.vtensor<[],unk>
// CHECK-SAME: !torch.tensor
// CHECK-SAME: !torch.list<optional<vtensor>>
// CHECK-SAME: !torch.tuple<vtensor<[2],ui8>, list<int>>
// CHECK-SAME: !torch.Device
func.func @types(%0: !torch.vtensor<[?,4],f32>, %1: !torch.vtensor<*,si64>, %2: !torch.vtensor<[],unk>,
                 %3: !torch.tensor, %4: !torch.list<optional<vtensor>>,
                 %5: !torch.tuple<vtensor<[2],ui8>, list<int>>, %6: !torch.Device) {
  return
}
