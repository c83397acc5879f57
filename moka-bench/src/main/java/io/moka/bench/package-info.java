/** JMH benchmarks of single kernels; {@code moka bench} times whole models. */
package io.moka.bench;
