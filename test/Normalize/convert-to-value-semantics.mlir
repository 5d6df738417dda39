// RUN: torchc-opt --torchc-convert-to-value-semantics %s | FileCheck %s

// An in-place op is its functional op, and later reads see its result.
// CHECK-LABEL: func.func @in_place(
// CHECK-SAME: %[[X:.*]]: !torch.vtensor<[2],f32>) -> !torch.vtensor<[2],f32>
// CHECK: %[[A:.*]] = torch.aten.neg %[[X]]
// CHECK: %[[B:.*]] = torch.aten.relu %[[A]] : !torch.vtensor<[2],f32>
// CHECK: %[[C:.*]] = torch.aten.exp %[[B]]
// CHECK: return %[[C]]
func.func @in_place(%x: !torch.tensor<[2],f32>) -> !torch.tensor<[2],f32> {
  %a = torch.aten.neg %x : !torch.tensor<[2],f32> -> !torch.tensor<[2],f32>
  %b = torch.aten.relu_ %a : !torch.tensor<[2],f32> -> !torch.tensor<[2],f32>
  %c = torch.aten.exp %a : !torch.tensor<[2],f32> -> !torch.tensor<[2],f32>
  return %c : !torch.tensor<[2],f32>
}

// The result keeps the dtype of what is written.
// CHECK-LABEL: func.func @dtype
// CHECK: %[[SUM:.*]] = torch.aten.add.Tensor {{.*}} -> !torch.vtensor<[2],f32>
// CHECK: torch.aten.to.dtype %[[SUM]], {{.*}} -> !torch.vtensor<[2],f16>
func.func @dtype(%x: !torch.tensor<[2],f16>, %y: !torch.tensor<[2],f32>) -> !torch.tensor<[2],f16> {
  %one = torch.constant.int 1
  %a = torch.aten.neg %x : !torch.tensor<[2],f16> -> !torch.tensor<[2],f16>
  %b = torch.aten.add_.Tensor %a, %y, %one : !torch.tensor<[2],f16>, !torch.tensor<[2],f32>, !torch.int -> !torch.tensor<[2],f16>
  return %b : !torch.tensor<[2],f16>
}

// A write through views goes back to the storage; the views are taken anew.
// CHECK-LABEL: func.func @through_views
// CHECK: %[[BASE:.*]] = torch.aten.neg
// CHECK: %[[T:.*]] = torch.aten.transpose.int %[[BASE]]
// CHECK: %[[ROW:.*]] = torch.aten.select.int %[[T]]
// CHECK: %[[NEW:.*]] = torch.aten.fill.Scalar %[[ROW]]
// CHECK: %[[SCATTERED:.*]] = torch.aten.select_scatter %[[T]], %[[NEW]]
// CHECK: %[[BACK:.*]] = torch.aten.transpose.int %[[SCATTERED]]
// CHECK: return %[[BACK]]
func.func @through_views(%x: !torch.tensor<[2,3],f32>) -> !torch.tensor<[2,3],f32> {
  %zero = torch.constant.int 0
  %one = torch.constant.int 1
  %base = torch.aten.neg %x : !torch.tensor<[2,3],f32> -> !torch.tensor<[2,3],f32>
  %t = torch.aten.transpose.int %base, %zero, %one : !torch.tensor<[2,3],f32>, !torch.int, !torch.int -> !torch.tensor<[3,2],f32>
  %row = torch.aten.select.int %t, %zero, %one : !torch.tensor<[3,2],f32>, !torch.int, !torch.int -> !torch.tensor<[2],f32>
  %w = torch.aten.fill_.Scalar %row, %zero : !torch.tensor<[2],f32>, !torch.int -> !torch.tensor<[2],f32>
  return %base : !torch.tensor<[2,3],f32>
}

// A part of a split is a view.
// CHECK-LABEL: func.func @parts
// CHECK: torch.aten.relu
// CHECK: torch.aten.slice_scatter
func.func @parts(%x: !torch.tensor<[4],f32>) -> !torch.tensor<[4],f32> {
  %zero = torch.constant.int 0
  %two = torch.constant.int 2
  %base = torch.aten.neg %x : !torch.tensor<[4],f32> -> !torch.tensor<[4],f32>
  %list = torch.aten.split.Tensor %base, %two, %zero : !torch.tensor<[4],f32>, !torch.int, !torch.int -> !torch.list<tensor<[2],f32>>
  %parts:2 = torch.prim.ListUnpack %list : !torch.list<tensor<[2],f32>> -> !torch.tensor<[2],f32>, !torch.tensor<[2],f32>
  %w = torch.aten.relu_ %parts#1 : !torch.tensor<[2],f32> -> !torch.tensor<[2],f32>
  return %base : !torch.tensor<[4],f32>
}

// A list is read where its reader is.
// CHECK-LABEL: func.func @list
// CHECK: %[[NEW:.*]] = torch.aten.relu
// CHECK: %[[LIST:.*]] = torch.prim.ListConstruct %[[NEW]], %[[NEW]]
// CHECK: torch.aten.cat %[[LIST]]
func.func @list(%x: !torch.tensor<[4],f32>) -> !torch.tensor<[8],f32> {
  %zero = torch.constant.int 0
  %base = torch.aten.neg %x : !torch.tensor<[4],f32> -> !torch.tensor<[4],f32>
  %list = torch.prim.ListConstruct %base, %base : (!torch.tensor<[4],f32>, !torch.tensor<[4],f32>) -> !torch.list<tensor>
  %w = torch.aten.relu_ %base : !torch.tensor<[4],f32> -> !torch.tensor<[4],f32>
  %cat = torch.aten.cat %list, %zero : !torch.list<tensor>, !torch.int -> !torch.tensor<[8],f32>
  return %cat : !torch.tensor<[8],f32>
}

// A global that is written is mutable, and stored at the end.
// CHECK: ml_program.global private mutable @count
ml_program.global private @count(#ml_program.extern : !torch.vtensor<[1],f32>) : !torch.vtensor<[1],f32>
// CHECK-LABEL: func.func @state
// CHECK: %[[OLD:.*]] = ml_program.global_load @count
// CHECK: %[[NEW:.*]] = torch.aten.add.Scalar %[[OLD]]
// CHECK: ml_program.global_store @count = %[[NEW]]
// CHECK: return %[[NEW]]
func.func @state() -> !torch.tensor<[1],f32> {
  %one = torch.constant.int 1
  %load = ml_program.global_load_const @count : !torch.vtensor<[1],f32>
  %count = torch.copy.to_tensor %load : !torch.tensor<[1],f32>
  %w = torch.aten.add_.Scalar %count, %one, %one : !torch.tensor<[1],f32>, !torch.int, !torch.int -> !torch.tensor<[1],f32>
  return %count : !torch.tensor<[1],f32>
}

// The importer knows of the strides whether a reshape is a view.
// CHECK-LABEL: func.func @reshapes
// CHECK: %[[BASE:.*]] = torch.aten.neg
// CHECK: %[[VIEW:.*]] = torch.aten.reshape %[[BASE]]
// CHECK: %[[ZERO:.*]] = torch.aten.zero %[[VIEW]]
// CHECK: %[[BACK:.*]] = torch.aten.view %[[ZERO]]
// CHECK: %[[COPY:.*]] = torch.aten.reshape %[[BACK]]
// CHECK: torch.aten.relu %[[COPY]]
// CHECK: return %[[BACK]]
func.func @reshapes(%x: !torch.tensor<[2,3],f32>) -> !torch.tensor<[2,3],f32> {
  %n = torch.constant.int -1
  %list = torch.prim.ListConstruct %n : (!torch.int) -> !torch.list<int>
  %base = torch.aten.neg %x : !torch.tensor<[2,3],f32> -> !torch.tensor<[2,3],f32>
  %view = torch.aten.reshape %base, %list {torchc.is_view = true} : !torch.tensor<[2,3],f32>, !torch.list<int> -> !torch.tensor<[6],f32>
  %w = torch.aten.zero_ %view : !torch.tensor<[6],f32> -> !torch.tensor<[6],f32>
  %copy = torch.aten.reshape %base, %list {torchc.is_view = false} : !torch.tensor<[2,3],f32>, !torch.list<int> -> !torch.tensor<[6],f32>
  %u = torch.aten.relu_ %copy : !torch.tensor<[6],f32> -> !torch.tensor<[6],f32>
  return %base : !torch.tensor<[2,3],f32>
}

// An expansion that repeats nothing can be undone, and so can a diagonal.
// CHECK-LABEL: func.func @diagonal_of_expansion
// CHECK: %[[BASE:.*]] = torch.aten.neg
// CHECK: %[[WIDE:.*]] = torch.aten.expand %[[BASE]]
// CHECK: %[[LINE:.*]] = torch.aten.diagonal %[[WIDE]]
// CHECK: %[[NEW:.*]] = torch.aten.relu %[[LINE]]
// CHECK: %[[SCATTERED:.*]] = torch.aten.diagonal_scatter %[[WIDE]], %[[NEW]]
// CHECK: %[[BACK:.*]] = torch.aten.view %[[SCATTERED]]
// CHECK: return %[[BACK]]
func.func @diagonal_of_expansion(%x: !torch.tensor<[2,3],f32>) -> !torch.tensor<[2,3],f32> {
  %false = torch.constant.bool false
  %zero = torch.constant.int 0
  %one = torch.constant.int 1
  %two = torch.constant.int 2
  %three = torch.constant.int 3
  %list = torch.prim.ListConstruct %one, %two, %three : (!torch.int, !torch.int, !torch.int) -> !torch.list<int>
  %base = torch.aten.neg %x : !torch.tensor<[2,3],f32> -> !torch.tensor<[2,3],f32>
  %wide = torch.aten.expand %base, %list, %false : !torch.tensor<[2,3],f32>, !torch.list<int>, !torch.bool -> !torch.tensor<[1,2,3],f32>
  %line = torch.aten.diagonal %wide, %zero, %one, %two : !torch.tensor<[1,2,3],f32>, !torch.int, !torch.int, !torch.int -> !torch.tensor<[1,2],f32>
  %w = torch.aten.relu_ %line : !torch.tensor<[1,2],f32> -> !torch.tensor<[1,2],f32>
  return %base : !torch.tensor<[2,3],f32>
}

// Of five elements in three parts, the second has two.
// CHECK-LABEL: func.func @tensor_split
// CHECK: %[[FOUR:.*]] = torch.constant.int 4
// CHECK: torch.aten.slice_scatter %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %[[FOUR]]
func.func @tensor_split(%x: !torch.tensor<[5],f32>) -> !torch.tensor<[5],f32> {
  %zero = torch.constant.int 0
  %three = torch.constant.int 3
  %base = torch.aten.neg %x : !torch.tensor<[5],f32> -> !torch.tensor<[5],f32>
  %list = torch.aten.tensor_split.sections %base, %three, %zero : !torch.tensor<[5],f32>, !torch.int, !torch.int -> !torch.list<tensor>
  %parts:3 = torch.prim.ListUnpack %list : !torch.list<tensor> -> !torch.tensor<[2],f32>, !torch.tensor<[2],f32>, !torch.tensor<[1],f32>
  %w = torch.aten.relu_ %parts#1 : !torch.tensor<[2],f32> -> !torch.tensor<[2],f32>
  return %base : !torch.tensor<[5],f32>
}

// An op whose result type nothing infers writes the tensor's own dtype.
// CHECK-LABEL: func.func @index_fill
// CHECK: torch.aten.index_fill.int_Scalar {{.*}} -> !torch.vtensor<[5],f32>
func.func @index_fill(%x: !torch.tensor<[5],f32>, %i: !torch.tensor<[2],si64>) -> !torch.tensor<[5],f32> {
  %zero = torch.constant.int 0
  %base = torch.aten.neg %x : !torch.tensor<[5],f32> -> !torch.tensor<[5],f32>
  %w = torch.aten.index_fill_.int_Scalar %base, %zero, %i, %zero : !torch.tensor<[5],f32>, !torch.int, !torch.tensor<[2],si64>, !torch.int -> !torch.tensor<[5],f32>
  return %base : !torch.tensor<[5],f32>
}

// A region mutates tensors of its own; what it reads of a mutable tensor is its value then.
// CHECK-LABEL: func.func @region
// CHECK-SAME: %[[CONDITION:.*]]: !torch.bool, %[[X:.*]]: !torch.vtensor<[2],f32>
// CHECK: %[[NEG:.*]] = torch.aten.neg %[[X]]
// CHECK: %[[IF:.*]] = torch.prim.If %[[CONDITION]]
// CHECK: %[[RELU:.*]] = torch.aten.relu %[[NEG]]
// CHECK: torch.prim.If.yield %[[RELU]]
// CHECK: torch.prim.If.yield %[[NEG]]
// CHECK: %[[EXP:.*]] = torch.aten.exp %[[NEG]]
// CHECK: return %[[IF]], %[[EXP]]
func.func @region(%condition: !torch.bool, %x: !torch.tensor<[2],f32>) -> (!torch.vtensor<[2],f32>, !torch.tensor<[2],f32>) {
  %neg = torch.aten.neg %x : !torch.tensor<[2],f32> -> !torch.tensor<[2],f32>
  %value = torch.copy.to_vtensor %neg : !torch.vtensor<[2],f32>
  %if = torch.prim.If %condition -> (!torch.vtensor<[2],f32>) {
    %own = torch.copy.to_tensor %value : !torch.tensor<[2],f32>
    %relu = torch.aten.relu_ %own : !torch.tensor<[2],f32> -> !torch.tensor<[2],f32>
    %result = torch.copy.to_vtensor %own : !torch.vtensor<[2],f32>
    torch.prim.If.yield %result : !torch.vtensor<[2],f32>
  } else {
    torch.prim.If.yield %value : !torch.vtensor<[2],f32>
  }
  %exp = torch.aten.exp_ %neg : !torch.tensor<[2],f32> -> !torch.tensor<[2],f32>
  return %if, %exp : !torch.vtensor<[2],f32>, !torch.tensor<[2],f32>
}

// In training, a batch norm writes its running statistics.
// CHECK-LABEL: func.func @batch_norm(
// CHECK: %[[Y:.*]], %{{.*}}, %{{.*}}, %[[MEAN:.*]], %[[VAR:.*]] = torch.aten._native_batch_norm_legit_functional %arg0, %{{.*}}, %{{.*}}, %arg1, %arg2
// CHECK: return %[[Y]], %[[MEAN]], %[[VAR]]
func.func @batch_norm(%x: !torch.tensor<[2,3,4],f32>, %mean: !torch.tensor<[3],f32>, %var: !torch.tensor<[3],f32>) -> (!torch.tensor<[2,3,4],f32>, !torch.tensor<[3],f32>, !torch.tensor<[3],f32>) attributes {torchc.signature = {inputs = [{name = "x"}, {name = "mean"}, {name = "var"}], outputs = [{name = "y"}, {name = "m", mutates = "mean"}, {name = "v", mutates = "var"}]}} {
  %none = torch.constant.none
  %true = torch.constant.bool true
  %eps = torch.constant.float 1.000000e-01
  %r = torch.aten.batch_norm %x, %none, %none, %mean, %var, %true, %eps, %eps, %true : !torch.tensor<[2,3,4],f32>, !torch.none, !torch.none, !torch.tensor<[3],f32>, !torch.tensor<[3],f32>, !torch.bool, !torch.float, !torch.float, !torch.bool -> !torch.tensor<[2,3,4],f32>
  return %r, %mean, %var : !torch.tensor<[2,3,4],f32>, !torch.tensor<[3],f32>, !torch.tensor<[3],f32>
}
