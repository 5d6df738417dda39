// RUN: torchc-opt %s --torchc-convert-host-to-vm --split-input-file | FileCheck %s

dispatch.kernel private @relu(tensor<?x8xf32>, index) -> tensor<?x8xf32>
    attributes {dims = [array<i64: 0>, array<i64: 0>], scratch = 0 : i64}

// Sizes of results come from the kernel's size arguments.
// CHECK-LABEL: vm.func @forward(%arg0: !vm.ref) -> !vm.ref
// CHECK-SAME: torchc.signature = {inputs = [{dims = ["?", 8], dtype = "f32", name = "input0"}]
// CHECK-DAG: %[[C0:.*]] = vm.const_i64 0
// CHECK-DAG: %[[C8:.*]] = vm.const_i64 8
// CHECK-DAG: %[[C32:.*]] = vm.const_i64 32
// CHECK: %[[N:.*]] = vm.tensor_dim %arg0, 0
// CHECK: %[[BYTES:.*]] = vm.mul_i64 %[[C32]], %[[N]]
// CHECK: %[[STORAGE:.*]] = vm.slab_reserve %[[BYTES]]
// CHECK: %[[Y:.*]] = vm.view %[[STORAGE]], %[[C0]], f32, [%[[N]], %[[C8]]]
// CHECK: vm.dispatch @relu, [%arg0, %[[Y]]], [%[[N]]]
// CHECK: %[[SIZE:.*]] = vm.mul_i64 %[[N]], %[[C8]]
// CHECK: %[[Z:.*]] = vm.reshape %[[Y]], [%[[SIZE]]]
// CHECK: vm.ret %[[Z]] : !vm.ref
func.func @forward(%x: tensor<?x8xf32>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x8xf32>
  %y = dispatch.call @relu(%x)[%n] : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %z = tensor.collapse_shape %y [[0, 1]] : tensor<?x8xf32> into tensor<?xf32>
  return %z : tensor<?xf32>
}

// -----

// Numbers cross the border as tensors of rank 0; constants in memory become globals.
// CHECK: ml_program.global private @[[G:constant.*]](dense<[1, 2]> : tensor<2xi32>)
// CHECK-LABEL: vm.func @scalars
// CHECK: %[[K:.*]] = vm.load_i64 %arg0,
// CHECK: %[[S:.*]] = vm.add_i64 %[[K]],
// CHECK: %[[C:.*]] = vm.constant @[[G]]
// CHECK: %[[OUT:.*]] = vm.view %{{.*}}, %{{.*}}, i64, []
// CHECK: vm.store_i64 %[[OUT]], %{{.*}}, %[[S]]
// CHECK: vm.ret %[[OUT]], %[[C]], %arg1
func.func @scalars(%k: index, %f: f64) -> (index, tensor<2xi32>, f64) {
  %one = arith.constant 1 : index
  %s = arith.addi %k, %one : index
  %c = arith.constant dense<[1, 2]> : tensor<2xi32>
  return %s, %c, %f : index, tensor<2xi32>, f64
}

// -----

// The signature tells u8 from i8.
// CHECK-LABEL: vm.func @unsigned
// CHECK: %[[Y:.*]] = vm.view %arg0, %{{.*}}, ui8, [%{{.*}}]
// CHECK: vm.ret %[[Y]]
func.func @unsigned(%x: tensor<4xi8>) -> tensor<4xi8> attributes {torchc.signature = {
    inputs = [{name = "x", dtype = "u8", dims = [4]}], outputs = [{name = "y", dtype = "u8", dims = [4]}]}} {
  return %x : tensor<4xi8>
}

// -----

// A loaded value that is read after its global has changed is a copy.
ml_program.global private mutable @state(dense<0.0> : tensor<4xf32>) : tensor<4xf32>
// CHECK-LABEL: vm.func @exchange
// CHECK: %[[VIEW:.*]] = vm.global_get_ref @state
// CHECK: %[[OLD:.*]] = vm.view
// CHECK: vm.copy %[[OLD]], %[[VIEW]]
// CHECK: vm.global_set_ref @state, %arg0
// CHECK: vm.ret %[[OLD]]
func.func @exchange(%x: tensor<4xf32>) -> tensor<4xf32> {
  %old = ml_program.global_load @state : tensor<4xf32>
  ml_program.global_store @state = %x : tensor<4xf32>
  return %old : tensor<4xf32>
}

// CHECK-LABEL: vm.func @read
// CHECK: %[[VIEW:.*]] = vm.global_get_ref @state
// CHECK-NEXT: vm.ret %[[VIEW]]
func.func @read() -> tensor<4xf32> {
  %now = ml_program.global_load @state : tensor<4xf32>
  return %now : tensor<4xf32>
}

// -----

// CHECK-LABEL: vm.func private @arithmetic(%arg0: i64, %arg1: i64, %arg2: i64)
// Division rounds to zero: one more than the floor where that is inexact and negative.
// CHECK: %[[Q:.*]] = vm.floor_div_i64 %arg0, %arg1
// CHECK: %[[R:.*]] = vm.floor_mod_i64 %arg0, %arg1
// CHECK: %[[INEXACT:.*]] = vm.ne_i64 %[[R]], %[[C0:.*]]
// CHECK: %[[NEGATIVE:.*]] = vm.lt_i64 %[[Q]], %[[C0]]
// CHECK: %[[FIX:.*]] = vm.and_i64 %[[INEXACT]], %[[NEGATIVE]]
// CHECK: %[[D:.*]] = vm.add_i64 %[[Q]], %[[FIX]]
// CHECK: %[[M:.*]] = vm.max_i64 %[[D]], %arg1
// CHECK: %[[LESS:.*]] = vm.lt_i64 %arg1, %[[M]]
// CHECK: %[[S:.*]] = vm.select_i64 %[[LESS]], %[[M]], %arg2
// CHECK: vm.ret %[[S]] : i64
func.func private @arithmetic(%a: index, %b: index, %c: i32) -> index {
  %d = arith.divsi %a, %b : index
  %m = arith.maxsi %d, %b : index
  %less = arith.cmpi sgt, %m, %b : index
  %e = arith.index_cast %c : i32 to index
  %s = arith.select %less, %m, %e : index
  return %s : index
}

// -----

// A slice that is one piece of memory is a view of it; what has to be whole for that is checked.
// CHECK-LABEL: vm.func private @slices(%arg0: !vm.ref, %arg1: !vm.ref, %arg2: i64)
// CHECK: %[[X:.*]] = vm.view %arg0, %[[OFFSET:.*]], f32, [%[[C2:.*]], %[[C6:.*]]]
// CHECK: vm.check_dim %arg1, 2, %arg2
// CHECK: %[[N:.*]] = vm.tensor_dim %arg1, 2
// CHECK: vm.mul_i64 {{.*}}%[[N]]
// CHECK: %[[Y:.*]] = vm.view %arg1, %{{.*}}, bf16, [%{{.*}}, %{{.*}}, %arg2, %[[C6]]]
// CHECK: vm.ret %[[X]], %[[Y]]
func.func private @slices(%x: tensor<4x5x6xf32>, %y: tensor<2x3x?x6xbf16>, %n: index) -> (tensor<2x6xf32>, tensor<1x2x?x6xbf16>) {
  %a = tensor.extract_slice %x[2, 3, 0] [1, 2, 6] [1, 1, 1] : tensor<4x5x6xf32> to tensor<2x6xf32>
  %b = tensor.extract_slice %y[1, 1, 0, 0] [1, 2, %n, 6] [1, 1, 1, 1] : tensor<2x3x?x6xbf16> to tensor<1x2x?x6xbf16>
  return %a, %b : tensor<2x6xf32>, tensor<1x2x?x6xbf16>
}

// -----

// What is read after its global has changed is a copy, if it is only a part, too.
ml_program.global private mutable @state(dense<0.0> : tensor<4x2xf32>) : tensor<4x2xf32>

// CHECK-LABEL: vm.func @part
// CHECK: %[[VIEW:.*]] = vm.global_get_ref @state
// CHECK: %[[OLD:.*]] = vm.view
// CHECK: vm.copy %[[OLD]], %[[VIEW]]
// CHECK: %[[PART:.*]] = vm.view %[[OLD]], %{{.*}}, f32, [%{{.*}}]
// CHECK: vm.global_set_ref @state, %arg0
// CHECK: vm.ret %[[PART]]
func.func @part(%x: tensor<4x2xf32>) -> tensor<2xf32> {
  %old = ml_program.global_load @state : tensor<4x2xf32>
  %part = tensor.extract_slice %old[1, 0] [1, 2] [1, 1] : tensor<4x2xf32> to tensor<2xf32>
  ml_program.global_store @state = %x : tensor<4x2xf32>
  return %part : tensor<2xf32>
}
