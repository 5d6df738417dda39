// RUN: torchc-opt --torchc-decompose-ops --canonicalize %s | FileCheck %s

// What each op decomposes into is computed and compared with PyTorch in
// test_decompositions.py; here, what later stages count on.

// A batch norm is one multiplication and one addition by values per channel,
// which depend on nothing but weights.
// CHECK-LABEL: @batch_norm
// CHECK: %[[SCALE:.*]] = torch.aten.mul.Tensor %{{.*}}, %arg1 : !torch.vtensor<[8],f32>
// CHECK: %[[SHIFT:.*]] = torch.aten.sub.Tensor
// CHECK: %[[SCALED:.*]] = torch.aten.mul.Tensor %arg0, %{{.*}} : !torch.vtensor<[2,8,5,5],f32>, !torch.vtensor<[8,1,1],f32>
// CHECK: %[[RESULT:.*]] = torch.aten.add.Tensor %[[SCALED]]
// CHECK: return %[[RESULT]]
func.func @batch_norm(%x: !torch.vtensor<[2,8,5,5],f32>, %w: !torch.vtensor<[8],f32>) -> !torch.vtensor<[2,8,5,5],f32> {
  %false = torch.constant.bool false
  %eps = torch.constant.float 1.000000e-05
  %0 = torch.aten.batch_norm %x, %w, %w, %w, %w, %false, %eps, %eps, %false : !torch.vtensor<[2,8,5,5],f32>, !torch.vtensor<[8],f32>, !torch.vtensor<[8],f32>, !torch.vtensor<[8],f32>, !torch.vtensor<[8],f32>, !torch.bool, !torch.float, !torch.float, !torch.bool -> !torch.vtensor<[2,8,5,5],f32>
  return %0 : !torch.vtensor<[2,8,5,5],f32>
}

// Attention keeps a dynamic length, and half types are computed in f32.
// CHECK-LABEL: @attention
// CHECK: torch.aten.matmul {{.*}} -> !torch.vtensor<[1,2,?,?],f32>
// CHECK: torch.aten.mul.Scalar
// CHECK: torch.aten._softmax {{.*}} -> !torch.vtensor<[1,2,?,?],f32>
// CHECK: torch.aten.matmul {{.*}} -> !torch.vtensor<[1,2,?,16],f32>
// CHECK: torch.aten.to.dtype {{.*}} -> !torch.vtensor<[1,2,?,16],f16>
func.func @attention(%q: !torch.vtensor<[1,2,?,16],f16>) -> !torch.vtensor<[1,2,?,16],f16> {
  %none = torch.constant.none
  %false = torch.constant.bool false
  %zero = torch.constant.float 0.000000e+00
  %0 = torch.aten.scaled_dot_product_attention %q, %q, %q, %none, %zero, %false, %none, %false : !torch.vtensor<[1,2,?,16],f16>, !torch.vtensor<[1,2,?,16],f16>, !torch.vtensor<[1,2,?,16],f16>, !torch.none, !torch.float, !torch.bool, !torch.none, !torch.bool -> !torch.vtensor<[1,2,?,16],f16>
  return %0 : !torch.vtensor<[1,2,?,16],f16>
}

// Parts of a dynamic dim, as many as their reader takes: the program checks that there are no others.
// CHECK-LABEL: @split
// CHECK-DAG: %[[MESSAGE:.*]] = torch.constant.str "aten.split.Tensor gives another number of parts than 2, which the model takes"
// CHECK-DAG: %[[FOUR:.*]] = torch.constant.int 4
// CHECK-DAG: %[[SIX:.*]] = torch.constant.int 6
// CHECK: %[[WHOLE:.*]] = torch.aten.size.int %arg0
// CHECK: %[[ENOUGH:.*]] = torch.aten.le.int %[[FOUR]], %[[WHOLE]]
// CHECK: torch.aten._assert_scalar %[[ENOUGH]], %[[MESSAGE]]
// CHECK: %[[NO_MORE:.*]] = torch.aten.le.int %[[WHOLE]], %[[SIX]]
// CHECK: torch.aten._assert_scalar %[[NO_MORE]], %[[MESSAGE]]
// CHECK-NOT: torch.prim
// CHECK: torch.aten.slice.Tensor
// CHECK: torch.aten.slice.Tensor
// CHECK-NOT: torch.prim
// CHECK: return
func.func @split(%x: !torch.vtensor<[?,4],f32>) -> (!torch.vtensor<[3,4],f32>, !torch.vtensor<[?,4],f32>) {
  %three = torch.constant.int 3
  %zero = torch.constant.int 0
  %list = torch.aten.split.Tensor %x, %three, %zero : !torch.vtensor<[?,4],f32>, !torch.int, !torch.int -> !torch.list<vtensor>
  %0:2 = torch.prim.ListUnpack %list : !torch.list<vtensor> -> !torch.vtensor<[3,4],f32>, !torch.vtensor<[?,4],f32>
  return %0#0, %0#1 : !torch.vtensor<[3,4],f32>, !torch.vtensor<[?,4],f32>
}

// CHECK-LABEL: @numbers
// CHECK: torch.aten.sym_numel %arg0
// CHECK: torch.aten.item %arg1
func.func @numbers(%x: !torch.vtensor<[?,4],f32>, %y: !torch.vtensor<[],si64>) -> (!torch.int, !torch.int) {
  %0 = torch.aten.numel %x : !torch.vtensor<[?,4],f32> -> !torch.int
  %1 = torch.aten.Int.Tensor %y : !torch.vtensor<[],si64> -> !torch.int
  return %0, %1 : !torch.int, !torch.int
}

// A mask picks the places where it is true: one index for each of its dims.
// CHECK-LABEL: @index_mask
// CHECK: %[[PLACES:.*]] = torch.aten.nonzero %arg1 : !torch.vtensor<[3,4],i1> -> !torch.vtensor<[?,2],si64>
// CHECK: %[[ROWS:.*]] = torch.aten.select.int %[[PLACES]]
// CHECK: %[[COLUMNS:.*]] = torch.aten.select.int %[[PLACES]]
// CHECK: %[[LIST:.*]] = torch.prim.ListConstruct %[[ROWS]], %[[COLUMNS]]
// CHECK: torch.aten.index.Tensor %arg0, %[[LIST]]
func.func @index_mask(%x: !torch.vtensor<[3,4,5],f32>, %m: !torch.vtensor<[3,4],i1>) -> !torch.vtensor<[?,5],f32> {
  %list = torch.prim.ListConstruct %m : (!torch.vtensor<[3,4],i1>) -> !torch.list<optional<vtensor>>
  %r = torch.aten.index.Tensor %x, %list : !torch.vtensor<[3,4,5],f32>, !torch.list<optional<vtensor>> -> !torch.vtensor<[?,5],f32>
  return %r : !torch.vtensor<[?,5],f32>
}

// An image whose size only a call knows is resized by elements whose places are computed; a factor of whole halves
// gives a size without arithmetic on floats.
// CHECK-LABEL: @resize_dynamic
// CHECK: %[[EXTENT:.*]] = torch.aten.size.int %arg0
// CHECK: %[[THREE_TIMES:.*]] = torch.aten.mul.int %[[EXTENT]], %{{.*}}
// CHECK: %[[SIZE:.*]] = torch.aten.floordiv.int %[[THREE_TIMES]], %{{.*}}
// CHECK: torch.aten.arange.start_step %{{.*}}, %[[SIZE]]
// CHECK: torch.aten.floor
// CHECK: torch.aten.clamp
// CHECK: torch.aten.index_select
// CHECK-NOT: torch.aten.floor.float
func.func @resize_dynamic(%x: !torch.vtensor<[2,3,?],f32>) -> !torch.vtensor<[2,3,?],f32> {
  %none = torch.constant.none
  %factor = torch.constant.float 1.5
  %factors = torch.prim.ListConstruct %factor : (!torch.float) -> !torch.list<float>
  %0 = torch.aten.upsample_nearest1d.vec %x, %none, %factors : !torch.vtensor<[2,3,?],f32>, !torch.none, !torch.list<float> -> !torch.vtensor<[2,3,?],f32>
  return %0 : !torch.vtensor<[2,3,?],f32>
}
