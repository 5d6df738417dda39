// Operators of the host program: tensors, numbers and text go in, tensors and a new size come out.
func.func @forward(%x: !torch.vtensor<[?,4],f32>) -> (!torch.vtensor<[?,4],f32>, !torch.vtensor<[?],si64>) {
  %half = torch.constant.float 0.5
  %int2 = torch.constant.int 2
  %true = torch.constant.bool true
  %mode = torch.constant.str "exact"
  %0 = torch.operator "mylib.scale.default"(%x, %half, %int2, %true, %mode) {torchc.custom_op} : (!torch.vtensor<[?,4],f32>, !torch.float, !torch.int, !torch.bool, !torch.str) -> !torch.vtensor<[?,4],f32>
  %1 = torch.aten.relu %0 : !torch.vtensor<[?,4],f32> -> !torch.vtensor<[?,4],f32>
  %2:2 = torch.operator "mylib.split.default"(%1, %x) {torchc.custom_op} : (!torch.vtensor<[?,4],f32>, !torch.vtensor<[?,4],f32>) -> (!torch.vtensor<[?,4],f32>, !torch.vtensor<[?],si64>)
  return %2#0, %2#1 : !torch.vtensor<[?,4],f32>, !torch.vtensor<[?],si64>
}
