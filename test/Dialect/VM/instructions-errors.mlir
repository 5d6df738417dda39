// RUN: torchc-opt %s --split-input-file --verify-diagnostics

// expected-error @below {{is public, so it takes and returns references only}}
vm.func @scalar(%a: i64) {
  vm.ret
}

// -----

// expected-error @below {{takes and returns i64 and !vm.ref, not 'f32'}}
vm.func private @float(%a: f32) {
  vm.ret
}

// -----

vm.func private @result(%a: i64) -> i64 {
  // expected-error @below {{does not return what the function's type says}}
  vm.ret
}

// -----

// expected-error @below {{needs one register for each value of a block}}
vm.func private @registers(%a: i64) attributes {registers = [array<i32>], register_counts = array<i64: 1, 0>} {
  vm.ret
}
