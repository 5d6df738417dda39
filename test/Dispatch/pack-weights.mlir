// RUN: torchc-opt %s --torchc-pack-weights | FileCheck %s

#mk = affine_map<(d0, d1, d2) -> (d0, d2)>
#nk = affine_map<(d0, d1, d2) -> (d1, d2)>
#mn = affine_map<(d0, d1, d2) -> (d0, d1)>

ml_program.global private @linear(#ml_program.extern : tensor<20x8xf32>) : tensor<20x8xf32>
ml_program.global private @filter(#ml_program.extern : tensor<3x3x8x32xf32>) : tensor<3x3x8x32xf32>
ml_program.global private @depthwise(#ml_program.extern : tensor<3x3x32xf32>) : tensor<3x3x32xf32>
ml_program.global private @bytes(#ml_program.extern : tensor<32x8xi8>) : tensor<32x8xi8>
ml_program.global private @scales(#ml_program.extern : tensor<32xf32>) : tensor<32xf32>
ml_program.global private @narrow(#ml_program.extern : tensor<8x4xf32>) : tensor<8x4xf32>

// CHECK-LABEL: func.func @linear_layer
// CHECK: %[[W:.*]] = ml_program.global_load_const @linear
// CHECK: %[[P:.*]] = linalg.pack %[[W]] padding_value(%{{.*}} : f32) outer_dims_perm = [0, 1] inner_dims_pos = [0] inner_tiles = [16] into %{{.*}} : tensor<20x8xf32> -> tensor<2x8x16xf32>
// CHECK: %[[U:.*]] = linalg.unpack %[[P]] outer_dims_perm = [0, 1] inner_dims_pos = [0] inner_tiles = [16]
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %[[U]]
func.func @linear_layer(%x: tensor<?x8xf32>, %init: tensor<?x20xf32>) -> tensor<?x20xf32> {
  %w = ml_program.global_load_const @linear : tensor<20x8xf32>
  %c = linalg.generic {indexing_maps = [#mk, #nk, #mn], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<?x8xf32>, tensor<20x8xf32>) outs(%init : tensor<?x20xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x20xf32>
  return %c : tensor<?x20xf32>
}

// CHECK-LABEL: func.func @convolution
// CHECK: linalg.pack {{.*}} outer_dims_perm = [3, 0, 1, 2] inner_dims_pos = [3] inner_tiles = [16] into %{{.*}} : tensor<3x3x8x32xf32> -> tensor<2x3x3x8x16xf32>
// CHECK: linalg.unpack
// CHECK: linalg.conv_2d_nhwc_hwcf
func.func @convolution(%x: tensor<1x9x9x8xf32>, %init: tensor<1x7x7x32xf32>) -> tensor<1x7x7x32xf32> {
  %w = ml_program.global_load_const @filter : tensor<3x3x8x32xf32>
  %c = linalg.conv_2d_nhwc_hwcf {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
      ins(%x, %w : tensor<1x9x9x8xf32>, tensor<3x3x8x32xf32>) outs(%init : tensor<1x7x7x32xf32>) -> tensor<1x7x7x32xf32>
  return %c : tensor<1x7x7x32xf32>
}

// An embedding that is the last layer's weight, too: one copy.
// CHECK-LABEL: func.func @tied
// CHECK: %[[W:.*]] = ml_program.global_load_const @linear
// CHECK: %[[P:.*]] = linalg.pack %[[W]]
// CHECK: %[[U:.*]] = linalg.unpack %[[P]]
// CHECK-NOT: %[[W]]
// CHECK: tensor.extract %[[U]]
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %[[U]]
func.func @tied(%ids: tensor<?xindex>, %e: tensor<?x8xf32>, %init: tensor<?x20xf32>) -> tensor<?x20xf32> {
  %w = ml_program.global_load_const @linear : tensor<20x8xf32>
  %x = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      ins(%ids : tensor<?xindex>) outs(%e : tensor<?x8xf32>) {
  ^bb0(%id: index, %o: f32):
    %i = linalg.index 1 : index
    %v = tensor.extract %w[%id, %i] : tensor<20x8xf32>
    linalg.yield %v : f32
  } -> tensor<?x8xf32>
  %c = linalg.generic {indexing_maps = [#mk, #nk, #mn], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<?x8xf32>, tensor<20x8xf32>) outs(%init : tensor<?x20xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x20xf32>
  return %c : tensor<?x20xf32>
}

// Each channel for itself, too few columns, and what is no weight: as they are.
// CHECK-LABEL: func.func @stay
// CHECK-NOT: linalg.pack
func.func @stay(%x: tensor<1x9x9x32xf32>, %init: tensor<1x7x7x32xf32>, %a: tensor<?x8xf32>, %b: tensor<8x20xf32>,
                %n: tensor<?x4xf32>, %m: tensor<?x20xf32>) -> (tensor<1x7x7x32xf32>, tensor<?x4xf32>, tensor<?x20xf32>) {
  %w = ml_program.global_load_const @depthwise : tensor<3x3x32xf32>
  %v = ml_program.global_load_const @narrow : tensor<8x4xf32>
  %c = linalg.depthwise_conv_2d_nhwc_hwc {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
      ins(%x, %w : tensor<1x9x9x32xf32>, tensor<3x3x32xf32>) outs(%init : tensor<1x7x7x32xf32>) -> tensor<1x7x7x32xf32>
  %d = linalg.matmul ins(%a, %v : tensor<?x8xf32>, tensor<8x4xf32>) outs(%n : tensor<?x4xf32>) -> tensor<?x4xf32>
  %e = linalg.matmul ins(%a, %b : tensor<?x8xf32>, tensor<8x20xf32>) outs(%m : tensor<?x20xf32>) -> tensor<?x20xf32>
  return %c, %d, %e : tensor<1x7x7x32xf32>, tensor<?x4xf32>, tensor<?x20xf32>
}

// Weights of few bits are packed as they are, and widened behind the view of the panels.
// CHECK-LABEL: func.func @dequantised
// CHECK: %[[W:.*]] = ml_program.global_load_const @bytes
// CHECK: %[[P:.*]] = linalg.pack %[[W]] {{.*}} -> tensor<2x8x16xi8>
// CHECK: %[[U:.*]] = linalg.unpack %[[P]]
// CHECK: %[[D:.*]] = linalg.generic {{.*}} ins(%[[U]], %{{.*}} : tensor<32x8xi8>, tensor<32xf32>)
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %[[D]]
func.func @dequantised(%x: tensor<?x8xf32>, %init: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %w = ml_program.global_load_const @bytes : tensor<32x8xi8>
  %s = ml_program.global_load_const @scales : tensor<32xf32>
  %e = tensor.empty() : tensor<32x8xf32>
  %d = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      ins(%w, %s : tensor<32x8xi8>, tensor<32xf32>) outs(%e : tensor<32x8xf32>) {
  ^bb0(%q: i8, %f: f32, %o: f32):
    %v = arith.sitofp %q : i8 to f32
    %p = arith.mulf %v, %f : f32
    linalg.yield %p : f32
  } -> tensor<32x8xf32>
  %c = linalg.generic {indexing_maps = [#mk, #nk, #mn], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %d : tensor<?x8xf32>, tensor<32x8xf32>) outs(%init : tensor<?x32xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %t = arith.addf %o, %p : f32
    linalg.yield %t : f32
  } -> tensor<?x32xf32>
  return %c : tensor<?x32xf32>
}
