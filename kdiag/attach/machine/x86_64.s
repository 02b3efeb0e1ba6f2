# What a thread of the target runs for us on x86-64. x86_64.py holds the same as bytes; a test assembles and compares.
#
# The block lies in the padding after an executable segment: it may read itself, never write itself. Literals and
# entries stand at fixed offsets (kdiag/attach/machine/__init__.py), the host fills the literals in.
#
# A borrowed thread comes in at `spawn` or `pend` with rsp on the frame that the host has written below its stack:
#     0 state    8 pthread_t    16 old signal mask    24 pending signals
#    32 call: 0 no system call was interrupted; 1 one that restarts unless a signal came; 2 (set here) one did
#    40 r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi rflags rsp
# It goes back by itself: nobody needs to be there to help it.

    .intel_syntax noprefix
    .text

.macro take_back                    # all registers, in the order of the frame; rsp stands on the first
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    pop r11
    pop r10
    pop r9
    pop r8
    pop rax
    pop rcx
    pop rdx
    pop rsi
    pop rdi
    popfq
    pop rsp
.endm

pthread_create:     .quad 0
pthread_detach:     .quad 0
is_initialized:     .quad 0
ensure:             .quad 0
run:                .quad 0
release:            .quad 0
add_pending_call:   .quad 0
text:               .quad 0
resume:             .quad 0
resume_interrupted: .quad 0

    .balign 8
    lea r14, [rip + make_thread]    # entry: spawn
    jmp borrow
    .org 96
    lea r14, [rip + ask_main]       # entry: pend
    jmp borrow
    .org 112
    jmp thread                      # entry: thread
    .org 120
signals:                            # all but those of faults (SEGV, BUS, ILL, FPE, TRAP, SYS) and of libc itself
    .quad ~((1 << 3) | (1 << 4) | (1 << 6) | (1 << 7) | (1 << 10) | (1 << 30) | (1 << 31) | (1 << 32))

borrow:
    mov rbp, rsp
    cld
    mov eax, 0xd                    # how many bytes the vector registers take with what is enabled
    xor ecx, ecx
    cpuid
    sub rsp, rbx
    and rsp, -64
    mov r12, rsp
    xor eax, eax
    lea rdi, [r12 + 512]            # the header must be zero
    mov ecx, 8
    rep stosq
    mov eax, -1
    mov edx, -1
    xsave64 [r12]

    mov eax, 14                     # rt_sigprocmask(SIG_BLOCK, signals, old, 8)
    xor edi, edi
    lea rsi, [rip + signals]
    lea rdx, [rbp + 16]
    mov r10d, 8
    syscall

    call r14
    mov r13d, eax

    cmp dword ptr [rbp + 32], 0
    je 1f
    mov qword ptr [rbp + 24], 0
    mov eax, 127                    # rt_sigpending(pending, 8)
    lea rdi, [rbp + 24]
    mov esi, 8
    syscall
    mov rax, [rbp + 16]
    not rax
    and rax, [rbp + 24]
    je 1f
    mov dword ptr [rbp + 32], 2     # a signal came for this thread: its call ends with EINTR, as it would have
    mov qword ptr [rbp + 120], -4

1:  mov eax, -1
    mov edx, -1
    xrstor64 [r12]
    mov eax, 14                     # rt_sigprocmask(SIG_SETMASK, old, 0, 8)
    mov edi, 2
    lea rsi, [rbp + 16]
    xor edx, edx
    mov r10d, 8
    syscall

    xor eax, eax
    test r13d, r13d
    setne al
    inc eax
    add [rbp], rax                  # state: + 1 it worked, + 2 it was refused
    cmp dword ptr [rbp + 32], 2
    lea rsp, [rbp + 40]
    je 2f
    take_back
    jmp [rip + resume]
2:  take_back
    jmp [rip + resume_interrupted]

ask_main:                           # of the main thread, at any instruction
    sub rsp, 8
    lea rdi, [rip + pending]
    xor esi, esi
    call [rip + add_pending_call]
    add rsp, 8
    ret

pending:                            # int pending(void *): in the interpreter's loop, with the GIL
    sub rsp, 8
    call make_thread
    xor eax, eax                    # a refusal is seen by nobody coming; the interpreter must not see it
    add rsp, 8
    ret

make_thread:                        # returns 0, or the error number of pthread_create
    sub rsp, 24
    lea rdi, [rsp + 8]
    xor esi, esi
    lea rdx, [rip + thread]
    xor ecx, ecx
    call [rip + pthread_create]
    test eax, eax
    jne 3f
    mov rdi, [rsp + 8]
    call [rip + pthread_detach]
    xor eax, eax
3:  add rsp, 24
    ret

thread:                             # void *thread(void *): a thread of our own
    push rbx
    mov eax, 14                     # rt_sigprocmask(SIG_BLOCK, signals, 0, 8): the service's signals are not for us
    xor edi, edi
    lea rsi, [rip + signals]
    xor edx, edx
    mov r10d, 8
    syscall
    call [rip + is_initialized]
    test eax, eax
    je 4f
    call [rip + ensure]
    mov ebx, eax
    mov rdi, [rip + text]
    xor esi, esi
    call [rip + run]
    mov edi, ebx
    call [rip + release]
4:  xor eax, eax
    pop rbx
    ret
