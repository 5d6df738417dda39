// RUN: torchc-opt %s --torchc-plan-memory --cse --split-input-file | FileCheck %s

// a and b are in use together, c only after a: it takes a's place, which is larger.
// 192 bytes hold what would take 150 without alignment.
// CHECK-LABEL: vm.func @static
// CHECK-SAME: live_bytes = 150 : i64, slab_bytes = 192 : i64
// CHECK-DAG: %[[A:.*]] = vm.const_i64 0
// CHECK-DAG: %[[TOTAL:.*]] = vm.const_i64 192
// CHECK-DAG: %[[B:.*]] = vm.const_i64 128
// CHECK: %[[SLAB:.*]] = vm.slab_reserve %[[TOTAL]]
// CHECK-NOT: vm.slab_reserve
// CHECK: %[[AV:.*]] = vm.view %[[SLAB]], %[[A]], i8
// CHECK: %[[BV:.*]] = vm.view %[[SLAB]], %[[B]], i8
// CHECK: vm.copy %[[BV]], %[[AV]]
// CHECK: %[[CV:.*]] = vm.view %[[SLAB]], %[[A]], i8
// CHECK: vm.copy %[[CV]], %[[BV]]
// CHECK: vm.ret %[[CV]]
vm.func @static(%x: !vm.ref) -> !vm.ref {
  %zero = vm.const_i64 0
  %a.size = vm.const_i64 100
  %b.size = vm.const_i64 50
  %a.storage = vm.slab_reserve %a.size
  %a = vm.view %a.storage, %zero, i8, [%a.size]
  vm.copy %a, %x
  %b.storage = vm.slab_reserve %b.size
  %b = vm.view %b.storage, %zero, i8, [%b.size]
  vm.copy %b, %a
  %c.storage = vm.slab_reserve %b.size
  %c = vm.view %c.storage, %zero, i8, [%b.size]
  vm.copy %c, %b
  vm.ret %c : !vm.ref
}

// -----

// Sizes with the same extents are packed by their factors: 4 n behind 100 n, for n rounded
// up to a multiple of 16, so that every offset is one of 64.
// CHECK-LABEL: vm.func @dynamic
// CHECK-NOT: slab_bytes
// CHECK-DAG: %[[C15:.*]] = vm.const_i64 15
// CHECK-DAG: %[[C16:.*]] = vm.const_i64 16
// CHECK-DAG: %[[C100:.*]] = vm.const_i64 100
// CHECK-DAG: %[[C104:.*]] = vm.const_i64 104
// CHECK: %[[N:.*]] = vm.tensor_dim %arg0, 0
// CHECK: %[[UP:.*]] = vm.add_i64 %[[N]], %[[C15]]
// CHECK: %[[TURNS:.*]] = vm.floor_div_i64 %[[UP]], %[[C16]]
// CHECK: %[[SCALE:.*]] = vm.mul_i64 %[[TURNS]], %[[C16]]
// CHECK: %[[B:.*]] = vm.mul_i64 %[[C100]], %[[SCALE]]
// CHECK: %[[TOTAL:.*]] = vm.mul_i64 %[[C104]], %[[SCALE]]
// CHECK: %[[SLAB:.*]] = vm.slab_reserve %[[TOTAL]]
// CHECK: vm.view %[[SLAB]], %{{.*}}, i8, [%{{.*}}, %[[N]]]
// CHECK: vm.view %[[SLAB]], %[[B]], f32, [%[[N]]]
// CHECK-NOT: vm.slab_reserve
vm.func @dynamic(%x: !vm.ref) -> !vm.ref {
  %zero = vm.const_i64 0
  %four = vm.const_i64 4
  %c = vm.const_i64 100
  %n = vm.tensor_dim %x, 0
  %a.size = vm.mul_i64 %c, %n
  %a.storage = vm.slab_reserve %a.size
  %a = vm.view %a.storage, %zero, i8, [%c, %n]
  vm.copy %a, %x
  %m = vm.tensor_dim %x, 0
  %b.size = vm.mul_i64 %four, %n
  %b.storage = vm.slab_reserve %b.size
  %b = vm.view %b.storage, %zero, f32, [%n]
  vm.copy %b, %a
  vm.ret %b : !vm.ref
}

// -----

// Regions of other extents share bytes. While q, of 64 n n bytes, is in use, only 64 n
// bytes of the other region are: q begins there, over the 640 n bytes of c.
// CHECK-LABEL: vm.func @regions
// CHECK-DAG: %[[C64:.*]] = vm.const_i64 64
// CHECK-DAG: %[[C704:.*]] = vm.const_i64 704
// CHECK-DAG: %[[N:.*]] = vm.tensor_dim %arg0, 0
// CHECK-DAG: %[[FIRST:.*]] = vm.mul_i64 %[[C704]], %[[N]]
// CHECK-DAG: %[[NN:.*]] = vm.mul_i64 %[[N]], %[[N]]
// CHECK-DAG: %[[BASE:.*]] = vm.mul_i64 %[[C64]], %[[N]]
// CHECK-DAG: %[[SIZE:.*]] = vm.mul_i64 %[[C64]], %[[NN]]
// CHECK-DAG: %[[END:.*]] = vm.add_i64 %[[BASE]], %[[SIZE]]
// CHECK: %[[TOTAL:.*]] = vm.max_i64 %[[END]], %[[FIRST]]
// CHECK: %[[SLAB:.*]] = vm.slab_reserve %[[TOTAL]]
// CHECK: vm.view %[[SLAB]], %{{.*}}, i8, [%{{.*}}]
// CHECK: vm.view %[[SLAB]], %[[BASE]], i8
vm.func @regions(%x: !vm.ref) -> !vm.ref {
  %zero = vm.const_i64 0
  %c64 = vm.const_i64 64
  %c640 = vm.const_i64 640
  %n = vm.tensor_dim %x, 0
  %ab.size = vm.mul_i64 %c64, %n
  %q.size = vm.mul_i64 %ab.size, %n
  %c.size = vm.mul_i64 %c640, %n
  %a.storage = vm.slab_reserve %ab.size
  %a = vm.view %a.storage, %zero, i8, [%ab.size]
  vm.copy %a, %x
  %q.storage = vm.slab_reserve %q.size
  %q = vm.view %q.storage, %zero, i8, [%q.size]
  vm.copy %q, %a
  %b.storage = vm.slab_reserve %ab.size
  %b = vm.view %b.storage, %zero, i8, [%ab.size]
  vm.copy %b, %q
  %c.storage = vm.slab_reserve %c.size
  %c = vm.view %c.storage, %zero, i8, [%c.size]
  vm.copy %c, %b
  vm.ret %c : !vm.ref
}

// -----

// A size that a kernel computes is reserved when it is known, and given back after use.
// CHECK-LABEL: vm.func @data_dependent
// CHECK: %[[COUNT:.*]] = vm.load_i64
// CHECK: %[[STORAGE:.*]] = vm.slab_reserve %[[COUNT]]
// CHECK: %[[VIEW:.*]] = vm.view %[[STORAGE]]
// CHECK: vm.drop %[[STORAGE]]
// CHECK: vm.copy %[[VIEW]], %arg0
// CHECK: vm.drop %[[VIEW]]
vm.func @data_dependent(%x: !vm.ref) -> !vm.ref {
  %zero = vm.const_i64 0
  %eight = vm.const_i64 8
  %count.storage = vm.slab_reserve %eight
  %count.tensor = vm.view %count.storage, %zero, i64, []
  vm.copy %count.tensor, %x
  %count = vm.load_i64 %count.tensor, %zero
  %storage = vm.slab_reserve %count
  %view = vm.view %storage, %zero, i8, [%count]
  vm.copy %view, %x
  vm.ret %x : !vm.ref
}

// -----

// A loop that carries a tensor reads the old one while it writes the new one.
// CHECK-LABEL: vm.func @loop
// CHECK: %[[SLAB:.*]] = vm.slab_reserve
// CHECK: ^{{.*}}(%[[T:.*]]: !vm.ref):
// CHECK: %[[TURN:.*]] = vm.slab_reserve
// CHECK: vm.view %[[TURN]]
vm.func @loop(%x: !vm.ref) -> !vm.ref {
  %zero = vm.const_i64 0
  %n = vm.tensor_dim %x, 0
  %first.storage = vm.slab_reserve %n
  %first = vm.view %first.storage, %zero, i8, [%n]
  vm.copy %first, %x
  vm.br ^head(%first : !vm.ref)
^head(%t: !vm.ref):
  %s = vm.slab_reserve %n
  %v = vm.view %s, %zero, i8, [%n]
  vm.copy %v, %t
  %go = vm.load_i64 %v, %zero
  vm.cond_br %go, ^next, ^end
^next:
  vm.br ^head(%v : !vm.ref)
^end:
  vm.ret %v : !vm.ref
}

// -----

// A size that is right only where a branch is taken is reserved there; a dim is always right.
// CHECK-LABEL: vm.func @branch
// CHECK: %[[SLAB:.*]] = vm.slab_reserve
// CHECK: vm.cond_br
// CHECK: %[[LESS:.*]] = vm.slab_reserve
// CHECK: vm.view %[[LESS]]
// CHECK: vm.view %[[SLAB]]
// CHECK-NOT: vm.slab_reserve
vm.func @branch(%x: !vm.ref) -> !vm.ref {
  %zero = vm.const_i64 0
  %n = vm.tensor_dim %x, 0
  %m = vm.sub_i64 %n, %n
  %go = vm.load_i64 %x, %zero
  vm.cond_br %go, ^then, ^end
^then:
  %less = vm.slab_reserve %m
  %v = vm.view %less, %zero, i8, [%m]
  vm.copy %v, %x
  %planned = vm.slab_reserve %n
  %w = vm.view %planned, %zero, i8, [%n]
  vm.copy %w, %x
  vm.br ^end
^end:
  vm.ret %x : !vm.ref
}

// -----

// A kernel writes its output over an input that nobody reads any more: one piece of memory for all three.
// CHECK-LABEL: vm.func @in_place
// CHECK-SAME: live_bytes = 256 : i64, slab_bytes = 256 : i64
// CHECK: %[[SLAB:.*]] = vm.slab_reserve
// CHECK: %[[A:.*]] = vm.view %[[SLAB]], %[[ZERO:[^,]*]], f32
// CHECK: %[[B:.*]] = vm.view %[[SLAB]], %[[ZERO]], f32
// CHECK: vm.dispatch @kernel, [%[[A]], %arg0, %[[B]]], []{{$}}
// CHECK: %[[C:.*]] = vm.view %[[SLAB]], %[[ZERO]], f32
// CHECK: vm.dispatch @kernel, [%arg0, %[[B]], %[[C]]], []{{$}}
vm.func @in_place(%x: !vm.ref) -> !vm.ref {
  %zero = vm.const_i64 0
  %n = vm.const_i64 64
  %size = vm.const_i64 256
  %a.storage = vm.slab_reserve %size
  %a = vm.view %a.storage, %zero, f32, [%n]
  vm.copy %a, %x
  %b.storage = vm.slab_reserve %size
  %b = vm.view %b.storage, %zero, f32, [%n]
  vm.dispatch @kernel, [%a, %x, %b], [] {dispatch.in_place = array<i64: 0>}
  %c.storage = vm.slab_reserve %size
  %c = vm.view %c.storage, %zero, f32, [%n]
  vm.dispatch @kernel, [%x, %b, %c], [] {dispatch.in_place = array<i64: 0, 1>}
  vm.ret %c : !vm.ref
}

// -----

// Of several outputs, the one of its size.
// CHECK-LABEL: vm.func @in_place_of_two
// CHECK-SAME: slab_bytes = 320 : i64
// CHECK: %[[SLAB:.*]] = vm.slab_reserve
// CHECK: %[[A:.*]] = vm.view %[[SLAB]], %[[ZERO:[^,]*]], f32
// CHECK: %[[B:.*]] = vm.view %[[SLAB]], %[[ZERO]], f32
// CHECK: vm.dispatch @kernel, [%[[A]], %arg0, %[[B]], %{{.*}}], []{{$}}
vm.func @in_place_of_two(%x: !vm.ref) -> (!vm.ref, !vm.ref) {
  %zero = vm.const_i64 0
  %n = vm.const_i64 64
  %size = vm.const_i64 256
  %a.storage = vm.slab_reserve %size
  %a = vm.view %a.storage, %zero, f32, [%n]
  vm.copy %a, %x
  %b.storage = vm.slab_reserve %size
  %b = vm.view %b.storage, %zero, f32, [%n]
  %c.storage = vm.slab_reserve %n
  %c = vm.view %c.storage, %zero, i8, [%n]
  vm.dispatch @kernel, [%a, %x, %b, %c], [] {dispatch.in_place = array<i64: 0>}
  vm.ret %b, %c : !vm.ref, !vm.ref
}

// -----

// Not where it is read afterwards, or by the same kernel once more, or is larger.
// CHECK-LABEL: vm.func @not_in_place
// CHECK-SAME: slab_bytes = 1024 : i64
vm.func @not_in_place(%x: !vm.ref) -> !vm.ref {
  %zero = vm.const_i64 0
  %n = vm.const_i64 64
  %size = vm.const_i64 256
  %twice = vm.const_i64 512
  %a.storage = vm.slab_reserve %size
  %a = vm.view %a.storage, %zero, f32, [%n]
  vm.copy %a, %x
  %b.storage = vm.slab_reserve %size
  %b = vm.view %b.storage, %zero, f32, [%n]
  vm.dispatch @kernel, [%a, %x, %b], [] {dispatch.in_place = array<i64: 0>}
  vm.copy %x, %a
  %c.storage = vm.slab_reserve %size
  %c = vm.view %c.storage, %zero, f32, [%n]
  vm.dispatch @kernel, [%b, %b, %c], [] {dispatch.in_place = array<i64: 0>}
  %d.storage = vm.slab_reserve %twice
  %d = vm.view %d.storage, %zero, f32, [%n]
  vm.dispatch @kernel, [%c, %x, %d], [] {dispatch.in_place = array<i64: 0>}
  %e.storage = vm.slab_reserve %twice
  %e = vm.view %e.storage, %size, f32, [%n]
  vm.dispatch @kernel, [%d, %x, %e], [] {dispatch.in_place = array<i64: 0>}
  vm.ret %e : !vm.ref
}
