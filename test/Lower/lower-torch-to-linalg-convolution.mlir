// RUN: torchc-opt %s --torchc-lower-pipeline --split-input-file | FileCheck %s

// Channels last inside, layout changes at the edges, bias after.
// CHECK-LABEL: func.func @conv2d(
// CHECK-DAG: %[[X:.*]] = linalg.transpose ins(%arg0 : tensor<?x3x8x9xf32>) {{.*}} permutation = [0, 2, 3, 1]
// CHECK-DAG: %[[W:.*]] = linalg.transpose ins(%arg1 : tensor<5x3x3x3xf32>) {{.*}} permutation = [2, 3, 1, 0]
// CHECK-DAG: %[[PADDED:.*]] = tensor.pad %[[X]] low[0, 1, 1, 0] high[0, 1, 1, 0]
// CHECK: %[[Y:.*]] = linalg.conv_2d_nhwc_hwcf {dilations = dense<1> : tensor<2xi64>, strides = dense<2> : tensor<2xi64>}
// CHECK-SAME: ins(%[[PADDED]], %[[W]]
// CHECK-SAME: outs(%{{.*}} : tensor<?x4x5x5xf32>)
// CHECK: %[[BIASED:.*]] = linalg.generic
// CHECK-SAME: ins(%[[Y]], %arg2
// CHECK: linalg.transpose ins(%[[BIASED]] {{.*}} permutation = [0, 3, 1, 2]
func.func @conv2d(%x: !torch.vtensor<[?,3,8,9],f32>, %w: !torch.vtensor<[5,3,3,3],f32>, %b: !torch.vtensor<[5],f32>) -> !torch.vtensor<[?,5,4,5],f32> {
  %0 = torch.constant.int 0
  %1 = torch.constant.int 1
  %2 = torch.constant.int 2
  %false = torch.constant.bool false
  %s = torch.prim.ListConstruct %2, %2 : (!torch.int, !torch.int) -> !torch.list<int>
  %one = torch.prim.ListConstruct %1, %1 : (!torch.int, !torch.int) -> !torch.list<int>
  %zero = torch.prim.ListConstruct %0, %0 : (!torch.int, !torch.int) -> !torch.list<int>
  %r = torch.aten.convolution %x, %w, %b, %s, %one, %one, %false, %zero, %1 : !torch.vtensor<[?,3,8,9],f32>, !torch.vtensor<[5,3,3,3],f32>, !torch.vtensor<[5],f32>, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.bool, !torch.list<int>, !torch.int -> !torch.vtensor<[?,5,4,5],f32>
  return %r : !torch.vtensor<[?,5,4,5],f32>
}

// -----

// CHECK-LABEL: func.func @depthwise(
// CHECK: linalg.depthwise_conv_2d_nhwc_hwc
// CHECK-SAME: tensor<1x8x8x6xf32>, tensor<3x3x6xf32>
func.func @depthwise(%x: !torch.vtensor<[1,6,8,8],f32>, %w: !torch.vtensor<[6,1,3,3],f32>) -> !torch.vtensor<[1,6,6,6],f32> {
  %0 = torch.constant.int 0
  %1 = torch.constant.int 1
  %6 = torch.constant.int 6
  %false = torch.constant.bool false
  %none = torch.constant.none
  %one = torch.prim.ListConstruct %1, %1 : (!torch.int, !torch.int) -> !torch.list<int>
  %zero = torch.prim.ListConstruct %0, %0 : (!torch.int, !torch.int) -> !torch.list<int>
  %r = torch.aten.convolution %x, %w, %none, %one, %zero, %one, %false, %zero, %6 : !torch.vtensor<[1,6,8,8],f32>, !torch.vtensor<[6,1,3,3],f32>, !torch.none, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.bool, !torch.list<int>, !torch.int -> !torch.vtensor<[1,6,6,6],f32>
  return %r : !torch.vtensor<[1,6,6,6],f32>
}

// -----

// Groups are a parallel dim.
// CHECK-LABEL: func.func @groups(
// CHECK: linalg.generic
// CHECK-SAME: iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]
// CHECK-SAME: ins(%{{.*}}, %{{.*}} : tensor<1x8x8x2x3xf32>, tensor<2x3x3x3x2xf32>)
func.func @groups(%x: !torch.vtensor<[1,6,8,8],f32>, %w: !torch.vtensor<[4,3,3,3],f32>) -> !torch.vtensor<[1,4,6,6],f32> {
  %0 = torch.constant.int 0
  %1 = torch.constant.int 1
  %2 = torch.constant.int 2
  %false = torch.constant.bool false
  %none = torch.constant.none
  %one = torch.prim.ListConstruct %1, %1 : (!torch.int, !torch.int) -> !torch.list<int>
  %zero = torch.prim.ListConstruct %0, %0 : (!torch.int, !torch.int) -> !torch.list<int>
  %r = torch.aten.convolution %x, %w, %none, %one, %zero, %one, %false, %zero, %2 : !torch.vtensor<[1,6,8,8],f32>, !torch.vtensor<[4,3,3,3],f32>, !torch.none, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.bool, !torch.list<int>, !torch.int -> !torch.vtensor<[1,4,6,6],f32>
  return %r : !torch.vtensor<[1,4,6,6],f32>
}

// -----

// A transposed convolution spreads its input between zeros.
// CHECK-LABEL: func.func @transposed(
// CHECK: tensor.insert_slice %{{.*}} into %{{.*}}[0, 1, 1, 0] [1, 4, 4, 3] [1, 2, 2, 1]
// CHECK: linalg.conv_2d_nhwc_hwcf
func.func @transposed(%x: !torch.vtensor<[1,3,4,4],f32>, %w: !torch.vtensor<[3,2,2,2],f32>) -> !torch.vtensor<[1,2,8,8],f32> {
  %0 = torch.constant.int 0
  %1 = torch.constant.int 1
  %2 = torch.constant.int 2
  %true = torch.constant.bool true
  %none = torch.constant.none
  %one = torch.prim.ListConstruct %1, %1 : (!torch.int, !torch.int) -> !torch.list<int>
  %two = torch.prim.ListConstruct %2, %2 : (!torch.int, !torch.int) -> !torch.list<int>
  %zero = torch.prim.ListConstruct %0, %0 : (!torch.int, !torch.int) -> !torch.list<int>
  %r = torch.aten.convolution %x, %w, %none, %two, %zero, %one, %true, %zero, %1 : !torch.vtensor<[1,3,4,4],f32>, !torch.vtensor<[3,2,2,2],f32>, !torch.none, !torch.list<int>, !torch.list<int>, !torch.list<int>, !torch.bool, !torch.list<int>, !torch.int -> !torch.vtensor<[1,2,8,8],f32>
  return %r : !torch.vtensor<[1,2,8,8],f32>
}
