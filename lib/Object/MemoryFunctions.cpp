//===- MemoryFunctions.cpp - memcpy and its kin for kernel libraries ---===//
//
// Part of torchc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// LLVM may lower a copy or a fill to a call of the C library's function, and a
// kernel library has no C library. Blocks of 64 bytes, then single bytes: short
// copies are inlined by LLVM and do not come here.
//
//===----------------------------------------------------------------------===//

#include "torchc/Object/EmitObject.h"

using namespace torchc;

static constexpr llvm::StringLiteral kSource = R"(
define ptr @memcpy(ptr noalias returned %to, ptr noalias %from, i64 %size) {
  %copied = call ptr @copy_up(ptr %to, ptr %from, i64 %size)
  ret ptr %to
}

define ptr @memmove(ptr returned %to, ptr %from, i64 %size) {
  %t = ptrtoint ptr %to to i64
  %f = ptrtoint ptr %from to i64
  %ahead = sub i64 %t, %f
  %overlaps = icmp ult i64 %ahead, %size
  br i1 %overlaps, label %down, label %up
up:
  %copied.up = call ptr @copy_up(ptr %to, ptr %from, i64 %size)
  ret ptr %to
down:
  %copied.down = call ptr @copy_down(ptr %to, ptr %from, i64 %size)
  ret ptr %to
}

define internal ptr @copy_up(ptr %to, ptr %from, i64 %size) {
entry:
  %blocks.end = and i64 %size, -64
  %any.block = icmp ne i64 %blocks.end, 0
  br i1 %any.block, label %block, label %tail
block:
  %i = phi i64 [ 0, %entry ], [ %i.next, %block ]
  %block.from = getelementptr i8, ptr %from, i64 %i
  %block.to = getelementptr i8, ptr %to, i64 %i
  %v = load <64 x i8>, ptr %block.from, align 1
  store <64 x i8> %v, ptr %block.to, align 1
  %i.next = add i64 %i, 64
  %more.blocks = icmp ult i64 %i.next, %blocks.end
  br i1 %more.blocks, label %block, label %tail
tail:
  %any.byte = icmp ult i64 %blocks.end, %size
  br i1 %any.byte, label %byte, label %done
byte:
  %j = phi i64 [ %blocks.end, %tail ], [ %j.next, %byte ]
  %byte.from = getelementptr i8, ptr %from, i64 %j
  %byte.to = getelementptr i8, ptr %to, i64 %j
  %b = load i8, ptr %byte.from
  store i8 %b, ptr %byte.to
  %j.next = add i64 %j, 1
  %more.bytes = icmp ult i64 %j.next, %size
  br i1 %more.bytes, label %byte, label %done
done:
  ret ptr %to
}

define internal ptr @copy_down(ptr %to, ptr %from, i64 %size) {
entry:
  %any.block = icmp uge i64 %size, 64
  br i1 %any.block, label %block, label %tail
block:
  %i = phi i64 [ %size, %entry ], [ %i.next, %block ]
  %i.next = sub i64 %i, 64
  %block.from = getelementptr i8, ptr %from, i64 %i.next
  %block.to = getelementptr i8, ptr %to, i64 %i.next
  %v = load <64 x i8>, ptr %block.from, align 1
  store <64 x i8> %v, ptr %block.to, align 1
  %more.blocks = icmp uge i64 %i.next, 64
  br i1 %more.blocks, label %block, label %tail
tail:
  %rest = phi i64 [ %size, %entry ], [ %i.next, %block ]
  %any.byte = icmp ne i64 %rest, 0
  br i1 %any.byte, label %byte, label %done
byte:
  %j = phi i64 [ %rest, %tail ], [ %j.next, %byte ]
  %j.next = sub i64 %j, 1
  %byte.from = getelementptr i8, ptr %from, i64 %j.next
  %byte.to = getelementptr i8, ptr %to, i64 %j.next
  %b = load i8, ptr %byte.from
  store i8 %b, ptr %byte.to
  %more.bytes = icmp ne i64 %j.next, 0
  br i1 %more.bytes, label %byte, label %done
done:
  ret ptr %to
}

define ptr @memset(ptr returned %to, i32 %value, i64 %size) {
entry:
  %b = trunc i32 %value to i8
  %first = insertelement <64 x i8> poison, i8 %b, i64 0
  %v = shufflevector <64 x i8> %first, <64 x i8> poison, <64 x i32> zeroinitializer
  %blocks.end = and i64 %size, -64
  %any.block = icmp ne i64 %blocks.end, 0
  br i1 %any.block, label %block, label %tail
block:
  %i = phi i64 [ 0, %entry ], [ %i.next, %block ]
  %block.to = getelementptr i8, ptr %to, i64 %i
  store <64 x i8> %v, ptr %block.to, align 1
  %i.next = add i64 %i, 64
  %more.blocks = icmp ult i64 %i.next, %blocks.end
  br i1 %more.blocks, label %block, label %tail
tail:
  %any.byte = icmp ult i64 %blocks.end, %size
  br i1 %any.byte, label %byte, label %done
byte:
  %j = phi i64 [ %blocks.end, %tail ], [ %j.next, %byte ]
  %byte.to = getelementptr i8, ptr %to, i64 %j
  store i8 %b, ptr %byte.to
  %j.next = add i64 %j, 1
  %more.bytes = icmp ult i64 %j.next, %size
  br i1 %more.bytes, label %byte, label %done
done:
  ret ptr %to
}

define i32 @memcmp(ptr %left, ptr %right, i64 %size) {
entry:
  %any = icmp ne i64 %size, 0
  br i1 %any, label %byte, label %equal
byte:
  %i = phi i64 [ 0, %entry ], [ %i.next, %same ]
  %left.at = getelementptr i8, ptr %left, i64 %i
  %right.at = getelementptr i8, ptr %right, i64 %i
  %l = load i8, ptr %left.at
  %r = load i8, ptr %right.at
  %differs = icmp ne i8 %l, %r
  br i1 %differs, label %different, label %same
same:
  %i.next = add i64 %i, 1
  %more = icmp ult i64 %i.next, %size
  br i1 %more, label %byte, label %equal
different:
  %l.wide = zext i8 %l to i32
  %r.wide = zext i8 %r to i32
  %difference = sub i32 %l.wide, %r.wide
  ret i32 %difference
equal:
  ret i32 0
}
)";

llvm::Expected<ObjectBytes> torchc::emitMemoryFunctions(llvm::TargetMachine &machine) {
  return emitObject(kSource, machine);
}
