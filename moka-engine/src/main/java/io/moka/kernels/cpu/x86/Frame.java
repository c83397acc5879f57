package io.moka.kernels.cpu.x86;

import io.moka.kernels.cpu.x86.Assembler.Alu;

/**
 * The stack of a function with room of its own: RBP, what must be saved, then the room, aligned to
 * a vector. Arguments beyond the sixth lie above RBP.
 */
final class Frame {
  private static final int ALIGNMENT = 64;

  private Frame() {}

  /** Begins a function: RSP points to the room, RBP above what is saved. */
  static void enter(Assembler assembler, Gp[] saved, int bytes) {
    assembler.push(Gp.RBP);
    assembler.move(Gp.RBP, Gp.RSP);
    for (Gp register : saved) {
      assembler.push(register);
    }
    assembler.alu(Alu.SUB, Gp.RSP, bytes);
    assembler.alu(Alu.AND, Gp.RSP, -ALIGNMENT);
  }

  /** An argument that is not in a register, from 0. */
  static Mem argument(int index) {
    // above the saved RBP and the return address
    return Mem.at(Gp.RBP, 16 + 8 * index);
  }

  /** Ends it: gives the room back and returns. */
  static void leave(Assembler assembler, Gp[] saved) {
    assembler.address(Gp.RSP, Mem.at(Gp.RBP, -8 * saved.length));
    for (int i = saved.length - 1; i >= 0; i--) {
      assembler.pop(saved[i]);
    }
    assembler.pop(Gp.RBP);
    assembler.vzeroupper();
    assembler.ret();
  }
}
