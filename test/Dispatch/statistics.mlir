// RUN: split-file %s %t
// RUN: torchc-compile -q %t/sums.mlir --statistics --emit=dispatch -o /dev/null 2>&1 | FileCheck %s
// RUN: torchc-compile -q %t/packed.mlir --statistics --emit=dispatch -o /dev/null 2>&1 | FileCheck %s --check-prefix=PACKED
// RUN: not torchc-compile -q %t/sums.mlir --statistics --emit=linalg -o /dev/null 2>&1 | FileCheck %s --check-prefix=EARLY
// EARLY: --statistics is of kernels, which --emit=linalg does not make

// 100 rows of 1000 by 250 columns: 400 kB of rows, 1 MB of weights and 100 kB of sums; two operations for each of
// 25 M products. Of the 4 MB of the table only the rows that are looked up count.
// CHECK: 3 kernels, 3 calls, 2.402 MB, 0.050 GFLOP; inputs, weights and outputs alone: 1.502 MB
// CHECK-NOT: not known
// CHECK: calls     MB read  MB written       GFLOP  kernel
// CHECK-DAG: 1       1.400       0.100      0.0500  forward_{{.*}}100x250x1000
// CHECK-DAG: 1       0.401       0.400      0.0000  forward_

// A table that is looked up and multiplied, 250 by 250, is one of panels: the three rows of it are 3 kB all the same.
// PACKED-DAG: 1       0.003       0.003      0.0000  forward_{{.*}}index_cast
// PACKED-DAG: 1       0.259       0.003      0.0004  forward_{{.*}}3x250x250

//--- sums.mlir
#map = affine_map<(i, j) -> (i, j)>
ml_program.global private @table(dense<0.5> : tensor<1000x1000xf32>) : tensor<1000x1000xf32>
func.func @forward(%ids: tensor<100xi64>, %w: tensor<1000x250xf32>) -> (tensor<100x250xf32>, tensor<250xf32>) {
  %zero = arith.constant 0.0 : f32
  %table = ml_program.global_load_const @table : tensor<1000x1000xf32>
  %e = tensor.empty() : tensor<100x1000xf32>
  %rows = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i)>, #map], iterator_types = ["parallel", "parallel"]}
      ins(%ids : tensor<100xi64>) outs(%e : tensor<100x1000xf32>) {
  ^bb0(%id: i64, %o: f32):
    %j = linalg.index 1 : index
    %i = arith.index_cast %id : i64 to index
    %v = tensor.extract %table[%i, %j] : tensor<1000x1000xf32>
    linalg.yield %v : f32
  } -> tensor<100x1000xf32>
  %s = tensor.empty() : tensor<100x250xf32>
  %f = linalg.fill ins(%zero : f32) outs(%s : tensor<100x250xf32>) -> tensor<100x250xf32>
  %p = linalg.matmul ins(%rows, %w : tensor<100x1000xf32>, tensor<1000x250xf32>) outs(%f : tensor<100x250xf32>) -> tensor<100x250xf32>
  %c = tensor.empty() : tensor<250xf32>
  %g = linalg.fill ins(%zero : f32) outs(%c : tensor<250xf32>) -> tensor<250xf32>
  %q = linalg.reduce ins(%p : tensor<100x250xf32>) outs(%g : tensor<250xf32>) dimensions = [0]
    (%a: f32, %b: f32) {
      %t = arith.addf %a, %b : f32
      linalg.yield %t : f32
    }
  return %p, %q : tensor<100x250xf32>, tensor<250xf32>
}

//--- packed.mlir
#map = affine_map<(i, j) -> (i, j)>
func.func @forward(%ids: tensor<3xi64>, %x: tensor<3x250xf32>) -> (tensor<3x250xf32>, tensor<3x250xf32>) {
  %zero = arith.constant 0.0 : f32
  %et = tensor.empty() : tensor<250x250xf32>
  %table = linalg.generic {indexing_maps = [#map], iterator_types = ["parallel", "parallel"]} outs(%et : tensor<250x250xf32>) {
  ^bb0(%o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %k = arith.addi %i, %j : index
    %n = arith.index_cast %k : index to i32
    %v = arith.sitofp %n : i32 to f32
    linalg.yield %v : f32
  } -> tensor<250x250xf32>
  %e = tensor.empty() : tensor<3x250xf32>
  %rows = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i)>, #map], iterator_types = ["parallel", "parallel"]}
      ins(%ids : tensor<3xi64>) outs(%e : tensor<3x250xf32>) {
  ^bb0(%id: i64, %o: f32):
    %j = linalg.index 1 : index
    %i = arith.index_cast %id : i64 to index
    %v = tensor.extract %table[%i, %j] : tensor<250x250xf32>
    linalg.yield %v : f32
  } -> tensor<3x250xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<3x250xf32>) -> tensor<3x250xf32>
  %p = linalg.matmul ins(%x, %table : tensor<3x250xf32>, tensor<250x250xf32>) outs(%f : tensor<3x250xf32>) -> tensor<3x250xf32>
  return %rows, %p : tensor<3x250xf32>, tensor<3x250xf32>
}
