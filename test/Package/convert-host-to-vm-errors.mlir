// RUN: torchc-opt %s --torchc-convert-host-to-vm --split-input-file --verify-diagnostics

// All in one run, each op once.
func.func @float(%x: f32) -> f32 {
  // expected-error @below {{unsupported op arith.addf (x2): outside of kernels there is arithmetic on integers only}}
  %y = arith.addf %x, %x : f32
  %z = arith.addf %y, %x : f32
  // expected-error @below {{unsupported op math.exp (x1): outside of kernels}}
  %w = math.exp %z : f32
  return %w : f32
}

// -----

// expected-error @below {{torchc.signature: needs 1 inputs}}
func.func @count(%x: tensor<4xf32>) -> tensor<4xf32> attributes {torchc.signature = {
    inputs = [], outputs = [{name = "y", dtype = "f32", dims = [4]}]}} {
  return %x : tensor<4xf32>
}

// -----

// expected-error @below {{torchc.signature: unknown dtype 'float'}}
func.func @dtype(%x: tensor<4xf32>) -> tensor<4xf32> attributes {torchc.signature = {
    inputs = [{name = "x", dtype = "float", dims = [4]}], outputs = [{name = "y", dtype = "f32", dims = [4]}]}} {
  return %x : tensor<4xf32>
}

// -----

dispatch.kernel private @raw(tensor<4xf32>) -> tensor<4xf32> attributes {dims = [array<i64>, array<i64>]}
func.func @uncompiled(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{the kernel 'raw' was not compiled}}
  %y = dispatch.call @raw(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
