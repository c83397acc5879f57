/**
 * JMH benchmarks of single kernels, and {@link io.moka.bench.KernelReport}, which runs them and
 * prints each beside the limits of the machine; {@code moka bench} times whole models.
 */
package io.moka.bench;
