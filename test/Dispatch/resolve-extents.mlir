// RUN: torchc-opt %s --torchc-resolve-extents --canonicalize --cse | FileCheck %s

// Extents come through the destinations of ops, pads and reshapes.
// CHECK-LABEL: func.func @through_ops
// CHECK-SAME: (%[[X:.*]]: tensor<?x8xf32>)
// CHECK: %[[N:.*]] = tensor.dim %[[X]], %c0
// CHECK-NOT: tensor.dim
// CHECK: %[[P:.*]] = arith.addi %[[N]], %c3
// CHECK: %[[M:.*]] = arith.muli %[[P]], %c8
// CHECK: return %[[M]]
func.func @through_ops(%x: tensor<?x8xf32>) -> index {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %x, %c0 : tensor<?x8xf32>
  %e = tensor.empty(%n) : tensor<?x8xf32>
  %y = linalg.exp ins(%x : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>
  %p = tensor.pad %y low[1, 0] high[2, 0] {
  ^bb0(%i: index, %j: index):
    tensor.yield %zero : f32
  } : tensor<?x8xf32> to tensor<?x8xf32>
  %c = tensor.collapse_shape %p [[0, 1]] : tensor<?x8xf32> into tensor<?xf32>
  %d = tensor.dim %c, %c0 : tensor<?xf32>
  return %d : index
}

// One symbol is one extent, whichever argument has it.
// CHECK-LABEL: func.func @symbols
// CHECK-SAME: (%[[X:[^:]*]]: tensor<?x8xf32>, %[[Y:[^:]*]]: tensor<?x?xf32>)
// CHECK-DAG: %[[N:.*]] = tensor.dim %[[X]], %c0
// CHECK-DAG: %[[T:.*]] = tensor.dim %[[Y]], %c1
// CHECK: return %[[N]], %[[T]]
func.func @symbols(%x: tensor<?x8xf32>, %y: tensor<?x?xf32>) -> (index, index)
    attributes {torchc.signature = {inputs = [{name = "x", dtype = "f32", dims = ["s0", 8 : i64]},
                                              {name = "y", dtype = "f32", dims = ["s0", "s1"]}], outputs = []}} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %y, %c0 : tensor<?x?xf32>
  %t = tensor.dim %y, %c1 : tensor<?x?xf32>
  return %n, %t : index, index
}

// What an assert says of two extents holds after it, not before.
// CHECK-LABEL: func.func @asserted
// CHECK-DAG: %[[A:.*]] = tensor.dim %arg0
// CHECK-DAG: %[[B:.*]] = tensor.dim %arg1
// CHECK: cf.assert
// CHECK: return %[[A]]
func.func @asserted(%x: tensor<?xf32>, %y: tensor<?xf32>) -> index {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %m = tensor.dim %y, %c0 : tensor<?xf32>
  %same = arith.cmpi eq, %n, %m : index
  cf.assert %same, "sizes differ"
  %r = arith.maxsi %m, %m : index
  return %r : index
}
