// RUN: torchc-opt %s --torchc-lower-torch-to-linalg --split-input-file | FileCheck %s

// Factors are computed in f64 and in place, one matrix at a time.
// CHECK-LABEL: func.func @cholesky(
// CHECK: dispatch.batch %{{.*}}(%{{.*}}, %{{.*}}) : (tensor<2x3x3xf64>, tensor<2xi32>) -> (tensor<2x3x3xf64>, tensor<2xi32>)
// CHECK: ^bb0(%[[MATRIX:.*]]: index,
// CHECK: scf.for
// CHECK: math.sqrt
// CHECK: tensor.insert %{{.*}} into %{{.*}}[%[[MATRIX]], %{{.*}}, %{{.*}}] : tensor<2x3x3xf64>
// CHECK: dispatch.return
// CHECK: arith.truncf %{{.*}} : f64 to f32
func.func @cholesky(%a: !torch.vtensor<[2,3,3],f32>) -> (!torch.vtensor<[2,3,3],f32>, !torch.vtensor<[2],si32>) {
  %false = torch.constant.bool false
  %l, %status = torch.aten.linalg_cholesky_ex %a, %false, %false : !torch.vtensor<[2,3,3],f32>, !torch.bool, !torch.bool -> !torch.vtensor<[2,3,3],f32>, !torch.vtensor<[2],si32>
  return %l, %status : !torch.vtensor<[2,3,3],f32>, !torch.vtensor<[2],si32>
}

// -----

// A status that is not 0 fails the call, by PyTorch's words.
// CHECK-LABEL: func.func @check(
// CHECK: %[[COUNT:.*]] = tensor.extract %{{.*}}[] : tensor<i64>
// CHECK: %[[NONE:.*]] = arith.cmpi eq, %[[COUNT]]
// CHECK: cf.assert %[[NONE]], "linalg.inv: the input matrix is singular"
func.func @check(%status: !torch.vtensor<[2],si32>) {
  %false = torch.constant.bool false
  %name = torch.constant.str "linalg.inv"
  torch.aten._linalg_check_errors %status, %name, %false : !torch.vtensor<[2],si32>, !torch.str, !torch.bool
  return
}
