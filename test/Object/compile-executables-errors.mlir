// RUN: torchc-opt %s --torchc-compile-executables --split-input-file --verify-diagnostics

dispatch.kernel private @sine(tensor<4xf32>) -> tensor<4xf32>
    attributes {dims = [array<i64>, array<i64>], scratch = 0 : i64}
// expected-error @below {{kernels may not call 'foo', which sine needs}}
// expected-error @below {{kernels may not call 'sinf', which sine needs}}
dispatch.executable @cpu attributes {triple = "x86_64-unknown-linux-gnu", cpu = "x86-64-v3", features = ""} {
  builtin.module {
    llvm.func @foo(f32) -> f32
    llvm.func @sine(%env: !llvm.ptr, %args: !llvm.ptr, %x: i32, %y: i32, %z: i32, %scratch: !llvm.ptr) -> i32
    attributes {dispatch.workgroups = affine_map<() -> (1, 1, 1)>} {
      %ok = llvm.mlir.constant(0 : i32) : i32
      %a = llvm.load %args : !llvm.ptr -> f32
      %b = llvm.intr.sin(%a) : (f32) -> f32
      %c = llvm.call @foo(%b) : (f32) -> f32
      llvm.store %c, %scratch : f32, !llvm.ptr
      llvm.return %ok : i32
    }
  }
}

// -----

dispatch.kernel private @missing(tensor<4xf32>) -> tensor<4xf32>
    attributes {dims = [array<i64>, array<i64>], scratch = 0 : i64}
// expected-error @below {{has no code for the kernel 'missing'}}
dispatch.executable @cpu attributes {triple = "x86_64-unknown-linux-gnu", cpu = "x86-64-v3", features = ""} {
  builtin.module {}
}

// -----

// expected-error @below {{the target 'x86_64-unknown-linux-gnu' has no CPU 'pentium42'}}
dispatch.executable @cpu attributes {triple = "x86_64-unknown-linux-gnu", cpu = "pentium42", features = ""} {
  builtin.module {}
}

// -----

// expected-error @below {{the target 'x86_64-unknown-linux-gnu' has no CPU feature 'avx3'}}
dispatch.executable @cpu attributes {triple = "x86_64-unknown-linux-gnu", cpu = "x86-64", features = "+avx2,-avx3"} {
  builtin.module {}
}

// -----

// expected-error @below {{no code can be made for the target 'riscv64-unknown-linux-gnu'}}
dispatch.executable @cpu attributes {triple = "riscv64-unknown-linux-gnu", cpu = "generic", features = ""} {
  builtin.module {}
}
