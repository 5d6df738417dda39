// RUN: torchc-opt --pass-pipeline='builtin.module(llvm.func(torchc-expand-math))' --split-input-file --verify-diagnostics %s | FileCheck %s

// CHECK-LABEL: llvm.func @exp
// CHECK-NOT: math.exp
// CHECK: arith.mulf {{.*}} fastmath<contract>
// CHECK-NEXT: arith.addf {{.*}} fastmath<contract>
// CHECK: llvm.return
llvm.func @exp(%x: vector<16xf32>) -> vector<16xf32> {
  %y = math.exp %x : vector<16xf32>
  llvm.return %y : vector<16xf32>
}

// -----

// AVX-512 scales by a power of two in one instruction.
// CHECK-LABEL: llvm.func @exp_wide
// CHECK: llvm.call_intrinsic "llvm.ldexp"
// CHECK-NOT: arith.shli
// CHECK: llvm.return
llvm.func @exp_wide(%x: vector<16xf32>) -> vector<16xf32> attributes {prefer_vector_width = "512"} {
  %y = math.exp %x : vector<16xf32>
  llvm.return %y : vector<16xf32>
}

// -----

llvm.func @missing(%x: f64) -> f64 {
  // expected-error @+1 {{unsupported op math.cbrt (x1): no code for it on f64}}
  %y = math.cbrt %x : f64
  llvm.return %y : f64
}
