/** What the kernels on a CPU share: the pool of worker threads and the lists of rows by expert. */
package io.moka.kernels.cpu;
