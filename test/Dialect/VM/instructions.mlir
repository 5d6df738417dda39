// RUN: torchc-opt %s | torchc-opt | FileCheck %s
// RUN: torchc-opt %s --mlir-print-op-generic | torchc-opt | FileCheck %s

dispatch.kernel private @kernel(tensor<?xf32>, index) -> tensor<?xf32>
    attributes {dims = [array<i64: 0>, array<i64: 0>], scratch = 0 : i64}
ml_program.global private @weight(dense<1.0> : tensor<2xf32>) : tensor<2xf32>
ml_program.global private mutable @state(dense<1.0> : tensor<2xf32>) : tensor<2xf32>

// CHECK-LABEL: vm.func @forward(%{{.*}}: !vm.ref) -> (!vm.ref, !vm.ref)
vm.func @forward(%x: !vm.ref) -> (!vm.ref, !vm.ref) {
  // CHECK: %[[ZERO:.*]] = vm.const_i64 0
  %zero = vm.const_i64 0
  // CHECK: %[[N:.*]] = vm.tensor_dim %{{.*}}, 0
  %n = vm.tensor_dim %x, 0
  // CHECK: vm.check_range %[[N]], %[[ZERO]], %[[N]], "too \22large\22"
  vm.check_range %n, %zero, %n, "too \"large\""
  // CHECK: vm.check_type %{{.*}}, ui8, 2, "x"
  vm.check_type %x, ui8, 2, "x"
  // CHECK: %[[SLAB:.*]] = vm.slab_reserve %[[N]]
  %slab = vm.slab_reserve %n
  // CHECK: %[[VIEW:.*]] = vm.view %[[SLAB]], %[[ZERO]], f32, [%[[N]]]
  %view = vm.view %slab, %zero, f32, [%n]
  // CHECK: %[[SCALAR:.*]] = vm.view %[[SLAB]], %[[ZERO]], complex<f32>, []
  %scalar = vm.view %slab, %zero, complex<f32>, []
  // CHECK: vm.dispatch @kernel, [%{{.*}}, %[[VIEW]]], [%[[N]]]
  vm.dispatch @kernel, [%x, %view], [%n]
  // CHECK: vm.constant @weight
  %weight = vm.constant @weight
  // CHECK: vm.global_get_ref @state
  %state = vm.global_get_ref @state
  // CHECK: vm.global_set_ref @state, %
  vm.global_set_ref @state, %weight
  // CHECK: vm.output_alloc 1, bf16, [%[[N]]]
  %out = vm.output_alloc 1, bf16, [%n]
  // CHECK: %[[R:.*]]:2 = vm.call @inner(%[[N]], %{{.*}}) : (i64, !vm.ref) -> (i64, !vm.ref)
  %r:2 = vm.call @inner(%n, %x) : (i64, !vm.ref) -> (i64, !vm.ref)
  // CHECK: vm.drop %[[SLAB]]
  vm.drop %slab
  // CHECK: vm.cond_br %[[R]]#0, ^[[THEN:.*]], ^[[ELSE:.*]]
  vm.cond_br %r#0, ^then, ^else
^then:
  // CHECK: vm.br ^[[END:.*]](%[[R]]#1 : !vm.ref)
  vm.br ^end(%r#1 : !vm.ref)
^else:
  // CHECK: vm.fail "no way"
  vm.fail "no way"
^end(%y: !vm.ref):
  // CHECK: vm.ret %{{.*}}, %{{.*}} : !vm.ref, !vm.ref
  vm.ret %y, %out : !vm.ref, !vm.ref
}

// CHECK-LABEL: vm.func private @inner
vm.func private @inner(%a: i64, %x: !vm.ref) -> (i64, !vm.ref) {
  %b = vm.select_i64 %a, %a, %a
  vm.ret %b, %x : i64, !vm.ref
}
