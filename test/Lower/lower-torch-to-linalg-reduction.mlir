// RUN: torchc-opt %s --torchc-lower-pipeline --split-input-file | FileCheck %s

// CHECK-LABEL: func.func @sum_keepdim(
// CHECK: %[[SUM:.*]] = linalg.generic
// CHECK-SAME: iterator_types = ["parallel", "reduction"]
// CHECK: arith.addf %{{.*}}, %{{.*}} fastmath<contract> : f32
// CHECK: tensor.expand_shape %[[SUM]] {{\[}}[0, 1]] output_shape [%{{.*}}, 1] : tensor<?xf32> into tensor<?x1xf32>
func.func @sum_keepdim(%x: !torch.vtensor<[?,8],f32>) -> !torch.vtensor<[?,1],f32> {
  %d = torch.constant.int -1
  %true = torch.constant.bool true
  %none = torch.constant.none
  %dims = torch.prim.ListConstruct %d : (!torch.int) -> !torch.list<int>
  %r = torch.aten.sum.dim_IntList %x, %dims, %true, %none : !torch.vtensor<[?,8],f32>, !torch.list<int>, !torch.bool, !torch.none -> !torch.vtensor<[?,1],f32>
  return %r : !torch.vtensor<[?,1],f32>
}

// -----

// Half types are summed in f32. A mean over a dynamic dim divides within the body.
// CHECK-LABEL: func.func @mean_bf16(
// CHECK: %[[SUM:.*]] = linalg.generic
// CHECK: arith.extf %{{.*}} : bf16 to f32
// CHECK: linalg.generic
// CHECK-SAME: ins(%[[SUM]] : tensor<4xf32>)
// CHECK: arith.sitofp
// CHECK: arith.divf
// CHECK: arith.truncf %{{.*}} : f32 to bf16
func.func @mean_bf16(%x: !torch.vtensor<[4,?],bf16>) -> !torch.vtensor<[4],bf16> {
  %d = torch.constant.int 1
  %false = torch.constant.bool false
  %none = torch.constant.none
  %dims = torch.prim.ListConstruct %d : (!torch.int) -> !torch.list<int>
  %r = torch.aten.mean.dim %x, %dims, %false, %none : !torch.vtensor<[4,?],bf16>, !torch.list<int>, !torch.bool, !torch.none -> !torch.vtensor<[4],bf16>
  return %r : !torch.vtensor<[4],bf16>
}

// -----

// Value and place in one generic; of equal values the first wins, and NaN wins.
// CHECK-LABEL: func.func @max_dim(
// CHECK: linalg.generic
// CHECK-SAME: outs(%{{.*}}, %{{.*}} : tensor<4xf32>, tensor<4xi64>)
// CHECK: linalg.index 1
// CHECK: arith.cmpf olt, %{{.*}}, %in : f32
// CHECK: arith.cmpf uno
// CHECK: arith.cmpi slt
func.func @max_dim(%x: !torch.vtensor<[4,5],f32>) -> (!torch.vtensor<[4],f32>, !torch.vtensor<[4],si64>) {
  %d = torch.constant.int 1
  %false = torch.constant.bool false
  %v, %i = torch.aten.max.dim %x, %d, %false : !torch.vtensor<[4,5],f32>, !torch.int, !torch.bool -> !torch.vtensor<[4],f32>, !torch.vtensor<[4],si64>
  return %v, %i : !torch.vtensor<[4],f32>, !torch.vtensor<[4],si64>
}

// -----

// CHECK-LABEL: func.func @cumsum(
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "reduction"]
// CHECK: arith.cmpi ule
// CHECK: arith.select
func.func @cumsum(%x: !torch.vtensor<[2,5],i1>) -> !torch.vtensor<[2,5],si64> {
  %d = torch.constant.int 1
  %none = torch.constant.none
  %r = torch.aten.cumsum %x, %d, %none : !torch.vtensor<[2,5],i1>, !torch.int, !torch.none -> !torch.vtensor<[2,5],si64>
  return %r : !torch.vtensor<[2,5],si64>
}

// -----

// A long dim is cut into blocks of 64, the last one filled up; the totals of the blocks before are joined
// to what each block has by itself.
// CHECK-LABEL: func.func @cumsum_long(
// CHECK: tensor.insert_slice %arg0 into %{{.*}}[0, 0] [2, 100] [1, 1] : tensor<2x100xf32> into tensor<2x128xf32>
// CHECK: tensor.expand_shape %{{.*}} : tensor<2x128xf32> into tensor<2x2x64xf32>
// CHECK: arith.cmpi ule
// CHECK: arith.cmpi ult
// CHECK: linalg.generic {{.*}}ins(%{{.*}}, %{{.*}} : tensor<2x2xf32>, tensor<2x2x64xf32>)
// CHECK: tensor.extract_slice %{{.*}}[0, 0] [2, 100] [1, 1] : tensor<2x128xf32> to tensor<2x100xf32>
func.func @cumsum_long(%x: !torch.vtensor<[2,100],f32>) -> !torch.vtensor<[2,100],f32> {
  %d = torch.constant.int 1
  %none = torch.constant.none
  %r = torch.aten.cumsum %x, %d, %none : !torch.vtensor<[2,100],f32>, !torch.int, !torch.none -> !torch.vtensor<[2,100],f32>
  return %r : !torch.vtensor<[2,100],f32>
}
