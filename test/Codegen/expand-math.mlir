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

// AVX-512 scales by a power of two in one instruction, which takes NaN as well.
// CHECK-LABEL: llvm.func @exp_wide
// CHECK-NOT: arith.cmpf uno
// CHECK: llvm.call_intrinsic "llvm.x86.avx512.mask.scalef.ps.512"
// CHECK-NOT: arith.shli
// CHECK: llvm.return
llvm.func @exp_wide(%x: vector<16xf32>) -> vector<16xf32> attributes {prefer_vector_width = "512"} {
  %y = math.exp %x : vector<16xf32>
  llvm.return %y : vector<16xf32>
}

// -----

// Coefficients are looked up, each in one register: seven, twice for two registers.
// CHECK-LABEL: llvm.func @erf_by_pieces
// CHECK-COUNT-14: llvm.call_intrinsic "llvm.x86.avx512.permvar.sf.512"({{.*}}) : (vector<16xf32>, vector<16xi32>) -> vector<16xf32>
// CHECK-NOT: permvar
// CHECK: llvm.return
llvm.func @erf_by_pieces(%x: vector<32xf32>) -> vector<32xf32> attributes {dispatch.permutes_floats, prefer_vector_width = "512"} {
  %y = math.erf %x : vector<32xf32>
  llvm.return %y : vector<32xf32>
}

// -----

// Fewer lanes than a register has, too.
// CHECK-LABEL: llvm.func @erf_of_one
// CHECK-COUNT-7: llvm.call_intrinsic "llvm.x86.avx2.permps"({{.*}}) : (vector<8xf32>, vector<8xi32>) -> vector<8xf32>
// CHECK-NOT: permps
// CHECK: llvm.return
llvm.func @erf_of_one(%x: f32) -> f32 attributes {dispatch.permutes_floats, prefer_vector_width = "256"} {
  %y = math.erf %x : f32
  llvm.return %y : f32
}

// -----

// AVX cannot look up.
// CHECK-LABEL: llvm.func @erf_by_two_formulas
// CHECK-NOT: llvm.call_intrinsic
// CHECK: arith.select
// CHECK: llvm.return
llvm.func @erf_by_two_formulas(%x: vector<8xf32>) -> vector<8xf32> attributes {prefer_vector_width = "256"} {
  %y = math.erf %x : vector<8xf32>
  llvm.return %y : vector<8xf32>
}

// -----

llvm.func @missing(%x: f64) -> f64 {
  // expected-error @+1 {{unsupported op math.cbrt (x1): no code for it on f64}}
  %y = math.cbrt %x : f64
  llvm.return %y : f64
}
