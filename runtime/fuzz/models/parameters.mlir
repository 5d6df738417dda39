// Weights outside of the program: the host program gives them by name.
ml_program.global private @weight(#ml_program.extern : !torch.vtensor<[3,2],f32>) : !torch.vtensor<[3,2],f32> {torchc.parameter = "model"}
ml_program.global private @bias(#ml_program.extern : !torch.vtensor<[3],f32>) : !torch.vtensor<[3],f32> {torchc.parameter = "model"}
func.func @forward(%x: !torch.vtensor<[?,2],f32>) -> !torch.vtensor<[?,3],f32> {
  %weight = ml_program.global_load_const @weight : !torch.vtensor<[3,2],f32>
  %bias = ml_program.global_load_const @bias : !torch.vtensor<[3],f32>
  %y = torch.aten.linear %x, %weight, %bias : !torch.vtensor<[?,2],f32>, !torch.vtensor<[3,2],f32>, !torch.vtensor<[3],f32> -> !torch.vtensor<[?,3],f32>
  return %y : !torch.vtensor<[?,3],f32>
}
