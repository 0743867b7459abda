target triple = "x86_64-unknown-linux-gnu"

define internal void @"row_sums.row"(ptr %captured, i64 %begin, i64 %end) #0 {
entry:
  %p1 = getelementptr i8, ptr %captured, i64 0
  %a1 = load i64, ptr %p1, align 8
  %p2 = getelementptr i8, ptr %captured, i64 8
  %a2 = load ptr, ptr %p2, align 8
  %p3 = getelementptr i8, ptr %captured, i64 16
  %a3 = load ptr, ptr %p3, align 8
  %v2 = and i64 %a1, -16
  %v9 = icmp slt i64 %v2, %a1
  %v11 = sub i64 0, %v2
  %v12 = sub i64 %a1, %v2
  %v13 = call i64 @llvm.smin.i64(i64 %v12, i64 16)
  %v14 = trunc i64 %v13 to i32
  %v18 = getelementptr float, ptr %a2, i64 %v2
  %g1 = icmp slt i64 %begin, %end
  br i1 %g1, label %loop1, label %done1
loop1:
  %i1 = phi i64 [ %begin, %entry ], [ %n1, %join10 ]
  %v4 = mul i64 %a1, %i1
  %v5 = getelementptr float, ptr %a2, i64 %v4
  %g3 = icmp slt i64 0, %v2
  br i1 %g3, label %loop3, label %done3
loop3:
  %i3 = phi i64 [ 0, %loop1 ], [ %n3, %loop3 ]
  %c3.0 = phi <16 x float> [ splat (float 0.0), %loop1 ], [ %v8, %loop3 ]
  %v6 = getelementptr float, ptr %v5, i64 %i3
  %v7 = load <16 x float>, ptr %v6, align 4
  %v8 = fadd <16 x float> %c3.0, %v7
  %n3 = add i64 %i3, 16
  %m3 = icmp slt i64 %n3, %v2
  br i1 %m3, label %loop3, label %done3
done3:
  %x3.0 = phi <16 x float> [ splat (float 0.0), %loop1 ], [ %v8, %loop3 ]
  %v19 = getelementptr float, ptr %v18, i64 %v4
  br i1 %v9, label %then10, label %else10
then10:
  %v15 = insertelement <16 x i32> poison, i32 %v14, i64 0
  %v16 = shufflevector <16 x i32> %v15, <16 x i32> poison, <16 x i32> zeroinitializer
  %v17 = icmp slt <16 x i32> <i32 0, i32 1, i32 2, i32 3, i32 4, i32 5, i32 6, i32 7, i32 8, i32 9, i32 10, i32 11, i32 12, i32 13, i32 14, i32 15>, %v16
  %v20 = call <16 x float> @llvm.masked.load.v16f32.p0(ptr align 4 %v19, <16 x i1> %v17, <16 x float> zeroinitializer)
  %v21 = fadd <16 x float> %x3.0, %v20
  %v22 = select <16 x i1> %v17, <16 x float> %v21, <16 x float> %x3.0
  br label %join10
else10:
  br label %join10
join10:
  %v23 = phi <16 x float> [ %v22, %then10 ], [ %x3.0, %else10 ]
  %v24 = shufflevector <16 x float> %v23, <16 x float> poison, <16 x i32> <i32 8, i32 9, i32 10, i32 11, i32 12, i32 13, i32 14, i32 15, i32 poison, i32 poison, i32 poison, i32 poison, i32 poison, i32 poison, i32 poison, i32 poison>
  %v25 = fadd <16 x float> %v23, %v24
  %v26 = shufflevector <16 x float> %v25, <16 x float> poison, <16 x i32> <i32 4, i32 5, i32 6, i32 7, i32 8, i32 9, i32 10, i32 11, i32 12, i32 13, i32 14, i32 15, i32 poison, i32 poison, i32 poison, i32 poison>
  %v27 = fadd <16 x float> %v25, %v26
  %v28 = shufflevector <16 x float> %v27, <16 x float> poison, <16 x i32> <i32 2, i32 3, i32 4, i32 5, i32 6, i32 7, i32 8, i32 9, i32 10, i32 11, i32 12, i32 13, i32 14, i32 15, i32 poison, i32 poison>
  %v29 = fadd <16 x float> %v27, %v28
  %v30 = shufflevector <16 x float> %v29, <16 x float> poison, <16 x i32> <i32 1, i32 2, i32 3, i32 4, i32 5, i32 6, i32 7, i32 8, i32 9, i32 10, i32 11, i32 12, i32 13, i32 14, i32 15, i32 poison>
  %v31 = fadd <16 x float> %v29, %v30
  %v32 = extractelement <16 x float> %v31, i64 0
  %v33 = getelementptr float, ptr %a3, i64 %i1
  store float %v32, ptr %v33, align 4
  %n1 = add i64 %i1, 1
  %m1 = icmp slt i64 %n1, %end
  br i1 %m1, label %loop1, label %done1
done1:
  ret void
}

define internal void @"row_sums"(ptr %context, ptr %checks, ptr %b0.x, ptr %b1.out, i64 %s0.rows, i64 %s1.columns) #0 {
entry:
  %stack1 = alloca [24 x i8], align 64
  %v2 = getelementptr i8, ptr %stack1, i64 0
  store i64 %s1.columns, ptr %v2, align 8
  %v3 = getelementptr i8, ptr %stack1, i64 8
  store ptr %b0.x, ptr %v3, align 8
  %v4 = getelementptr i8, ptr %stack1, i64 16
  store ptr %b1.out, ptr %v4, align 8
  %v5 = call i64 @llvm.smax.i64(i64 %s1.columns, i64 1)
  %v6 = mul i64 %v5, %s0.rows
  %v7 = icmp slt i64 %v6, 30000
  br i1 %v7, label %alone8, label %shared8
alone8:
  call void @"row_sums.row"(ptr %stack1, i64 0, i64 %s0.rows)
  br label %joined8
shared8:
  %share8 = udiv i64 10000, %v5
  %grain8 = add i64 %share8, 1
  %run8 = load ptr, ptr %context, align 8
  call void %run8(ptr %context, ptr @"row_sums.row", ptr %stack1, i64 %s0.rows, i64 %grain8)
  br label %joined8
joined8:
  ret void
}

define i64 @entry(ptr %context, ptr %pointers, ptr %sizes, ptr %arena) #0 {
entry:
  %v1 = getelementptr ptr, ptr %pointers, i64 0
  %v2 = load ptr, ptr %v1, align 8
  %v3 = getelementptr ptr, ptr %pointers, i64 1
  %v4 = load ptr, ptr %v3, align 8
  %v5 = getelementptr i64, ptr %sizes, i64 0
  %v6 = load i64, ptr %v5, align 8
  %v7 = getelementptr i64, ptr %sizes, i64 1
  %v8 = load i64, ptr %v7, align 8
  call void @"row_sums"(ptr %context, ptr null, ptr %v2, ptr %v4, i64 %v6, i64 %v8)
  ret i64 0
}

declare <16 x float> @llvm.masked.load.v16f32.p0(ptr, <16 x i1>, <16 x float>)
declare i64 @llvm.smax.i64(i64, i64)
declare i64 @llvm.smin.i64(i64, i64)

attributes #0 = { nounwind "prefer-vector-width"="512" }
!0 = !{!"branch_weights", i32 1, i32 100000}
