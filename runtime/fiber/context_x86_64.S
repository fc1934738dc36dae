// SPDX-License-Identifier: Apache-2.0
//
// The context switch for x86-64, System V ABI. Upon the stack of a context that is not running,
// from sp:
//
//     0 mxcsr, 4 x87 control word, 8 r15, 16 r14, 24 r13, 32 r12, 40 rbx, 48 rbp, 56 resume address
//
// The resume address is popped and jumped to: the processor's return predictor remembers calls, not
// stacks, so a `ret` to another stack is mispredicted every time (11 ns instead of 2-3).
// No IBT or shadow-stack note on purpose: a linker that finds none turns both off for the
// executable.

#if defined(__x86_64__)

        .text

// Context* spindle_context_switch(void** save_sp [rdi], void* load_sp [rsi], Context* passed [rdx])
        .globl  spindle_context_switch
        .hidden spindle_context_switch
        .type   spindle_context_switch, @function
        .p2align 5
spindle_context_switch:
        .cfi_startproc
        pushq   %rbp
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbp, 0
        pushq   %rbx
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbx, 0
        pushq   %r12
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r12, 0
        pushq   %r13
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r13, 0
        pushq   %r14
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r14, 0
        pushq   %r15
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r15, 0
        subq    $8, %rsp
        .cfi_adjust_cfa_offset 8
        stmxcsr (%rsp)
        fnstcw  4(%rsp)

        movq    %rsp, (%rdi)
        movq    %rsi, %rsp              // the other stack has the same layout: the CFI stays true
        movq    %rdx, %rax

        ldmxcsr (%rsp)
        fldcw   4(%rsp)
        addq    $8, %rsp
        .cfi_adjust_cfa_offset -8
        popq    %r15
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r15
        popq    %r14
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r14
        popq    %r13
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r13
        popq    %r12
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r12
        popq    %rbx
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbx
        popq    %rbp
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbp
        popq    %rcx
        .cfi_adjust_cfa_offset -8
        .cfi_register %rip, %rcx
        jmpq    *%rcx
        .cfi_endproc
        .size   spindle_context_switch, . - spindle_context_switch

// Where a new context resumes. The return address is declared undefined: unwinders, profilers and
// debuggers end here. The nop gives the resume address a predecessor within this function, which is
// where an unwinder looks.
        .type   spindle_context_first_frame, @function
        .p2align 4
spindle_context_first_frame:
        .cfi_startproc
        .cfi_undefined %rip
        nop
.Lresume:
        movq    %rax, %rdi              // the context left
        movq    %r12, %rsi              // entry
        movq    %r13, %rdx              // argument
        callq   spindle_context_begin
        ud2
        .cfi_endproc
        .size   spindle_context_first_frame, . - spindle_context_first_frame

// void* spindle_context_prepare(void* top [rdi, 16-aligned], entry [rsi], argument [rdx]) -> sp
        .globl  spindle_context_prepare
        .hidden spindle_context_prepare
        .type   spindle_context_prepare, @function
        .p2align 4
spindle_context_prepare:
        .cfi_startproc
        leaq    -80(%rdi), %rax
        stmxcsr (%rax)
        fnstcw  4(%rax)
        xorl    %ecx, %ecx
        movq    %rcx, 8(%rax)
        movq    %rcx, 16(%rax)
        movq    %rdx, 24(%rax)          // r13
        movq    %rsi, 32(%rax)          // r12
        movq    %rcx, 40(%rax)
        movq    %rcx, 48(%rax)          // rbp: the chain of frame pointers ends
        leaq    .Lresume(%rip), %rdx
        movq    %rdx, 56(%rax)
        movq    %rcx, 64(%rax)          // where a return address would be
        movq    %rcx, 72(%rax)
        ret
        .cfi_endproc
        .size   spindle_context_prepare, . - spindle_context_prepare

// void spindle_context_unwind(void* sp [rdi], _Unwind_Trace_Fn [rsi], void* argument [rdx])
// Calls _Unwind_Backtrace from a frame whose CFI says that it was called from where the context stands: the
// unwinder goes on upon the other stack, while this thread stays upon its own.
        .globl  spindle_context_unwind
        .hidden spindle_context_unwind
        .type   spindle_context_unwind, @function
        .p2align 4
spindle_context_unwind:
        .cfi_startproc
        pushq   %rbx
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbx, 0
        movq    %rdi, %rbx
        movq    %rsi, %rdi
        movq    %rdx, %rsi
        .cfi_remember_state
        .cfi_def_cfa %rbx, 64
        .cfi_offset %rbp, -16
        .cfi_offset %rbx, -24
        .cfi_offset %r12, -32
        .cfi_offset %r13, -40
        .cfi_offset %r14, -48
        .cfi_offset %r15, -56
        callq   _Unwind_Backtrace@PLT
        nop
        .cfi_restore_state
        popq    %rbx
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbx
        ret
        .cfi_endproc
        .size   spindle_context_unwind, . - spindle_context_unwind

#endif

        .section .note.GNU-stack, "", @progbits
