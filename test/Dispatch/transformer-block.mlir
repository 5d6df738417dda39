// RUN: torchc-opt %s --torchc-dispatch-pipeline | FileCheck %s

// Two linear layers on [N, 128, 64] with GELU's erf, a residual and a layer
// normalization are three kernels on [128 N, 64], with one size.
// CHECK-LABEL: func.func @forward
// CHECK: %[[N:.*]] = tensor.dim %[[X:.*]], %c0
// CHECK: %[[M:.*]] = arith.muli %[[N]], %c128
// CHECK: %[[A:.*]] = tensor.collapse_shape %[[X]]
// CHECK: %[[B:.*]] = dispatch.call @{{.*}}matmul_Dx64x64_add_erf(%{{.*}}, %[[A]], %{{.*}}) [%[[M]]]
// CHECK: %[[C:.*]] = dispatch.call @{{.*}}matmul_Dx64x64_add(%{{.*}}, %[[B]], {{.*}}%[[A]]) [%[[M]]]
// CHECK: %[[D:.*]] = dispatch.call @{{.*}}rows_Dx64_add_div_sub_mul(%[[C]], %{{.*}}) [%[[M]]]
// CHECK-NEXT: %[[E:.*]] = tensor.expand_shape %[[D]]
// CHECK-NEXT: return %[[E]]

module {
ml_program.global private @w1(#ml_program.extern : tensor<64x64xf32>) : tensor<64x64xf32>
ml_program.global private @b1(#ml_program.extern : tensor<64xf32>) : tensor<64xf32>
func.func @forward(%x: tensor<?x128x64xf32>) -> tensor<?x128x64xf32> {
  %c0 = arith.constant 0 : index
  %c128 = arith.constant 128 : index
  %zero = arith.constant 0.0 : f32
  %ninf = arith.constant 0xFF800000 : f32
  %n = tensor.dim %x, %c0 : tensor<?x128x64xf32>
  %w = ml_program.global_load_const @w1 : tensor<64x64xf32>
  %b = ml_program.global_load_const @b1 : tensor<64xf32>
  %m = arith.muli %n, %c128 : index
  %e2 = tensor.empty(%m) : tensor<?x64xf32>
  %e3_dx128x64 = tensor.empty(%n) : tensor<?x128x64xf32>
  %e3_dx128x1 = tensor.empty(%n) : tensor<?x128x1xf32>
  %f2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<?x64xf32>) -> tensor<?x64xf32>
  %xc = tensor.collapse_shape %x [[0, 1], [2]] : tensor<?x128x64xf32> into tensor<?x64xf32>
  %mm = linalg.matmul ins(%xc, %w : tensor<?x64xf32>, tensor<64x64xf32>) outs(%f2 : tensor<?x64xf32>) -> tensor<?x64xf32>
  %me = tensor.expand_shape %mm [[0, 1], [2]] output_shape [%n, 128, 64] : tensor<?x64xf32> into tensor<?x128x64xf32>
  %h = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%me, %b : tensor<?x128x64xf32>, tensor<64xf32>) outs(%e3_dx128x64 : tensor<?x128x64xf32>) {
  ^bb0(%i0: f32, %i1: f32, %o: f32):
    %r = arith.addf %i0, %i1 : f32
    linalg.yield %r : f32
  } -> tensor<?x128x64xf32>
  %g = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%h : tensor<?x128x64xf32>) outs(%e3_dx128x64 : tensor<?x128x64xf32>) {
  ^bb0(%i0: f32, %o: f32):
    %r = math.erf %i0 : f32
    linalg.yield %r : f32
  } -> tensor<?x128x64xf32>
  %gc = tensor.collapse_shape %g [[0, 1], [2]] : tensor<?x128x64xf32> into tensor<?x64xf32>
  %mm2 = linalg.matmul ins(%gc, %w : tensor<?x64xf32>, tensor<64x64xf32>) outs(%f2 : tensor<?x64xf32>) -> tensor<?x64xf32>
  %me2 = tensor.expand_shape %mm2 [[0, 1], [2]] output_shape [%n, 128, 64] : tensor<?x64xf32> into tensor<?x128x64xf32>
  %h2 = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%me2, %b : tensor<?x128x64xf32>, tensor<64xf32>) outs(%e3_dx128x64 : tensor<?x128x64xf32>) {
  ^bb0(%i0: f32, %i1: f32, %o: f32):
    %r = arith.addf %i0, %i1 : f32
    linalg.yield %r : f32
  } -> tensor<?x128x64xf32>
  %res = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%h2, %x : tensor<?x128x64xf32>, tensor<?x128x64xf32>) outs(%e3_dx128x64 : tensor<?x128x64xf32>) {
  ^bb0(%i0: f32, %i1: f32, %o: f32):
    %r = arith.addf %i0, %i1 : f32
    linalg.yield %r : f32
  } -> tensor<?x128x64xf32>
  %f_sum = linalg.fill ins(%zero : f32) outs(%e3_dx128x1 : tensor<?x128x1xf32>) -> tensor<?x128x1xf32>
  %sum = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, 0)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%res : tensor<?x128x64xf32>) outs(%f_sum : tensor<?x128x1xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = arith.addf %a, %o : f32
    linalg.yield %r : f32
  } -> tensor<?x128x1xf32>
  %mean = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%sum : tensor<?x128x1xf32>) outs(%e3_dx128x1 : tensor<?x128x1xf32>) {
  ^bb0(%i0: f32, %o: f32):
    %c = arith.constant 64.0 : f32
    %r = arith.divf %i0, %c : f32
    linalg.yield %r : f32
  } -> tensor<?x128x1xf32>
  %cen = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, 0)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%res, %mean : tensor<?x128x64xf32>, tensor<?x128x1xf32>) outs(%e3_dx128x64 : tensor<?x128x64xf32>) {
  ^bb0(%i0: f32, %i1: f32, %o: f32):
    %r = arith.subf %i0, %i1 : f32
    linalg.yield %r : f32
  } -> tensor<?x128x64xf32>
  %sq = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%cen : tensor<?x128x64xf32>) outs(%e3_dx128x64 : tensor<?x128x64xf32>) {
  ^bb0(%i0: f32, %o: f32):
    %r = arith.mulf %i0, %i0 : f32
    linalg.yield %r : f32
  } -> tensor<?x128x64xf32>
  %f_var = linalg.fill ins(%zero : f32) outs(%e3_dx128x1 : tensor<?x128x1xf32>) -> tensor<?x128x1xf32>
  %var = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, 0)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%sq : tensor<?x128x64xf32>) outs(%f_var : tensor<?x128x1xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = arith.addf %a, %o : f32
    linalg.yield %r : f32
  } -> tensor<?x128x1xf32>
  %rs = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%var : tensor<?x128x1xf32>) outs(%e3_dx128x1 : tensor<?x128x1xf32>) {
  ^bb0(%i0: f32, %o: f32):
    %c = arith.constant 64.0 : f32
    %eps = arith.constant 1.0e-5 : f32
    %q = arith.divf %i0, %c : f32
    %s = arith.addf %q, %eps : f32
    %r = math.rsqrt %s : f32
    linalg.yield %r : f32
  } -> tensor<?x128x1xf32>
  %nrm = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, 0)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%cen, %rs : tensor<?x128x64xf32>, tensor<?x128x1xf32>) outs(%e3_dx128x64 : tensor<?x128x64xf32>) {
  ^bb0(%i0: f32, %i1: f32, %o: f32):
    %r = arith.mulf %i0, %i1 : f32
    linalg.yield %r : f32
  } -> tensor<?x128x64xf32>
  %out = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d2)>, affine_map<(d0, d1, d2) -> (d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%nrm, %b, %b : tensor<?x128x64xf32>, tensor<64xf32>, tensor<64xf32>) outs(%e3_dx128x64 : tensor<?x128x64xf32>) {
  ^bb0(%i0: f32, %i1: f32, %i2: f32, %o: f32):
    %q = arith.mulf %i0, %i1 : f32
    %r = arith.addf %q, %i2 : f32
    linalg.yield %r : f32
  } -> tensor<?x128x64xf32>
  return %out : tensor<?x128x64xf32>
}
}
