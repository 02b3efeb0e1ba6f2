// What a thread of the target runs for us on aarch64. aarch64.py holds the same as bytes; a test assembles and compares.
// Never run on real hardware: it was only emulated (tests/unit/attach/test_machine_aarch64.py).
//
// The block lies in the padding after an executable segment: it may read itself, never write itself. Literals and
// entries stand at fixed offsets (kdiag/attach/machine/__init__.py), the host fills the literals in.
//
// A borrowed thread comes in at `spawn` or `pend` with sp on the frame that the host has written below its stack:
//      0 state    8 pthread_t    16 pending signals
//     24 call: 0 no system call was interrupted; 1 one that is made again unless a signal came
//     32 a signal frame as the kernel writes it for a handler, with all registers: 1136 bytes of it are used
// No register is left over for a jump that restores all of them, so it goes back as a handler does: rt_sigreturn takes
// all registers and the signal mask from the frame at once. Nobody needs to be there to help it. Where a page demands
// it (BTI), every place that is called or jumped to by a register must begin with `bti c`, elsewhere a no-op.

    .arch armv8-a
    .text

    .equ FRAME, 32
    .equ ALTERNATE_STACK, FRAME + 144
    .equ MASK, FRAME + 168
    .equ X0, FRAME + 312
    .equ PC, FRAME + 568

pthread_create:     .quad 0
pthread_detach:     .quad 0
is_initialized:     .quad 0
ensure:             .quad 0
run:                .quad 0
release:            .quad 0
add_pending_call:   .quad 0
text:               .quad 0
resume:             .quad 0             // not needed: it stands in the signal frame
resume_interrupted: .quad 0

    adr x20, make_thread            // entry: spawn
    b borrow
    .org 96
    adr x20, ask_main               // entry: pend
    b borrow
    .org 112
    hint #34                        // bti c; entry: thread
    b thread_body
    .org 120
signals:                            // all but those of faults (SEGV, BUS, ILL, FPE, TRAP, SYS) and of libc itself
    .quad ~((1 << 3) | (1 << 4) | (1 << 6) | (1 << 7) | (1 << 10) | (1 << 30) | (1 << 31) | (1 << 32))

borrow:
    mov x19, sp
    mov x0, #0                      // rt_sigprocmask(SIG_BLOCK, signals, old, 8): old is what sigreturn sets
    adr x1, signals
    add x2, x19, #MASK
    mov x3, #8
    mov x8, #135
    svc #0
    mov x0, #0                      // sigaltstack(0, old), for the same reason
    add x1, x19, #ALTERNATE_STACK
    mov x8, #132
    svc #0

    blr x20
    mov w21, w0

    ldr w9, [x19, #24]
    cbz w9, 1f
    str xzr, [x19, #16]
    add x0, x19, #16                // rt_sigpending(pending, 8)
    mov x1, #8
    mov x8, #136
    svc #0
    ldr x9, [x19, #16]
    ldr x10, [x19, #MASK]
    bic x9, x9, x10
    cbz x9, 1f
    ldr x9, resume_interrupted      // a signal came for this thread: its call ends with EINTR, as it would have
    str x9, [x19, #PC]
    mov x9, #-4
    str x9, [x19, #X0]

1:  cmp w21, #0
    cset x9, ne
    add x9, x9, #1
    ldr x10, [x19]
    add x10, x10, x9
    str x10, [x19]                  // state: + 1 it worked, + 2 it was refused
    add sp, x19, #FRAME
    mov x8, #139                    // rt_sigreturn()
    svc #0

ask_main:                           // of the main thread, at any instruction
    hint #34
    stp x29, x30, [sp, #-16]!
    mov x29, sp
    adr x0, pending
    mov x1, #0
    ldr x9, add_pending_call
    blr x9
    ldp x29, x30, [sp], #16
    ret

pending:                            // int pending(void *): in the interpreter's loop, with the GIL
    hint #34
    stp x29, x30, [sp, #-16]!
    mov x29, sp
    bl make_thread
    mov w0, #0                      // a refusal is seen by nobody coming; the interpreter must not see it
    ldp x29, x30, [sp], #16
    ret

make_thread:                        // returns 0, or the error number of pthread_create
    hint #34
    stp x29, x30, [sp, #-32]!
    mov x29, sp
    add x0, sp, #16
    mov x1, #0
    adr x2, pthread_create + 112    // entry: thread
    mov x3, #0
    ldr x9, pthread_create
    blr x9
    cbnz w0, 2f
    ldr x0, [sp, #16]
    ldr x9, pthread_detach
    blr x9
    mov w0, #0
2:  ldp x29, x30, [sp], #32
    ret

thread_body:                        // void *thread(void *): a thread of our own
    stp x29, x30, [sp, #-32]!
    mov x29, sp
    str x19, [sp, #16]
    mov x0, #0                      // rt_sigprocmask(SIG_BLOCK, signals, 0, 8): the service's signals are not for us
    adr x1, signals
    mov x2, #0
    mov x3, #8
    mov x8, #135
    svc #0
    ldr x9, is_initialized
    blr x9
    cbz w0, 3f
    ldr x9, ensure
    blr x9
    mov w19, w0
    ldr x0, text
    mov x1, #0
    ldr x9, run
    blr x9
    mov w0, w19
    ldr x9, release
    blr x9
3:  mov x0, #0
    ldr x19, [sp, #16]
    ldp x29, x30, [sp], #32
    ret
