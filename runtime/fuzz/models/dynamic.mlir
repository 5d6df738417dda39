// Attention with two dynamic dims: a planned slab, sizes computed from extents, two outputs.
module attributes {torchc.symbols = {a = [1, 9], b = [1, 7]}} {
  func.func @forward(%x: !torch.vtensor<[?,4],f32>, %y: !torch.vtensor<[?,4],f32>)
      -> (!torch.vtensor<[?,4],f32>, !torch.vtensor<[?],f32>) attributes {torchc.signature = {
        inputs = [{name = "x", dtype = "f32", dims = ["a", 4]}, {name = "y", dtype = "f32", dims = ["b", 4]}],
        outputs = [{name = "z", dtype = "f32", dims = ["a", 4]}, {name = "s", dtype = "f32", dims = ["b"]}]}} {
    %0 = torch.constant.int 0
    %1 = torch.constant.int 1
    %false = torch.constant.bool false
    %none = torch.constant.none
    %t = torch.aten.transpose.int %y, %0, %1 : !torch.vtensor<[?,4],f32>, !torch.int, !torch.int -> !torch.vtensor<[4,?],f32>
    %m = torch.aten.matmul %x, %t : !torch.vtensor<[?,4],f32>, !torch.vtensor<[4,?],f32> -> !torch.vtensor<[?,?],f32>
    %p = torch.aten.softmax.int %m, %1, %none : !torch.vtensor<[?,?],f32>, !torch.int, !torch.none -> !torch.vtensor<[?,?],f32>
    %z = torch.aten.matmul %p, %y : !torch.vtensor<[?,?],f32>, !torch.vtensor<[?,4],f32> -> !torch.vtensor<[?,4],f32>
    %dims = torch.prim.ListConstruct %0 : (!torch.int) -> !torch.list<int>
    %s = torch.aten.sum.dim_IntList %p, %dims, %false, %none : !torch.vtensor<[?,?],f32>, !torch.list<int>, !torch.bool, !torch.none -> !torch.vtensor<[?],f32>
    return %z, %s : !torch.vtensor<[?,4],f32>, !torch.vtensor<[?],f32>
  }
}
