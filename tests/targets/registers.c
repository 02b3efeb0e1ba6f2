/* A function that keeps every register at a value of its own, and says whether one of them changed.
 *
 * parked: it holds them while its thread is parked in clock_nanosleep; running: while it computes.
 * Returns 0 when all is as it was, else the number of the first that is not (1-10 general, 11 red zone, 12-27 vector).
 */
#define PATTERN(n) (0x1122334455667700UL + (n))

static unsigned char vectors[16][32] __attribute__((aligned(32)));
static unsigned char seen[16][32] __attribute__((aligned(32)));

/* One round: sets them all, waits in a system call when `seconds` is not 0 or spins `spins` times, looks at them all. */
__attribute__((naked)) static long hold(const long *timespec, long spins, void *vectors, void *seen)
{
    __asm__(".intel_syntax noprefix\n"
            "push rbx\n push rbp\n push r12\n push r13\n push r14\n push r15\n"
            ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n vmovdqa ymm\\n, [rdx + \\n*32]\n .endr\n"
            "push rcx\n push rdi\n push rsi\n"
            "mov rbx, 0x1122334455667701\n mov rbp, 0x1122334455667702\n mov r12, 0x1122334455667703\n"
            "mov r13, 0x1122334455667704\n mov r14, 0x1122334455667705\n mov r15, 0x1122334455667706\n"
            "mov r8, 0x1122334455667707\n mov r9, 0x1122334455667708\n"
            "mov qword ptr [rsp - 8], rbx\n mov qword ptr [rsp - 64], rbp\n mov qword ptr [rsp - 128], r12\n"
            "test rdi, rdi\n jz 2f\n"
            "mov rdi, 1\n mov rsi, 0\n mov rdx, [rsp + 8]\n xor r10d, r10d\n mov eax, 230\n syscall\n" /* clock_nanosleep */
            "mov r10, 0x1122334455667709\n cmp rax, 0\n je 3f\n cmp rax, -4\n jne 9f\n jmp 3f\n"
            "2: mov r10, 0x1122334455667709\n mov rcx, rsi\n xor r11d, r11d\n stc\n"
            "4: inc r11\n lea rcx, [rcx - 1]\n jrcxz 5f\n jmp 4b\n"
            "5: cmp r11, rsi\n jne 9f\n"
            "3:\n"
            "mov rax, 0x1122334455667701\n cmp rbx, rax\n jne 11f\n inc rax\n cmp rbp, rax\n jne 12f\n"
            "cmp [rsp - 64], rax\n jne 20f\n"
            "inc rax\n cmp r12, rax\n jne 13f\n cmp [rsp - 128], rax\n jne 20f\n"
            "inc rax\n cmp r13, rax\n jne 14f\n inc rax\n cmp r14, rax\n jne 15f\n inc rax\n cmp r15, rax\n jne 16f\n"
            "inc rax\n cmp r8, rax\n jne 17f\n inc rax\n cmp r9, rax\n jne 18f\n inc rax\n cmp r10, rax\n jne 19f\n"
            "cmp [rsp - 8], rbx\n jne 20f\n"
            "xor eax, eax\n jmp 8f\n"
            "9: mov eax, 10\n jmp 8f\n"
            "11: mov eax, 1\n jmp 8f\n 12: mov eax, 2\n jmp 8f\n 13: mov eax, 3\n jmp 8f\n 14: mov eax, 4\n jmp 8f\n"
            "15: mov eax, 5\n jmp 8f\n 16: mov eax, 6\n jmp 8f\n 17: mov eax, 7\n jmp 8f\n 18: mov eax, 8\n jmp 8f\n"
            "19: mov eax, 9\n jmp 8f\n 20: mov eax, 11\n"
            "8: pop rsi\n pop rdi\n pop rcx\n"
            ".irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n vmovdqa [rcx + \\n*32], ymm\\n\n .endr\n vzeroupper\n"
            "pop r15\n pop r14\n pop r13\n pop r12\n pop rbp\n pop rbx\n ret\n"
            ".att_syntax\n");
}

long keep(long milliseconds, long spins)
{
    const long timespec[2] = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    for (int i = 0; i < 16; i++)
        for (int j = 0; j < 32; j++) {
            vectors[i][j] = (unsigned char)(i * 32 + j + spins);
            seen[i][j] = 0;
        }
    long wrong = hold(milliseconds ? timespec : 0, spins, vectors, seen);
    for (int i = 0; !wrong && i < 16; i++)
        for (int j = 0; j < 32; j++)
            if (seen[i][j] != vectors[i][j])
                wrong = 12 + i;
    return wrong;
}
