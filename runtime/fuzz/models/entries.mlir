// Three functions that are called from outside share a private one and a global.
ml_program.global private mutable @last(dense<0> : tensor<3xi32>) : tensor<3xi32>
func.func private @double(%x: tensor<3xi32>) -> tensor<3xi32> {
  %empty = tensor.empty() : tensor<3xi32>
  %y = linalg.add ins(%x, %x : tensor<3xi32>, tensor<3xi32>) outs(%empty : tensor<3xi32>) -> tensor<3xi32>
  return %y : tensor<3xi32>
}
func.func @set(%x: tensor<3xi32>) -> tensor<i1> {
  %y = func.call @double(%x) : (tensor<3xi32>) -> tensor<3xi32>
  ml_program.global_store @last = %y : tensor<3xi32>
  %true = arith.constant dense<true> : tensor<i1>
  return %true : tensor<i1>
}
func.func @get() -> tensor<3xi32> {
  %x = ml_program.global_load @last : tensor<3xi32>
  return %x : tensor<3xi32>
}
func.func @quadruple(%x: tensor<3xi32>) -> (tensor<3xi32>, tensor<3xi32>) {
  %y = func.call @double(%x) : (tensor<3xi32>) -> tensor<3xi32>
  %z = func.call @double(%y) : (tensor<3xi32>) -> tensor<3xi32>
  return %z, %y : tensor<3xi32>, tensor<3xi32>
}
