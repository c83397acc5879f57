/**
 * Machine code that Java writes at load, for what the Vector API does not show, as dot products of
 * bytes and of bf16, or prefetches, or does more slowly: products, attention, softmax and SiLU.
 * Packed weights and rows enter, rows leave; {@link io.moka.kernels.cpu.x86.CodeMemory} owns the
 * code. Linux on x86-64 alone; elsewhere, and where a feature is missing, the package loads and
 * says why it cannot run.
 */
package io.moka.kernels.cpu.x86;
