// RUN: torchc-opt --torchc-lower-torch-to-linalg %s | FileCheck %s

// Tensors and integers are arguments; constants of other kinds are attributes, by position.
// CHECK-DAG: func.func private @"mylib::foo"(tensor<?x4xf32>, i64, i64) -> tensor<?x4xf32> attributes {torchc.custom_op = {attributes = "{\221\22:0.5,\223\22:[1,2],\225\22:\22mean\22}", name = "mylib::foo"}}
// CHECK-DAG: func.func private @"mylib::foo_0"(tensor<?x4xf32>) -> tensor<?x4xf32> attributes {torchc.custom_op = {attributes = "{}", name = "mylib::foo"}}
// CHECK-DAG: func.func private @"mylib::foo.out"(tensor<?x4xf32>) -> (tensor<?xi64>, tensor<f32>) attributes {torchc.custom_op = {attributes = "{}", name = "mylib::foo.out"}}

// CHECK-LABEL: func.func @forward
func.func @forward(%x: !torch.vtensor<[?,4],f32>) -> (!torch.vtensor<[?,4],f32>, !torch.vtensor<[?],si64>, !torch.vtensor<[],f32>) {
  %half = torch.constant.float 5.000000e-01
  %int1 = torch.constant.int 1
  %int2 = torch.constant.int 2
  %true = torch.constant.bool true
  %mean = torch.constant.str "mean"
  %list = torch.prim.ListConstruct %int1, %int2 : (!torch.int, !torch.int) -> !torch.list<int>
  // CHECK: %[[A:.*]] = call @"mylib::foo"(%arg0, %{{.*}}, %{{.*}})
  %0 = torch.operator "mylib.foo.default"(%x, %half, %int2, %list, %true, %mean) {torchc.custom_op} : (!torch.vtensor<[?,4],f32>, !torch.float, !torch.int, !torch.list<int>, !torch.bool, !torch.str) -> !torch.vtensor<[?,4],f32>
  // CHECK: %[[B:.*]] = call @"mylib::foo_0"(%[[A]])
  // CHECK: %[[C:.*]] = call @"mylib::foo_0"(%[[B]])
  %1 = torch.operator "mylib.foo.default"(%0) {torchc.custom_op} : (!torch.vtensor<[?,4],f32>) -> !torch.vtensor<[?,4],f32>
  %2 = torch.operator "mylib.foo.default"(%1) {torchc.custom_op} : (!torch.vtensor<[?,4],f32>) -> !torch.vtensor<[?,4],f32>
  // CHECK: %[[D:.*]]:2 = call @"mylib::foo.out"(%[[C]])
  %3:2 = torch.operator "mylib.foo.out"(%2) {torchc.custom_op} : (!torch.vtensor<[?,4],f32>) -> (!torch.vtensor<[?],si64>, !torch.vtensor<[],f32>)
  return %2, %3#0, %3#1 : !torch.vtensor<[?,4],f32>, !torch.vtensor<[?],si64>, !torch.vtensor<[],f32>
}
