package io.moka.kernels.cpu.x86;

/** What may stand last in a vector instruction: a register, memory or a constant. */
sealed interface Operand permits Vec, Mem, Constant {}
