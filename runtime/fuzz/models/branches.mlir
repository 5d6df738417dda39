// Branches and a loop that depend on data, a tensor that the loop carries, and an assertion.
func.func @forward(%x: tensor<?xf32>, %times: tensor<i64>) -> (tensor<?xf32>, tensor<i64>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %limit = arith.constant 5 : i64
  %one = arith.constant 1 : i64
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %wanted = tensor.extract %times[] : tensor<i64>
  %fits = arith.cmpi sle, %wanted, %limit : i64
  cf.assert %fits, "more than five turns"
  %end = arith.index_cast %wanted : i64 to index
  %turned = scf.for %i = %c0 to %end step %c1 iter_args(%t = %x) -> tensor<?xf32> {
    %empty = tensor.empty(%n) : tensor<?xf32>
    %d = linalg.add ins(%t, %x : tensor<?xf32>, tensor<?xf32>) outs(%empty : tensor<?xf32>) -> tensor<?xf32>
    scf.yield %d : tensor<?xf32>
  }
  %many = arith.cmpi sgt, %wanted, %one : i64
  %result, %count = scf.if %many -> (tensor<?xf32>, i64) {
    %empty = tensor.empty(%n) : tensor<?xf32>
    %e = linalg.exp ins(%turned : tensor<?xf32>) outs(%empty : tensor<?xf32>) -> tensor<?xf32>
    scf.yield %e, %wanted : tensor<?xf32>, i64
  } else {
    %less = arith.subi %wanted, %one : i64
    scf.yield %turned, %less : tensor<?xf32>, i64
  }
  %boxed = tensor.from_elements %count : tensor<i64>
  return %result, %boxed : tensor<?xf32>, tensor<i64>
}
