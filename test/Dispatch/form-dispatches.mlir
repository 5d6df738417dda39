// RUN: torchc-opt %s --torchc-form-dispatches --cse | FileCheck %s

#id2 = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
#column = affine_map<(d0, d1) -> (d1)>

// A contraction takes its epilogue; the residual is one more input, though it
// is computed later.
// CHECK-LABEL: func.func @epilogue
// CHECK: %[[RES:.*]] = dispatch.group[%{{.*}}] -> tensor<?x16xf32> {
// CHECK-NEXT: tensor.empty
// CHECK-NEXT: linalg.exp
// CHECK: dispatch.group
// CHECK: linalg.fill
// CHECK: linalg.matmul
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}}, %[[RES]]
// CHECK: dispatch.return
// CHECK-NOT: dispatch.group
func.func @epilogue(%x: tensor<?x8xf32>, %w: tensor<8x16xf32>, %b: tensor<16xf32>, %y: tensor<?x16xf32>) -> tensor<?x16xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %x, %c0 : tensor<?x8xf32>
  %e = tensor.empty(%n) : tensor<?x16xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x16xf32>) -> tensor<?x16xf32>
  %m = linalg.matmul ins(%x, %w : tensor<?x8xf32>, tensor<8x16xf32>) outs(%f : tensor<?x16xf32>) -> tensor<?x16xf32>
  %res = linalg.exp ins(%y : tensor<?x16xf32>) outs(%e : tensor<?x16xf32>) -> tensor<?x16xf32>
  %r = linalg.generic {indexing_maps = [#id2, #column, #id2, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%m, %b, %res : tensor<?x16xf32>, tensor<16xf32>, tensor<?x16xf32>) outs(%e : tensor<?x16xf32>) {
  ^bb0(%a: f32, %c: f32, %d: f32, %o: f32):
    %s = arith.addf %a, %c : f32
    %t = arith.addf %s, %d : f32
    linalg.yield %t : f32
  } -> tensor<?x16xf32>
  return %r : tensor<?x16xf32>
}

// What is computed of a result that others read too is one more result of the kernel.
// CHECK-LABEL: func.func @two_users
// CHECK: dispatch.group -> tensor<4x16xf32>, tensor<4x16xf32> {
// CHECK: linalg.matmul
// CHECK: linalg.exp
// CHECK: dispatch.return %{{.*}}, %{{.*}} :
// CHECK-NOT: dispatch.group
// CHECK: return
func.func @two_users(%x: tensor<4x8xf32>, %w: tensor<8x16xf32>) -> (tensor<4x16xf32>, tensor<4x16xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x16xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %m = linalg.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x16xf32>) outs(%f : tensor<4x16xf32>) -> tensor<4x16xf32>
  %r = linalg.exp ins(%m : tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  return %m, %r : tensor<4x16xf32>, tensor<4x16xf32>
}

// A quantised residual network: the sum and its eight bits are of one kernel. Where nobody else reads them,
// sums that two ops make different integers of are not even written.
// CHECK-LABEL: func.func @residual
// CHECK: %[[SUM:.*]]:2 = dispatch.group -> tensor<4x8xf32>, tensor<4x8xi8> {
// CHECK: linalg.matmul
// CHECK: linalg.add
// CHECK: arith.fptosi
// CHECK: dispatch.group -> tensor<4x8xi8>, tensor<4x8xi16> {
// CHECK: linalg.matmul ins(%[[SUM]]#1,
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %[[SUM]]#0
// CHECK: arith.fptosi {{.*}} to i8
// CHECK: arith.fptosi {{.*}} to i16
// CHECK-NOT: dispatch.group
// CHECK: return
func.func @residual(%x: tensor<4x8xf32>, %r: tensor<4x8xf32>, %w: tensor<8x8xf32>, %v: tensor<8x8xi8>) -> (tensor<4x8xi8>, tensor<4x8xi16>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x8xf32>
  %e8 = tensor.empty() : tensor<4x8xi8>
  %e16 = tensor.empty() : tensor<4x8xi16>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
  %m = linalg.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x8xf32>) outs(%f : tensor<4x8xf32>) -> tensor<4x8xf32>
  %s = linalg.add ins(%m, %r : tensor<4x8xf32>, tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
  %q = linalg.generic {indexing_maps = [#id2, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%s : tensor<4x8xf32>) outs(%e8 : tensor<4x8xi8>) {
  ^bb0(%a: f32, %o: i8):
    %i = arith.fptosi %a : f32 to i8
    linalg.yield %i : i8
  } -> tensor<4x8xi8>
  %n = linalg.matmul ins(%q, %v : tensor<4x8xi8>, tensor<8x8xi8>) outs(%f : tensor<4x8xf32>) -> tensor<4x8xf32>
  %t = linalg.generic {indexing_maps = [#id2, #id2, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%n, %s : tensor<4x8xf32>, tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %i = arith.addf %a, %b : f32
    linalg.yield %i : f32
  } -> tensor<4x8xf32>
  %u = linalg.generic {indexing_maps = [#id2, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%t : tensor<4x8xf32>) outs(%e8 : tensor<4x8xi8>) {
  ^bb0(%a: f32, %o: i8):
    %i = arith.fptosi %a : f32 to i8
    linalg.yield %i : i8
  } -> tensor<4x8xi8>
  %y = linalg.generic {indexing_maps = [#id2, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%t : tensor<4x8xf32>) outs(%e16 : tensor<4x8xi16>) {
  ^bb0(%a: f32, %o: i16):
    %i = arith.fptosi %a : f32 to i16
    linalg.yield %i : i16
  } -> tensor<4x8xi16>
  return %u, %y : tensor<4x8xi8>, tensor<4x8xi16>
}

// It stays where rows take it: they would have to read what they compute in passing.
// CHECK-LABEL: func.func @read_by_rows
// CHECK: dispatch.group -> tensor<4x16xf32> {
// CHECK: linalg.matmul
// CHECK-NEXT: dispatch.return
// CHECK: dispatch.group
// CHECK: linalg.mul
// CHECK: linalg.reduce
func.func @read_by_rows(%x: tensor<4x8xf32>, %w: tensor<8x16xf32>) -> (tensor<4x16xf32>, tensor<4xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x16xf32>
  %e1 = tensor.empty() : tensor<4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %f1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<4xf32>) -> tensor<4xf32>
  %m = linalg.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x16xf32>) outs(%f : tensor<4x16xf32>) -> tensor<4x16xf32>
  %r = linalg.mul ins(%m, %m : tensor<4x16xf32>, tensor<4x16xf32>) outs(%e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %s = linalg.reduce ins(%r : tensor<4x16xf32>) outs(%f1 : tensor<4xf32>) dimensions = [1]
    (%a: f32, %o: f32) {
      %t = arith.addf %a, %o : f32
      linalg.yield %t : f32
    }
  return %m, %s : tensor<4x16xf32>, tensor<4xf32>
}

// Joining the epilogue with its matmul would make a circle through the scatter.
// CHECK-LABEL: func.func @no_circle
// CHECK-COUNT-3: dispatch.group
func.func @no_circle(%x: tensor<4x8xf32>, %w: tensor<8x4xf32>) -> tensor<4x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
  %m = linalg.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x4xf32>) outs(%f : tensor<4x4xf32>) -> tensor<4x4xf32>
  %t = linalg.transpose ins(%m : tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) permutation = [1, 0]
  %r = linalg.add ins(%m, %t : tensor<4x4xf32>, tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
  return %r : tensor<4x4xf32>
}

// Softmax with the scale before it is one group.
// CHECK-LABEL: func.func @softmax
// CHECK: dispatch.group
// CHECK: math.tanh
// CHECK: arith.maximumf
// CHECK: math.exp
// CHECK: arith.addf
// CHECK: arith.divf
// CHECK-NOT: dispatch.group
// CHECK: return
func.func @softmax(%x: tensor<2x4x16xf32>) -> tensor<2x4x16xf32> {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : tensor<2x4x16xf32>
  %e1 = tensor.empty() : tensor<2x4xf32>
  %g = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x : tensor<2x4x16xf32>) outs(%e : tensor<2x4x16xf32>) {
  ^bb0(%a: f32, %o: f32):
    %t = math.tanh %a : f32
    linalg.yield %t : f32
  } -> tensor<2x4x16xf32>
  %f1 = linalg.fill ins(%low : f32) outs(%e1 : tensor<2x4xf32>) -> tensor<2x4xf32>
  %max = linalg.reduce ins(%g : tensor<2x4x16xf32>) outs(%f1 : tensor<2x4xf32>) dimensions = [2]
    (%a: f32, %o: f32) {
      %t = arith.maximumf %a, %o : f32
      linalg.yield %t : f32
    }
  %exp = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%g, %max : tensor<2x4x16xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4x16xf32>) {
  ^bb0(%a: f32, %m: f32, %o: f32):
    %s = arith.subf %a, %m : f32
    %t = math.exp %s : f32
    linalg.yield %t : f32
  } -> tensor<2x4x16xf32>
  %f2 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<2x4xf32>) -> tensor<2x4xf32>
  %sum = linalg.reduce ins(%exp : tensor<2x4x16xf32>) outs(%f2 : tensor<2x4xf32>) dimensions = [2]
    (%a: f32, %o: f32) {
      %t = arith.addf %a, %o : f32
      linalg.yield %t : f32
    }
  %div = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%exp, %sum : tensor<2x4x16xf32>, tensor<2x4xf32>) outs(%e : tensor<2x4x16xf32>) {
  ^bb0(%a: f32, %m: f32, %o: f32):
    %t = arith.divf %a, %m : f32
    linalg.yield %t : f32
  } -> tensor<2x4x16xf32>
  return %div : tensor<2x4x16xf32>
}

// Rows of other dims are another kernel.
// CHECK-LABEL: func.func @rows_and_columns
// CHECK-COUNT-2: dispatch.group
func.func @rows_and_columns(%x: tensor<4x16xf32>) -> tensor<f32> {
  %zero = arith.constant 0.0 : f32
  %e1 = tensor.empty() : tensor<4xf32>
  %e0 = tensor.empty() : tensor<f32>
  %f1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<4xf32>) -> tensor<4xf32>
  %sum = linalg.reduce ins(%x : tensor<4x16xf32>) outs(%f1 : tensor<4xf32>) dimensions = [1]
    (%a: f32, %o: f32) {
      %t = arith.addf %a, %o : f32
      linalg.yield %t : f32
    }
  %f0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<f32>) -> tensor<f32>
  %all = linalg.reduce ins(%sum : tensor<4xf32>) outs(%f0 : tensor<f32>) dimensions = [0]
    (%a: f32, %o: f32) {
      %t = arith.maximumf %a, %o : f32
      linalg.yield %t : f32
    }
  return %all : tensor<f32>
}

// Copies are kernels; reshapes stay with the host. A fill that is a result
// is a kernel too.
// CHECK-LABEL: func.func @movement
// CHECK: dispatch.group
// CHECK-NEXT: tensor.pad
// CHECK: tensor.collapse_shape
// CHECK: dispatch.group
// CHECK-NEXT: tensor.empty
// CHECK-NEXT: linalg.fill
func.func @movement(%x: tensor<4x16xf32>) -> (tensor<100xf32>, tensor<8xf32>) {
  %zero = arith.constant 0.0 : f32
  %p = tensor.pad %x low[0, 2] high[1, 2] {
  ^bb0(%i: index, %j: index):
    tensor.yield %zero : f32
  } : tensor<4x16xf32> to tensor<5x20xf32>
  %c = tensor.collapse_shape %p [[0, 1]] : tensor<5x20xf32> into tensor<100xf32>
  %e = tensor.empty() : tensor<8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  return %c, %f : tensor<100xf32>, tensor<8xf32>
}

// A batch is one kernel; control flow stays, with kernels in its regions.
// CHECK-LABEL: func.func @control_flow
// CHECK: dispatch.group
// CHECK: dispatch.batch
// CHECK: scf.for
// CHECK: tensor.insert
// CHECK: dispatch.return
// CHECK: scf.if
// CHECK: dispatch.group
// CHECK: linalg.exp
func.func @control_flow(%x: tensor<4x?xf32>, %c: i1) -> tensor<4x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %n = tensor.dim %x, %c1 : tensor<4x?xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty(%n) : tensor<4x?xf32>
  %scan = dispatch.batch %c4(%e) : (tensor<4x?xf32>) -> tensor<4x?xf32> {
  ^bb0(%row: index, %start: tensor<4x?xf32>):
    %done:2 = scf.for %i = %c0 to %n step %c1 iter_args(%t = %start, %acc = %zero) -> (tensor<4x?xf32>, f32) {
      %v = tensor.extract %x[%row, %i] : tensor<4x?xf32>
      %s = arith.addf %v, %acc : f32
      %w = tensor.insert %s into %t[%row, %i] : tensor<4x?xf32>
      scf.yield %w, %s : tensor<4x?xf32>, f32
    }
    dispatch.return %done#0 : tensor<4x?xf32>
  }
  %r = scf.if %c -> tensor<4x?xf32> {
    %y = linalg.exp ins(%scan : tensor<4x?xf32>) outs(%e : tensor<4x?xf32>) -> tensor<4x?xf32>
    scf.yield %y : tensor<4x?xf32>
  } else {
    scf.yield %scan : tensor<4x?xf32>
  }
  return %r : tensor<4x?xf32>
}

// What a batch writes for itself alone is memory of the host's, where only a call knows how much.
// CHECK-LABEL: func.func @batch_scratch
// CHECK: %[[GROUP:.*]]:2 = dispatch.group
// CHECK: %[[BATCH:.*]]:2 = dispatch.batch
// CHECK: dispatch.return %[[BATCH]]#0, %[[BATCH]]#1 : tensor<4x?xf32>, tensor<4x?xf32>
// CHECK: return %[[GROUP]]#1
func.func @batch_scratch(%x: tensor<4x?xf32>) -> tensor<4x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %n = tensor.dim %x, %c1 : tensor<4x?xf32>
  %e = tensor.empty(%n) : tensor<4x?xf32>
  %both:2 = dispatch.batch %c4(%e, %e) : (tensor<4x?xf32>, tensor<4x?xf32>) -> (tensor<4x?xf32>, tensor<4x?xf32>) {
  ^bb0(%row: index, %first: tensor<4x?xf32>, %second: tensor<4x?xf32>):
    %v = tensor.extract %x[%row, %c0] : tensor<4x?xf32>
    %a = tensor.insert %v into %first[%row, %c0] : tensor<4x?xf32>
    %w = tensor.extract %a[%row, %c0] : tensor<4x?xf32>
    %b = tensor.insert %w into %second[%row, %c0] : tensor<4x?xf32>
    dispatch.return %a, %b : tensor<4x?xf32>, tensor<4x?xf32>
  }
  return %both#1 : tensor<4x?xf32>
}

// A window that keeps channels apart takes the pad before it; a convolution across
// channels reads the padded image from memory.
// CHECK-LABEL: func.func @pads
// CHECK: dispatch.group
// CHECK-NEXT: tensor.pad
// CHECK: linalg.depthwise_conv_2d_nhwc_hwc
// CHECK-NEXT: dispatch.return
// CHECK: dispatch.group
// CHECK-NEXT: tensor.pad
// CHECK: dispatch.return
// CHECK: dispatch.group
// CHECK: linalg.conv_2d_nhwc_hwcf
func.func @pads(%x: tensor<1x8x8x16xf32>, %d: tensor<3x3x16xf32>, %w: tensor<3x3x16x16xf32>) -> tensor<1x8x8x16xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<1x8x8x16xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<1x8x8x16xf32>) -> tensor<1x8x8x16xf32>
  %p = tensor.pad %x low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%i: index, %j: index, %k: index, %n: index):
    tensor.yield %zero : f32
  } : tensor<1x8x8x16xf32> to tensor<1x10x10x16xf32>
  %c = linalg.depthwise_conv_2d_nhwc_hwc {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
      ins(%p, %d : tensor<1x10x10x16xf32>, tensor<3x3x16xf32>) outs(%f : tensor<1x8x8x16xf32>) -> tensor<1x8x8x16xf32>
  %q = tensor.pad %c low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%i: index, %j: index, %k: index, %n: index):
    tensor.yield %zero : f32
  } : tensor<1x8x8x16xf32> to tensor<1x10x10x16xf32>
  %r = linalg.conv_2d_nhwc_hwcf {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
      ins(%q, %w : tensor<1x10x10x16xf32>, tensor<3x3x16x16xf32>) outs(%f : tensor<1x8x8x16xf32>) -> tensor<1x8x8x16xf32>
  return %r : tensor<1x8x8x16xf32>
}

// Packed weights that a body looks elements up in are read from the panels, like those
// of a contraction.
// CHECK-LABEL: func.func @looks_up(
// CHECK-NEXT: dispatch.group
// CHECK: linalg.unpack
// CHECK: tensor.extract
func.func @looks_up(%ids: tensor<4xindex>, %panels: tensor<2x8x16xf32>) -> tensor<4x8xf32> {
  %we = tensor.empty() : tensor<32x8xf32>
  %w = linalg.unpack %panels outer_dims_perm = [0, 1] inner_dims_pos = [0] inner_tiles = [16] into %we
      : tensor<2x8x16xf32> -> tensor<32x8xf32>
  %e = tensor.empty() : tensor<4x8xf32>
  %x = linalg.generic {indexing_maps = [#row, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%ids : tensor<4xindex>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%id: index, %o: f32):
    %i = linalg.index 1 : index
    %v = tensor.extract %w[%id, %i] : tensor<32x8xf32>
    linalg.yield %v : f32
  } -> tensor<4x8xf32>
  return %x : tensor<4x8xf32>
}

// Weights of few bits are widened in the kernel of the product that reads them.
ml_program.global private @bytes(#ml_program.extern : tensor<8x16xi8>) : tensor<8x16xi8>
// CHECK-LABEL: func.func @dequantised
// CHECK: dispatch.group
// CHECK: arith.sitofp
// CHECK: linalg.matmul
// CHECK: dispatch.return
// CHECK-NOT: dispatch.group
func.func @dequantised(%x: tensor<4x8xf32>) -> tensor<4x16xf32> {
  %w = ml_program.global_load_const @bytes : tensor<8x16xi8>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x16xf32>
  %d = linalg.generic {indexing_maps = [#id2, #id2], iterator_types = ["parallel", "parallel"]}
      ins(%w : tensor<8x16xi8>) outs(%e : tensor<8x16xf32>) {
  ^bb0(%q: i8, %o: f32):
    %v = arith.sitofp %q : i8 to f32
    linalg.yield %v : f32
  } -> tensor<8x16xf32>
  %i = tensor.empty() : tensor<4x16xf32>
  %f = linalg.fill ins(%zero : f32) outs(%i : tensor<4x16xf32>) -> tensor<4x16xf32>
  %m = linalg.matmul ins(%x, %d : tensor<4x8xf32>, tensor<8x16xf32>) outs(%f : tensor<4x16xf32>) -> tensor<4x16xf32>
  return %m : tensor<4x16xf32>
}

// A slice that is one piece of memory is a view that the host makes: of extents behind the cut that are dynamic, it has to
// be known that all is taken, by the extent itself or by the name that the signature gives it.
// CHECK-LABEL: func.func @slices
// CHECK-NOT: dispatch.group
// CHECK: tensor.extract_slice %arg0[2, 3, 0]
// CHECK: tensor.extract_slice %arg1[1, 0, 0, 0]
// CHECK: tensor.extract_slice %arg2[1, 0, 0, 0]
// CHECK: dispatch.group
// CHECK: tensor.extract_slice %arg1[0, 0, 0, 0]
// CHECK: dispatch.group
// CHECK: tensor.extract_slice %arg0[0, 0, 1]
func.func @slices(%x: tensor<4x5x6xf32>, %y: tensor<2x3x?x6xf32>, %z: tensor<3x3x?x6xf32>)
    -> (tensor<2x6xf32>, tensor<1x3x?x6xf32>, tensor<1x3x?x6xf32>, tensor<2x3x?x6xf32>, tensor<1x5x2xf32>) attributes {torchc.signature = {
    inputs = [{name = "x", dtype = "f32", dims = [4, 5, 6]}, {name = "y", dtype = "f32", dims = [2, 3, "s", 6]},
              {name = "z", dtype = "f32", dims = [3, 3, "s", 6]}]}} {
  %c2 = arith.constant 2 : index
  %n = tensor.dim %y, %c2 : tensor<2x3x?x6xf32>
  %half = arith.divui %n, %c2 : index
  %a = tensor.extract_slice %x[2, 3, 0] [1, 2, 6] [1, 1, 1] : tensor<4x5x6xf32> to tensor<2x6xf32>
  %b = tensor.extract_slice %y[1, 0, 0, 0] [1, 3, %n, 6] [1, 1, 1, 1] : tensor<2x3x?x6xf32> to tensor<1x3x?x6xf32>
  %c = tensor.extract_slice %z[1, 0, 0, 0] [1, 3, %n, 6] [1, 1, 1, 1] : tensor<3x3x?x6xf32> to tensor<1x3x?x6xf32>
  %d = tensor.extract_slice %y[0, 0, 0, 0] [2, 3, %half, 6] [1, 1, 1, 1] : tensor<2x3x?x6xf32> to tensor<2x3x?x6xf32>
  %e = tensor.extract_slice %x[0, 0, 1] [1, 5, 2] [1, 1, 2] : tensor<4x5x6xf32> to tensor<1x5x2xf32>
  return %a, %b, %c, %d, %e : tensor<2x6xf32>, tensor<1x3x?x6xf32>, tensor<1x3x?x6xf32>, tensor<2x3x?x6xf32>, tensor<1x5x2xf32>
}

// A rotary embedding: slices, the negated half and the pair of halves are read by what follows, in one kernel. A pair
// whose elements are asked for several times stays a kernel.
#id3 = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#id4 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#last3 = affine_map<(d0, d1, d2, d3) -> (d1, d2, d3)>
// CHECK-LABEL: func.func @rotary
// CHECK: dispatch.group -> tensor<8x9x64xf32>
// CHECK-NEXT: tensor.extract_slice
// CHECK: tensor.extract_slice
// CHECK: arith.negf
// CHECK: tensor.concat
// CHECK: arith.mulf
// CHECK: dispatch.return
// CHECK-NOT: dispatch.group
func.func @rotary(%x: tensor<8x9x64xf32>, %sin: tensor<8x9x64xf32>) -> tensor<8x9x64xf32> {
  %low = tensor.extract_slice %x[0, 0, 0] [8, 9, 32] [1, 1, 1] : tensor<8x9x64xf32> to tensor<8x9x32xf32>
  %high = tensor.extract_slice %x[0, 0, 32] [8, 9, 32] [1, 1, 1] : tensor<8x9x64xf32> to tensor<8x9x32xf32>
  %he = tensor.empty() : tensor<8x9x32xf32>
  %negated = linalg.generic {indexing_maps = [#id3, #id3], iterator_types = ["parallel", "parallel", "parallel"]} ins(%high : tensor<8x9x32xf32>) outs(%he : tensor<8x9x32xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = arith.negf %a : f32
    linalg.yield %r : f32
  } -> tensor<8x9x32xf32>
  %pair = tensor.concat dim(2) %negated, %low : (tensor<8x9x32xf32>, tensor<8x9x32xf32>) -> tensor<8x9x64xf32>
  %e = tensor.empty() : tensor<8x9x64xf32>
  %y = linalg.generic {indexing_maps = [#id3, #id3, #id3], iterator_types = ["parallel", "parallel", "parallel"]} ins(%pair, %sin : tensor<8x9x64xf32>, tensor<8x9x64xf32>) outs(%e : tensor<8x9x64xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %r = arith.mulf %a, %b : f32
    linalg.yield %r : f32
  } -> tensor<8x9x64xf32>
  return %y : tensor<8x9x64xf32>
}

// CHECK-LABEL: func.func @repeated_pair
// CHECK: dispatch.group
// CHECK: tensor.concat
// CHECK: dispatch.return
// CHECK: dispatch.group
// CHECK: arith.addf
func.func @repeated_pair(%x: tensor<8x9x32xf32>, %y: tensor<8x9x32xf32>, %z: tensor<4x8x9x64xf32>) -> tensor<4x8x9x64xf32> {
  %pair = tensor.concat dim(2) %x, %y : (tensor<8x9x32xf32>, tensor<8x9x32xf32>) -> tensor<8x9x64xf32>
  %e = tensor.empty() : tensor<4x8x9x64xf32>
  %s = linalg.generic {indexing_maps = [#last3, #id4, #id4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%pair, %z : tensor<8x9x64xf32>, tensor<4x8x9x64xf32>) outs(%e : tensor<4x8x9x64xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %r = arith.addf %a, %b : f32
    linalg.yield %r : f32
  } -> tensor<4x8x9x64xf32>
  return %s : tensor<4x8x9x64xf32>
}
