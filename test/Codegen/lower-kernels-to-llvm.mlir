// RUN: torchc-opt --pass-pipeline='builtin.module(llvm.func(torchc-lower-kernels-to-llvm))' %s | FileCheck %s

// CHECK-LABEL: llvm.func @sum
// CHECK-NOT: scf.
// CHECK: llvm.cond_br
// CHECK: llvm.intr.fmuladd
// CHECK: llvm.return
llvm.func @sum(%p: !llvm.ptr, %n: i64, %start: vector<8xf32>) -> vector<8xf32> {
  %zero = arith.constant 0 : i64
  %step = arith.constant 8 : i64
  %sum = scf.for %i = %zero to %n step %step iter_args(%s = %start) -> vector<8xf32> : i64 {
    %a = llvm.getelementptr %p[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32
    %x = llvm.load %a : !llvm.ptr -> vector<8xf32>
    %t = vector.fma %x, %x, %s : vector<8xf32>
    scf.yield %t : vector<8xf32>
  }
  llvm.return %sum : vector<8xf32>
}

// How often a loop is unrolled is written on the branch back to its head.
// CHECK-LABEL: llvm.func @clear
// CHECK: llvm.cond_br
// CHECK-NOT: llvm.loop_annotation =
// CHECK: llvm.br {{.*}} {loop_annotation = #{{.*}}}
llvm.func @clear(%p: !llvm.ptr, %n: i64, %value: f32) {
  %zero = arith.constant 0 : i64
  %one = arith.constant 1 : i64
  scf.for %i = %zero to %n step %one : i64 {
    %a = llvm.getelementptr %p[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32
    llvm.store %value, %a : f32, !llvm.ptr
  } {llvm.loop_annotation = #llvm.loop_annotation<unroll = <disable = true>>}
  llvm.return
}
