// RUN: not torchc-opt --torchc-decompose-ops --torchc-check-support %s 2>&1 | FileCheck %s

// All that is not supported is named in one run, each op once, at the user's line.
// CHECK-DAG: model.py:27:5: error: unsupported op aten.foo.default (x2)
// CHECK-DAG: model.py:30:9: error: unsupported op aten.bar.out (x1)
// CHECK-DAG: model.py:31:1: error: unsupported op aten.dropout.default (x1): parameters that are not constant
// CHECK-NOT: error
func.func @forward(%x: !torch.vtensor<[2],f32>, %p: !torch.float) -> !torch.vtensor<[2],f32> {
  %true = torch.constant.bool true
  %0 = torch.operator "aten.foo"(%x) : (!torch.vtensor<[2],f32>) -> !torch.vtensor<[2],f32> loc("foo_1"(callsite("/usr/lib/python3/site-packages/torch/nn/functional.py":12:1 at callsite("model.py":27:5 at "main.py":3:1))))
  %1 = torch.operator "aten.foo"(%0) : (!torch.vtensor<[2],f32>) -> !torch.vtensor<[2],f32> loc("model.py":99:1)
  %2 = torch.operator "aten.bar.out"(%1) : (!torch.vtensor<[2],f32>) -> !torch.vtensor<[2],f32> loc("model.py":30:9)
  %3 = torch.aten.dropout %2, %p, %true : !torch.vtensor<[2],f32>, !torch.float, !torch.bool -> !torch.vtensor<[2],f32> loc("model.py":31:1)
  %4 = torch.aten.relu %3 : !torch.vtensor<[2],f32> -> !torch.vtensor<[2],f32>
  return %4 : !torch.vtensor<[2],f32>
}
