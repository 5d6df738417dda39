// RUN: torchc-opt %s --torchc-lower-torch-to-linalg --split-input-file --verify-diagnostics

// All in one run.
func.func @several(%x: !torch.vtensor<[4],complex<f32>>, %m: !torch.vtensor<[4],f32>)
    -> (!torch.vtensor<[4],complex<f32>>, !torch.vtensor<[?],complex<f32>>, !torch.vtensor<[4],complex<f32>>) {
  // expected-error @+1 {{unsupported op aten.exp.default (x1): complex numbers}}
  %0 = torch.aten.exp %x : !torch.vtensor<[4],complex<f32>> -> !torch.vtensor<[4],complex<f32>>
  %list = torch.prim.ListConstruct %m : (!torch.vtensor<[4],f32>) -> !torch.list<optional<vtensor>>
  // expected-error @+1 {{unsupported op aten.index.Tensor (x1): indices that are not integers, or more of them than dims}}
  %1 = torch.aten.index.Tensor %x, %list : !torch.vtensor<[4],complex<f32>>, !torch.list<optional<vtensor>> -> !torch.vtensor<[?],complex<f32>>
  // expected-error @+1 {{unsupported op aten.foo.default (x1): no lowering to linalg}}
  %2 = torch.operator "aten.foo"(%x) : (!torch.vtensor<[4],complex<f32>>) -> !torch.vtensor<[4],complex<f32>>
  return %0, %1, %2 : !torch.vtensor<[4],complex<f32>>, !torch.vtensor<[?],complex<f32>>, !torch.vtensor<[4],complex<f32>>
}

// -----

func.func @select(%x: !torch.vtensor<[3],f32>) -> !torch.vtensor<[],f32> {
  %0 = torch.constant.int 0
  %3 = torch.constant.int 3
  // expected-error @+1 {{unsupported op aten.select.int (x1): index 3 is out of range for a dim of size 3}}
  %r = torch.aten.select.int %x, %0, %3 : !torch.vtensor<[3],f32>, !torch.int, !torch.int -> !torch.vtensor<[],f32>
  return %r : !torch.vtensor<[],f32>
}

// -----

func.func @mixed_factors(%a: !torch.vtensor<[2,2],f32>, %b: !torch.vtensor<[2,2],f64>) -> !torch.vtensor<[2,2],f32> {
  // expected-error @+1 {{unsupported op aten.mm.default (x1): factors of different dtypes}}
  %r = torch.aten.mm %a, %b : !torch.vtensor<[2,2],f32>, !torch.vtensor<[2,2],f64> -> !torch.vtensor<[2,2],f32>
  return %r : !torch.vtensor<[2,2],f32>
}

// -----

func.func @float_of_branch(%condition: !torch.bool, %a: !torch.float) -> !torch.float {
  // expected-error @+1 {{unsupported op prim.If (x1): a value of type !torch.float leaves a region; make it a tensor}}
  %0 = torch.prim.If %condition -> (!torch.float) {
    torch.prim.If.yield %a : !torch.float
  } else {
    torch.prim.If.yield %a : !torch.float
  }
  return %0 : !torch.float
}
