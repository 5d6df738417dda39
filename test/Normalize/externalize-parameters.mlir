// RUN: torchc-opt --torchc-externalize-parameters=scope=model %s | FileCheck %s

// CHECK: ml_program.global private @fc.weight({{.*}}) : !torch.vtensor<[4,4],f32> {torchc.parameter = "model"}
ml_program.global private @fc.weight(#ml_program.extern : !torch.vtensor<[4,4],f32>) : !torch.vtensor<[4,4],f32>
// What the program writes is state.
// CHECK: ml_program.global private mutable @count({{.*}}) : !torch.vtensor<[],si64>{{$}}
ml_program.global private mutable @count(#ml_program.extern : !torch.vtensor<[],si64>) : !torch.vtensor<[],si64>
// CHECK: ml_program.global private @lifted({{.*}}) : !torch.vtensor<[],si64> {torchc.code_constant}
ml_program.global private @lifted(#ml_program.extern : !torch.vtensor<[],si64>) : !torch.vtensor<[],si64> {torchc.code_constant}
