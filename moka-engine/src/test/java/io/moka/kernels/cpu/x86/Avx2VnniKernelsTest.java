package io.moka.kernels.cpu.x86;

/** The contract of all kernels, on machine code of 256 bits with dot products of bytes. */
class Avx2VnniKernelsTest extends Avx2KernelsTest {
  @Override
  InstructionSet most() {
    return InstructionSet.AVX2_VNNI;
  }
}
