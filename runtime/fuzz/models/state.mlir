// Globals: a number and a tensor that every call changes, and a constant.
ml_program.global private mutable @calls(dense<0> : tensor<i64>) : tensor<i64>
ml_program.global private mutable @total(dense<1.0> : tensor<2x3xf32>) : tensor<2x3xf32>
ml_program.global private @scale(dense<[0.5, 0.25, 2.0]> : tensor<3xf32>) : tensor<3xf32>
func.func @accumulate(%x: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<i64>) {
  %scale = ml_program.global_load_const @scale : tensor<3xf32>
  %total = ml_program.global_load @total : tensor<2x3xf32>
  %calls = ml_program.global_load @calls : tensor<i64>
  %empty = tensor.empty() : tensor<2x3xf32>
  %new = linalg.generic {
      indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>,
                       affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]}
      ins(%total, %scale, %x : tensor<2x3xf32>, tensor<3xf32>, tensor<2x3xf32>) outs(%empty : tensor<2x3xf32>) {
    ^bb0(%t: f32, %s: f32, %e: f32, %o: f32):
      %product = arith.mulf %t, %s : f32
      %sum = arith.addf %product, %e : f32
      linalg.yield %sum : f32
  } -> tensor<2x3xf32>
  ml_program.global_store @total = %new : tensor<2x3xf32>
  %c1 = arith.constant 1 : i64
  %n = tensor.extract %calls[] : tensor<i64>
  %next = arith.addi %n, %c1 : i64
  %boxed = tensor.from_elements %next : tensor<i64>
  ml_program.global_store @calls = %boxed : tensor<i64>
  return %total, %boxed : tensor<2x3xf32>, tensor<i64>
}
