// A size that only a kernel tells: the coordinates of what is not zero.
module attributes {torchc.symbols = {n = [1, 9], found = [0, 27]}} {
  func.func @forward(%x: !torch.vtensor<[?,3],f32>) -> !torch.vtensor<[?,2],si64> attributes {torchc.signature = {
      inputs = [{name = "x", dtype = "f32", dims = ["n", 3]}],
      outputs = [{name = "places", dtype = "i64", dims = ["found", 2]}]}} {
    %places = torch.aten.nonzero %x : !torch.vtensor<[?,3],f32> -> !torch.vtensor<[?,2],si64>
    return %places : !torch.vtensor<[?,2],si64>
  }
}
