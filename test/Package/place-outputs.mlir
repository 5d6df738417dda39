// RUN: torchc-opt %s --torchc-place-outputs | FileCheck %s

// The storage of a result is the output's, also behind a reshape; its element type
// is the one that is returned.
// CHECK-LABEL: vm.func @placed
// CHECK: %[[N:.*]] = vm.tensor_dim
// CHECK: %[[OUT:.*]] = vm.output_alloc 1, ui8, [%[[N]]]
// CHECK: %[[VIEW:.*]] = vm.view %[[OUT]], %{{.*}}, i8, [%[[N]]]
// CHECK: %[[SHAPED:.*]] = vm.reshape %[[VIEW]]
// CHECK: %[[TYPED:.*]] = vm.view %[[SHAPED]], %{{.*}}, ui8
// CHECK-NOT: vm.slab_reserve
// CHECK: vm.ret %arg0, %[[TYPED]]
vm.func @placed(%x: !vm.ref) -> (!vm.ref, !vm.ref) {
  %zero = vm.const_i64 0
  %one = vm.const_i64 1
  %n = vm.tensor_dim %x, 0
  %s = vm.slab_reserve %n
  %v = vm.view %s, %zero, i8, [%n]
  %r = vm.reshape %v, [%one, %n]
  %t = vm.view %r, %zero, ui8, [%one, %n]
  vm.ret %x, %t : !vm.ref, !vm.ref
}

// The first output that wants a tensor has it; the other one is a copy.
// CHECK-LABEL: vm.func @twice
// CHECK: vm.output_alloc 0, f32
// CHECK-NOT: vm.output_alloc
// CHECK: vm.ret
vm.func @twice() -> (!vm.ref, !vm.ref) {
  %zero = vm.const_i64 0
  %four = vm.const_i64 4
  %s = vm.slab_reserve %four
  %v = vm.view %s, %zero, f32, []
  vm.ret %v, %v : !vm.ref, !vm.ref
}

// What a loop carries keeps its own storage, and so do results of private functions.
// CHECK-LABEL: vm.func @carried
// CHECK-NOT: vm.output_alloc
vm.func @carried(%x: !vm.ref) -> !vm.ref {
  %zero = vm.const_i64 0
  %n = vm.tensor_dim %x, 0
  vm.br ^head(%x, %n : !vm.ref, i64)
^head(%t: !vm.ref, %i: i64):
  %s = vm.slab_reserve %n
  %v = vm.view %s, %zero, i8, [%n]
  vm.copy %v, %t
  vm.cond_br %i, ^next, ^end
^next:
  vm.br ^head(%v, %zero : !vm.ref, i64)
^end:
  vm.ret %v : !vm.ref
}

// CHECK-LABEL: vm.func private @inner
// CHECK: vm.slab_reserve
vm.func private @inner() -> !vm.ref {
  %zero = vm.const_i64 0
  %four = vm.const_i64 4
  %s = vm.slab_reserve %four
  %v = vm.view %s, %zero, f32, []
  vm.ret %v : !vm.ref
}

// The first part of a tensor is not the tensor.
// CHECK-LABEL: vm.func @part
// CHECK-NOT: vm.output_alloc
vm.func @part(%x: !vm.ref) -> (!vm.ref, !vm.ref) {
  %zero = vm.const_i64 0
  %four = vm.const_i64 4
  %two = vm.const_i64 2
  %eight = vm.const_i64 8
  %n = vm.tensor_dim %x, 0
  %m = vm.tensor_dim %x, 1
  %s = vm.slab_reserve %eight
  %v = vm.view %s, %zero, f32, [%four, %two]
  %a = vm.view %v, %zero, f32, [%two, %two]
  %t = vm.slab_reserve %n
  %w = vm.view %t, %zero, f32, [%n, %two]
  %b = vm.view %w, %zero, f32, [%m, %two]
  vm.ret %a, %b : !vm.ref, !vm.ref
}
