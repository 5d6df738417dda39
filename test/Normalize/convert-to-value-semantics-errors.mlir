// RUN: torchc-opt --torchc-convert-to-value-semantics --split-input-file --verify-diagnostics %s

func.func @input(%x: !torch.tensor<[2],f32>) -> !torch.tensor<[2],f32> {
  // expected-error @+1 {{unsupported op aten.relu_.default (x1): input mutation: writes to input 0}}
  %a = torch.aten.relu_ %x : !torch.tensor<[2],f32> -> !torch.tensor<[2],f32>
  return %a : !torch.tensor<[2],f32>
}

// -----

// The caller gets the new value as an output.
func.func @returned_input(%x: !torch.tensor<[2],f32>) -> (!torch.tensor<[2],f32>, !torch.tensor<[2],f32>) attributes {
    torchc.signature = {inputs = [{name = "x"}], outputs = [{name = "y"}, {name = "x", mutates = "x"}]}} {
  %a = torch.aten.relu_ %x : !torch.tensor<[2],f32> -> !torch.tensor<[2],f32>
  return %a, %x : !torch.tensor<[2],f32>, !torch.tensor<[2],f32>
}

// -----

func.func @maybe_input(%x: !torch.tensor<[2,3],f32>) -> !torch.tensor<[6],f32> {
  %n = torch.constant.int -1
  %list = torch.prim.ListConstruct %n : (!torch.int) -> !torch.list<int>
  %a = torch.aten.reshape %x, %list : !torch.tensor<[2,3],f32>, !torch.list<int> -> !torch.tensor<[6],f32>
  // expected-error @+1 {{input mutation: may write to input 0}}
  %b = torch.aten.relu_ %a : !torch.tensor<[6],f32> -> !torch.tensor<[6],f32>
  return %b : !torch.tensor<[6],f32>
}

// -----

func.func @maybe_alias(%x: !torch.tensor<[2,3],f32>) -> !torch.tensor<[2,3],f32> {
  %n = torch.constant.int -1
  %list = torch.prim.ListConstruct %n : (!torch.int) -> !torch.list<int>
  %a = torch.aten.neg %x : !torch.tensor<[2,3],f32> -> !torch.tensor<[2,3],f32>
  %b = torch.aten.reshape %a, %list : !torch.tensor<[2,3],f32>, !torch.list<int> -> !torch.tensor<[6],f32>
  // expected-note @+1 {{written here}}
  %c = torch.aten.relu_ %b : !torch.tensor<[6],f32> -> !torch.tensor<[6],f32>
  // expected-error @+1 {{reads a tensor that may share memory}}
  %d = torch.aten.exp %a : !torch.tensor<[2,3],f32> -> !torch.tensor<[2,3],f32>
  return %d : !torch.tensor<[2,3],f32>
}

// -----

func.func @expanded(%x: !torch.tensor<[1],f32>) -> !torch.tensor<[3],f32> {
  %false = torch.constant.bool false
  %n = torch.constant.int 3
  %list = torch.prim.ListConstruct %n : (!torch.int) -> !torch.list<int>
  %a = torch.aten.neg %x : !torch.tensor<[1],f32> -> !torch.tensor<[1],f32>
  %b = torch.aten.expand %a, %list, %false : !torch.tensor<[1],f32>, !torch.list<int>, !torch.bool -> !torch.tensor<[3],f32>
  // expected-error @+1 {{writes through a view of torch.aten.expand, which cannot be undone}}
  %c = torch.aten.relu_ %b : !torch.tensor<[3],f32> -> !torch.tensor<[3],f32>
  return %c : !torch.tensor<[3],f32>
}

// -----

func.func @region(%condition: !torch.bool, %x: !torch.tensor<[2],f32>) -> !torch.tensor<[2],f32> {
  %a = torch.aten.neg %x : !torch.tensor<[2],f32> -> !torch.tensor<[2],f32>
  // expected-error @+1 {{control flow over mutable tensors}}
  torch.prim.If %condition -> () {
    %b = torch.aten.relu_ %a : !torch.tensor<[2],f32> -> !torch.tensor<[2],f32>
    torch.prim.If.yield
  } else {
    torch.prim.If.yield
  }
  return %a : !torch.tensor<[2],f32>
}

// -----

func.func @batch_norm_of_a_vector(%x: !torch.tensor<[3],f32>, %mean: !torch.tensor<[3],f32>, %var: !torch.tensor<[3],f32>) -> !torch.tensor<[3],f32> {
  %none = torch.constant.none
  %true = torch.constant.bool true
  %eps = torch.constant.float 1.000000e-01
  // expected-error @below {{an input whose rank is not known, or less than 2}}
  %r = torch.aten.batch_norm %x, %none, %none, %mean, %var, %true, %eps, %eps, %true : !torch.tensor<[3],f32>, !torch.none, !torch.none, !torch.tensor<[3],f32>, !torch.tensor<[3],f32>, !torch.bool, !torch.float, !torch.float, !torch.bool -> !torch.tensor<[3],f32>
  return %r : !torch.tensor<[3],f32>
}
