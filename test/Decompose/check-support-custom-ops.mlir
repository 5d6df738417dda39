// RUN: torchc-opt --torchc-check-support=custom-ops=mylib.foo,mylib::bar %s | FileCheck %s

// Operators of any overload are left to the host program, on request.
func.func @forward(%x: !torch.vtensor<[2],f32>) -> !torch.vtensor<[2],f32> {
  // CHECK: torch.operator "mylib.foo.default"(%arg0) {torchc.custom_op}
  %0 = torch.operator "mylib.foo.default"(%x) : (!torch.vtensor<[2],f32>) -> !torch.vtensor<[2],f32>
  // CHECK: torch.operator "mylib.bar.out"({{.*}}) {torchc.custom_op}
  %1 = torch.operator "mylib.bar.out"(%0) : (!torch.vtensor<[2],f32>) -> !torch.vtensor<[2],f32>
  return %1 : !torch.vtensor<[2],f32>
}
