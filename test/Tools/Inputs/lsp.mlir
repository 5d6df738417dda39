func.func @forward(%x: !torch.vtensor<[2],f32>) -> !torch.vtensor<[3],f32> {
  %y = torch.aten.relu %x : !torch.vtensor<[2],f32> -> !torch.vtensor<[2],f32>
  %z = torch.aten.neg %y : !torch.vtensor<[2],f32> -> !torch.vtensor<[2],f32>
  return %z : !torch.vtensor<[3],f32>
}
