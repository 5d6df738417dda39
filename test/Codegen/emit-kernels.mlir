// RUN: torchc-opt --torchc-emit-kernels=cpu=haswell %s | FileCheck %s

#id = affine_map<(i, j) -> (i, j)>
#column = affine_map<(i, j) -> (j)>

// A declaration stays; the function has the kernel ABI, and its grid beside it.
// CHECK: #[[GRID:.*]] = affine_map<()[s0] -> (s0 ceildiv {{[0-9]+}}, 1, 1)>
// CHECK: dispatch.kernel private @bias_relu({{.*}}scratch = 0
// CHECK: dispatch.executable @haswell attributes {cpu = "haswell"
// CHECK: llvm.func @bias_relu(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: i32, %{{.*}}: i32, %{{.*}}: i32, %{{.*}}: !llvm.ptr) -> i32
// CHECK-SAME: dispatch.workgroups = #[[GRID]]
// The loop over rows, the main loop over columns and a masked rest of 4.
// CHECK: scf.for
// CHECK:   scf.for {{.*}} : i64 {
// CHECK:     llvm.load {{.*}} invariant {{.*}} -> vector<16xf32>
// CHECK:     arith.addf {{.*}} : vector<16xf32>
// CHECK:     arith.maximumf
// CHECK:     llvm.store {{.*}} : vector<16xf32>
// CHECK:   llvm.intr.masked.load
// CHECK:   llvm.intr.masked.store
// CHECK: llvm.return
dispatch.kernel @bias_relu(%x: tensor<?x100xf32>, %b: tensor<100xf32>, %n: index) -> tensor<?x100xf32>
    attributes {dims = [array<i64: 0>, array<i64>, array<i64: 0>]} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty(%n) : tensor<?x100xf32>
  %y = linalg.generic {indexing_maps = [#id, #column, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %b : tensor<?x100xf32>, tensor<100xf32>) outs(%e : tensor<?x100xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %s = arith.addf %p, %q : f32
    %m = arith.maximumf %s, %zero : f32
    linalg.yield %m : f32
  } -> tensor<?x100xf32>
  dispatch.return %y : tensor<?x100xf32>
}

// A loop in the body of an op runs for every element on its own.
// CHECK-LABEL: llvm.func @scalar_loop(
// CHECK: scf.for
// CHECK:   %[[SUM:.*]] = scf.for %{{.*}} iter_args(%[[ACC:.*]] = %{{.*}}) -> (f32)
// CHECK:     arith.addf %[[ACC]], %{{.*}} : f32
// CHECK:   llvm.store %[[SUM]]
dispatch.kernel @scalar_loop(%x: tensor<100xf32>) -> tensor<100xf32> attributes {dims = [array<i64>, array<i64>]} {
  %e = tensor.empty() : tensor<100xf32>
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %y = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%x : tensor<100xf32>) outs(%e : tensor<100xf32>) {
  ^bb0(%p: f32, %o: f32):
    %n = arith.fptosi %p : f32 to i64
    %m = arith.index_cast %n : i64 to index
    %s = scf.for %i = %c0 to %m step %c1 iter_args(%a = %p) -> (f32) {
      %b = arith.addf %a, %p : f32
      scf.yield %b : f32
    }
    linalg.yield %s : f32
  } -> tensor<100xf32>
  dispatch.return %y : tensor<100xf32>
}

// A row that is looked up is read as it lies: no gather.
// CHECK-LABEL: llvm.func @embedding(
// CHECK-NOT: gather
// CHECK: llvm.load {{.*}} -> vector<16xf32>
// CHECK-NOT: gather
// CHECK: llvm.return
dispatch.kernel @embedding(%table: tensor<50x64xf32>, %ids: tensor<9xi64>) -> tensor<9x64xf32>
    attributes {dims = [array<i64>, array<i64>, array<i64>]} {
  %e = tensor.empty() : tensor<9x64xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i)>, #id], iterator_types = ["parallel", "parallel"]}
      ins(%ids : tensor<9xi64>) outs(%e : tensor<9x64xf32>) {
  ^bb0(%id: i64, %o: f32):
    %j = linalg.index 1 : index
    %i = arith.index_cast %id : i64 to index
    %v = tensor.extract %table[%i, %j] : tensor<50x64xf32>
    linalg.yield %v : f32
  } -> tensor<9x64xf32>
  dispatch.return %y : tensor<9x64xf32>
}

// A maximum of a row does not tell zeros of both signs apart.
// CHECK-LABEL: llvm.func @row_maximum(
// CHECK: arith.maximumf {{.*}} fastmath<nsz> : vector<32xf32>
// CHECK: arith.maximumf {{.*}} fastmath<nsz> : f32
dispatch.kernel @row_maximum(%x: tensor<4x64xf32>) -> tensor<4xf32> attributes {dims = [array<i64>, array<i64>]} {
  %low = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : tensor<4xf32>
  %f = linalg.fill ins(%low : f32) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x64xf32>) outs(%f : tensor<4xf32>) {
  ^bb0(%p: f32, %o: f32):
    %m = arith.maximumf %o, %p : f32
    linalg.yield %m : f32
  } -> tensor<4xf32>
  dispatch.return %y : tensor<4xf32>
}

// A depthwise convolution multiplies and adds at once, and fetches what the next row of results reads first:
// one pixel of the image for each of 4 results, at stride 2 four.
// CHECK-LABEL: llvm.func @depthwise(
// CHECK-COUNT-4: llvm.intr.prefetch
// CHECK-NOT: llvm.intr.prefetch
// CHECK-COUNT-36: llvm.intr.fmuladd{{.*}} -> vector<8xf32>
// CHECK-NOT: arith.addf
dispatch.kernel @depthwise(%x: tensor<1x14x14x32xf32>, %w: tensor<3x3x32xf32>) -> tensor<1x12x12x32xf32>
    attributes {dims = [array<i64>, array<i64>, array<i64>]} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x12x12x32xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<1x12x12x32xf32>) -> tensor<1x12x12x32xf32>
  %y = linalg.depthwise_conv_2d_nhwc_hwc ins(%x, %w : tensor<1x14x14x32xf32>, tensor<3x3x32xf32>)
      outs(%f : tensor<1x12x12x32xf32>) -> tensor<1x12x12x32xf32>
  dispatch.return %y : tensor<1x12x12x32xf32>
}

// CHECK-LABEL: llvm.func @strided(
// CHECK-COUNT-16: llvm.intr.prefetch
// CHECK-NOT: llvm.intr.prefetch
dispatch.kernel @strided(%x: tensor<1x17x17x32xf32>, %w: tensor<3x3x32xf32>) -> tensor<1x8x8x32xf32>
    attributes {dims = [array<i64>, array<i64>, array<i64>]} {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x8x8x32xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<1x8x8x32xf32>) -> tensor<1x8x8x32xf32>
  %y = linalg.depthwise_conv_2d_nhwc_hwc {strides = dense<2> : tensor<2xi64>}
      ins(%x, %w : tensor<1x17x17x32xf32>, tensor<3x3x32xf32>) outs(%f : tensor<1x8x8x32xf32>) -> tensor<1x8x8x32xf32>
  dispatch.return %y : tensor<1x8x8x32xf32>
}
