// RUN: torchc-opt %s --split-input-file --verify-diagnostics

func.func @yields(%condition: !torch.bool, %x: !torch.vtensor<[2],f32>) {
  %0 = torch.prim.If %condition -> (!torch.vtensor<[2],f32>) {
    torch.prim.If.yield %x : !torch.vtensor<[2],f32>
  } else {
    // expected-error @+1 {{yields other types than those of the results}}
    torch.prim.If.yield
  }
  return
}

// -----

func.func @dtype(%condition: !torch.bool, %x: !torch.vtensor<[2],f32>) {
  %0 = torch.prim.If %condition -> (!torch.vtensor<[2],f64>) {
    // expected-error @+1 {{yields other types than those of the results}}
    torch.prim.If.yield %x : !torch.vtensor<[2],f32>
  } else {
    torch.prim.If.yield %x : !torch.vtensor<[2],f32>
  }
  return
}

// -----

func.func @carries(%n: !torch.int, %condition: !torch.bool, %x: !torch.vtensor<[2],f32>) {
  // expected-error @+1 {{carries other types than those of the region's arguments}}
  %0 = torch.prim.Loop %n, %condition, init(%x) {
  ^bb0(%i: !torch.int, %y: !torch.int):
    torch.prim.Loop.condition %condition, iter(%y : !torch.int)
  } : (!torch.int, !torch.bool, !torch.vtensor<[2],f32>) -> !torch.int
  return
}

// -----

func.func @iteration(%n: !torch.int, %condition: !torch.bool) {
  // expected-error @+1 {{first argument is not an int}}
  torch.prim.Loop %n, %condition, init() {
    torch.prim.Loop.condition %condition, iter()
  } : (!torch.int, !torch.bool) -> ()
  return
}
