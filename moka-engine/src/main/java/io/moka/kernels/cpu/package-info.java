/**
 * The kernels on a CPU. Enter rows, packed weights and a cache, leave rows; {@link
 * io.moka.kernels.cpu.CpuKernels} owns the threads, their scratch and what one job of a step leaves
 * to the next. What multiplies with weights, keys and values is behind {@link
 * io.moka.kernels.cpu.GroupProducts} and {@link io.moka.kernels.cpu.SpanProducts}, and lies in
 * packages of its own; everything else, from threads to norms, lies here and serves all of them.
 */
package io.moka.kernels.cpu;
