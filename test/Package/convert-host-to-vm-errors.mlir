// RUN: torchc-opt %s --torchc-convert-host-to-vm --split-input-file --verify-diagnostics

func.func @float(%x: f32) -> f32 {
  // expected-error @below {{failed to legalize operation 'arith.addf'}}
  %y = arith.addf %x, %x : f32
  return %y : f32
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
  // expected-error @below {{failed to legalize operation 'dispatch.call'}}
  %y = dispatch.call @raw(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
