// SPDX-License-Identifier: Apache-2.0
//
// The context switch for aarch64, AAPCS64. Upon the stack of a context that is not running, from
// sp:
//
//     0 x19 x20, 16 x21 x22, 32 x23 x24, 48 x25 x26, 64 x27 x28, 80 x29 resume address,
//     96 d8 d9, 112 d10 d11, 128 d12 d13, 144 d14 d15, 160 fpcr
//
// Resumes by `br`, not `ret`, for the sake of the return predictor; x30 is free to differ after a
// call. No BTI note on purpose: a linker that finds none turns it off for the executable.

#if defined(__aarch64__)

        .text

// Context* spindle_context_switch(void** save_sp [x0], void* load_sp [x1], Context* passed [x2])
        .globl  spindle_context_switch
        .hidden spindle_context_switch
        .type   spindle_context_switch, %function
        .p2align 5
spindle_context_switch:
        .cfi_startproc
        sub     sp, sp, #176
        .cfi_def_cfa_offset 176
        stp     x19, x20, [sp]
        stp     x21, x22, [sp, #16]
        stp     x23, x24, [sp, #32]
        stp     x25, x26, [sp, #48]
        stp     x27, x28, [sp, #64]
        stp     x29, x30, [sp, #80]
        .cfi_offset x19, -176
        .cfi_offset x20, -168
        .cfi_offset x21, -160
        .cfi_offset x22, -152
        .cfi_offset x23, -144
        .cfi_offset x24, -136
        .cfi_offset x25, -128
        .cfi_offset x26, -120
        .cfi_offset x27, -112
        .cfi_offset x28, -104
        .cfi_offset x29, -96
        .cfi_offset x30, -88
        stp     d8, d9, [sp, #96]
        stp     d10, d11, [sp, #112]
        stp     d12, d13, [sp, #128]
        stp     d14, d15, [sp, #144]
        mrs     x9, fpcr
        str     x9, [sp, #160]

        mov     x10, sp
        stlr    x10, [x0]               // an inspector that reads it sees what lies upon the stack
        mov     sp, x1                  // the other stack has the same layout: the CFI stays true
        mov     x0, x2

        ldr     x10, [sp, #160]
        cmp     x9, x10                 // writing fpcr is dear, and it is nearly always the same
        b.eq    1f
        msr     fpcr, x10
1:      ldp     d8, d9, [sp, #96]
        ldp     d10, d11, [sp, #112]
        ldp     d12, d13, [sp, #128]
        ldp     d14, d15, [sp, #144]
        ldp     x19, x20, [sp]
        ldp     x21, x22, [sp, #16]
        ldp     x23, x24, [sp, #32]
        ldp     x25, x26, [sp, #48]
        ldp     x27, x28, [sp, #64]
        ldp     x29, x16, [sp, #80]
        .cfi_restore x19
        .cfi_restore x20
        .cfi_restore x21
        .cfi_restore x22
        .cfi_restore x23
        .cfi_restore x24
        .cfi_restore x25
        .cfi_restore x26
        .cfi_restore x27
        .cfi_restore x28
        .cfi_restore x29
        .cfi_register x30, x16
        add     sp, sp, #176
        .cfi_def_cfa_offset 0
        br      x16
        .cfi_endproc
        .size   spindle_context_switch, . - spindle_context_switch

// Where a new context resumes. The return address is declared undefined: unwinders, profilers and
// debuggers end here. The nop gives the resume address a predecessor within this function, which is
// where an unwinder looks.
        .type   spindle_context_first_frame, %function
        .p2align 4
spindle_context_first_frame:
        .cfi_startproc
        .cfi_undefined x30
        nop
.Lresume:
        mov     x1, x19                 // entry (x0: the context left)
        mov     x2, x20                 // argument
        bl      spindle_context_begin
        brk     #1
        .cfi_endproc
        .size   spindle_context_first_frame, . - spindle_context_first_frame

// void* spindle_context_prepare(void* top [x0, 16-aligned], entry [x1], argument [x2]) -> sp
        .globl  spindle_context_prepare
        .hidden spindle_context_prepare
        .type   spindle_context_prepare, %function
        .p2align 4
spindle_context_prepare:
        .cfi_startproc
        sub     x0, x0, #176
        stp     x1, x2, [x0]            // x19, x20
        stp     xzr, xzr, [x0, #16]
        stp     xzr, xzr, [x0, #32]
        stp     xzr, xzr, [x0, #48]
        stp     xzr, xzr, [x0, #64]
        adr     x9, .Lresume
        stp     xzr, x9, [x0, #80]      // x29: the chain of frame pointers ends
        stp     xzr, xzr, [x0, #96]
        stp     xzr, xzr, [x0, #112]
        stp     xzr, xzr, [x0, #128]
        stp     xzr, xzr, [x0, #144]
        mrs     x9, fpcr
        str     x9, [x0, #160]
        ret
        .cfi_endproc
        .size   spindle_context_prepare, . - spindle_context_prepare

// void spindle_context_unwind(void* sp [x0], _Unwind_Trace_Fn [x1], void* argument [x2])
// Calls _Unwind_Backtrace from a frame whose CFI says that it was called from where the context stands: the
// unwinder goes on upon the other stack, while this thread stays upon its own.
        .globl  spindle_context_unwind
        .hidden spindle_context_unwind
        .type   spindle_context_unwind, %function
        .p2align 4
spindle_context_unwind:
        .cfi_startproc
        stp     x19, x30, [sp, #-16]!
        .cfi_def_cfa_offset 16
        .cfi_offset x19, -16
        .cfi_offset x30, -8
        mov     x19, x0
        mov     x0, x1
        mov     x1, x2
        .cfi_remember_state
        .cfi_def_cfa x19, 176
        .cfi_offset x19, -176
        .cfi_offset x20, -168
        .cfi_offset x21, -160
        .cfi_offset x22, -152
        .cfi_offset x23, -144
        .cfi_offset x24, -136
        .cfi_offset x25, -128
        .cfi_offset x26, -120
        .cfi_offset x27, -112
        .cfi_offset x28, -104
        .cfi_offset x29, -96
        .cfi_offset x30, -88
        bl      _Unwind_Backtrace
        nop
        .cfi_restore_state
        ldp     x19, x30, [sp], #16
        .cfi_def_cfa_offset 0
        .cfi_restore x19
        .cfi_restore x30
        ret
        .cfi_endproc
        .size   spindle_context_unwind, . - spindle_context_unwind

#endif

        .section .note.GNU-stack, "", %progbits
