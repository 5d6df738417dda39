// RUN: torchc-opt %s --torchc-lower-pipeline --split-input-file | FileCheck %s

// The weight is read by its map; leading dims are rows; the bias joins afterwards.
// CHECK-DAG: #[[X:.*]] = affine_map<(d0, d1, d2) -> (d0, d2)>
// CHECK-DAG: #[[W:.*]] = affine_map<(d0, d1, d2) -> (d1, d2)>
// CHECK-DAG: #[[Y:.*]] = affine_map<(d0, d1, d2) -> (d0, d1)>
// CHECK-LABEL: func.func @linear(
// CHECK: %[[ROWS:.*]] = tensor.collapse_shape %{{.*}} {{\[}}[0, 1], [2]] : tensor<?x?x8xf32> into tensor<?x8xf32>
// CHECK: %[[P:.*]] = linalg.generic {indexing_maps = [#[[X]], #[[W]], #[[Y]]], iterator_types = ["parallel", "parallel", "reduction"]}
// CHECK-SAME: ins(%[[ROWS]], %{{.*}} : tensor<?x8xf32>, tensor<5x8xf32>)
// CHECK: arith.mulf %{{.*}}, %{{.*}} fastmath<contract> : f32
// CHECK: arith.addf %{{.*}}, %{{.*}} fastmath<contract> : f32
// CHECK: %[[SUM:.*]] = linalg.generic
// CHECK-SAME: ins(%[[P]], %{{.*}} : tensor<?x5xf32>, tensor<5xf32>)
// CHECK: tensor.expand_shape %[[SUM]] {{\[}}[0, 1], [2]]
func.func @linear(%x: !torch.vtensor<[?,?,8],f32>, %w: !torch.vtensor<[5,8],f32>, %b: !torch.vtensor<[5],f32>) -> !torch.vtensor<[?,?,5],f32> {
  %r = torch.aten.linear %x, %w, %b : !torch.vtensor<[?,?,8],f32>, !torch.vtensor<[5,8],f32>, !torch.vtensor<[5],f32> -> !torch.vtensor<[?,?,5],f32>
  return %r : !torch.vtensor<[?,?,5],f32>
}

// -----

// Equal batch dims become one.
// CHECK-LABEL: func.func @matmul_batches(
// CHECK-COUNT-2: tensor.collapse_shape %{{.*}} {{\[}}[0, 1], [2], [3]]
// CHECK: linalg.generic
// CHECK-SAME: iterator_types = ["parallel", "parallel", "parallel", "reduction"]
// CHECK: tensor.expand_shape %{{.*}} {{\[}}[0, 1], [2], [3]]
func.func @matmul_batches(%a: !torch.vtensor<[2,6,3,4],f32>, %b: !torch.vtensor<[2,6,4,5],f32>) -> !torch.vtensor<[2,6,3,5],f32> {
  %r = torch.aten.matmul %a, %b : !torch.vtensor<[2,6,3,4],f32>, !torch.vtensor<[2,6,4,5],f32> -> !torch.vtensor<[2,6,3,5],f32>
  return %r : !torch.vtensor<[2,6,3,5],f32>
}

// -----

// A batch dim that one factor repeats is no dim of it.
// CHECK-DAG: #[[B:.*]] = affine_map<(d0, d1, d2, d3) -> (d3, d2)>
// CHECK-LABEL: func.func @matmul_repeated(
// CHECK: tensor.collapse_shape %{{.*}} {{\[}}[0, 1], [2]] : tensor<1x4x5xf32> into tensor<4x5xf32>
// CHECK: linalg.generic
// CHECK-SAME: #[[B]]
func.func @matmul_repeated(%a: !torch.vtensor<[2,3,4],f32>, %b: !torch.vtensor<[1,4,5],f32>) -> !torch.vtensor<[2,3,5],f32> {
  %r = torch.aten.matmul %a, %b : !torch.vtensor<[2,3,4],f32>, !torch.vtensor<[1,4,5],f32> -> !torch.vtensor<[2,3,5],f32>
  return %r : !torch.vtensor<[2,3,5],f32>
}

// -----

// bf16 is multiplied and summed in f32.
// CHECK-LABEL: func.func @addmm_bf16(
// CHECK: linalg.generic
// CHECK-SAME: outs(%{{.*}} : tensor<3x5xf32>)
// CHECK: linalg.generic
// CHECK-SAME: outs(%{{.*}} : tensor<3x5xbf16>)
func.func @addmm_bf16(%c: !torch.vtensor<[5],bf16>, %a: !torch.vtensor<[3,4],bf16>, %b: !torch.vtensor<[4,5],bf16>) -> !torch.vtensor<[3,5],bf16> {
  %one = torch.constant.int 1
  %r = torch.aten.addmm %c, %a, %b, %one, %one : !torch.vtensor<[5],bf16>, !torch.vtensor<[3,4],bf16>, !torch.vtensor<[4,5],bf16>, !torch.int, !torch.int -> !torch.vtensor<[3,5],bf16>
  return %r : !torch.vtensor<[3,5],bf16>
}
