// An instruction of another CPU: LLVM's code generator ends with a fatal error.
module {
  dispatch.kernel private @kernel(tensor<4xf32>) -> tensor<4xf32>
      attributes {dims = [array<i64>, array<i64>], scratch = 0 : i64}
  dispatch.executable @cpu attributes {cpu = "x86-64", features = "", triple = "x86_64-unknown-linux-gnu"} {
    builtin.module {
      llvm.func @kernel(%env: !llvm.ptr, %args: !llvm.ptr, %x: i32, %y: i32, %z: i32, %scratch: !llvm.ptr) -> i32
      attributes {dispatch.workgroups = affine_map<() -> (1, 1, 1)>} {
        %a = llvm.load %scratch : !llvm.ptr -> vector<4xi32>
        %b = llvm.call_intrinsic "llvm.aarch64.neon.sqxtn.v4i16"(%a) : (vector<4xi32>) -> vector<4xi16>
        llvm.store %b, %scratch : vector<4xi16>, !llvm.ptr
        %zero = llvm.mlir.constant(0 : i32) : i32
        llvm.return %zero : i32
      }
    }
  }
}
