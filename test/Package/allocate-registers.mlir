// RUN: torchc-opt %s --torchc-allocate-registers | FileCheck %s

// Parameters come first in their banks; a register is free again after the last use.
// CHECK-LABEL: vm.func private @straight
// CHECK-SAME: register_counts = array<i64: 2, 1>
// CHECK-SAME: registers = [array<i32: 0, 0, 1, 1, 0>]
vm.func private @straight(%x: !vm.ref, %a: i64) -> i64 {
  %b = vm.const_i64 1
  %c = vm.add_i64 %a, %b
  %d = vm.mul_i64 %c, %a
  vm.ret %d : i64
}

// Values that a loop carries keep their registers through all of it.
// CHECK-LABEL: vm.func private @loop
// CHECK-SAME: register_counts = array<i64: 4, 0>
// CHECK-SAME: registers = [array<i32: 0, 1>, array<i32: 2, 3>, array<i32: 3>, array<i32: 0>]
vm.func private @loop(%n: i64) -> i64 {
  %zero = vm.const_i64 0
  vm.br ^head(%zero : i64)
^head(%i: i64):
  %more = vm.lt_i64 %i, %n
  vm.cond_br %more, ^body, ^end
^body:
  %next = vm.add_i64 %i, %n
  vm.br ^head(%next : i64)
^end:
  %sum = vm.add_i64 %i, %zero
  vm.ret %sum : i64
}
