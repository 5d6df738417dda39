// RUN: torchc-opt %s --torchc-outline-kernels --mlir-print-debuginfo --mlir-print-local-scope | FileCheck %s

// A call knows every op that its kernel computes, each once: the root first, then what
// was fused into its body. One kernel for two calls; each call has locations of its own.
// CHECK-LABEL: func.func @forward
// CHECK: dispatch.call @[[KERNEL:[a-z0-9_]*]](%{{.*}} loc(fused[fused<"aten.mul.Tensor">["model.py":2:0], fused<"aten.add.Tensor">["model.py":1:0]])
// CHECK: dispatch.call @[[KERNEL]](%{{.*}} loc(fused[fused<"aten.mul.Tensor">["model.py":4:0], fused<"aten.add.Tensor">["model.py":3:0]])
// CHECK-NOT: dispatch.call
// CHECK: dispatch.kernel @[[KERNEL]]
// CHECK-NOT: dispatch.kernel

#map = affine_map<(d0) -> (d0)>
func.func @forward(%x: tensor<8xf32>) -> tensor<8xf32> {
  %y = dispatch.group -> tensor<8xf32> {
    %e = tensor.empty() : tensor<8xf32>
    %r = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%x : tensor<8xf32>) outs(%e : tensor<8xf32>) {
    ^bb0(%a: f32, %b: f32):
      %s = arith.addf %a, %a : f32 loc(fused<"aten.add.Tensor">["model.py":1:0])
      %p = arith.mulf %s, %a : f32 loc(fused<"aten.mul.Tensor">["model.py":2:0])
      linalg.yield %p : f32 loc(fused<"aten.mul.Tensor">["model.py":2:0])
    } -> tensor<8xf32> loc(fused<"aten.mul.Tensor">["model.py":2:0])
    dispatch.return %r : tensor<8xf32>
  }
  %z = dispatch.group -> tensor<8xf32> {
    %e = tensor.empty() : tensor<8xf32>
    %r = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel"]} ins(%y : tensor<8xf32>) outs(%e : tensor<8xf32>) {
    ^bb0(%a: f32, %b: f32):
      %s = arith.addf %a, %a : f32 loc(fused<"aten.add.Tensor">["model.py":3:0])
      %p = arith.mulf %s, %a : f32 loc(fused<"aten.mul.Tensor">["model.py":4:0])
      linalg.yield %p : f32 loc(fused<"aten.mul.Tensor">["model.py":4:0])
    } -> tensor<8xf32> loc(fused<"aten.mul.Tensor">["model.py":4:0])
    dispatch.return %r : tensor<8xf32>
  }
  return %z : tensor<8xf32>
}
