// RUN: torchc-opt %s --torchc-compile-executables | FileCheck %s
// RUN: torchc-opt %s --torchc-compile-executables --mlir-disable-threading > %t.single
// RUN: torchc-opt %s --torchc-compile-executables | cmp - %t.single

// The object takes the place of the module.
// CHECK: dispatch.kernel private @scale
// CHECK-LABEL: dispatch.executable @baseline
// CHECK-SAME: cpu = "x86-64-v2"
// CHECK-SAME: object = dense_resource<baseline> : tensor<{{[0-9]+}}xi8>
// CHECK-NOT: llvm.func
// An ELF file, with its 64-byte alignment before it.
// CHECK: baseline: "0x400000007F454C46
// CHECK: v3: "0x400000007F454C46

dispatch.kernel private @scale(tensor<?xf32>, index) -> tensor<?xf32>
    attributes {dims = [array<i64: 0>, array<i64: 0>], scratch = 0 : i64}
dispatch.kernel private @copy(tensor<4096xf32>) -> tensor<4096xf32>
    attributes {dims = [array<i64>, array<i64>], scratch = 0 : i64}

dispatch.executable @baseline attributes {triple = "x86_64-unknown-linux-gnu", cpu = "x86-64-v2", features = ""} {
  builtin.module {
    llvm.mlir.global private constant @factor(dense<[2.0, 3.0]> : tensor<2xf32>) : !llvm.array<2 x f32>
    llvm.func @copy(%env: !llvm.ptr, %args: !llvm.ptr, %x: i32, %y: i32, %z: i32, %scratch: !llvm.ptr) -> i32
    attributes {dispatch.workgroups = affine_map<() -> (1, 1, 1)>} {
      %ok = llvm.mlir.constant(0 : i32) : i32
      %size = llvm.mlir.constant(16384 : i64) : i64
      %bindings = llvm.load %args : !llvm.ptr -> !llvm.ptr
      %from = llvm.load %bindings : !llvm.ptr -> !llvm.ptr
      %next = llvm.getelementptr %bindings[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
      %to = llvm.load %next : !llvm.ptr -> !llvm.ptr
      // Becomes a call of memcpy, which the library provides itself.
      "llvm.intr.memcpy"(%to, %from, %size) <{isVolatile = false}> : (!llvm.ptr, !llvm.ptr, i64) -> ()
      llvm.return %ok : i32
    }
    llvm.func @scale(%env: !llvm.ptr, %args: !llvm.ptr, %x: i32, %y: i32, %z: i32, %scratch: !llvm.ptr) -> i32
    attributes {dispatch.workgroups = affine_map<()[s0] -> (s0, 1, 1)>} {
      %ok = llvm.mlir.constant(0 : i32) : i32
      %bindings = llvm.load %args : !llvm.ptr -> !llvm.ptr
      %from = llvm.load %bindings : !llvm.ptr -> !llvm.ptr
      %next = llvm.getelementptr %bindings[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
      %to = llvm.load %next : !llvm.ptr -> !llvm.ptr
      %at = llvm.zext %x : i32 to i64
      %factors = llvm.mlir.addressof @factor : !llvm.ptr
      %one = llvm.mlir.constant(1 : i64) : i64
      %odd = llvm.and %at, %one : i64
      %which = llvm.getelementptr %factors[%odd] : (!llvm.ptr, i64) -> !llvm.ptr, f32
      %factor = llvm.load %which : !llvm.ptr -> f32
      %source = llvm.getelementptr %from[%at] : (!llvm.ptr, i64) -> !llvm.ptr, f32
      %target = llvm.getelementptr %to[%at] : (!llvm.ptr, i64) -> !llvm.ptr, f32
      %a = llvm.load %source : !llvm.ptr -> f32
      %b = llvm.fmul %a, %factor : f32
      llvm.store %b, %target : f32, !llvm.ptr
      llvm.return %ok : i32
    }
  }
}

dispatch.executable @v3 attributes {triple = "x86_64-unknown-linux-gnu", cpu = "x86-64-v3", features = ""} {
  builtin.module {
    llvm.func @copy(%env: !llvm.ptr, %args: !llvm.ptr, %x: i32, %y: i32, %z: i32, %scratch: !llvm.ptr) -> i32
    attributes {dispatch.workgroups = affine_map<() -> (1, 1, 1)>} {
      %ok = llvm.mlir.constant(0 : i32) : i32
      llvm.return %ok : i32
    }
    llvm.func @scale(%env: !llvm.ptr, %args: !llvm.ptr, %x: i32, %y: i32, %z: i32, %scratch: !llvm.ptr) -> i32
    attributes {dispatch.workgroups = affine_map<()[s0] -> (s0, 1, 1)>} {
      %ok = llvm.mlir.constant(0 : i32) : i32
      llvm.return %ok : i32
    }
  }
}

// Without optimisation the code is another one, and larger.
// RUN: torchc-opt %s --torchc-compile-executables=opt-level=0 > %t.O0
// RUN: not cmp -s %t.O0 %t.single
